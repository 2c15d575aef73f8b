import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { sha256 } from "../../src/support/hash.ts";

/** What a reader sees of a tar archive: each member's path and SHA-256, or "folder"; or why it sees nothing. */
export type Seen = Readonly<Record<string, string>> | string;

/** libarchive, which Bun contains: regular files only. */
export async function libarchive(archive: Uint8Array): Promise<Seen> {
  try {
    const files = [...(await new Bun.Archive(new Uint8Array(archive)).files())];
    const seen = files.map(async ([path, file]) => [posix.normalize(path), sha256(await file.bytes())]);
    return Object.fromEntries(await Promise.all(seen));
  } catch (error) {
    return String(error);
  }
}

/** A tar program that unpacks the archive into a folder. */
export function unpacked(program: readonly string[], archive: Uint8Array): Seen {
  const folder = mkdtempSync(join(tmpdir(), "pause-unpacked-"));
  try {
    const [file, root] = [join(folder, "archive"), join(folder, "root")];
    writeFileSync(file, archive);
    const { success, stderr } = Bun.spawnSync([
      "sh",
      "-c",
      'mkdir "$0" && cd "$0" && exec "$@"',
      root,
      ...program,
      file,
    ]);
    // An ordinary user may neither read nor remove what a member's mode keeps from its owner.
    Bun.spawnSync(["chmod", "-R", "u+rwX", folder]);
    return success ? below(root) : stderr.toString();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function below(root: string): Seen {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" });
  return Object.fromEntries(
    paths.map((path) => {
      const at = join(root, path);
      return [path, statSync(at).isDirectory() ? "folder" : sha256(readFileSync(at))];
    }),
  );
}

/** The value that another kind of reader finds for a name in a JSON object. */
type Lookup = (object: unknown, name: string) => unknown;

/** Go's encoding/json: ignores case, and the last one wins. */
export const likeGo: Lookup = (object, name) =>
  entriesOf(object).findLast(([key]) => key.toUpperCase().toLowerCase() === name.toLowerCase())?.[1];

const entriesOf = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

/** What runs for a platform: how, as which user, and the files there. */
export type Run = {
  readonly platform: string;
  readonly entrypoint: unknown;
  readonly user: unknown;
  readonly files: Seen;
};

/**
 * A reader that believes whatever it finds, like an engine that only wants to run the image: libarchive, `lookup`, and
 * every index and manifest that index.json leads to, each by its content. Throws when something is missing.
 */
export async function believe(archive: Uint8Array, lookup: Lookup): Promise<readonly Run[]> {
  const files = await new Bun.Archive(new Uint8Array(archive)).files();
  const bytesAt = async (path: string) => {
    const file = files.get(path) ?? files.get(`./${path}`);
    if (file === undefined) throw new Error(`no ${path}`);
    return file.bytes();
  };
  const blob = (descriptor: unknown) => bytesAt(`blobs/${String(lookup(descriptor, "digest")).replace(":", "/")}`);
  const json = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
  const runsOf = async (document: unknown): Promise<readonly Run[]> => {
    const manifests = lookup(document, "manifests");
    if (Array.isArray(manifests))
      return (await Promise.all(manifests.map(async (each) => runsOf(json(await blob(each)))))).flat();
    const config = json(await blob(lookup(document, "config")));
    const layers = lookup(document, "layers");
    const tars = await Promise.all((Array.isArray(layers) ? layers : []).map(blob));
    const seen = await Promise.all(tars.map(async (layer) => libarchive(inflated(layer))));
    return [
      {
        platform: `${lookup(config, "os")}/${lookup(config, "architecture")}`,
        entrypoint: lookup(lookup(config, "config"), "entrypoint") ?? [],
        user: lookup(lookup(config, "config"), "user") ?? "",
        files: Object.fromEntries(
          seen.flatMap((each) => (typeof each === "string" ? [["", each]] : Object.entries(each))),
        ),
      },
    ];
  };
  return runsOf(json(await bytesAt("index.json")));
}

const inflated = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0x1f ? gunzipSync(bytes) : bytes[0] === 0x28 ? zstdDecompressSync(bytes) : bytes;
