import { NEEDS, type Need, program } from "../harness/privilege.ts";

/** The commands that run tests, quickest first. Each also runs what the earlier ones run. */
export type TestCommand = "test:quick" | "test" | "test:all";

/** Tests with the same needs, run by the same commands. */
export type Group = {
  readonly name: string;
  /** The first command that runs them. */
  readonly command: TestCommand;
  /** Their files, as globs. A file belongs to the first group that matches it. */
  readonly files: readonly string[];
  /** What each file needs to load or run at all. A test that needs more says so itself (harness/privilege.ts). */
  readonly needs: readonly Need[];
  /** What single tests of it need besides. */
  readonly uses?: readonly Need[];
};

const GCC = program("gcc");

const TOOLS = [
  ...[
    "aarch64-linux-gnu-gcc",
    "bsdtar",
    "bwrap",
    "buildah",
    "busybox",
    "catatonit",
    "codespell",
    "conmon",
    "crun",
    "ctr",
    "dockerd",
    "g++",
  ],
  ...[
    "lxc-start",
    "man",
    "mmdebstrap",
    "newuidmap",
    "oci-image-tool",
    "podman",
    "qemu-aarch64-static",
    "qemu-system-aarch64",
  ],
  ...["qemu-system-x86_64", "runc", "runsc", "shellcheck", "skopeo", "systemd-nspawn", "umoci"],
];

export const GROUPS: readonly Group[] = [
  {
    name: "pages",
    command: "test:quick",
    files: ["test/docs/{figures,groups,imports,links,sentences,workflow}.test.ts"],
    needs: [],
  },
  {
    name: "units",
    command: "test:quick",
    files: [
      "test/{fuzz,harness,house,support,upgrade}/**/*.test.ts",
      "test/addons/{options,rewrite}.test.ts",
      "test/bench/bench.test.ts",
      "test/image/read.test.ts",
      "test/machine/{boot,newc}.test.ts",
      "test/snapshot/{scenarios,write}.test.ts",
    ],
    needs: [],
  },
  {
    name: "contract of `dist/pause`, without a compiler",
    command: "test:quick",
    files: ["test/contract/quick.test.ts"],
    needs: [],
  },
  { name: "what `start` shows", command: "test", files: ["test/demo/*.test.ts"], needs: [] },
  {
    name: "contract of every artifact",
    command: "test",
    files: ["test/contract/{conditions,promises,upstream}.test.ts"],
    needs: [NEEDS.namespaces, NEEDS.accounts, GCC, program("strace")],
  },
  {
    name: "ELF, and machine code",
    command: "test",
    files: ["test/elf/*.test.ts"],
    needs: [GCC, program("readelf"), program("aarch64-linux-gnu-objdump")],
  },
  {
    name: "linker",
    command: "test",
    files: [
      "test/link/{cli,embedded,inputs,link,output,program,refusals,strict,users}.test.ts",
      "test/addons/{loaders,same}.test.ts",
    ],
    needs: [GCC, program("file"), program("ip")],
  },
  {
    name: "snapshot",
    command: "test",
    files: ["test/snapshot/targets.test.ts"],
    needs: [NEEDS.namespaces, NEEDS.accounts, NEEDS.cgroup, GCC],
  },
  { name: "image", command: "test", files: ["test/image/*.test.ts"], needs: [] },
  {
    name: "reading a file that was given",
    command: "test",
    files: ["test/verify/{claims,limits,report}.test.ts"],
    needs: [GCC],
  },
  { name: "build", command: "test", files: ["test/build/*.test.ts"], needs: [NEEDS.namespaces] },
  { name: "manual page", command: "test", files: ["test/docs/man.test.ts"], needs: [program("mandoc")] },
  {
    name: "runtimes, the other architecture, machines, packages, release",
    command: "test:all",
    files: ["test/**/*.test.ts"],
    needs: [],
    uses: [NEEDS.namespaces, NEEDS.cgroup, NEEDS.reaper, NEEDS.otherArchitecture, ...TOOLS.map(program)],
  },
];
