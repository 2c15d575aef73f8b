/** A package with a native addon, what a program calls in it, and the program's output. */
export type Call = {
  readonly name: string;
  /** The call, for the table. */
  readonly calls: string;
  readonly source: string;
  readonly prints: string;
  /** Why it needs /proc in its root. */
  readonly proc?: string;
  /** Why it cannot work; its result is expected to differ. */
  readonly fails?: string;
};

export const CALLS: readonly Call[] = [
  {
    name: "sharp",
    calls: "a PNG made, resized, and read back",
    source: `import sharp from "sharp";
      const png = await sharp({ create: { width: 64, height: 32, channels: 3, background: "#f00" } }).png().toBuffer();
      const { info } = await sharp(png).resize(16, 8).webp().toBuffer({ resolveWithObject: true });
      console.log(info.format, info.width, info.height);`,
    prints: "webp 16 8",
  },
  {
    name: "lightningcss",
    calls: "transform",
    source: `import { transform } from "lightningcss";
      const { code } = transform({ filename: "a.css", code: Buffer.from("a { color: red; color: #ff0000 }"), minify: true });
      console.log(code.toString());`,
    prints: "a{color:red}",
  },
  {
    name: "rollup",
    calls: "rollup, which parses by the addon",
    source: `import { rollup } from "rollup";
      const bundle = await rollup({ input: "a", plugins: [{ name: "text", resolveId: (id) => id, load: () => "export const a = 1 + 1;" }] });
      const { output } = await bundle.generate({ format: "es" });
      console.log(output[0].code.trim().split("\\n")[0]);`,
    prints: "const a = 1 + 1;",
  },
  {
    name: "@tailwindcss/oxide",
    calls: "Scanner.scanFiles",
    source: `import { Scanner } from "@tailwindcss/oxide";
      const found = new Scanner({ sources: [] }).scanFiles([{ content: '<p class="flex p-4">', extension: "html" }]);
      console.log(found.filter((word) => ["flex", "p-4"].includes(word)).join());`,
    prints: "flex,p-4",
  },
  {
    name: "@swc/core",
    calls: "transformSync",
    source: `import { transformSync } from "@swc/core";
      console.log(transformSync("const a: number = 1;", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }).code.trim());`,
    prints: "const a = 1;",
    proc: "it unpacks itself into $HOME/.cache, and looks at /proc/self/mountinfo first",
  },
  {
    name: "@parcel/watcher",
    calls: "writeSnapshot, getEventsSince",
    source: `import watcher from "@parcel/watcher"; import { mkdirSync, writeFileSync } from "node:fs";
      mkdirSync("/tmp/watched");
      await watcher.writeSnapshot("/tmp/watched", "/tmp/snapshot");
      writeFileSync("/tmp/watched/new", "");
      console.log((await watcher.getEventsSince("/tmp/watched", "/tmp/snapshot")).map(({ type, path }) => type + " " + path).join());`,
    prints: "create /tmp/watched/new",
  },
  {
    name: "@napi-rs/canvas",
    calls: "createCanvas, fillRect, toBuffer",
    source: `import { createCanvas } from "@napi-rs/canvas";
      const canvas = createCanvas(64, 32); const context = canvas.getContext("2d");
      context.fillStyle = "#f00"; context.fillRect(0, 0, 64, 32);
      console.log(canvas.toBuffer("image/png").subarray(1, 4).toString(), context.getImageData(1, 1, 1, 1).data.join());`,
    prints: "PNG 255,0,0,255",
  },
  {
    name: "@node-rs/argon2",
    calls: "hashSync, verifySync",
    source: `import { hashSync, verifySync } from "@node-rs/argon2";
      const hash = hashSync("secret"); console.log(verifySync(hash, "secret"), verifySync(hash, "other"));`,
    prints: "true false",
  },
  {
    name: "@node-rs/bcrypt",
    calls: "hashSync, verifySync",
    source: `import { hashSync, verifySync } from "@node-rs/bcrypt";
      const hash = hashSync("secret", 4); console.log(verifySync("secret", hash), verifySync("other", hash));`,
    prints: "true false",
  },
  {
    name: "@node-rs/xxhash",
    calls: "xxh64",
    source: `import { xxh64 } from "@node-rs/xxhash"; console.log(xxh64("bun").toString(16));`,
    prints: Bun.hash.xxHash64("bun").toString(16),
  },
  {
    name: "@node-rs/jieba",
    calls: "cut",
    source: `import { Jieba } from "@node-rs/jieba"; console.log(new Jieba().cut("hello world", false).length);`,
    prints: "3",
  },
  {
    name: "@napi-rs/keyring",
    calls: "the import alone: it needs a desktop's service",
    source: `import { Entry } from "@napi-rs/keyring"; console.log(typeof Entry);`,
    prints: "function",
  },
  {
    name: "argon2",
    calls: "hash, verify",
    source: `import argon2 from "argon2";
      const hash = await argon2.hash("secret"); console.log(await argon2.verify(hash, "secret"), await argon2.verify(hash, "other"));`,
    prints: "true false",
  },
  {
    name: "bcrypt",
    calls: "hashSync, compareSync, hash",
    source: `import bcrypt from "bcrypt";
      const hash = bcrypt.hashSync("secret", 4); console.log(bcrypt.compareSync("secret", hash), await bcrypt.compare("other", hash));`,
    prints: "true false",
  },
  {
    name: "bufferutil",
    calls: "mask, unmask",
    source: `import bufferutil from "bufferutil"; const data = Buffer.from("hello"); const out = Buffer.alloc(5); const key = Buffer.from([1, 2, 3, 4]);
      bufferutil.mask(data, key, out, 0, 5); bufferutil.unmask(out, key); console.log(out.toString());`,
    prints: "hello",
  },
  {
    name: "utf-8-validate",
    calls: "isValidUTF8",
    source: `import isValid from "utf-8-validate"; console.log(isValid(Buffer.from("hello")), isValid(Buffer.from([0xff])));`,
    prints: "true false",
  },
  {
    name: "msgpackr-extract",
    calls: "the import, which finds its functions",
    source: `import { extractStrings } from "msgpackr-extract"; console.log(typeof extractStrings, Object.keys({ extractStrings }).length);`,
    prints: "function 1",
  },
  {
    name: "cbor-extract",
    calls: "the import, which finds its functions",
    source: `import extract from "cbor-extract"; console.log(Object.keys(extract).sort().join());`,
    prints: "extractStrings,isOneByte",
    fails: "its variant could not be downloaded at the time; bun-static names it",
  },
  {
    name: "lmdb",
    calls: "open, put, get",
    source: `import { open } from "lmdb"; const db = open({ path: "/tmp/lmdb" }); await db.put("a", { b: 1 }); console.log(JSON.stringify(db.get("a"))); await db.close();`,
    prints: '{"b":1}',
  },
  {
    name: "libsql",
    calls: "a table, a row, a query",
    source: `import Database from "libsql"; const db = new Database(":memory:"); db.exec("create table t (a)"); db.prepare("insert into t values (?)").run(7);
      console.log(db.prepare("select a from t").get().a);`,
    prints: "7",
  },
  {
    name: "better-sqlite3",
    calls: "a table, a row, a query",
    source: `import Database from "better-sqlite3"; const db = new Database(":memory:"); db.exec("create table t (a)"); db.prepare("insert into t values (?)").run(7);
      console.log(db.prepare("select a from t").get().a);`,
    prints: "7",
  },
  {
    name: "@duckdb/node-api",
    calls: "a query",
    source: `import { DuckDBInstance } from "@duckdb/node-api"; const connection = await (await DuckDBInstance.create(":memory:")).connect();
      console.log((await (await connection.run("select 6 * 7")).getRows())[0][0]);`,
    prints: "42",
  },
  {
    name: "classic-level",
    calls: "put, get",
    source: `import { ClassicLevel } from "classic-level"; const db = new ClassicLevel("/tmp/level"); await db.put("a", "b"); console.log(await db.get("a")); await db.close();`,
    prints: "b",
  },
  {
    name: "snappy",
    calls: "compressSync, uncompressSync",
    source: `import { compressSync, uncompressSync } from "snappy"; console.log(uncompressSync(compressSync("hello"), { asBuffer: false }));`,
    prints: "hello",
  },
  {
    name: "@resvg/resvg-js",
    calls: "render",
    source: `import { Resvg } from "@resvg/resvg-js"; const image = new Resvg('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"/>').render(); console.log(image.width, image.height);`,
    prints: "8 4",
  },
  {
    name: "@ast-grep/napi",
    calls: "parse, find",
    source: `import { js } from "@ast-grep/napi"; console.log(js.parse("console.log(1)").root().find("console.log($A)")?.getMatch("A")?.text());`,
    prints: "1",
  },
  {
    name: "oxc-parser",
    calls: "parseSync",
    source: `import { parseSync } from "oxc-parser"; console.log(parseSync("a.ts", "let a: number = 1").program.body.length);`,
    prints: "1",
  },
  {
    name: "oxc-resolver",
    calls: "sync",
    source: `import resolver from "oxc-resolver"; import { writeFileSync } from "node:fs"; writeFileSync("/tmp/a.js", ""); console.log(resolver.sync("/tmp", "./a.js").path);`,
    prints: "/tmp/a.js",
  },
  {
    name: "unrs-resolver",
    calls: "sync",
    source: `import resolver from "unrs-resolver"; import { writeFileSync } from "node:fs"; writeFileSync("/tmp/a.js", ""); console.log(resolver.sync("/tmp", "./a.js").path);`,
    prints: "/tmp/a.js",
  },
  {
    name: "rolldown",
    calls: "rolldown, generate",
    source: `import { rolldown } from "rolldown"; import { writeFileSync } from "node:fs"; writeFileSync("/tmp/a.js", "export const a = 1;");
      const { output } = await (await rolldown({ input: "/tmp/a.js" })).generate(); console.log(output[0].code.includes("const a = 1"));`,
    prints: "true",
  },
  {
    name: "@rspack/core",
    calls: "a bundle of two files in /tmp",
    source: `import { mkdirSync, readFileSync, writeFileSync } from "node:fs"; import { rspack } from "@rspack/core";
      mkdirSync("/tmp/in");
      writeFileSync("/tmp/in/a.js", 'import { b } from "./b.js"; console.log(b);');
      writeFileSync("/tmp/in/b.js", "export const b = 42;");
      rspack({ context: "/tmp/in", entry: "./a.js", mode: "production", output: { path: "/tmp/out" } }).run(() => {
        console.log(readFileSync("/tmp/out/main.js", "utf8"));
        process.exit(0);
      });`,
    prints: '(()=>{"use strict";console.log(42)})();',
  },
  {
    name: "sodium-native",
    calls: "crypto_generichash",
    source: `import sodium from "sodium-native"; const out = Buffer.alloc(32); sodium.crypto_generichash(out, Buffer.from("bun")); console.log(out.subarray(0, 4).toString("hex"));`,
    prints: new Bun.CryptoHasher("blake2b256").update("bun").digest("hex").slice(0, 8),
    fails: "its files for Linux are for glibc; bun-static names it",
  },
  {
    name: "@serialport/bindings-cpp",
    calls: "the import alone: it needs a port",
    source: `import { LinuxBinding } from "@serialport/bindings-cpp"; console.log(typeof LinuxBinding.open);`,
    prints: "function",
  },
  {
    name: "zeromq",
    calls: "a message by inproc",
    source: `import { Push, Pull } from "zeromq"; const push = new Push(); const pull = new Pull(); await push.bind("inproc://a"); pull.connect("inproc://a");
      await push.send("hello"); console.log((await pull.receive())[0].toString()); process.exit(0);`,
    prints: "hello",
    fails: "it calls uv_poll_init_socket, which Bun lacks",
  },
  {
    name: "node-pty",
    calls: "spawn",
    source: `import { spawn } from "node-pty"; console.log(typeof spawn);`,
    prints: "function",
    fails: "it brings no file for Linux, and is compiled where it is installed; bun-static names it",
  },
  {
    name: "@css-inline/css-inline",
    calls: "inline",
    source: `import { inline } from "@css-inline/css-inline";
      console.log(inline("<style>a{color:red}</style><a>x</a>").includes("style="));`,
    prints: "true",
  },
  {
    name: "@napi-rs/image",
    calls: "a PNG made",
    source: `import { Transformer } from "@napi-rs/image";
      const png = await Transformer.fromRgbaPixels(new Uint8Array(64).fill(255), 4, 4).png();
      console.log(png.subarray(1, 4).toString());`,
    prints: "PNG",
  },
  {
    name: "@napi-rs/lzma",
    calls: "compress, decompress",
    source: `import { compress, decompress } from "@napi-rs/lzma/xz";
      console.log((await decompress(await compress(Buffer.from("hello")))).toString());`,
    prints: "hello",
  },
  {
    name: "@node-rs/crc32",
    calls: "crc32",
    source: `import { crc32 } from "@node-rs/crc32";
      console.log(crc32("hello"));`,
    prints: "907060870",
  },
  {
    name: "@node-rs/jsonwebtoken",
    calls: "signSync, verifySync",
    source: `import { signSync, verifySync } from "@node-rs/jsonwebtoken";
      console.log(verifySync(signSync({ data: { a: 1 }, exp: 4e9 }, "key"), "key").data.a);`,
    prints: "1",
  },
  {
    name: "koffi",
    calls: "the size of a structure",
    source: `import koffi from "koffi";
      console.log(koffi.sizeof(koffi.struct({ a: "char", b: "int" })));`,
    prints: "8",
  },
  {
    name: "lz4-napi",
    calls: "compressSync, uncompressSync",
    source: `import { compressSync, uncompressSync } from "lz4-napi";
      console.log(uncompressSync(compressSync(Buffer.from("hello"))).toString());`,
    prints: "hello",
  },
  {
    name: "node-hid",
    calls: "devices",
    source: `import HID from "node-hid";
      console.log(Array.isArray(HID.devices()));`,
    prints: "true",
    fails: "its addon needs libusb-1.0.so.0, which it does not bring along; bun-static names it",
  },
  {
    name: "secp256k1",
    calls: "publicKeyCreate",
    source: `import secp256k1 from "secp256k1";
      console.log(secp256k1.publicKeyCreate(new Uint8Array(32).fill(1)).length);`,
    prints: "33",
  },
  {
    name: "ssh2",
    calls: "generateKeyPairSync: it works without its addon",
    source: `import { utils } from "ssh2";
      console.log(utils.generateKeyPairSync("ed25519").public.split(" ")[0]);`,
    prints: "ssh-ed25519",
  },
  {
    name: "tree-sitter",
    calls: "parse, with tree-sitter-javascript",
    source: `import Parser from "tree-sitter"; import JavaScript from "tree-sitter-javascript";
      const parser = new Parser();
      parser.setLanguage(JavaScript);
      console.log(parser.parse("let a = 1").rootNode.firstChild.type);`,
    prints: "lexical_declaration",
  },
  {
    name: "udx-native",
    calls: "a socket",
    source: `import UDX from "udx-native";
      const socket = new UDX().createSocket();
      socket.bind(0);
      console.log(socket.address().family);
      await socket.close();`,
    prints: "4",
    fails: "it calls a function of libuv that Bun lacks",
  },
  {
    name: "usb",
    calls: "the import alone: it needs a device",
    source: `import { usb } from "usb";
      console.log(typeof usb);`,
    prints: "object",
  },
  {
    name: "xxhash-addon",
    calls: "XXHash32",
    source: `import { XXHash32 } from "xxhash-addon";
      console.log(XXHash32.hash(Buffer.from("a")).toString("hex"));`,
    prints: "550d7456",
  },
  {
    name: "canvas",
    calls: "createCanvas",
    source: `import { createCanvas } from "canvas";
      console.log(createCanvas(4, 4).width);`,
    prints: "4",
    fails: "its install script downloads its addon; bun-static names it",
  },
  {
    name: "re2",
    calls: "a regular expression",
    source: `import RE2 from "re2";
      console.log(new RE2("a+").test("caat"));`,
    prints: "true",
    fails: "its install script downloads its addon; bun-static names it",
  },
  {
    name: "sqlite3",
    calls: "a query",
    source: `import sqlite3 from "sqlite3";
      new sqlite3.Database(":memory:").get("SELECT 1 AS one", (_error, row) => console.log(row.one));`,
    prints: "1",
    fails: "its install script downloads its addon; bun-static names it",
  },
  {
    name: "isolated-vm",
    calls: "a script in an isolate",
    source: `import ivm from "isolated-vm";
      console.log(new ivm.Isolate().compileScriptSync("1 + 1") !== undefined);`,
    prints: "true",
    fails: "it is written for V8, whose functions Bun lacks; bun-static names them",
  },
];
