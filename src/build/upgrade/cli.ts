import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { CXX_LIBRARIES, findLibrary } from "../../link/libraries.ts";
import { UserError } from "../../support/error.ts";
import { sha256 } from "../../support/hash.ts";
import { DIST, ROOT } from "../../support/project.ts";
import { fetchLibraries } from "../debian/library-packages.ts";
import { DEBIAN_CACHE } from "../machine/debian.ts";
import { PINNED_BUN, type Pin } from "../pin/pin.ts";
import { downloadRuntime } from "../runtime.ts";
import { findCpuQueries } from "./cpu-queries.ts";

const HELP = `Moves the project to another Bun: fetches its runtimes and Debian's libraries, hashes them, finds the instructions
that ask the processor what it is, and writes src/build/pin/pin.json and package.json.

Usage: bun run pin VERSION     (the version this Bun has: npx -y bun@VERSION run pin VERSION)
`;

async function main(args: string[]): Promise<void> {
  const [version, extra] = args;
  if (version === "--help" || version === "-h") {
    process.stdout.write(HELP);
    return;
  }
  if (version === undefined || extra !== undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new UserError(
      `found ${args.length === 0 ? "no version" : JSON.stringify(args.join(" "))} where one like ${PINNED_BUN} is expected; see bun run pin --help`,
    );
  }
  if (Bun.version !== version)
    throw new UserError(
      `this is Bun ${Bun.version}, and only ${version} fetches its own runtimes; run: npx -y bun@${version} run pin ${version}`,
    );

  const pin: Pin = { bun: version, runtimes: {}, libraries: {} };
  const runtimes = await Promise.all(
    ARCHITECTURES.map(async (architecture) => [architecture.bunPackage, await pinRuntime(architecture)] as const),
  );
  const libraries = await Promise.all(
    ARCHITECTURES.map(async (architecture) => [architecture.debian, await pinLibraries(architecture)] as const),
  );
  write("src/build/pin/pin.json", {
    ...pin,
    runtimes: Object.fromEntries(runtimes),
    libraries: Object.fromEntries(libraries),
  });
  moveManifest(version);
  tellNext(version);
}

async function pinRuntime(architecture: Architecture) {
  const path = await downloadRuntime(architecture, join(DIST, "runtime"));
  const hash = sha256(readFileSync(path));
  console.log(`${basename(path)}: SHA-256 ${hash}`);
  const cpuQueries = await findCpuQueries(path, architecture);
  console.log(
    `${basename(path)}: ${Object.entries(cpuQueries)
      .map(([name, places]) => `${places.length} ${name}`)
      .join(", ")}`,
  );
  return { sha256: hash, cpuQueries };
}

async function pinLibraries(architecture: Architecture) {
  const dirs = await fetchLibraries(architecture, DEBIAN_CACHE);
  const files = [...CXX_LIBRARIES, architecture.muslLoader].map(
    (soname) => [soname, findLibrary(soname, dirs, architecture).path] as const,
  );
  const packages = [
    ...new Set(dirs.flatMap((dir) => /[^/]+_\d[^/]*(?=\/)/.exec(dir)?.[0]?.replace("_", " ") ?? [])),
  ].toSorted();
  return { packages, sha256: Object.fromEntries(files.map(([soname, path]) => [soname, sha256(readFileSync(path))])) };
}

function moveManifest(version: string): void {
  const path = join(ROOT, "package.json");
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(PINNED_BUN, version));
}

function tellNext(version: string): void {
  const { stdout } = Bun.spawnSync(
    [
      "git",
      "grep",
      "--name-only",
      "--fixed-strings",
      PINNED_BUN,
      "--",
      ":!bun.lock",
      ":!src/build/pin",
      ":!bench/REPORT.md",
      ":!bench/results.json",
    ],
    { cwd: ROOT, stderr: "ignore" },
  );
  const files = version === PINNED_BUN ? "" : stdout.toString().trim().split("\n").filter(Boolean).join(", ");
  console.log(
    `pinned Bun ${version}. Next: npx -y bun@${version} install && npx -y bun@${version} run build && npx -y bun@${version} run test`,
  );
  if (files !== "") console.log(`these files still name ${PINNED_BUN}: ${files}`);
}

/** JSON, with lists of addresses on a line each. */
function write(path: string, value: Pin): void {
  const text = JSON.stringify(value, null, 2).replace(
    /\[\s+("0x[^\]]*?)\s+\]/g,
    (_, list: string) => `[${list.replace(/\s+/g, " ")}]`,
  );
  writeFileSync(join(ROOT, path), `${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`pin: ${error.message}`);
  process.exitCode = 1;
}
