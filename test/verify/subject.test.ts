import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program, testNeeding } from "../../harness/privilege.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { assemble } from "../../src/ship/image/assemble.ts";
import { HOST } from "../../src/ship/image/platforms.ts";
import { type TarEntry, tar } from "../../src/ship/image/tar.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { OtherFileError, VerifyError } from "../../src/ship/verify/error.ts";
import { readSubjects } from "../../src/ship/verify/subject.ts";
import { sha256 } from "../../src/support/hash.ts";
import { MOST_FILE_BYTES } from "../../src/support/read-regular.ts";
import { REPOSITORY } from "../docs/pages.ts";
import { extended, type Forgery, forged, tarOf } from "../image/forge.ts";
import { Docker, stores } from "../runtimes/docker.ts";
import { Podman } from "../runtimes/podman.ts";
import { run, testWith } from "../runtimes/tools.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pause-verify-given-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const CONTENTS = {
  name: "localhost/pause:x",
  file: "pause",
  user: "65535:65535",
  labels: { "org.opencontainers.image.revision": COMMIT },
  timestamp: 0,
};
const programs = ARCHITECTURES.map(({ debian }) => ({
  architecture: debian,
  bytes: readFileSync(join(REPOSITORY, "dist", debian, "pause")),
}));

function file(bytes: Uint8Array): string {
  const path = join(FOLDER, sha256(bytes).slice(0, 8));
  writeFileSync(path, bytes);
  return path;
}

/** The archive of one image of this architecture, with a layer of these files. */
const imageOf = (files: readonly TarEntry[], architecture = "amd64", os = "linux") =>
  imageWith([tar(files, 0)], architecture, os);

function imageWith([layer, ...more]: readonly Uint8Array[], architecture = "amd64", os = "linux", run: object = {}) {
  const platform = { os, architecture };
  const edited: Forgery = {
    ...(layer !== undefined && { layer }),
    config: (config) => ({ ...config, ...platform, config: { ...config.config, ...run } }),
    index: (index) => ({ ...index, manifests: [{ ...index.manifests[0], platform }] }),
    manifest: (manifest) => ({ ...manifest, layers: [...manifest.layers, ...more.map(() => manifest.layers[0])] }),
  };
  return file(forged(edited));
}

/** GNU tar's archive of a folder with /pause and a link to it. */
function packed(...args: readonly string[]): Uint8Array {
  const root = mkdtempSync(join(FOLDER, "root-"));
  chmodSync(root, 0o755);
  writeFileSync(join(root, "pause"), pause().bytes);
  chmodSync(join(root, "pause"), 0o755);
  symlinkSync("pause", join(root, "link"));
  return Bun.spawnSync(["tar", "--create", "--directory", root, ...args]).stdout;
}

const pause = (mode = 0o755, name = "pause"): TarEntry => ({
  name,
  bytes: programs[0]?.bytes ?? new Uint8Array(),
  mode,
});

describe("the subject", () => {
  test.each(programs)(
    "of an executable is itself, for the architecture of its e_machine: $architecture",
    ({ architecture, bytes }) => {
      const [given, ...others] = readSubjects(file(bytes));
      expect(others).toEqual([]);
      expect({
        architecture: given?.architecture.debian,
        hash: sha256(given?.bytes ?? new Uint8Array()),
        label: given?.label,
      }).toEqual({ architecture, hash: sha256(bytes), label: undefined });
    },
  );

  test("of an archive is /pause of each platform, with the commit that its label names", () => {
    const path = file(assemble(CONTENTS, programs, "amd64").archive);
    expect(
      readSubjects(path).map(({ name, architecture, bytes, label }) => ({
        name,
        architecture: architecture.debian,
        hash: sha256(bytes),
        label,
      })),
    ).toEqual(
      programs.map(({ architecture, bytes }) => ({
        name: `${path} (linux/${architecture})`,
        architecture,
        hash: sha256(bytes),
        label: COMMIT,
      })),
    );
  });

  test("of an archive is /pause in a layer that has the root as a folder, too", () => {
    const layer = packed("--exclude=link", ".");
    expect(untar("layer", layer).map(({ path }) => path)).toEqual(["", "pause"]);
    expect(readSubjects(imageWith([layer])).length).toBe(1);
  });
});

describe("an archive that other tools write from the image's archive is read as the same", () => {
  /** The archive that they start from, and what to find in their output. */
  const archive = file(assemble(CONTENTS, programs, "amd64").archive);
  const found = (path: string) =>
    readSubjects(path).map(({ architecture, bytes, label }) => ({
      architecture: architecture.debian,
      hash: sha256(bytes),
      label,
    }));
  const own = found(archive).filter(({ architecture }) => architecture === HOST);

  testWith("podman")("podman load, and podman save --format oci-archive", async () => {
    await using podman = await Podman.create();
    const saved = podman.workspace.path("saved.tar");
    await podman.load(archive);
    await podman.run("save", "--quiet", "--format", "oci-archive", "--output", saved, CONTENTS.name);
    expect(found(saved)).toEqual(own);
  });

  testWith("podman", "buildah")("buildah push, of what podman loaded", async () => {
    await using podman = await Podman.create();
    const pushed = podman.workspace.path("pushed.tar");
    await podman.load(archive);
    await run(["buildah", "push", "--quiet", CONTENTS.name, `oci-archive:${pushed}`], podman.workspace.env);
    expect(found(pushed)).toEqual(own);
  });

  for (const store of stores())
    testWith("dockerd", "docker")(`docker load, and docker save, of the ${store} store`, async () => {
      await using docker = await Docker.create(store);
      const saved = docker.workspace.path("saved.tar");
      await docker.run("load", "--input", archive);
      await docker.run("save", "--output", saved, CONTENTS.name);
      expect(found(saved).find(({ architecture }) => architecture === HOST)).toEqual(own[0]);
    });

  testNeeding(program("skopeo"))(
    "skopeo copy, to Docker's media types and back, and with a layer in zstd",
    async () => {
      const copy = async (to: string, ...words: readonly string[]) => {
        await run(["skopeo", "--insecure-policy", "copy", "--quiet", ...words, to]);
        return to.replace(/^[^:]*:/, "");
      };
      const docker = await copy(`dir:${join(FOLDER, "v2s2")}`, "--all", "--format", "v2s2", `oci-archive:${archive}`);
      const back = await copy(`oci-archive:${join(FOLDER, "back.tar")}`, "--all", `dir:${docker}`);
      expect(found(back)).toEqual(found(archive));
      const zstd = ["--dest-compress-format", "zstd", `oci-archive:${archive}`];
      expect(found(await copy(`oci-archive:${join(FOLDER, "zstd.tar")}`, ...zstd))).toEqual(own);
    },
  );

  for (const [what, all, expected] of [
    ["one platform", [], own],
    ["all", ["--all"], found(archive)],
  ] as const) {
    testNeeding(program("skopeo"))(`skopeo copy, of ${what}`, async () => {
      const copy = join(FOLDER, `copied-${all.length}.tar`);
      await run([
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        ...all,
        `oci-archive:${archive}`,
        `oci-archive:${copy}`,
      ]);
      expect(found(copy)).toEqual(expected);
    });
  }
});

describe("a file that no build makes is refused in one line", () => {
  const refused = (path: string, line: RegExp, kind: typeof OtherFileError | typeof VerifyError = OtherFileError) => {
    const caught = (() => {
      try {
        return readSubjects(path);
      } catch (error) {
        return error;
      }
    })();
    expect(caught).toBeInstanceOf(kind);
    expect(caught instanceof Error ? caught.message : "").toMatch(line);
    expect(caught instanceof Error ? caught.message : "\n").not.toContain("\n");
  };
  const changed = (at: number, value: number) => file(Buffer.from(pause().bytes).fill(value, at, at + 1));

  test("a file that is neither an executable nor an archive, or is empty", () => {
    refused(
      file(Buffer.from("#!/bin/sh\n")),
      /: neither an ELF file nor an image's archive \(it begins with 23 21 2f 62\); /,
    );
    refused(file(Buffer.of()), /\(it begins with nothing\)/);
  });

  test("an ELF file of another machine, of 32 bits, or of a few bytes", () => {
    refused(changed(18, 0xf3), /: an ELF file for a machine that pause is not built for \(e_machine 243\)$/);
    for (const at of [4, 5]) refused(changed(at, 3), /but not a 64-bit little-endian one, so not a pause executable/);
    refused(file(pause().bytes.subarray(0, 20)), /an ELF file that is cut short within its header/);
  });

  test("a damaged archive, with what is wrong", () => {
    const { archive } = assemble(CONTENTS, programs, "amd64");
    refused(file(archive.subarray(0, archive.length / 2)), /: the tar archive is cut short/);
    const members = untar("archive", archive);
    const [largest] = members.toSorted((one, other) => other.bytes.length - one.bytes.length);
    const tampered = tar(
      members.map(({ path, bytes }) => ({
        name: path,
        bytes: path === largest?.path ? Buffer.from(bytes).fill(1, 1000, 1001) : bytes,
        mode: 0o644,
      })),
      0,
    );
    refused(
      imageWith([packed("pause").subarray(0, 1000)]),
      / \(linux\/amd64\), a layer: the tar archive is cut short, /,
    );
    refused(file(tampered), /: blob sha256:[0-9a-f]{64} has another digest/);
  });

  test("an image with anything beside /pause", () => {
    refused(
      imageOf([pause(), { name: "etc/passwd", bytes: Buffer.from("root"), mode: 0o644 }]),
      / \(linux\/amd64\): the image holds \/etc\/passwd beside \/pause, and a build's holds that alone$/,
    );
    const many = Array.from({ length: 7 }, (_, index) => pause(0o755, `file-${index}`));
    refused(imageWith([tar([pause()], 0), tar([], 0)]), /an image of 2 layers .*, but a build's image has one/);
    refused(imageOf([pause(), ...many]), /holds \/file-0, \/file-1, \/file-2, \/file-3, \/file-4 and 2 more beside/);
  });

  test("an image without /pause, or with one that has a privilege", () => {
    refused(imageOf([pause(0o755, "paws")]), /the image holds no regular file \/pause, but \/paws/);
    refused(
      imageWith([packed("--transform=s/link/pause/", "link")]),
      /a layer: the tar archive has "pause" of type "2", neither a regular file nor a folder, at byte 0/,
    );
    refused(
      imageWith([packed("--format=posix", "--pax-option=SCHILY.xattr.security.capability:=x", "pause")]),
      /a layer: the tar archive has an extended header with "SCHILY\.xattr\.security\.capability=x", /,
    );
    for (const mode of [0o1755, 0o2755, 0o4755, 0o777, 0o700, 0o644])
      refused(
        imageOf([pause(mode)]),
        new RegExp(
          `the image gives /pause mode ${mode.toString(8)} and owner 0:0, and a build's gives it 755 and 0:0$`,
        ),
      );
    const content = pause().bytes;
    const owned = { name: "pause", content, bytes: { 108: "0000001\0" } };
    refused(imageWith([tarOf(owned)]), /the image gives \/pause mode 755 and owner 1:0, /);
    const said = tarOf(extended("gid=65535"), { name: "pause", content });
    refused(imageWith([said]), /the image gives \/pause mode 755 and owner 0:65535, /);
    const root = tarOf({ name: "./", type: "5", mode: "0000777\0" }, { name: "pause", content });
    refused(imageWith([root]), /the image gives \/ mode 777 and owner 0:0, /);
  });

  test("an image that runs something else, or as another user", () => {
    const run = (config: object) => imageWith([tar([pause()], 0)], "amd64", "linux", config);
    expect(readSubjects(run({ Env: ["PATH=/bin"], Cmd: [], WorkingDir: "/" })).length).toBe(1);
    for (const [config, found] of [
      [{ Entrypoint: ["/other"] }, 'Entrypoint ["/other"]'],
      [{ Entrypoint: null }, "Entrypoint []"],
      [{ Entrypoint: ["/pause", "-v"] }, 'Entrypoint ["/pause","-v"]'],
      [{ Entrypoint: ["pause"] }, 'Entrypoint ["pause"]'],
      [{ User: "0" }, 'User "0"'],
      [{ User: undefined }, 'User ""'],
      [{ Env: ["LD_PRELOAD=x"] }, 'Env "LD_PRELOAD=x"'],
      [{ Cmd: ["-v"] }, "Cmd"],
      [{ WorkingDir: "/nowhere" }, "WorkingDir"],
      [{ Volumes: { "/pause": {} }, StopSignal: "SIGKILL" }, "Volumes, StopSignal"],
    ] as const) {
      const line = ` (linux/amd64): the image's configuration has ${found}`;
      refused(run(config), new RegExp(`${RegExp.escape(line)}; a build's runs /pause alone, as 65535:65535$`));
    }
  });

  test("an image whose root has contents, which another reader takes for a member", () => {
    const hidden = tarOf({ name: "pause", content: "other" }).subarray(0, 1024);
    const layer = tarOf({ name: "./", type: "5", content: hidden }, { name: "pause", content: pause().bytes });
    refused(imageWith([layer]), /a layer: the tar archive has a folder "\.\/" with a size at byte 0/);
  });

  test("an image for another platform than its /pause, or for an unknown platform", () => {
    refused(imageOf([pause()], "arm64"), / \(linux\/arm64\): its \/pause is for amd64; /);
    refused(
      imageOf([pause()], "amd64", "windows"),
      / \(windows\/amd64\): an image for a platform that pause is not built for; /,
    );
    refused(
      imageOf([pause()], "s390x"),
      / \(linux\/s390x\): an image for a platform that pause is not built for; there are linux\/amd64 and linux\/arm64$/,
    );
    refused(
      imageOf([{ ...pause(), bytes: Buffer.from("#!") }]),
      /: not an ELF file \(it begins with 23 21\), so not a pause executable$/,
    );
  });

  test("an archive without an image", () => {
    refused(file(forged({ list: (list) => ({ ...list, manifests: [] }) })), /an archive without an image in it/);
  });

  test("but a file that cannot be read is another error", () => {
    refused(join(FOLDER, "nothing"), /: cannot be read \(ENOENT.*\); give a file$/, VerifyError);
    refused(FOLDER, /: cannot be read \(it is not a regular file\); give a file$/, VerifyError);
    refused("/dev/zero", /: cannot be read \(it is not a regular file\); give a file$/, VerifyError);
    const large = join(FOLDER, "large");
    writeFileSync(large, "");
    truncateSync(large, MOST_FILE_BYTES + 1);
    refused(large, /\(it has 268435457 bytes, more than MOST_FILE_BYTES \(268435456\)\); give a file$/, VerifyError);
  });
});
