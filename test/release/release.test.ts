import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { Clone } from "../../harness/clone.ts";
import { documentedCommand } from "../../harness/documented.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { licenseTexts } from "../../src/ship/image/contents.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";

const PROJECT = join(import.meta.dir, "../..");
const MINUTES = 60_000;

const FOLDER = mkdtempSync(join(tmpdir(), "pause-release-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const clone = Clone.create(join(FOLDER, "clone"));
const commit = clone.git("rev-parse", "HEAD");
const RELEASE = join(clone.dist, "release");

const release = (of: Clone, args?: readonly string[]) => of.command("src/ship/release/cli.ts", args);
const words = (command: string) => command.split(" ");
const bytesOf = (name: string) => readFileSync(join(RELEASE, name));
const jsonOf = (name: string) => JSON.parse(bytesOf(name).toString());
const executables = ARCHITECTURES.map(({ debian }) => ({ debian, name: `pause-linux-${debian}` }));

/** Everything below a folder, by path: mode, and hash of a file. */
const contents = (folder: string) =>
  Object.fromEntries(
    [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })].toSorted().map((path) => {
      const status = statSync(join(folder, path));
      return [
        path,
        `${status.mode.toString(8)} ${status.isFile() ? sha256(readFileSync(join(folder, path))) : "folder"}`,
      ];
    }),
  );

describe("bun run release", () => {
  let made = { status: -1, said: "", complaint: "" };
  beforeAll(() => {
    // An earlier release, with a file that no longer exists.
    mkdirSync(RELEASE);
    writeFileSync(join(RELEASE, "earlier"), "");
    made = clone.run(words(documentedCommand("docs/release.md", "npx -y bun@1.4.5 run release")));
  }, 16 * MINUTES);

  test("exits with 0, writes what docs/release.md says into dist/release, lists it, and leaves nothing else in dist", () => {
    const documents = executables.flatMap(({ name }) => [name, `${name}.cdx.json`, `${name}.intoto.json`]);
    const files = [
      ...documents,
      "pause.oci.tar",
      "bun-static-0.1.0.tgz",
      "pause.8",
      "LICENSE",
      "NOTICE",
      ...readdirSync(join(PROJECT, "LICENSES")).map((name) => `LICENSES/${name}`),
      "SHA256SUMS",
    ].toSorted();
    expect(made).toMatchObject({ status: 0, complaint: "$ bun src/ship/release/cli.ts\n" });
    expect(Object.keys(contents(RELEASE)).filter((path) => path !== "." && path !== "LICENSES")).toEqual(files);
    const [, listed = ""] = made.said.split(`dist/release: pause of commit ${commit}\n`);
    expect(
      listed
        .trimEnd()
        .split("\n")
        .map((line) => line.trim())
        .toSorted(),
    ).toEqual(files);
    expect(readdirSync(clone.dist).toSorted()).toEqual(["debian", "release", "runtime"]);
  });

  test(
    "gives the same folder, byte for byte, in a clone of another path, with another umask and time zone",
    () => {
      const other = clone.clone(join(FOLDER, "another", "place"));
      expect(
        other.run(["sh", "-c", 'umask 077; exec "$@"', "sh", ...release(other)], { TZ: "Pacific/Kiritimati" }),
      ).toMatchObject({ status: 0, complaint: "" });
      expect(contents(join(other.dist, "release"))).toEqual(contents(RELEASE));
    },
    16 * MINUTES,
  );

  test("has the executables that bun run build makes, with their mode, and the repository's texts", () => {
    for (const { debian, name } of executables) {
      expect(sha256(bytesOf(name))).toBe(sha256(readFileSync(join(PROJECT, "dist", debian, "pause"))));
      expect(statSync(join(RELEASE, name)).mode & 0o777).toBe(0o755);
    }
    expect(bytesOf("pause.8")).toEqual(readFileSync(join(PROJECT, "man/pause.8")));
    for (const { name, text } of licenseTexts()) expect(bytesOf(name).toString()).toBe(text);
  });

  test("names every other file in SHA256SUMS, and sha256sum --check agrees", () => {
    const named = bytesOf("SHA256SUMS")
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => /^[0-9a-f]{64} {2}(.+)$/.exec(line)?.[1]);
    const files = readdirSync(RELEASE, { recursive: true, encoding: "utf8" }).filter((path) =>
      statSync(join(RELEASE, path)).isFile(),
    );
    expect(named).toEqual(files.filter((path) => path !== "SHA256SUMS").toSorted());
    const { exitCode, stdout } = Bun.spawnSync(words(documentedCommand("docs/release.md", "sha256sum ")), {
      cwd: RELEASE,
    });
    expect({ exitCode, lines: stdout.toString().trimEnd().split("\n") }).toEqual({
      exitCode: 0,
      lines: named.map((name) => `${name}: OK`),
    });
  });

  test(
    "makes files that bun run verify confirms in the same clone",
    () => {
      const { status, said } = clone.run(words(documentedCommand("docs/release.md", "npx -y bun@1.4.5 run verify ")));
      expect({ status, said }).toEqual({
        status: 0,
        said: expect.stringContaining(
          `dist/release/pause-linux-amd64: the same bytes as a build of commit ${commit} (amd64, `,
        ),
      });
    },
    5 * MINUTES,
  );

  test("makes bills of materials that are valid and about their files, and statements whose subjects are their files", async () => {
    for (const { debian, name } of executables) {
      const [bill, statement, hash] = [
        jsonOf(`${name}.cdx.json`),
        jsonOf(`${name}.intoto.json`),
        sha256(bytesOf(name)),
      ];
      expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(bill))).toBeNull();
      expect(bill.metadata).toMatchObject({
        timestamp: new Date(Number(clone.git("log", "-1", "--format=%ct")) * 1000).toISOString(),
        component: { hashes: [{ alg: "SHA-256", content: hash }] },
      });
      expect(statement.subject).toEqual([{ name, digest: { sha256: hash } }]);
      expect(statement.predicate.buildDefinition.externalParameters).toEqual({ commit, architecture: debian });
    }
  });

  test("makes an archive with an image for each platform, of this commit, with the executable alone in it", () => {
    const images = readImages("pause.oci.tar", bytesOf("pause.oci.tar"));
    expect(images.map(({ os, architecture }) => `${os}/${architecture}`)).toEqual(
      executables.map(({ debian }) => `linux/${debian}`),
    );
    for (const { architecture, config, layers } of images) {
      expect(config.labels["org.opencontainers.image.revision"]).toBe(commit);
      const files = layers
        .flatMap(({ tar }) => untar("layer", tar))
        .map(({ path, bytes }) => ({ path, is: sha256(bytes) }));
      expect(files).toEqual([{ path: "pause", is: sha256(bytesOf(`pause-linux-${architecture}`)) }]);
    }
  });

  describe("refuses in one line, and leaves dist as it was,", () => {
    /** The contents of dist. If there was a release, it is unchanged. */
    const kept = ({ dist }: Clone) => [
      readdirSync(dist),
      existsSync(join(dist, "release")) ? contents(join(dist, "release")) : "no release",
    ];
    const refused = (of: Clone, line: RegExp, args?: readonly string[], env?: Readonly<Record<string, string>>) => {
      const before = kept(of);
      const { status, complaint } = of.run(release(of, args), env);
      expect({ status, complaint }).toEqual({ status: 1, complaint: expect.stringMatching(line) });
      expect(kept(of)).toEqual(before);
    };

    test("a tree with a file that the commit does not have, or has with other contents", () => {
      const [added, changed] = [join(clone.folder, "added"), join(clone.folder, "NOTICE")];
      const notice = readFileSync(changed);
      try {
        writeFileSync(added, "");
        refused(
          clone,
          /^release: the tree differs from its commit: added; commit this, or stash it \(git stash --include-untracked\)\n$/,
        );
        writeFileSync(changed, "");
        refused(clone, /^release: the tree differs from its commit: NOTICE, added; commit this, [^\n]*\n$/);
      } finally {
        rmSync(added);
        writeFileSync(changed, notice);
      }
    });

    test("a tree without git, and a machine without it", () => {
      const line = /^release: this tree has no git or no commit, [^\n]*; run it in a clone, with git installed\n$/;
      refused(clone, line, [], { PATH: "/nonexistent" });
      refused(Clone.copy(join(FOLDER, "copy")), line);
    });

    test(
      "a library that is not the pinned one, of either architecture",
      () => {
        for (const { debian } of ARCHITECTURES) {
          const other = clone.clone(join(FOLDER, `pinned-${debian}`));
          const path = join(other.folder, "src/build/pin/pin.json");
          const pin = JSON.parse(readFileSync(path, "utf8"));
          pin.libraries[debian].sha256["libstdc++.so.6"] = "0".repeat(64);
          writeFileSync(path, JSON.stringify(pin));
          other.git("commit", "--quiet", "--all", "--message", "Another library");
          refused(
            other,
            /^release: not the release's: \S+\/libstdc\+\+\.so\.6 is not what src\/build\/pin\/pin\.json has [^\n]*; install these versions, or move to others with: bun run pin\n$/,
          );
        }
      },
      MINUTES,
    );

    test("unknown options and extra arguments", () => {
      refused(clone, /^release: Unknown option '--arhc'[^\n]*; see bun run release --help\n$/, ["--arhc"]);
      refused(clone, /^release: Unexpected argument 'amd64'[^\n]*; see bun run release --help\n$/, ["amd64"]);
    });
  });
});
