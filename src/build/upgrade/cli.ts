import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { CXX_LIBRARIES, findLibrary } from "../../link/libraries.ts";
import { command } from "../../support/command.ts";
import { UserError } from "../../support/error.ts";
import { sha256 } from "../../support/hash.ts";
import { DIST, ROOT } from "../../support/project.ts";
import type { Scope } from "../../support/scope.ts";
import { fetchArchive } from "../debian/archive.ts";
import { fetchLibraries } from "../debian/library-packages.ts";
import { ownDist } from "../dist.ts";
import { DEBIAN_CACHE } from "../machine/debian.ts";
import { PINNED_BUN, type Pin } from "../pin/pin.ts";
import { downloadRuntime } from "../runtime.ts";
import { findCpuQueries } from "./cpu-queries.ts";
import { isRecord, linesNaming, renameBun, renameWorks } from "./names.ts";

const HELP = `Moves the project to another Bun: fetches its runtimes and Debian's libraries, hashes them, and finds the
instructions that ask the processor what it is. Writes src/build/pin/pin.json, and the version's name into
every file that names the Bun to build and test with.

Usage: bun run pin VERSION     (VERSION must be that of the Bun that runs this: npx -y bun@VERSION run pin VERSION)
`;

async function main(run: Scope, args: readonly string[]): Promise<void> {
  const [version, extra] = args;
  if (version === "--help" || version === "-h") {
    process.stdout.write(HELP);
    return;
  }
  if (version === undefined || extra !== undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    const found = args.length === 0 ? "no version" : JSON.stringify(args.join(" "));
    throw new UserError(`expected a version like ${PINNED_BUN}, found ${found}; see bun run pin --help`);
  }
  if (Bun.version !== version)
    throw new UserError(
      `this is Bun ${Bun.version}, and only Bun ${version} can fetch its own runtimes; ` +
        `run: npx -y bun@${version} run pin ${version}`,
    );
  await ownDist(run);
  // First, because nothing may change without git.
  const files = trackedFiles();

  const runtimes = await Promise.all(
    ARCHITECTURES.map(async (architecture) => [architecture.bunPackage, await pinRuntime(run, architecture)] as const),
  );
  const libraries = await Promise.all(
    ARCHITECTURES.map(async (architecture) => [architecture.debian, await pinLibraries(run, architecture)] as const),
  );
  const pin = { bun: version, runtimes: Object.fromEntries(runtimes), libraries: Object.fromEntries(libraries) };
  writeFileSync(join(ROOT, "src/build/pin/pin.json"), asText(pin));
  move(files, version, pin);
}

async function pinRuntime(run: Scope, architecture: Architecture) {
  const path = await downloadRuntime(run, architecture, join(DIST, "runtime"));
  const hash = sha256(readFileSync(path));
  console.log(`${basename(path)}: SHA-256 ${hash}`);
  const cpuQueries = await findCpuQueries(run, path, architecture);
  console.log(
    `${basename(path)}: ${Object.entries(cpuQueries)
      .map(([name, places]) => `${places.length} ${name}`)
      .join(", ")}`,
  );
  return { sha256: hash, cpuQueries };
}

async function pinLibraries(run: Scope, architecture: Architecture) {
  const dirs = await fetchLibraries(run, architecture, DEBIAN_CACHE);
  const archive = await fetchArchive(run, architecture, DEBIAN_CACHE);
  const libraries = [...CXX_LIBRARIES, architecture.muslLoader].map(
    (soname) => [soname, findLibrary(soname, dirs, architecture).path] as const,
  );
  const files = [...libraries, [basename(archive), archive] as const];
  const packages = [
    ...new Set([...dirs, archive].flatMap((dir) => /[^/]+_\d[^/]*(?=\/)/.exec(dir)?.[0]?.replace("_", " ") ?? [])),
  ].toSorted();
  return { packages, sha256: Object.fromEntries(files.map(([soname, path]) => [soname, sha256(readFileSync(path))])) };
}

/** Returns every file of the repository. @throws UserError in a tree without git. */
function trackedFiles(): readonly string[] {
  const { success, stdout } = Bun.spawnSync(["git", "ls-files", "-z", "--", ":!bun.lock"], {
    cwd: ROOT,
    stderr: "ignore",
  });
  if (!success) throw new UserError(`${ROOT}: git lists no files here; run this in a clone of the repository`);
  return stdout.toString().split("\0").filter(Boolean);
}

/** Writes the new version into `files`, and prints what to do next. */
function move(files: readonly string[], version: string, { libraries }: Pin): void {
  const left: string[] = [];
  for (const file of files.filter((path) => !isRecord(path))) {
    const old = readFileSync(join(ROOT, file), "utf8");
    const renamed = renameBun(old, PINNED_BUN, version);
    const text = file === "NOTICE" ? renameWorks(renamed, works(libraries)) : renamed;
    if (text !== old) {
      writeFileSync(join(ROOT, file), text);
      console.log(`${file}: names ${version}`);
    }
    if (version !== PINNED_BUN) left.push(...linesNaming(text, PINNED_BUN).map((line) => `${file}:${line}`));
  }
  const commands = ["install", "run check", "run build --arch all", "run test"];
  console.log(`pinned Bun ${version}. Next: ${commands.map((each) => `npx -y bun@${version} ${each}`).join(" && ")}`);
  if (left.length > 0)
    console.log(`these lines still name ${PINNED_BUN}, perhaps for another reason; check them: ${left.join(", ")}`);
}

/** The versions of the works in NOTICE, as reported by this Bun and Debian's packages. */
function works(libraries: Pin["libraries"]): Readonly<Record<string, string>> {
  const { webkit, mimalloc, tinycc } = process.versions;
  const parts = Object.entries({ JavaScriptCore: webkit, mimalloc, TinyCC: tinycc });
  const packages = Object.values(libraries).flatMap((each) => each.packages.map((name) => name.split(" ", 2)));
  return Object.fromEntries([...parts.filter(([, version]) => version !== undefined), ...packages]);
}

/** Formats JSON with a line for each list of addresses. */
function asText(value: Pin): string {
  const text = JSON.stringify(value, null, 2).replace(
    /\[\s+("0x[^\]]*?)\s+\]/g,
    (_, list: string) => `[${list.replace(/\s+/g, " ")}]`,
  );
  return `${text}\n`;
}

await command("pin", main);
