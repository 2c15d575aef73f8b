import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import type { Architecture } from "../src/arch/architecture.ts";
import type { Kernel } from "../src/build/debian/kernel.ts";
import { fetchPackage, packageField } from "../src/build/debian/packages.ts";
import { DEBIAN_CACHE } from "../src/build/machine/debian.ts";
import type { Scope } from "../src/support/scope.ts";

/** What a kernel build needs besides a compiler for the architecture: programs and their packages. */
const TOOLS = { gcc: "gcc libc6-dev", make: "make", flex: "flex", bison: "bison", bc: "bc", xz: "xz-utils" };
const CONFIG = join(import.meta.dir, "linux.config");

/** A kernel to build: its folder below Debian's cache, and its extra lines of the .config. */
export type Recipe = { readonly name: string; readonly options: readonly string[] };

export const KERNEL_OF_39_BITS: Recipe = {
  name: "arm64-39-bit",
  options: ["CONFIG_ARM64_4K_PAGES=y", "CONFIG_ARM64_VA_BITS_39=y"],
};
export const KERNEL_OF_64_KB: Recipe = {
  name: "arm64-64k",
  options: ["CONFIG_ARM64_64K_PAGES=y", "CONFIG_ARM64_VA_BITS_48=y"],
};

/**
 * Builds a Linux kernel for emulated machines from Debian's linux-source: allnoconfig, linux.config and the recipe's
 * lines. Reuses an earlier build.
 * @throws Error when a tool is missing, an option cannot be set as requested, or the build fails; UserError.
 */
export async function buildLinux(run: Scope, architecture: Architecture, { name, options }: Recipe): Promise<Kernel> {
  const { debian, gnuTriplet } = architecture;
  requireTools({ ...TOOLS, [`${gnuTriplet}-gcc`]: `gcc-${gnuTriplet}` });
  const source = await linuxSource(run, architecture);
  const output = join(DEBIAN_CACHE, "linux", name);
  mkdirSync(output, { recursive: true });
  const wanted = join(output, "wanted.config");
  writeFileSync(wanted, `${readFileSync(CONFIG, "utf8")}${options.join("\n")}\n`);
  const make = ["make", "-C", source, `O=${output}`, `ARCH=${debian}`, `CROSS_COMPILE=${gnuTriplet}-`, "--silent"];
  await Bun.$`KCONFIG_ALLCONFIG=${wanted} ${make} allnoconfig`;
  requireOptions(wanted, join(output, ".config"));
  await Bun.$`${make} -j${availableParallelism()} Image`;
  const release = readFileSync(join(output, "include", "config", "kernel.release"), "utf8").trim();
  return { path: join(output, "arch", debian, "boot", "Image"), release };
}

function requireTools(tools: Readonly<Record<string, string>>): void {
  const missing = Object.entries(tools).filter(([tool]) => Bun.which(tool) === null);
  if (missing.length > 0)
    throw new Error(
      `building a kernel needs ${missing.map(([tool]) => tool).join(", ")}: apt-get install ${missing.map(([, name]) => name).join(" ")}`,
    );
}

/** The folder of Debian's kernel source, unpacked. */
async function linuxSource(run: Scope, { debian }: Architecture): Promise<string> {
  const release = { architecture: debian };
  const name = (await packageField(run, "linux-source", "Depends", release, DEBIAN_CACHE)).split(" ")[0] ?? "";
  const version = await packageField(run, name, "Version", release, DEBIAN_CACHE);
  const folder = join(DEBIAN_CACHE, "linux", `source-${version}`);
  if (existsSync(folder)) return folder;
  const archive = join(await fetchPackage(run, name, release, DEBIAN_CACHE), "usr", "src", `${name}.tar.xz`);
  mkdirSync(dirname(folder), { recursive: true });
  const scratch = mkdtempSync(`${folder}.`);
  await Bun.$`tar --extract --xz --file ${archive} --directory ${scratch} --strip-components 1`;
  renameSync(scratch, folder);
  return folder;
}

/**
 * Kconfig silently drops options whose dependencies are missing.
 * @throws Error naming the lines of `wanted` that are not in `made`.
 */
function requireOptions(wanted: string, made: string): void {
  const lines = new Set(readFileSync(made, "utf8").split("\n"));
  const absent = readFileSync(wanted, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("CONFIG_") && !lines.has(line));
  if (absent.length > 0)
    throw new Error(
      `configuring Linux: ${absent.join(", ")} of ${wanted} are missing in ${made}: their dependencies are not set, or they were renamed`,
    );
}
