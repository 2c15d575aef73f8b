import { existsSync } from "node:fs";
import { artifacts } from "../test/support/artifacts.ts";

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

const sleep = ["/usr/bin/sleep", "infinity"];

/** What a user would pick instead, each as its package's documentation says, from Debian's packages. */
const OTHERS: readonly Peer[] = [
  { name: "catatonit", command: ["/usr/bin/catatonit", "-P"], parksIn: READ, env: {}, endsOnSigterm: true },
  { name: "tini", command: ["/usr/bin/tini-static", "-s", "--", ...sleep], parksIn: RT_SIGTIMEDWAIT, env: {}, endsOnSigterm: true },
  { name: "dumb-init", command: ["/usr/bin/dumb-init", "--", ...sleep], parksIn: RT_SIGTIMEDWAIT, env: {}, endsOnSigterm: true },
  { name: "sleep", command: sleep, parksIn: PAUSE, env: {}, endsOnSigterm: false },
];

const OURS: readonly Peer[] = artifacts().map(({ name, path, env }) => ({ name, command: [path], parksIn: RT_SIGTIMEDWAIT, env, endsOnSigterm: true }));

/** All peers, ours first, and the names of those that are not on this machine. */
export function peers(only: readonly string[] | undefined): { present: readonly Peer[]; missing: readonly string[] } {
  const all = [...OURS, ...OTHERS];
  const unknown = only?.find((name) => !all.some((peer) => peer.name === name));
  if (unknown !== undefined) throw new BenchError(`no peer is called ${unknown}; there are ${all.map(({ name }) => name).join(", ")}`);
  const wanted = all.filter(({ name }) => only === undefined || name === REFERENCE || only.includes(name));
  const present = wanted.filter(({ command: [file = ""] }) => existsSync(file));
  return { present, missing: wanted.filter((peer) => !present.includes(peer)).map(({ name }) => name) };
}

/** Something the benchmark needs is not as it must be: one line for the reader, no stack trace. */
export class BenchError extends Error {
  override name = "BenchError";
}
