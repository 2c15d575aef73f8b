import { existsSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { fetchPackage, packageField } from "../../src/debian/packages.ts";
import { DEBIAN_CACHE } from "../../src/machine/debian.ts";
import { contractIn } from "../support/guest.ts";

/**
 * Builds a Linux kernel with pages of 64 kB for AArch64 from Debian's linux-source, which Debian has no package of, and
 * runs the contract's tests on it. Not part of CI: the kernel takes some ten minutes on two processors, and 2 GB.
 */
const TOOLS = { make: "make", flex: "flex", bison: "bison", bc: "bc", xz: "xz-utils", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu" };
const FILES = ["upstream.test.ts", "promises.test.ts"];

async function buildKernel(): Promise<{ path: string; release: string }> {
  const missing = Object.entries(TOOLS).filter(([tool]) => Bun.which(tool) === null);
  if (missing.length > 0) throw new Error(`building a kernel needs ${missing.map(([tool]) => tool).join(", ")}: apt-get install ${missing.map(([, name]) => name).join(" ")}`);
  const release = { architecture: AARCH64.debian };
  const name = (await packageField("linux-source", "Depends", release, DEBIAN_CACHE)).split(" ")[0] ?? "";
  const archive = join(await fetchPackage(name, release, DEBIAN_CACHE), "usr", "src", `${name}.tar.xz`);
  const source = join(DEBIAN_CACHE, "kernel-64k", name);
  if (!existsSync(join(source, "Makefile"))) {
    mkdirSync(source, { recursive: true });
    await Bun.$`tar --extract --xz --file ${archive} --directory ${source} --strip-components 1`;
  }
  const make = ["make", "-C", source, `ARCH=${AARCH64.debian}`, `CROSS_COMPILE=${AARCH64.gnuTriplet}-`, "--silent"];
  await Bun.$`${make} KCONFIG_ALLCONFIG=${join(import.meta.dir, "pages-64k.config")} allnoconfig`;
  await Bun.$`${make} -j${availableParallelism()} Image`;
  return { path: join(source, "arch", AARCH64.debian, "boot", "Image"), release: `${name}, 64 kB pages` };
}

const kernel = await buildKernel();
const { pageSize, passed } = await contractIn({ architecture: AARCH64, processor: "max", kernel, memory: 1024, seconds: 900 }, FILES, []);
console.log(`${kernel.release}: pages of ${pageSize}, ${passed} tests passed, none failed`);
