import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { RUN } from "../../harness/run.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import type { Architecture } from "../../src/arch/architecture.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { fetchLibraries } from "../../src/build/debian/library-packages.ts";
import type { LinkFlags } from "../../src/link/flags.ts";

/** The linker without any of its additions. */
export const PLAIN: LinkFlags = {
  addons: false,
  loaderVariables: true,
  blockSignals: false,
  fillDescriptors: false,
  emptyEnvironment: false,
};

const SOURCES = join(import.meta.dir, "fixture");
const CACHE = join(TEST_DIST, "..", "debian");

/** An architecture for small ELF files: its compiler, the command that runs them here, and the place of its musl. */
export type Target = {
  readonly architecture: Architecture;
  readonly gcc: string;
  readonly emulator: readonly string[];
  readonly musl: string;
};

export const ON_X86_64: Target = { architecture: X86_64, gcc: "gcc", emulator: [], musl: "/lib/ld-musl-x86_64.so.1" };

/** QEMU's user mode emulates it. */
export async function onAarch64(): Promise<Target> {
  const musl = (await fetchLibraries(RUN, AARCH64, CACHE))
    .map((dir) => join(dir, AARCH64.muslLoader))
    .find((path) => existsSync(path));
  return {
    architecture: AARCH64,
    gcc: "aarch64-linux-gnu-gcc",
    emulator: ["qemu-aarch64-static"],
    musl: musl ?? AARCH64.muslLoader,
  };
}

/** An empty folder for one test's small ELF files. */
export function workshop(name: string, target: Target = ON_X86_64): Workshop {
  const folder = join(TEST_DIST, "link", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!existsSync(target.musl)) throw new Error(`${target.musl} not found: apt-get install musl`);
  for (const loader of [target.architecture.muslLoader, "libc.so"]) symlinkSync(target.musl, join(folder, loader));
  return new Workshop(folder, target);
}

/** Makes stand-ins for the two C++ libraries, and a program linked with them, with gcc. */
export class Workshop {
  constructor(
    readonly folder: string,
    private readonly target: Target,
  ) {}

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  /** Makes the full set from fixture/, with flags of gcc for libstdc++ and for the program. */
  makeAll(library: readonly string[] = [], program: readonly string[] = []): void {
    this.libgcc();
    this.libstdcxx([...library, "-x", "c", join(SOURCES, "libstdcxx.c")]);
    this.program([...program, "-x", "c", join(SOURCES, "program.c")]);
  }

  libgcc(source: readonly string[] = ["-x", "c", join(SOURCES, "libgcc.c")]): void {
    this.gcc("libgcc_s.so.1", ["-shared", "-fPIC", "-Wl,-soname,libgcc_s.so.1", ...source]);
  }

  libstdcxx(source: readonly string[]): void {
    Bun.write(this.path("versions"), "OLD { global: old; };\n");
    this.gcc("libstdc++.so.6", [
      "-shared",
      "-fPIC",
      "-Wl,-soname,libstdc++.so.6",
      `-Wl,--version-script=${this.path("versions")}`,
      ...source,
    ]);
  }

  program(source: readonly string[]): void {
    const libraries = [this.path("libstdc++.so.6"), this.path("libgcc_s.so.1"), `-L${this.folder}`, "-lc"];
    const loader = `-Wl,--dynamic-linker=/lib/${this.target.architecture.muslLoader}`;
    const start = ["-Wl,--no-as-needed", "-no-pie", "-fno-pie", loader, "-Wl,-z,lazy", "-Wl,--allow-shlib-undefined"];
    this.gcc("program", [...start, ...source, "-x", "none", ...libraries]);
  }

  /** A library to preload, whose _exit ends with `status` whatever its argument. */
  exitsWith(status: number): string {
    this.gcc("preloaded.so", ["-shared", "-fPIC", `-DSTATUS=${status}`, "-x", "c", join(SOURCES, "exits.c")]);
    return this.path("preloaded.so");
  }

  /** Passes C text to gcc instead of a file. */
  text(name: string, code: string): string[] {
    const file = this.path(name);
    Bun.spawnSync(["tee", file], { stdin: Buffer.from(code), stdout: "ignore" });
    return ["-x", "c", file];
  }

  run(name: string, env: Record<string, string> = {}) {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...this.target.emulator, this.path(name)], {
      env: { ...env, PATH: process.env.PATH },
    });
    return { exitCode, lines: stdout.toString().trim().split("\n"), stderr: stderr.toString() };
  }

  private gcc(output: string, args: readonly string[]): void {
    const command = [
      this.target.gcc,
      "-O1",
      "-fno-builtin",
      "-fno-stack-protector",
      "-nostdlib",
      "-o",
      this.path(output),
      ...args,
    ];
    const { exitCode, stderr } = Bun.spawnSync(command);
    if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stderr}`);
  }
}
