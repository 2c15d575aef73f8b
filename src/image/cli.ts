import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { version } from "../../package.json";
import { findBuilder } from "./builders.ts";
import { ImageError } from "./error.ts";
import { readImage } from "./oci.ts";

const USAGE = `usage: bun run image [--base-image NAME]

Builds the Dockerfile with buildah, podman or docker, whichever works here, as localhost/pause:${version},
and writes it to dist/pause.oci.tar.

  --base-image NAME   the image that the build stage starts from, with apt-get and Bun in it`;

const ARCHIVE = "dist/pause.oci.tar";

async function image(baseImage: string | undefined): Promise<void> {
  process.chdir(join(import.meta.dir, "../.."));
  const [revision, timestamp] = [git("rev-parse", "HEAD"), git("log", "-1", "--format=%ct") || "0"];
  const name = `localhost/pause:${version}`;
  const args = { VERSION: version, REVISION: revision, ...(baseImage !== undefined && { BUN_IMAGE: baseImage }) };

  const builder = findBuilder(timestamp);
  const buildArgs = Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  await run([...builder.build, ...buildArgs, "--tag", name, "."], timestamp);

  mkdirSync("dist", { recursive: true });
  const unchecked = `${ARCHIVE}.new`;
  rmSync(unchecked, { force: true });
  try {
    await run(builder.save(name, unchecked), timestamp);
    const report = await describe(unchecked);
    renameSync(unchecked, ARCHIVE);
    console.log(`${ARCHIVE}: ${name}, built with ${builder.name}; ${report}`);
  } finally {
    rmSync(unchecked, { force: true });
  }
}

/** @throws ImageError when the image holds anything but /pause. */
async function describe(path: string): Promise<string> {
  const { layers } = await readImage(path);
  const files = (await Promise.all(layers.map(({ tar }) => tar.files()))).flatMap((layer) => [...layer.values()]);
  const [file, ...others] = files;
  if (file?.name !== "pause" || others.length > 0) throw new ImageError(`the image must hold /pause alone, and holds ${files.map(({ name }) => `/${name}`).join(", ")}`);
  const compressed = layers.reduce((sum, layer) => sum + layer.compressed, 0);
  const bytes = (count: number) => `${count.toLocaleString("en-US")} bytes`;
  return `one file, /pause, ${bytes(file.size)}; its layer is ${bytes(compressed)} compressed`;
}

async function run(command: readonly string[], timestamp: string): Promise<void> {
  const child = Bun.spawn([...command], { env: { ...process.env, SOURCE_DATE_EPOCH: timestamp }, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const code = await child.exited;
  if (code !== 0) throw new ImageError(`${command.slice(0, 2).join(" ")} ended with ${code}; its output is above`);
}

/** What git prints, or nothing in a tree without git. */
function git(...args: string[]): string {
  try {
    const { success, stdout } = Bun.spawnSync(["git", ...args], { stderr: "ignore" });
    return success ? stdout.toString().trim() : "";
  } catch {
    return "";
  }
}

function parse(): { baseImage: string | undefined; help: boolean } {
  try {
    const { values } = parseArgs({ options: { "base-image": { type: "string" }, help: { type: "boolean", default: false } } });
    return { baseImage: values["base-image"], help: values.help };
  } catch (error) {
    throw new ImageError(`${error instanceof Error ? error.message : error}; see bun run image --help`);
  }
}

try {
  const { baseImage, help } = parse();
  if (help) console.log(USAGE);
  else await image(baseImage);
} catch (error) {
  if (!(error instanceof ImageError)) throw error;
  console.error(`image: ${error.message}`);
  process.exitCode = 1;
}
