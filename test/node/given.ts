import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../../src/support/error.ts";

/** The programs of a node, by path; undefined ones are left out. */
export type Given = {
  readonly containerd?: string | undefined;
  readonly crio?: string | undefined;
  readonly conmon?: string | undefined;
  readonly pinns?: string | undefined;
  readonly runc?: string | undefined;
  readonly crun?: string | undefined;
  readonly kubelet?: string | undefined;
  readonly critest?: string | undefined;
  /** The folder of the CNI plugins. */
  readonly cni?: string | undefined;
};

/** The options of the command line. */
export type Asked = {
  readonly given: Given;
  /** Releases of Debian whose packages to try, each by itself. */
  readonly debian: readonly string[];
  /** Should the table of docs/node-checks.md get the results? */
  readonly write: boolean;
};

/** The plugin that makes the pods' network. */
export const PLUGIN = "ptp";

const PATHS = ["containerd", "crio", "conmon", "pinns", "runc", "crun", "kubelet", "critest", "cni"] as const;

/** @throws UserError for an unknown option, for a missing path, and when there is nothing to run. */
export function asked(words: readonly string[]): Asked | "help" {
  const values = parse(words);
  if (values.help) return "help";
  const given: Given = Object.fromEntries(
    PATHS.flatMap((name) => (values[name] === undefined ? [] : [[name, there(name, values[name])]])),
  );
  const debian = values.debian?.split(",") ?? [];
  if (given.containerd === undefined && given.crio === undefined && debian.length === 0)
    throw new UserError("no container runtime; give --containerd PATH, --crio PATH, or --debian RELEASE");
  if (given.containerd !== undefined && given.crio !== undefined)
    throw new UserError("both --containerd and --crio; a node has one of them: run it once for each");
  if (debian.length === 0 && given.runc === undefined && given.crun === undefined)
    throw new UserError("no program to start containers with; give --runc PATH or --crun PATH");
  if (given.crio !== undefined && (given.conmon === undefined || given.pinns === undefined))
    throw new UserError("--crio needs two more programs; give --conmon PATH and --pinns PATH, too");
  return { given, debian, write: values.write };
}

function parse(words: readonly string[]) {
  const path = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const paths = { containerd: path, crio: path, conmon: path, pinns: path, runc: path, crun: path, kubelet: path };
  const options = { ...paths, critest: path, cni: path, debian: path, write: flag, help: flag };
  try {
    return parseArgs({ args: [...words], options }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run test:node --help`);
  }
}

function there(name: string, path: string): string {
  if (!existsSync(path)) throw new UserError(`--${name} ${path}: no such file; give the path of ${name}`);
  return resolve(path);
}

/** The programs in the folder of a Debian package's files, unpacked. */
export function ofDebian(folders: readonly string[]): Given {
  const find = (name: string) =>
    folders
      .flatMap((folder) => ["usr/bin", "usr/sbin"].map((bin) => join(folder, bin, name)))
      .find((path) => existsSync(path));
  const cni = folders.map((folder) => join(folder, "usr/lib/cni")).find((path) => existsSync(join(path, PLUGIN)));
  return { containerd: find("containerd"), runc: find("runc"), cni };
}

/** The folders of the programs. */
export const foldersOf = (given: Given): readonly string[] =>
  [...new Set(Object.values(given).flatMap((path) => (path === undefined ? [] : [dirname(path)])))].toSorted();
