import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../support/compile.ts";

const SOURCES = join(import.meta.dir, "fixture");
const MUSL = "/lib/ld-musl-x86_64.so.1";

/** A folder for one test's small ELF files; empty at the start. */
export function workshop(name: string): Workshop {
  const folder = join(TEST_DIST, "link", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!existsSync(MUSL)) throw new Error(`${MUSL} is not there: apt-get install musl`);
  symlinkSync(MUSL, join(folder, "ld-musl-x86_64.so.1"));
  symlinkSync(MUSL, join(folder, "libc.so"));
  return new Workshop(folder);
}

/** Makes stand-ins for the two C++ libraries and the program that is linked with them, with gcc. */
export class Workshop {
  constructor(readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  /** The full set, as fixture/ has it. */
  makeAll(): void {
    this.libgcc();
    this.libstdcxx(["-x", "c", join(SOURCES, "libstdcxx.c")]);
    this.program(["-x", "c", join(SOURCES, "program.c")]);
  }

  libgcc(source: readonly string[] = ["-x", "c", join(SOURCES, "libgcc.c")]): void {
    this.gcc("libgcc_s.so.1", ["-shared", "-fPIC", "-Wl,-soname,libgcc_s.so.1", ...source]);
  }

  libstdcxx(source: readonly string[]): void {
    Bun.write(this.path("versions"), "OLD { global: old; };\n");
    this.gcc("libstdc++.so.6", ["-shared", "-fPIC", "-Wl,-soname,libstdc++.so.6", `-Wl,--version-script=${this.path("versions")}`, ...source]);
  }

  program(source: readonly string[]): void {
    const libraries = [this.path("libstdc++.so.6"), this.path("libgcc_s.so.1"), `-L${this.folder}`, "-lc"];
    const start = ["-Wl,--no-as-needed", "-no-pie", "-fno-pie", `-Wl,--dynamic-linker=${MUSL}`, "-Wl,-z,lazy", "-Wl,--allow-shlib-undefined"];
    this.gcc("program", [...start, ...source, "-x", "none", ...libraries]);
  }

  /** A library to preload, whose _exit ends with `status` whatever it is given. */
  exitsWith(status: number): string {
    const code = `void _exit(int s) { __asm__ volatile ("syscall" : : "a"(231), "D"(${status})); for (;;); }`;
    this.gcc("preloaded.so", ["-shared", "-fPIC", ...this.text("preloaded.c", code)]);
    return this.path("preloaded.so");
  }

  /** C text instead of a file. */
  text(name: string, code: string): string[] {
    const file = this.path(name);
    Bun.spawnSync(["tee", file], { stdin: Buffer.from(code), stdout: "ignore" });
    return ["-x", "c", file];
  }

  private gcc(output: string, args: readonly string[]): void {
    const command = ["gcc", "-O1", "-fno-builtin", "-fno-stack-protector", "-nostdlib", "-o", this.path(output), ...args];
    const { exitCode, stderr } = Bun.spawnSync(command);
    if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stderr}`);
  }
}
