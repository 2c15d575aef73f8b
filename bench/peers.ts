import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CProgram, compileWith, TEST_DIST } from "../harness/compile.ts";
import { version } from "../package.json";
import { UserError } from "../src/support/error.ts";

/** A program to measure: how to start it as PID 1, and the number of the system call it parks in. */
export type Peer = {
  readonly name: string;
  readonly command: readonly string[];
  readonly parksIn: number;
  readonly env: Readonly<Record<string, string>>;
  /** The kernel drops signals that PID 1 does not handle. */
  readonly endsOnSigterm: boolean;
};

/** On x86-64. */
const READ = 0;
const PAUSE = 34;
const RT_SIGTIMEDWAIT = 128;

/** The reference for all others: a program with upstream's structure, linked as upstream links its own. */
export const REFERENCE = "C, as upstream";
/** The same source linked with musl; and the minimum that any program must pay. */
export const MUSL = "C with musl";
export const FLOOR = "floor";

const SOURCES = join(import.meta.dir, "peers");
const FLAGS = ["-Os", "-static", "-s"];
/** The program with upstream's structure, however linked. */
export const UPSTREAM: CProgram = {
  name: "upstream",
  source: join(SOURCES, "upstream.c"),
  flags: [...FLAGS, `-DVERSION="${version}"`],
};

const OURS = ["pause", "pause-static", "pause-dynamic"];
const IN_C = [REFERENCE, MUSL, FLOOR];

const sleep = ["/usr/bin/sleep", "infinity"];

/** What a user would choose instead, run as its package's documentation says, from Debian's packages. */
const OTHERS: readonly Peer[] = [
  { name: "catatonit", command: ["/usr/bin/catatonit", "-P"], parksIn: READ, env: {}, endsOnSigterm: true },
  {
    name: "tini",
    command: ["/usr/bin/tini-static", "-s", "--", ...sleep],
    parksIn: RT_SIGTIMEDWAIT,
    env: {},
    endsOnSigterm: true,
  },
  {
    name: "dumb-init",
    command: ["/usr/bin/dumb-init", "--", ...sleep],
    parksIn: RT_SIGTIMEDWAIT,
    env: {},
    endsOnSigterm: true,
  },
  { name: "sleep", command: sleep, parksIn: PAUSE, env: {}, endsOnSigterm: false },
];

/**
 * All peers, ours first, and the names of those missing on this machine; with `only`, these and the reference.
 * @throws UserError for an unknown name, or when ours were not built.
 */
export async function peers(
  only: readonly string[] | undefined,
): Promise<{ present: readonly Peer[]; missing: readonly string[] }> {
  const names = [...OURS, ...IN_C, ...OTHERS.map(({ name }) => name)];
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UserError(`unknown peer ${JSON.stringify(unknown)}; name one of ${names.join(", ")}`);
  const wanted = [...(await ours()), ...inC(), ...OTHERS].filter(
    ({ name }) => only === undefined || name === REFERENCE || only.includes(name),
  );
  const present = wanted.filter(({ command: [file = ""] }) => existsSync(file));
  return { present, missing: wanted.filter((peer) => !present.includes(peer)).map(({ name }) => name) };
}

/** Loaded late, because loading it compiles the tests' C program, and --help should not wait for that. */
async function ours(): Promise<readonly Peer[]> {
  const { artifacts } = await compiled(() => import("../harness/artifacts.ts"));
  return artifacts()
    .filter(({ name }) => OURS.includes(name))
    .map(({ name, path, env }) => ({ name, command: [path], parksIn: RT_SIGTIMEDWAIT, env, endsOnSigterm: true }));
}

/** The C programs of `peers/`. @throws UserError when one cannot be compiled. */
function inC(): readonly Peer[] {
  const bare = [
    ...FLAGS,
    "-nostdlib",
    "-ffreestanding",
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",
  ];
  const programs = [
    { ...UPSTREAM, name: REFERENCE, compiler: "gcc", parksIn: PAUSE },
    { ...UPSTREAM, name: MUSL, compiler: "musl-gcc", parksIn: PAUSE },
    { name: FLOOR, compiler: "gcc", source: join(SOURCES, "floor.c"), flags: bare, parksIn: RT_SIGTIMEDWAIT },
  ];
  return programs.map(({ name, compiler, source, flags, parksIn }) => {
    const output = join(TEST_DIST, "peers", name.replace(/\W+/g, "-"));
    return {
      name,
      command: [compiled(() => compileWith(compiler, output, source, flags))],
      parksIn,
      env: {},
      endsOnSigterm: true,
    };
  });
}

/** The result of `compile`. @throws UserError when the compiler is missing or fails. */
function compiled<T>(compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    const found = error instanceof Error ? error.message : `${error}`;
    throw new UserError(
      /gcc/.test(found)
        ? `cannot compile a C program to compare with (${found.trim()}); apt-get install gcc libc6-dev musl-tools`
        : found,
    );
  }
}
