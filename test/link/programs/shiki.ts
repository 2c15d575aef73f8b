/** shiki: highlights with a regular-expression engine in WebAssembly, and with one in JavaScript. */
import { createHighlighterCore } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";
import { createOnigurumaEngine } from "shiki/engine/oniguruma";
import nord from "shiki/themes/nord.mjs";
import typescript from "shiki/langs/typescript.mjs";
import rust from "shiki/langs/rust.mjs";

const codes = { typescript: "const a: Map<string, 1n> = /x+/u.exec(`${b}`) satisfies never;", rust: "fn main() -> Result<(), &'static str> { let x = 0x1f_u8; Ok(()) }" };
for (const engine of [createOnigurumaEngine(import("shiki/wasm")), createJavaScriptRegexEngine()]) {
  const highlighter = await createHighlighterCore({ themes: [nord], langs: [typescript, rust], engine });
  for (const [lang, code] of Object.entries(codes)) {
    const html = highlighter.codeToHtml(`${code}\n`.repeat(5), { lang, theme: "nord", tokenizeTimeLimit: 0 });
    console.log(lang, html.length, new Bun.CryptoHasher("sha256").update(html).digest("hex"), new Set(html.match(/#[0-9A-F]{6}/g)).size);
  }
  try {
    highlighter.codeToHtml("", { lang: "cobol", theme: "nord" });
  } catch (error) {
    console.log(error instanceof Error && error.message);
  }
}
