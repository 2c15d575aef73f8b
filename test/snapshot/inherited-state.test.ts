import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DYNAMIC, STATIC } from "../../harness/artifacts.ts";
import { compileC } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import { pinnedRuntime } from "../../src/build/pin/pin.ts";
import { libraryDirs } from "../../src/link/libraries.ts";
import { link } from "../../src/link/link.ts";
import { PAUSE_FLAGS } from "../../src/pause/entry.ts";

/**
 * State that execve(2) keeps, and that a build therefore inherits. None of it may reach the donor's memory. A prefix is
 * the beginning of a command that starts another one.
 */
const sh = (script: string) => ["sh", "-c", `${script}; exec "$@"`, "sh"];
const ALL = "INT,HUP,QUIT,TERM,USR1,USR2,PIPE,ALRM,CHLD,TSTP,TTIN,TTOU,URG,XCPU,XFSZ,VTALRM,PROF,WINCH,IO,SYS";

const STATES: Readonly<Record<string, readonly string[]>> = {
  "SIGQUIT ignored": sh("trap '' QUIT"),
  "SIGINT and SIGHUP ignored": sh("trap '' INT HUP"),
  "SIGINT and SIGQUIT ignored, as in the background of a script": ["env", "--ignore-signal=INT,QUIT"],
  "SIGCHLD ignored": ["env", "--ignore-signal=CHLD"],
  "all signals ignored": ["env", `--ignore-signal=${ALL}`],
  "some signals blocked": ["env", "--block-signal=INT,TERM,QUIT,HUP,USR1,CHLD"],
  "all signals blocked": ["env", "--block-signal"],
  "a small stack": ["prlimit", "--stack=1048576:"],
  "a stack without limit": ["prlimit", "--stack=unlimited:"],
  "a limit of the address space": ["prlimit", "--as=2000000000:"],
  "a limit of the data": ["prlimit", "--data=500000000:"],
  "few descriptors": ["prlimit", "--nofile=64"],
  "no core dump": ["prlimit", "--core=0"],
  "core dumps without limit": sh('ulimit -S -c "$(ulimit -H -c)"'),
  "a limit of CPU time": ["prlimit", "--cpu=2:"],
  "a limit of a file's size": ["prlimit", "--fsize=1000:"],
  "no locked memory": ["prlimit", "--memlock=0"],
  "no queued signals": ["prlimit", "--sigpending=0"],
  "no address-space randomisation": ["setarch", "--addr-no-randomize"],
  "the old order of mappings": ["setarch", "--addr-compat-layout"],
  "memory that can be read can be executed": ["setarch", "--read-implies-exec"],
  "page 0 mapped": ["setarch", "--mmap-page-zero"],
  "addresses of 32 bits": ["setarch", "--32bit"],
  "a kernel that calls itself 2.6": ["setarch", "--uname-2.6"],
  "whole seconds, short inodes, sticky timeouts": ["setarch", "-S", "-I", "-T"],
  "nice 19": ["nice", "-n", "19"],
  "scheduled when nothing else is": ["chrt", "--idle", "0"],
  "one processor": ["taskset", "1"],
  "idle input and output": ["ionice", "--class", "3"],
  "the umask 077": sh("umask 077"),
  "the umask 0": sh("umask 0"),
  "stdin closed": sh("exec <&-"),
  "stdin and stderr closed": sh("exec <&- 2>&-"),
  "other descriptors open": sh("exec 3</dev/null 4</dev/null 7</dev/null 9</dev/null"),
  "variables of Bun's, of the C library's and of others": [
    ...["env", "BUN_JSC_useJIT=0", "BUN_OPTIONS=--smol", "NODE_ENV=production", "MALLOC_PERTURB_=7", "LD_BIND_NOW=1"],
    ...["GLIBC_TUNABLES=glibc.malloc.check=3", "LANG=de_DE.UTF-8", "TZ=Asia/Tokyo", "A=b"],
  ],
  "no variable but PATH": ["env", "--ignore-environment", `PATH=${process.env.PATH}`],
  "a working directory that is gone": sh('folder=$(mktemp -d) && cd "$folder" && rmdir "$folder"'),
  "a session of its own": ["setsid", "--wait"],
  "no new privileges": ["setpriv", "--no-new-privs"],
  "the signal SIGTERM when its parent ends": ["setpriv", "--pdeathsig", "TERM"],
  "first choice of the kernel's when memory is short": sh("echo 1000 >/proc/self/oom_score_adj"),
  "a timer slack of 50 ms": sh("echo 50000000 >/proc/self/timerslack_ns"),
  "nothing in a core dump": sh("echo 0 >/proc/self/coredump_filter"),
};

/** The same, as root. */
const STATES_OF_ROOT: Readonly<Record<string, readonly string[]>> = {
  "real-time scheduling": ["chrt", "--fifo", "1"],
  "no capability to be had": ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
  securebits: ["setpriv", "--securebits=+noroot,+no_setuid_fixup"],
  "namespaces of its own, the PIDs' too": [
    ...["unshare", "--pid", "--fork", "--mount-proc", "--net", "--ipc", "--uts", "--cgroup"],
  ],
  "another uptime": ["unshare", "--time", "--boottime", "1000000", "--monotonic", "1000000"],
  "another user": ["unshare", "--user", "--map-root-user"],
};

/** prctl(2): option and two arguments. Kept according to the manual page, or observed to be kept. */
const ATTRIBUTES: Readonly<Record<string, readonly [option: number, second: number, third: number]>> = {
  "huge pages off (PR_SET_THP_DISABLE)": [41, 1, 0],
  "pages merged (PR_SET_MEMORY_MERGE)": [67, 1, 0],
  "memory errors told early (PR_MCE_KILL)": [33, 1, 1],
  "speculation off (PR_SET_SPECULATION_CTRL)": [53, 0, 4],
};

/** The donor's program as JSON. */
let program = "";
let ordinary: readonly string[] = [];

/** The donor's memory when `prefix` starts the build. */
function memoryAfter(prefix: readonly string[]): readonly string[] {
  const command = [...prefix, process.execPath, join(import.meta.dir, "start-donor.ts"), program];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${prefix.join(" ")}: ended with ${exitCode}: ${stderr}`);
  return stdout.toString().trim().split("\n");
}

beforeAll(() => {
  const { start } = link(DYNAMIC.path, readFileSync(DYNAMIC.path), libraryDirs, PAUSE_FLAGS);
  program = JSON.stringify({ path: STATIC.path, start, cpuQueries: pinnedRuntime(hostArchitecture()).cpuQueries });
  ordinary = memoryAfter([]);
}, 300_000);

describe("the donor's memory is the same with", () => {
  test("no unusual state", () => {
    expect(ordinary.length).toBeGreaterThan(100);
    expect(memoryAfter([])).toEqual(ordinary);
  }, 300_000);

  for (const [state, prefix] of Object.entries(STATES))
    test(state, () => expect(memoryAfter(prefix)).toEqual(ordinary), 300_000);

  for (const [state, prefix] of Object.entries(STATES_OF_ROOT))
    testNeeding(NEEDS.namespaces)(state, () => expect(memoryAfter(prefix)).toEqual(ordinary), 300_000);

  for (const [state, numbers] of Object.entries(ATTRIBUTES)) {
    test(state, () => {
      const prctl = compileC("prctl", join(import.meta.dir, "prctl.c"), ["-O2"]);
      const prefix = [prctl, ...numbers.map(String)];
      // 77: the kernel is older than the attribute, so nobody can have set it.
      if (Bun.spawnSync([...prefix, "true"]).exitCode === 77) return;
      expect(memoryAfter(prefix)).toEqual(ordinary);
    }, 300_000);
  }
});
