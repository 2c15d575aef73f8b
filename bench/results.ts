import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { version } from "../package.json";
import { changes, checkedOut } from "../src/build/commit.ts";
import { UserError } from "../src/support/error.ts";
import { sha256 } from "../src/support/hash.ts";
import { memoryCgroupVersion } from "./cgroup.ts";
import type { Peer } from "./peers.ts";
import type { Prices } from "./rig.ts";
import type { Samples } from "./samples.ts";

/** A whole run: where it ran, what it measured, and every sample. */
export type Results = {
  readonly quick: boolean;
  readonly taken: string;
  readonly seconds: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly cgroup: string;
    /** The cost here of a system call and of touching a page first: ns. */
    readonly prices: Prices;
  };
  readonly version: string;
  readonly bun: string;
  /** With a + if the files differ from it. */
  readonly commit: string;
  /** The measured programs, with the version of their Debian package or the SHA-256 of ours, and the missing ones. */
  readonly peers: readonly {
    readonly name: string;
    readonly command: string;
    readonly package: string;
    readonly sha256: string;
  }[];
  readonly missing: readonly string[];
  readonly samples: Samples;
};

export function describeRun(
  quick: boolean,
  peers: readonly Peer[],
  missing: readonly string[],
  prices: Prices,
): Omit<Results, "samples" | "seconds"> {
  return {
    quick,
    taken: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      cgroup: memoryCgroupVersion(),
      prices,
    },
    version,
    bun: Bun.version,
    commit: `${checkedOut() ?? ""}${changes()?.length === 0 ? "" : "+"}`,
    peers: peers.map(({ name, command }) => ({
      name,
      command: command.map((word) => word.replace(/^.*\//, "")).join(" "),
      package: packageOf(command[0] ?? ""),
      sha256: sha256(readFileSync(command[0] ?? "")),
    })),
    missing,
  };
}

/** @throws UserError when the file is missing, or this benchmark did not write it. */
export function readResults(path: string): Results {
  try {
    const results = JSON.parse(readFileSync(path, "utf8")) as Partial<Results>;
    if (results.samples === undefined || results.peers === undefined) throw new Error("it holds no samples");
    return results as Results;
  } catch (error) {
    throw new UserError(
      `${path}: cannot read results from it (${error instanceof Error ? error.message : error}); give the results.json of an earlier run`,
    );
  }
}

/** "name version" of the Debian package that contains a file; empty for ours. */
function packageOf(file: string): string {
  // If /bin is a link to /usr/bin, dpkg may know the file by the shorter name.
  const owner = said(["dpkg-query", "--search", file]) || said(["dpkg-query", "--search", file.replace(/^\/usr/, "")]);
  const name = owner.split(":")[0] ?? "";
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in
  return name === "" ? "" : said(["dpkg-query", "--show", "--showformat", "${Package} ${Version}", name]);
}

function said(command: string[]): string {
  try {
    const { success, stdout } = Bun.spawnSync(command, { cwd: import.meta.dir, stderr: "ignore" });
    return success ? stdout.toString().trim() : "";
  } catch {
    return "";
  }
}
