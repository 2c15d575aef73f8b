import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Artifact } from "./artifacts.ts";
import { compileC, TEST_DIST } from "./compile.ts";

const QEMU = "qemu-system-x86_64";
const PATIENCE_MS = 120_000;

/** Debian's kernel, as its package linux-image-amd64 leaves it: the newest in /boot, or undefined. */
export function kernel(): string | undefined {
  const newest = readdirSync("/boot").filter((name) => /^vmlinuz-.*-amd64$/.test(name)).toSorted().at(-1);
  return newest === undefined ? undefined : join("/boot", newest);
}

export const canBoot = () => Bun.which(QEMU) !== null && Bun.which("cpio") !== null && kernel() !== undefined;

/**
 * Boots `kernelPath` on an emulated Nehalem (no AVX; software emulation, so it works without KVM), with a root that
 * holds the artifact as /pause and boot-init.c as /init: all that the serial console said.
 */
export async function boot(artifact: Artifact, kernelPath: string): Promise<string> {
  const root = join(TEST_DIST, "boot", artifact.name.replace(" ", "-"));
  const archive = `${root}.cpio`;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  copyFileSync(compileC("boot-init", join(import.meta.dir, "boot-init.c"), ["-O2", "-static"]), join(root, "init"));
  copyFileSync(artifact.path, join(root, "pause"));
  await Bun.$`printf '%s\n' . init pause | cpio --create --format=newc --quiet > ${archive}`.cwd(root);
  if (!existsSync(archive)) throw new Error(`cpio did not write ${archive}`);

  const machine = ["-accel", "tcg", "-cpu", "Nehalem", "-m", "256", "-nographic", "-no-reboot", "-net", "none"];
  const system = ["-kernel", kernelPath, "-initrd", archive, "-append", "console=ttyS0 panic=-1 quiet"];
  const emulator = Bun.spawn([QEMU, ...machine, ...system], { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: PATIENCE_MS });
  return emulator.stdout.text();
}
