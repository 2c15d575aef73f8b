import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { fetchKernel } from "../../src/build/debian/kernel.ts";
import { fetchPackage } from "../../src/build/debian/packages.ts";

const CACHE = join(TEST_DIST, "debian");
const SECONDS = 1000;
/** A small package without dependencies that every suite has. */
const NAME = "busybox-static";
const ARM64 = { architecture: "arm64" };

describe("packages of another architecture or suite", () => {
  beforeAll(() => {
    rmSync(CACHE, { recursive: true, force: true });
    mkdirSync(CACHE, { recursive: true });
  });
  afterAll(() => rmSync(CACHE, { recursive: true }));

  test(
    "are unpacked once, found again, and not installed",
    async () => {
      const installed = statSync("/var/lib/dpkg/status").mtimeMs;
      const folder = await fetchPackage(RUN, NAME, ARM64, CACHE);
      const [busybox = ""] = new Bun.Glob("**/bin/busybox").scanSync(folder);
      const header = Buffer.from(await Bun.file(join(folder, busybox)).slice(0, 20).arrayBuffer());
      expect(header.readUInt16LE(18)).toBe(183); // e_machine, EM_AARCH64
      writeFileSync(join(folder, "mark"), "");
      expect(await fetchPackage(RUN, NAME, ARM64, CACHE)).toBe(folder);
      expect(existsSync(join(folder, "mark"))).toBe(true);
      expect(statSync("/var/lib/dpkg/status").mtimeMs).toBe(installed);
      expect(readdirSync(join(folder, "..")).length).toBe(1);
    },
    120 * SECONDS,
  );

  test(
    "are looked up in new lists if the old ones are older than the archive",
    async () => {
      const folder = await fetchPackage(RUN, NAME, ARM64, CACHE);
      rmSync(folder, { recursive: true });
      // Simulates an archive that dropped this version: apt refuses a file that does not match its lists.
      const lists = join(folder, "..", "..", "lists");
      for (const name of readdirSync(lists).filter((file) => file.includes("_Packages"))) rmSync(join(lists, name));
      const [main = ""] = [...new Bun.Glob("*_main_binary-arm64_Packages").scanSync(lists)];
      expect(main).toBe("");
      const stanza = [
        "Package: busybox-static",
        "Architecture: arm64",
        "Version: 0.1",
        "Filename: pool/none_0.1_arm64.deb",
        "Size: 1",
        `SHA256: ${"0".repeat(64)}`,
        "",
        "",
      ].join("\n");
      const release = readdirSync(lists).find((file) => /_dists_[a-z]+_InRelease$/.test(file)) ?? "";
      writeFileSync(join(lists, release.replace("InRelease", "main_binary-arm64_Packages")), stanza);
      expect(await fetchPackage(RUN, NAME, ARM64, CACHE)).toBe(folder);
    },
    120 * SECONDS,
  );

  const refusals = [
    [
      "a package that does not exist",
      () => fetchPackage(RUN, "no-such-package", ARM64, CACHE),
      /^no-such-package is not in Debian \(this system's suite\) for arm64; if the lists in \S+ are old, remove that folder and try again$/,
    ],
    [
      "a suite that does not exist",
      () => fetchPackage(RUN, NAME, { ...ARM64, suite: "potatoes" }, CACHE),
      /^fetching the package lists of Debian potatoes for arm64: E: The repository .* does not have a Release file\.; check that apt-get update works .*$/,
    ],
    [
      "a package that has no kernel",
      () => fetchKernel(RUN, NAME, ARM64, CACHE),
      /^busybox-static has no kernel in \S+; name another kernel package$/,
    ],
  ] as const;
  for (const [what, fetching, message] of refusals) {
    test(
      `${what} gives one line`,
      async () => {
        expect(
          await fetching().then(
            () => undefined,
            (error: unknown) => error,
          ),
        ).toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
      },
      120 * SECONDS,
    );
  }

  test("a failed download leaves no lists that look complete", () => {
    expect(existsSync(join(CACHE, "potatoes-arm64", "lists"))).toBe(false);
  });

  testNeeding(NEEDS.namespaces)(
    "a full disk gives one line, and leaves no package that looks complete",
    async () => {
      const small = join(CACHE, "small");
      mkdirSync(small);
      expect(Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", small]).exitCode).toBe(0);
      try {
        // The size of the lists depends on apt's settings. After them, a kernel's modules have no room.
        await fetchPackage(RUN, NAME, ARM64, small);
        const { blocks, bfree, bsize } = statfsSync(small);
        const size = (blocks - bfree) * bsize + (20 << 20);
        expect(Bun.spawnSync(["mount", "-o", `remount,size=${size}`, small]).exitCode).toBe(0);
        await expect(fetchKernel(RUN, "linux-image-arm64", ARM64, small)).rejects.toThrow(
          /^(unpacking|downloading) linux-image-\S+ (of .* )?to \S+: .*/,
        );
        const packages = readdirSync(join(small, "system-arm64", "packages"));
        expect(packages.filter((name) => !name.startsWith(NAME))).toEqual([]);
      } finally {
        Bun.spawnSync(["umount", small]);
        rmSync(small, { recursive: true });
      }
    },
    240 * SECONDS,
  );
});
