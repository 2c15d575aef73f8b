import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { version } from "../../package.json";
import { assemble } from "../../src/ship/image/assemble.ts";
import { findBuilt } from "../../src/ship/image/built.ts";
import { contentsAt, licenseTexts } from "../../src/ship/image/contents.ts";
import { HOST } from "../../src/ship/image/platforms.ts";
import { tar } from "../../src/ship/image/tar.ts";
import { sha256 } from "../../src/support/hash.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const ARCHIVE = join(REPOSITORY, "dist/pause.oci.tar");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const MACHINES = { amd64: 62, arm64: 183 };

// The machine may be busy.
setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), "pause-image-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The first bytes of an ELF file for this architecture, and a text that makes it unique. */
function program(architecture: keyof typeof MACHINES, text = "what runs"): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.write("\x7fELF", "latin1");
  bytes.writeUInt16LE(MACHINES[architecture], 18);
  bytes.write(text, 64);
  return bytes;
}

const CONTENTS = {
  name: "localhost/pause:x",
  file: "pause",
  user: "65535:65535",
  labels: { a: "b" },
  timestamp: 1_700_000_000,
};
const BOTH = [
  { architecture: "amd64", bytes: program("amd64") },
  { architecture: "arm64", bytes: program("arm64") },
] as const;

describe("the archive", () => {
  test("is an image layout of one index, with each platform's manifest, configuration and layer, and each blob matches its digest", async () => {
    const files = await new Bun.Archive(assemble(CONTENTS, BOTH, "amd64").archive).files();
    for (const [name, file] of files) {
      if (name.startsWith("blobs/")) expect(name).toBe(`blobs/sha256/${sha256(await file.bytes())}`);
    }
    const blob = async (digest: string) => files.get(`blobs/${digest.replace(":", "/")}`)?.json();
    expect(await files.get("oci-layout")?.json()).toEqual({ imageLayoutVersion: "1.0.0" });
    const { manifests } = (await files.get("index.json")?.json()) ?? {};
    expect(manifests.length).toBe(1);
    expect(manifests[0].annotations["org.opencontainers.image.ref.name"]).toBe(CONTENTS.name);
    const index = await blob(manifests[0].digest);
    expect(index.manifests.map((manifest: { platform: unknown }) => manifest.platform)).toEqual(
      BOTH.map(({ architecture }) => ({ architecture, os: "linux" })),
    );
    for (const [at, { architecture, bytes }] of BOTH.entries()) {
      const manifest = await blob(index.manifests[at].digest);
      const config = await blob(manifest.config.digest);
      expect(config).toMatchObject({
        architecture,
        os: "linux",
        created: "2023-11-14T22:13:20.000Z",
        config: { User: "65535:65535", Entrypoint: ["/pause"], Labels: { a: "b" } },
      });
      const layer = Bun.gunzipSync(
        (await files.get(`blobs/${manifest.layers[0].digest.replace(":", "/")}`)?.bytes()) ?? new Uint8Array(),
      );
      expect(config.rootfs.diff_ids).toEqual([`sha256:${sha256(layer)}`]);
      const inside = await new Bun.Archive(layer).files();
      expect([...inside.keys()]).toEqual(["pause"]);
      expect(sha256((await inside.get("pause")?.bytes()) ?? new Uint8Array())).toBe(sha256(bytes));
      expect(await listed(layer)).toEqual(["-rwxr-xr-x 0/0 128 2023-11-14 22:13:20 pause"]);
    }
  });

  test("has a manifest.json for docker's classic image store, of the one platform that was chosen", async () => {
    for (const { architecture } of BOTH) {
      const files = await new Bun.Archive(assemble(CONTENTS, BOTH, architecture).archive).files();
      const docker = await files.get("manifest.json")?.json();
      expect(docker).toMatchObject([{ RepoTags: [CONTENTS.name] }]);
      expect(docker.length).toBe(1);
      expect(await files.get(docker[0].Config)?.json()).toMatchObject({ architecture });
      expect(docker[0].Layers.every((path: string) => files.has(path))).toBeTrue();
    }
  });

  test("has its name in both annotations that tools read, and is compressed as tightly as gzip can", async () => {
    const { archive } = assemble(CONTENTS, BOTH, "amd64", {
      licenses: [{ name: "LICENSE", text: "as is ".repeat(9) }],
    });
    const files = await new Bun.Archive(archive).files();
    const list = await files.get("index.json")?.json();
    expect(list.manifests[0].annotations).toEqual({
      "io.containerd.image.name": CONTENTS.name,
      "org.opencontainers.image.ref.name": CONTENTS.name,
    });
    // Any change of these bytes changes the digest of every image, so it must be intended.
    expect(sha256(archive)).toBe("fb4f5865a4d0bcb594de4205761960325d875cf6881bace02a6417f3ab3803d9");
  });

  test("has the same bytes each time, and other bytes if a byte, a label or the date differs", () => {
    const made = (contents = CONTENTS, text?: string) =>
      sha256(assemble(contents, [{ architecture: "amd64", bytes: program("amd64", text) }], "amd64").archive);
    const others = [
      made(CONTENTS, "another"),
      made({ ...CONTENTS, labels: { a: "c" } }),
      made({ ...CONTENTS, timestamp: 1 }),
    ];
    expect(made()).toBe(made());
    expect(new Set([made(), ...others]).size).toBe(4);
  });
});

describe("a tar archive", () => {
  test("has the bytes that GNU tar makes of the same files", () => {
    const files = [
      { name: "pause", bytes: program("amd64"), mode: 0o755 },
      { name: "a/b/empty", bytes: Buffer.alloc(0), mode: 0o644 },
      { name: "x".repeat(100), bytes: Buffer.alloc(12_000, "y"), mode: 0o600 },
    ];
    const root = mkdtempSync(join(folder, "tar-"));
    for (const { name, bytes, mode } of files) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), bytes);
      chmodSync(join(root, name), mode);
    }
    const how = ["--format=ustar", "--mtime=@1700000000", "--owner=0", "--group=0", "--numeric-owner"];
    const names = files.map(({ name }) => name);
    const { stdout } = Bun.spawnSync(["tar", "--create", ...how, "--directory", root, ...names]);
    expect(sha256(tar(files, 1_700_000_000))).toBe(sha256(stdout));
  });

  test("throws for a name or a number that a header has no room for", () => {
    const [bytes, mode] = [Buffer.alloc(0), 0o644];
    expect(() => tar([{ name: "x".repeat(101), bytes, mode }], 0)).toThrow("no room in a tar header");
    expect(() => tar([{ name: "x", bytes, mode }], 8 ** 11)).toThrow("no room in a tar header");
  });
});

describe("the content of the image", () => {
  test("is this machine's file alone, or both files of one commit; without one, it says what to do", () => {
    expect(() => findBuilt(dist({}))).toThrow(/^no \S+\/pause; build it first: bun run build$/);
    const one = HOST === "arm64" ? "arm64" : "amd64";
    expect(findBuilt(dist({ ".": { bytes: program(one) } })).map(({ architecture }) => architecture)).toEqual([one]);
    const dated = findBuilt(dist({ ".": { bytes: program(one), committed: 5 } }))[0];
    expect(contentsAt(dated.commit, dated.committed).timestamp).toBe(5);
    const both = { amd64: { bytes: program("amd64") }, arm64: { bytes: program("arm64") } };
    expect(findBuilt(dist(both)).map(({ path }) => path.split("/").at(-2))).toEqual(["amd64", "arm64"]);
  });

  test("is refused in one line if it is of another machine, version or commit, or does not match its provenance", () => {
    const amd64 = { bytes: program("amd64") };
    const refused = (files: Parameters<typeof dist>[0]) => expect(() => findBuilt(dist(files)));
    refused({ amd64: { bytes: program("arm64") } }).toThrow(
      /amd64\/pause is an ELF file for arm64, but must be one for amd64; /,
    );
    refused({ amd64: { bytes: Buffer.from("#!/bin/sh") } }).toThrow(
      /amd64\/pause is not an ELF file, but must be one for amd64; /,
    );
    refused({ amd64: { ...amd64, version: "0.0.1" } }).toThrow(`is version 0.0.1, but this checkout is ${version}; `);
    refused({ amd64: { ...amd64, hash: "0" } }).toThrow(
      /amd64\/pause is not the file that \S+provenance.json describes; /,
    );
    refused({ amd64, arm64: { bytes: program("arm64"), commit: "other" } }).toThrow(
      `amd64/pause is of commit ${COMMIT}, `,
    );
    const without = dist({ amd64 });
    rmSync(join(without, "amd64/provenance.json"));
    expect(() => findBuilt(without)).toThrow(
      /provenance.json cannot be read: ENOENT.*; build it again: bun run build$/,
    );
  });
});

describe("bun run image", () => {
  test("names the index and each platform, with digest and sizes, and writes the same bytes twice", async () => {
    const [first, bytes] = [await image(), sha256(readFileSync(ARCHIVE))];
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout).toMatch(
      /^dist\/pause\.oci\.tar: localhost\/pause:\S+\n {2}index {8}sha256:[0-9a-f]{64}\n( {2}linux\/(amd64|arm64) {2}sha256:[0-9a-f]{64} {2}\/pause [\d,]+ bytes, its layer [\d,]+ bytes compressed.*\n)+$/,
    );
    expect([await image(), sha256(readFileSync(ARCHIVE))]).toEqual([first, bytes]);
    expect(readdirSync(dirname(ARCHIVE)).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("writes the texts of the licences into the archive, as an attachment and not as an image", async () => {
    await image();
    const files = await new Bun.Archive(readFileSync(ARCHIVE)).files();
    const json = async (digest: string) => files.get(`blobs/${digest.replace(":", "/")}`)?.json();
    const list = await files.get("index.json")?.json();
    const { manifests } = await json(list.manifests[0].digest);
    const attached = manifests.filter(({ platform }: { platform: { os: string } }) => platform.os === "unknown");
    expect(attached.length).toBe(1);
    const { layers } = await json(attached[0].digest);
    const packed = await files.get(`blobs/${layers[0].digest.replace(":", "/")}`)?.bytes();
    const layer = Bun.gunzipSync(packed ?? new Uint8Array());
    const texts = [...(await new Bun.Archive(layer).files())];
    expect(await Promise.all(texts.map(async ([name, file]) => ({ name, text: await file.text() })))).toEqual([
      ...licenseTexts(),
    ]);
  });

  test("names in one line an unknown option, an unknown architecture, and one that was not built", async () => {
    const refused = async (...args: string[]) => (await image(args)).stderr;
    expect(await refused("--docker-arhc", "x")).toMatch(
      /^image: Unknown option '--docker-arhc'[^\n]*see bun run image --help\n$/,
    );
    expect(await refused("--docker-arch", "sparc")).toBe(
      'image: unknown architecture "sparc"; name one of amd64, arm64; see bun run image --help\n',
    );
    const other = HOST === "arm64" ? "amd64" : "arm64";
    if (!existsSync(join(REPOSITORY, "dist", other, "pause"))) {
      expect(await refused("--docker-arch", other)).toBe(
        `image: no dist/${other}/pause for --docker-arch ${other}; build it first: bun run build --arch ${other}\n`,
      );
    }
  });

  test("writes the same archive whatever the caller's TAR_OPTIONS are, and with no program but git", async () => {
    await image();
    const programs = mkdtempSync(join(folder, "programs-"));
    symlinkSync(Bun.which("git") ?? "", join(programs, "git"));
    const before = sha256(readFileSync(ARCHIVE));
    for (const env of [{ TAR_OPTIONS: "--mode=4777" }, { PATH: programs }]) {
      expect(await image([], env)).toMatchObject({ status: 0, stderr: "" });
      expect(sha256(readFileSync(ARCHIVE))).toBe(before);
    }
  });
});

describe("bun run image on a full disk", () => {
  /**
   * Gives the command a small file system for dist and temporary files. Returns its output and the files there
   * afterwards.
   */
  const onFull = (prepare: string) => {
    const script = `mkdir "$0/small" && mount -t tmpfs -o size=4m none "$0/small" && mkdir "$0/small/tmp" && for name in amd64 arm64; do
        mkdir "$0/small/$name" && cp dist/$name/pause dist/$name/provenance.json "$0/small/$name"; done
      mount --bind "$0/small" dist && echo old >dist/pause.oci.tar && ${prepare}
      cat /dev/zero >dist/rest 2>/dev/null; "$@"; echo $?; cat dist/pause.oci.tar; ls -A dist dist/tmp`;
    const { stdout, stderr } = Bun.spawnSync(
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        mkdtempSync(join(folder, "full-")),
        process.execPath,
        join(REPOSITORY, "src/ship/image/cli.ts"),
      ],
      { cwd: REPOSITORY, stdin: "ignore" },
    );
    return { stdout: stdout.toString(), stderr: stderr.toString() };
  };
  const left = "1\nold\ndist:\namd64\narm64\npause.oci.tar\nrest\ntmp\n\ndist/tmp:\n";

  testNeeding(NEEDS.namespaces, NEEDS.otherArchitecture)(
    "keeps the old archive, and says in one line what to do",
    () => {
      expect(onFull("")).toEqual({
        stdout: left,
        stderr: expect.stringMatching(
          /^image: cannot write dist\/pause\.oci\.tar: ENOSPC[^\n]*; make room for dist, or make it writable\n$/,
        ),
      });
    },
  );
});

type File = {
  readonly bytes: Buffer;
  readonly commit?: string;
  readonly version?: string;
  readonly hash?: string;
  readonly committed?: number;
};

/** A dist folder with these files, and the record that the build would have written about them. */
function dist(files: Readonly<Record<string, File>>): string {
  const made = mkdtempSync(join(folder, "dist-"));
  for (const [name, { bytes, hash = sha256(bytes), ...said }] of Object.entries(files)) {
    mkdirSync(join(made, name), { recursive: true });
    writeFileSync(join(made, name, "pause"), bytes);
    writeFileSync(
      join(made, name, "provenance.json"),
      JSON.stringify({ version, commit: COMMIT, ...said, artifacts: [{ path: "pause", sha256: hash }] }),
    );
  }
  return made;
}

/** The lines of GNU tar's listing, with times in UTC. */
async function listed(archive: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const listing = await new Response(
    Bun.spawn(["tar", "--list", "--verbose", "--full-time"], {
      stdin: new Blob([archive]),
      stdout: "pipe",
      env: { ...process.env, TZ: "UTC" },
    }).stdout,
  ).text();
  return listing
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +/g, " "));
}

async function image(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([process.execPath, join(REPOSITORY, "src/ship/image/cli.ts"), ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, stdout, stderr };
}
