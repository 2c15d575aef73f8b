import { existsSync } from "node:fs";
import { BenchError } from "./error.ts";

/** A program to measure: how it is started as PID 1, and the system call it parks in (x86-64 Linux). */
export type Peer = {
  readonly name: string;
  readonly command: readonly string[];
  readonly parksIn: number;
  readonly env: Readonly<Record<string, string>>;
  /** As PID 1 a signal that it does not handle is dropped. */
  readonly endsOnSigterm: boolean;
};

const READ = 0;
const PAUSE = 34;
const RT_SIGTIMEDWAIT = 128;

/** What the others are held against. */
export const REFERENCE = "C reference";

const OURS = ["pause", "pause-static", "pause-dynamic", REFERENCE];

const sleep = ["/usr/bin/sleep", "infinity"];

/** What a user would pick instead, each as its package's documentation says, from Debian's packages. */
const OTHERS: readonly Peer[] = [
  { name: "catatonit", command: ["/usr/bin/catatonit", "-P"], parksIn: READ, env: {}, endsOnSigterm: true },
  { name: "tini", command: ["/usr/bin/tini-static", "-s", "--", ...sleep], parksIn: RT_SIGTIMEDWAIT, env: {}, endsOnSigterm: true },
  { name: "dumb-init", command: ["/usr/bin/dumb-init", "--", ...sleep], parksIn: RT_SIGTIMEDWAIT, env: {}, endsOnSigterm: true },
  { name: "sleep", command: sleep, parksIn: PAUSE, env: {}, endsOnSigterm: false },
];

/**
 * All peers, ours first, and the names of those that are not on this machine; with `only`, these and the C reference.
 * @throws BenchError for a name that is none, or when ours were not built.
 */
export async function peers(only: readonly string[] | undefined): Promise<{ present: readonly Peer[]; missing: readonly string[] }> {
  const names = [...OURS, ...OTHERS.map(({ name }) => name)];
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new BenchError(`no peer is called ${JSON.stringify(unknown)}; there are ${names.join(", ")}`);
  const wanted = [...(await ours()), ...OTHERS].filter(({ name }) => only === undefined || name === REFERENCE || only.includes(name));
  const present = wanted.filter(({ command: [file = ""] }) => existsSync(file));
  return { present, missing: wanted.filter((peer) => !present.includes(peer)).map(({ name }) => name) };
}

/** Loaded late: to load it compiles the C reference, which is nothing that --help waits for. */
async function ours(): Promise<readonly Peer[]> {
  try {
    const { artifacts } = await import("../test/support/artifacts.ts");
    return artifacts().map(({ name, path, env }) => ({ name, command: [path], parksIn: RT_SIGTIMEDWAIT, env, endsOnSigterm: true }));
  } catch (error) {
    const found = error instanceof Error ? error.message : `${error}`;
    throw new BenchError(/\bgcc\b/.test(found) ? `the C program to compare with cannot be compiled (${found.trim()}); apt-get install gcc libc6-dev` : found);
  }
}
