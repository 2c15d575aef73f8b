/** lightningcss's addon for musl, which is Rust and needs libgcc_s. */
const css = require("lightningcss-linux-x64-musl");

const transform = (code: string) => css.transform({ filename: "a.css", code: Buffer.from(code), minify: true, targets: { chrome: 80 << 16 } }).code.toString();
console.log(transform(".a { color: rgb(255 0 0 / 50%); & .b { inset: 0px } }"));
try {
  transform(".a { color");
} catch (error) {
  console.log(String(error));
}
