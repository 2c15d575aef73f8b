import { copyFileSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "./compile.ts";
import { isHere } from "./place.ts";
import { buildReference } from "./reference.ts";

/** The rows of the contract, by id. */
export const ROWS = [
  ...["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"],
  ...["E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E10", "E11"],
  ...["B1", "B2", "B3", "B4", "B5", "B6"],
] as const;
export type Row = (typeof ROWS)[number];

/** A program under test: its path, the rows of the contract it keeps, and what it needs around it. */
export type Artifact = {
  readonly name: string;
  readonly path: string;
  readonly keeps: readonly Row[];
  /** Does it run with nothing else in its root? Then the tests run it so. */
  readonly alone: boolean;
  readonly env: Readonly<Record<string, string>>;
};

const DIST = join(import.meta.dir, "..", "dist");
const AS_UPSTREAM = ROWS.filter((row) => row.startsWith("P"));

/** The same for AArch64. `bun run build --arch all` makes it on x86-64 too. */
export const ARM64_PAUSE = join(DIST, "arm64", "pause");

export const PAUSE: Artifact = { name: "pause", path: join(DIST, "pause"), keeps: ROWS, alone: true, env: {} };

export const STATIC: Artifact = {
  name: "pause-static",
  path: join(DIST, "pause-static"),
  keeps: ROWS.filter((row) => row !== "E8" && row !== "E10" && row !== "E11"),
  alone: true,
  env: {},
};

export const DYNAMIC: Omit<Artifact, "env"> = {
  name: "pause-dynamic",
  path: join(DIST, "pause-dynamic"),
  keeps: [...AS_UPSTREAM, "E4", "E9", "B2", "B3", "B4"],
  alone: false,
};

export const REFERENCE: Artifact = {
  name: "C reference",
  /** Compiled on first use, because some tests need no compiler. */
  get path() {
    return buildReference();
  },
  keeps: ROWS.filter((row) => !row.startsWith("B") && row !== "E11"),
  alone: true,
  env: {},
};

/** The artifacts to test here. @throws Error naming the first one that was not built. */
export function artifacts(): readonly Artifact[] {
  const dynamic: Artifact = {
    ...DYNAMIC,
    get env() {
      return { LD_LIBRARY_PATH: libraryFolder() };
    },
  };
  const built = [PAUSE, STATIC, dynamic].filter(({ name }) => isHere(name));
  const missing = built.find(({ path }) => !existsSync(path));
  if (missing !== undefined) throw new Error(`${missing.path} not found; build it first: bun run build`);
  return [...built, REFERENCE];
}

/** A folder, readable by everybody, that holds only the artifact, as /pause. */
export function rootOf({ name, path }: Artifact): string {
  const root = join(TEST_DIST, "roots", name.replace(" ", "-"));
  const file = join(root, "pause");
  mkdirSync(root, { recursive: true });
  if (!existsSync(file) || statSync(file).mtimeMs < statSync(path).mtimeMs) copyFileSync(path, file);
  return root;
}

/**
 * Debian's libstdc++ is built for glibc and imports a few names that musl lacks. In this folder it finds them in a
 * stand-in for glibc's loader, which it needs by name.
 */
export function libraryFolder(): string {
  const folder = join(TEST_DIST, "musl-libraries");
  mkdirSync(folder, { recursive: true });
  const libraries = {
    "libstdc++.so.6": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
    "libgcc_s.so.1": "/lib/x86_64-linux-gnu/libgcc_s.so.1",
  };
  for (const [name, target] of Object.entries(libraries))
    if (!existsSync(join(folder, name))) symlinkSync(target, join(folder, name));
  const source = join(folder, "stand-in.c");
  const traps = ["__strftime_l", "_dl_find_object", "__cxa_thread_atexit_impl", "arc4random"];
  writeFileSync(
    source,
    `${traps.map((name) => `void ${name}(void) { __builtin_trap(); }`).join("\n")}
char __libc_single_threaded;
char __cpu_model[16];
int __cpu_indicator_init(void) { return 0; }\n`,
  );
  const { exitCode, stderr } = Bun.spawnSync([
    "gcc",
    "-shared",
    "-fPIC",
    "-fno-builtin",
    "-nostdlib",
    "-o",
    join(folder, "ld-linux-x86-64.so.2"),
    source,
  ]);
  if (exitCode !== 0) throw new Error(`gcc ${source}\n${stderr}`);
  return folder;
}
