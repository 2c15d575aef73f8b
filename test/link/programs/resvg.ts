/** resvg's addon for musl, which is Rust and needs libgcc_s: draws a picture, and reports an error across the boundary. */
const { Resvg } = require("@resvg/resvg-js-linux-x64-musl");

const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><circle cx="32" cy="32" r="24" fill="#c33"/><path d="M8 8 L56 56" stroke="#339"/></svg>';
const png: Uint8Array = new Resvg(svg, "{}").render().asPng();
console.log(png.length, new Bun.CryptoHasher("sha256").update(png).digest("hex"));
try {
  new Resvg("<svg", "{}");
} catch (error) {
  console.log(String(error));
}
