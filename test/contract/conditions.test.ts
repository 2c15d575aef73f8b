import { dlopen } from "bun:ffi";
import { expect } from "bun:test";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Artifact, PAUSE, rootOf } from "../../harness/artifacts.ts";
import { contract } from "../../harness/case.ts";
import { withCgroup } from "../../harness/cgroup.ts";
import { count } from "../../harness/place.ts";
import { NEEDS } from "../../harness/privilege.ts";
import { children, descriptors, pageSize, signals, status } from "../../harness/proc.ts";
import { type Conditions, drill, parked, played, soon } from "../../harness/stage.ts";
import { version } from "../../package.json";
import { PT_LOAD } from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { pageDown } from "../../src/elf/pages.ts";

/** For posix_fadvise(2). */
const POSIX_FADV_DONTNEED = 4;
const { symbols: libc } = dlopen("libc.so.6", {
  posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
});

const TERMINATED = "Shutting down, got signal: Terminated\n";
const TRACES = count(500, 100);
const STARTS = count(1000, 50);
/**
 * The kernel begins a stack at random within its last page and grows it by pages, so the minimum that a program can
 * live with depends on the page size.
 */
const PAGE_SIZE = pageSize();
const ENDED = { status: 0, stdout: "", stderr: TERMINATED };

/** Parks under `conditions`, reaps 50 orphans, ends on SIGTERM, and reports that if anyone can read it. */
async function livesIn(artifact: Artifact, conditions: Conditions): Promise<void> {
  const end = await parked(artifact, conditions, async (actor) => {
    expect(await drill("orphans", actor.pid, 50)).toBe("");
    await soon("50 orphans to be gone", () => (children(actor.pid).length === 0 ? true : undefined));
    return actor.end();
  });
  const unheard = conditions.make?.some((condition) => /^(closed=2$|broken=2$|device=2:)/.test(condition)) ?? false;
  expect(end).toEqual(unheard ? { ...ENDED, stderr: "" } : ENDED);
}

/** The states of a standard descriptor, for stage.c. */
const WAYS = ["open", "closed", "null", "full", "broken"] as const;
const make = (fd: number, way: (typeof WAYS)[number]) =>
  ({
    open: [],
    closed: [`closed=${fd}`],
    null: [`device=${fd}:/dev/null`],
    full: [`device=${fd}:/dev/full`],
    broken: [`broken=${fd}`],
  })[way];

const MIXED = [
  ["closed", "closed", "closed"],
  ["closed", "open", "open"],
  ["open", "closed", "open"],
  ["closed", "open", "closed"],
  ["null", "full", "broken"],
  ["broken", "broken", "broken"],
  ["full", "full", "full"],
  ["closed", "broken", "full"],
] as const;

const HOSTILE_ENVIRONMENT = {
  BUN_BE_BUN: "1",
  BUN_OPTIONS: "--version",
  BUN_JSC_useJIT: "0",
  BUN_JSC_dumpOptions: "2",
  BUN_JSC_validateOptions: "1",
  BUN_INSPECT: "ws://127.0.0.1:1/x",
  BUN_DEBUG_QUIET_LOGS: "0",
  NODE_OPTIONS: "--inspect-brk",
  LD_PRELOAD: "/nowhere.so",
  LD_LIBRARY_PATH: "/nowhere",
  LD_DEBUG: "all",
  MIMALLOC_VERBOSE: "3",
  MIMALLOC_SHOW_STATS: "1",
  MALLOC_CHECK_: "3",
  "-v": "-v",
  "-V": "",
};

contract("what a node gives it", [
  {
    rows: ["E1", "E2"],
    shows: "alone in a read-only root without /proc it keeps the three descriptors it got, and opens none",
    run: (artifact) =>
      parked(artifact, {}, async (actor) => {
        expect(descriptors(actor.pid)).toEqual([0, 1, 2]);
        expect((await actor.end()).status).toBe(0);
      }),
  },
  {
    rows: ["E1", "E2", "E3"],
    shows: "uid 65535 without a capability, no_new_privs",
    run: async (artifact) => {
      await parked(artifact, { make: ["hardened"] }, async ({ pid }) => {
        expect(status(pid, "Uid").split("\t")).toEqual(Array.from({ length: 4 }, () => "65535"));
        expect(status(pid, "CapBnd")).toBe("0000000000000000");
        expect(status(pid, "NoNewPrivs")).toBe("1");
      });
      await livesIn(artifact, { make: ["hardened"] });
    },
  },
  ...[0, 1, 2].flatMap((fd) =>
    WAYS.slice(1).map((way) => ({
      rows: ["E4"] as const,
      shows: `descriptor ${fd} ${way}`,
      run: (artifact: Artifact) => livesIn(artifact, { make: make(fd, way) }),
    })),
  ),
  ...MIXED.map((ways) => ({
    rows: ["E4"] as const,
    shows: `descriptors 0, 1, 2: ${ways.join(", ")}`,
    run: (artifact: Artifact) => livesIn(artifact, { make: ways.flatMap((way, fd) => make(fd, way)) }),
  })),
  {
    rows: ["E4", "E2"],
    shows: "descriptors closed at the start stay closed",
    run: (artifact) =>
      parked(artifact, { make: ["closed=0", "closed=2"] }, ({ pid }) => {
        expect(descriptors(pid)).toEqual([1]);
        return Promise.resolve();
      }),
  },
  {
    rows: ["E4", "B5", "B6"],
    shows: "as PID 1, and only there, SIGPIPE and SIGTTOU are blocked",
    run: async (artifact) => {
      // While a program waits for the two signals, the kernel takes them out of the blocked set.
      for (const [first, blocked] of [
        [true, [13, 22]],
        [false, []],
      ] as const) {
        await parked(artifact, { first }, async ({ pid }) => expect(signals(pid, "SigBlk")).toEqual([...blocked]));
      }
    },
  },
  {
    rows: ["E4", "P2"],
    shows: "-v with nowhere to print the version",
    run: async (artifact) => {
      for (const way of WAYS.slice(1))
        expect((await played(artifact, { args: ["-v"], make: make(1, way) })).status).toBe(0);
    },
  },
  {
    rows: ["E5"],
    shows: "the switches of the runtime, of musl and of mimalloc change nothing",
    run: async (artifact) => {
      const env = HOSTILE_ENVIRONMENT;
      await livesIn(artifact, { env });
      expect(await played(artifact, { env, args: ["-v"], first: artifact.alone })).toEqual({
        status: 0,
        stdout: `pause.ts ${version}\n`,
        stderr: "",
      });
    },
  },
  {
    rows: ["E5"],
    shows: "thousands of variables, one of 100 kB, and none at all",
    run: async (artifact) => {
      await livesIn(artifact, {
        env: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`NAME_${index}`, `-v`.repeat(index % 50)])),
      });
      await livesIn(artifact, { env: { LARGE: "-v".repeat(50_000) } });
      await livesIn(artifact, { env: {} });
    },
  },
  {
    rows: ["E6"],
    shows: "20,000 arguments, one of 100 kB, empty ones",
    run: async (artifact) => {
      await livesIn(artifact, { args: Array.from({ length: 20_000 }, (_, index) => `${index}`) });
      await livesIn(artifact, { args: ["-v".repeat(50_000), "", "", "-"] });
      const args = [...Array.from({ length: 20_000 }, () => "-w"), "-V", "end"];
      expect((await played(artifact, { args })).stdout).toBe(`pause.ts ${version}\n`);
    },
  },
  {
    rows: ["E6", "P1", "P2", "P3"],
    shows: "random command lines, as PID 1 and not: any bytes, hundreds of arguments, nearly -v",
    run: async (artifact) => {
      const [lines, seed] =
        artifact.name === PAUSE.name || !artifact.keeps.includes("B1") ? [count(1000, 100), 11] : [100, 12];
      expect(await drill("lines", lines, seed, version, artifact.path)).toBe("");
    },
  },
  {
    rows: ["E7"],
    shows: "files of its working directory are not read",
    run: async (artifact) => {
      const cwd = hostileDirectory();
      try {
        expect(await played(artifact, { first: false, cwd, args: ["-v"] })).toEqual({
          status: 0,
          stdout: `pause.ts ${version}\n`,
          stderr: "",
        });
        const end = await parked(artifact, { first: false, cwd }, (actor) => actor.end());
        expect(end).toEqual({ ...ENDED, stderr: `Warning: pause should be the first process\n${TERMINATED}` });
      } finally {
        rmSync(cwd, { recursive: true });
      }
    },
  },
  {
    rows: ["E7"],
    shows: "a working directory that was removed, or that it may not enter",
    run: async (artifact) => {
      const cwd = mkdtempSync(join(tmpdir(), "pause-cwd-"));
      rmSync(cwd, { recursive: true, force: true });
      mkdirSync(cwd, { mode: 0o700 });
      const end = await parked(artifact, { first: false, cwd }, (actor) => {
        rmSync(cwd, { recursive: true });
        return actor.end();
      });
      expect(end.status).toBe(0);
    },
  },
  ...[
    "limit=nofile:0",
    "limit=nofile:3",
    "limit=core:0",
    `limit=stack:${4 * PAGE_SIZE}`,
    `limit=stack:${16 * PAGE_SIZE}`,
    "limit=as:4194304",
  ].map((limit) => ({
    rows: ["E8"] as const,
    shows: limit,
    run: async (artifact: Artifact) => {
      await livesIn(artifact, { make: [limit] });
      expect((await played(artifact, { make: [limit], args: ["x", "-v"] })).stdout).toBe(`pause.ts ${version}\n`);
    },
  })),
  {
    rows: ["E8"],
    shows: "a memory limit of 4 MiB and a pids limit of 1",
    needs: [NEEDS.cgroup],
    run: (artifact) =>
      withCgroup({ memoryBytes: 4 << 20, pids: 1 }, (directories) =>
        livesIn(artifact, { make: directories.map((directory) => `cgroup=${directory}`) }),
      ),
  },
  {
    rows: ["E11"],
    shows:
      "started cold, with its pages dropped from the page cache while it waits, it has mapped what its exit needs of the file",
    run: async (artifact) => {
      const file = join(rootOf(artifact), "pause");
      dropPages(file);
      const end = await parked(artifact, {}, (actor) => {
        dropPages(file);
        // Only code: the file contains no data, so no page of data is read from it later.
        const pages = filePages(artifact.path);
        expect(pages.length).toBeGreaterThan(0);
        expect(pages.filter((page) => !isPresent(actor.pid, page))).toEqual([]);
        return actor.end();
      });
      expect(end).toEqual(ENDED);
    },
  },
  {
    rows: ["E9"],
    shows: "stopped and continued, it goes on waiting, reaping and ending",
    run: (artifact) =>
      parked(artifact, {}, async (actor) => {
        const rounds = artifact.keeps.includes("E8") ? count(100_000, 2000) : 1000;
        expect(await drill("stops", actor.pid, rounds)).toBe("");
        expect(await drill("orphans", actor.pid, 20)).toBe("");
        await soon("20 orphans to be gone", () => (children(actor.pid).length === 0 ? true : undefined));
        expect(await actor.end("SIGINT")).toEqual({
          status: 0,
          stdout: "",
          stderr: "Shutting down, got signal: Interrupt\n",
        });
      }),
  },
  {
    rows: ["E9"],
    shows: "stopped and continued, not as PID 1 and with arguments",
    run: (artifact) =>
      parked(artifact, { first: false, args: ["x"] }, async (actor) => {
        expect(await drill("stops", actor.pid, count(1000, 200))).toBe("");
        expect((await actor.end()).status).toBe(0);
      }),
  },
  {
    rows: ["E9"],
    shows: `traced and detached ${TRACES} times`,
    run: (artifact) =>
      parked(artifact, {}, async (actor) => {
        expect(await drill("traces", actor.pid, TRACES)).toBe("");
        expect(await actor.end()).toEqual(ENDED);
      }),
  },
  {
    rows: ["E9"],
    shows: "a SIGTERM that comes while it is stopped ends it when it is continued",
    run: (artifact) =>
      parked(artifact, {}, async (actor) => {
        actor.send("SIGSTOP");
        await soon("it to stop", () => (status(actor.pid, "State").startsWith("T") ? true : undefined));
        actor.send("SIGTERM");
        expect(status(actor.pid, "State").startsWith("T")).toBe(true);
        const ending = actor.end();
        actor.send("SIGCONT");
        expect(await ending).toEqual(ENDED);
      }),
  },
  {
    rows: ["E10", "P5"],
    shows: `${2 * STARTS} starts, half of them without address-space randomisation`,
    run: async (artifact) => {
      expect(await drill("starts", STARTS, 0, artifact.path)).toBe("");
      expect(await drill("starts", STARTS, 1, artifact.path)).toBe("");
    },
  },
]);

/** Drops the pages of a file that no process has mapped from the page cache. @throws Error when the system refuses. */
function dropPages(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
    const error = libc.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (error !== 0) throw new Error(`posix_fadvise ${path}: errno ${error}`);
  } finally {
    closeSync(fd);
  }
}

/** The addresses of the pages that a program has from its file. */
const filePages = (path: string): number[] =>
  new ElfFile(path, readFileSync(path))
    .segmentsOf(PT_LOAD)
    .filter(({ filesz }) => filesz > 0)
    .flatMap(({ vaddr, filesz }) => {
      const first = pageDown(vaddr, PAGE_SIZE);
      return Array.from(
        { length: Math.ceil((vaddr + filesz - first) / PAGE_SIZE) },
        (_, index) => first + index * PAGE_SIZE,
      );
    });

/** proc(5), /proc/PID/pagemap: 8 bytes for each page; bit 63 says that it is present. */
function isPresent(pid: number, page: number): boolean {
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
  try {
    const entry = new BigUint64Array(1);
    readSync(pagemap, entry, 0, 8, (page / PAGE_SIZE) * 8);
    return ((entry[0] ?? 0n) & (1n << 63n)) !== 0n;
  } finally {
    closeSync(pagemap);
  }
}

/** A folder with every file that a Bun program looks for; reading any of them would show. */
function hostileDirectory(): string {
  const cwd = mkdtempSync(join(tmpdir(), "pause-cwd-"));
  writeFileSync(join(cwd, ".env"), "BUN_OPTIONS=--version\nBUN_BE_BUN=1\n");
  writeFileSync(join(cwd, "preload.ts"), `console.log("preloaded"); process.exit(9);\n`);
  writeFileSync(join(cwd, "bunfig.toml"), `preload = ["./preload.ts"]\n[run]\nbun = true\n`);
  writeFileSync(join(cwd, "package.json"), "{ not json\n");
  writeFileSync(join(cwd, "tsconfig.json"), "{ not json\n");
  return cwd;
}
