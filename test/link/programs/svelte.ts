/** svelte: its compiler, and an error of it. */
import { compile } from "svelte/compiler";

const { js } = compile("<script>let { name } = $props();</script><h1>hello {name}</h1>", { generate: "server", filename: "a.svelte" });
console.log(js.code.includes("hello"), js.code.includes("$$renderer") || js.code.includes("$$payload"));
try {
  compile("<h1>", { filename: "b.svelte" });
} catch (error) {
  console.log(error instanceof Error && error.name);
}
