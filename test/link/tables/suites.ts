import { join } from "node:path";
import { TEST_DIST } from "../../../harness/compile.ts";
import { X86_64 } from "../../../src/arch/x86-64/architecture.ts";
import { packageField } from "../../../src/build/debian/packages.ts";
import type { Scope } from "../../../src/support/scope.ts";
import { CLI, librariesOf, type Run } from "../others.ts";

/** A release of Debian: its libraries' versions, and the options that make bun-static take them. */
export type Suite = { readonly name: string; readonly title: string; readonly options: readonly string[] };

const CACHE = join(TEST_DIST, "..", "debian");

/** Debian 12, 13 and sid, with their libraries fetched. */
export async function fetchSuites(run: Scope): Promise<readonly Suite[]> {
  const suites: Suite[] = [];
  // One after the other, because apt locks its lists.
  for (const name of ["bookworm", "trixie", "sid"]) {
    const versions: string[] = [];
    for (const library of ["libstdc++6", "musl"])
      versions.push(
        `${library} ${await packageField(run, library, "Version", { architecture: X86_64.debian, suite: name }, CACHE)}`,
      );
    suites.push({ name, title: `${name}: ${versions.join(", ")}`, options: await librariesOf(name) });
  }
  return suites;
}

/** Links `file` with the libraries of a release. Returns why not, where bun-static refuses. */
export function linkWith(file: string, output: string, { options }: Suite): string | undefined {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, CLI, file, "-o", output, ...options]);
  if (exitCode === 0) return undefined;
  const said = stderr.toString().trim();
  return `refused: ${/nothing defines its symbol \S+_M_replace_cold\S*/.test(said) ? "needs a newer libstdc++ (`_M_replace_cold`)" : said}`;
}

/** What two runs of a program must have in common. */
export const outcome = ({ exitCode, stdout }: Run) => `${exitCode}\n${stdout}`;
