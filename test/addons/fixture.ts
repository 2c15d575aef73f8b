import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";

/** Packages with every kind of addon that a loader looks for, in a user's folder. Each addon returns a number. */
export class Packages {
  readonly folder: string;

  constructor(name: string) {
    this.folder = join(TEST_DIST, "addons", name);
    rmSync(this.folder, { recursive: true, force: true });
    this.write("package.json", { name: "program", private: true });
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  write(path: string, content: string | object): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), typeof content === "string" ? content : JSON.stringify(content));
  }

  /** Installs a package in node_modules, with the files of `files` by their paths in it. */
  install(name: string, json: object, files: Readonly<Record<string, string>> = {}): void {
    this.write(join("node_modules", name, "package.json"), { name, version: "1.2.3", ...json });
    for (const [path, content] of Object.entries(files)) this.write(join("node_modules", name, path), content);
  }

  /** Makes a Node-API addon for musl whose value is `value`, or one that needs glibc's loader. */
  addon(path: string, value: number, libc: "musl" | "glibc" = "musl"): void {
    const glibc = ["-Wl,--no-as-needed", "-x", "none", "/lib64/ld-linux-x86-64.so.2"];
    this.compile(
      path,
      `int napi_create_int32(void *, int, void **);
       void *napi_register_module_v1(void *env, void *exports) { void *v; napi_create_int32(env, ${value}, &v); return v; }`,
      libc === "glibc" ? glibc : [],
    );
  }

  /** Makes an addon that calls a library beside it, found by its run path. */
  addonWithLibrary(path: string, library: string, value: number): void {
    this.compile(library, `int answer(void) { return ${value}; }`, [`-Wl,-soname,${library.split("/").at(-1)}`]);
    this.compile(
      path,
      `int napi_create_int32(void *, int, void **); int answer(void);
       void *napi_register_module_v1(void *env, void *exports) { void *v; napi_create_int32(env, answer(), &v); return v; }`,
      ["-x", "none", this.path(library), "-Wl,-rpath,$ORIGIN/../lib", "-Wl,--enable-new-dtags"],
    );
  }

  private compile(path: string, code: string, flags: readonly string[]): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    const common = ["-shared", "-fPIC", "-O1", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all"];
    const command = ["gcc", ...common, "-o", this.path(path), "-x", "c", "-", ...flags];
    const { exitCode, stderr } = Bun.spawnSync(command, { stdin: Buffer.from(code) });
    if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stderr}`);
  }
}
