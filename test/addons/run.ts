import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { CLI, rootFor, run, succeed } from "../link/others.ts";
import type { Call } from "./calls.ts";

const SOURCES = join(import.meta.dir, "programs");
export const FOLDER = join(TEST_DIST, "addons-programs");
const ENVIRONMENT = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };

/** Installs the packages of programs/ for musl, as in the lock file, without running their scripts. */
export function installAddons(): void {
  mkdirSync(FOLDER, { recursive: true });
  cpSync(SOURCES, FOLDER, { recursive: true });
  const platform = ["--os=linux", `--cpu=${X86_64.processArch}`, "--libc=musl"];
  succeed([process.execPath, "install", "--frozen-lockfile", "--ignore-scripts", ...platform], FOLDER);
}

/** The result of a program that ran linked and alone in a root with /tmp; `warnings` are bun-static's. */
export type Outcome = { readonly ok: boolean; readonly said: string; readonly warnings: readonly string[] };

/** Links the program of `call` with `options` of bun-static, and runs it. */
export function tried(call: Call, options: readonly string[]): Outcome {
  const name = call.name.replace(/\W+/g, "-").replace(/^-/, "");
  const source = join(FOLDER, `${name}.ts`);
  const output = join(FOLDER, `${name}.out`);
  writeFileSync(source, call.source);
  const linked = run([process.execPath, CLI, source, "-o", output, ...options], "", ENVIRONMENT, FOLDER);
  const warnings = [...linked.stderr.matchAll(/^bun-static: warning: (.*)$/gm)].map(([, text = ""]) => text);
  if (linked.exitCode !== 0) return { ok: false, said: linked.stderr.trim(), warnings };
  const root = rootFor(`addon-${name}`, output);
  const { exitCode, stdout, stderr } = run(alone(root, call.proc !== undefined), "", {
    HOME: "/tmp",
    PATH: process.env.PATH ?? "",
  });
  rmSync(output, { force: true });
  rmSync(root, { recursive: true, force: true });
  const ok = exitCode === 0 && stdout.trim() === call.prints;
  return { ok, said: ok ? stdout.trim() : `${exitCode} ${stdout}${stderr}`.trim(), warnings };
}

/** The command prefix for a program in its root, with its own network, and with /proc if `proc`. */
function alone(root: string, proc: boolean): readonly string[] {
  const mount = proc ? 'mkdir "$0/proc"; mount -t proc proc "$0/proc"; ' : "";
  return ["unshare", "--net", "--mount", "sh", "-c", `ip link set lo up; ${mount}exec chroot "$0" /program`, root];
}
