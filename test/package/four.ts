// @ts-nocheck: its packages are installed by the test alone.
import { createCanvas } from "@napi-rs/canvas";
import { hashSync, verifySync } from "@node-rs/argon2";
import { Scanner } from "@tailwindcss/oxide";
import sharp from "sharp";

const hash = hashSync("secret");
console.log("hashes", verifySync(hash, "secret"), verifySync(hash, "other"));

const canvas = createCanvas(64, 32);
const context = canvas.getContext("2d");
context.fillStyle = "#f00";
context.fillRect(0, 0, 64, 32);
console.log("draws", context.getImageData(1, 1, 1, 1).data.join());

const found = new Scanner({ sources: [] }).scanFiles([{ content: '<p class="flex p-4">', extension: "html" }]);
console.log("compiles", found.filter((word) => ["flex", "p-4"].includes(word)).join());

const { info } = await sharp(canvas.toBuffer("image/png")).resize(16, 8).png().toBuffer({ resolveWithObject: true });
console.log("resizes", info.width, info.height);
