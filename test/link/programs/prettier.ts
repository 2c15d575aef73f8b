/** Prettier, which loads its parsers on demand. */
import * as prettier from "prettier/standalone";
import * as babel from "prettier/plugins/babel";
import * as estree from "prettier/plugins/estree";
import * as postcss from "prettier/plugins/postcss";

console.log(await prettier.format("const  pods=[1,2 ,3].map(x=>{return x*2})", { parser: "babel", plugins: [babel, estree] }));
console.log(await prettier.format(".a{color:red;.b{margin:0}}", { parser: "scss", plugins: [postcss] }));
