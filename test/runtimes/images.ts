import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE, REFERENCE } from "../../harness/artifacts.ts";
import type { Architecture } from "../../src/arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";
import { type Attached, assemble, type Contents, type PlatformExecutable } from "../../src/ship/image/assemble.ts";
import { licenseTexts } from "../../src/ship/image/contents.ts";
import { attestationsOf } from "../../src/ship/release/folder.ts";
import { sha256 } from "../../src/support/hash.ts";
import type { Workspace } from "./workspace.ts";

export const REPOSITORY = join(import.meta.dir, "../..");

/** The seccomp profile for starting the image by hand. */
export const SECCOMP = join(REPOSITORY, "deploy/seccomp.json");

/** A program that the image can contain as /pause. */
export type Program = { readonly name: string; readonly path: string };

/** The shipped program, and a C program with the same behaviour: a failure with both is the test's or the runtime's. */
export const PROGRAMS: readonly Program[] = [PAUSE, REFERENCE];

export const SHIPPED: Program = PAUSE;

/** This machine's architecture in an image index. */
export const HOST = hostArchitecture().debian;

export const IMAGE = "localhost/pause:test";
export const BUSYBOX = "localhost/busybox:test";

/** Makes the image around `program` with everything that a release's has. Returns the archive's path. */
export function pauseImage(workspace: Workspace, { path }: Program): Promise<string> {
  return released(workspace, "pause.oci.tar", [{ architecture: hostArchitecture(), path }]);
}

/** The same for the builds of each platform. */
export function indexImage(workspace: Workspace): Promise<string> {
  return released(
    workspace,
    "index.oci.tar",
    ARCHITECTURES.map((architecture) => ({ architecture, path: builtFor(architecture.debian) })),
  );
}

/** The shipped file for this architecture. */
export const builtFor = (architecture: string): string => join(REPOSITORY, "dist", architecture, "pause");

export const hashOf = (path: string): string => sha256(readFileSync(path));

/** An image with a shell, for containers that join a pod. */
export function busyboxImage(workspace: Workspace): Promise<string> {
  const programs = [{ architecture: HOST, bytes: readFileSync(Bun.which("busybox") ?? "busybox") }];
  return save(workspace, "busybox.oci.tar", { name: BUSYBOX, file: "bin/busybox" }, programs);
}

type Executable = { readonly architecture: Architecture; readonly path: string };

function released(workspace: Workspace, file: string, executables: readonly Executable[]): Promise<string> {
  const programs = executables.map(({ architecture, path }) => ({
    architecture: architecture.debian,
    bytes: readFileSync(path),
  }));
  const attest = attestationsOf(
    IMAGE,
    executables.map(({ architecture, path }) => ({
      architecture,
      file: { name: "pause", sha256: hashOf(path) },
      commit: "0".repeat(40),
      timestamp: 0,
    })),
  );
  return save(workspace, file, { name: IMAGE, file: "pause", user: "65535:65535" }, programs, {
    licenses: licenseTexts(),
    attest,
  });
}

async function save(
  workspace: Workspace,
  file: string,
  contents: Omit<Contents, "labels" | "timestamp">,
  programs: readonly PlatformExecutable[],
  attached?: Attached,
): Promise<string> {
  const { archive } = assemble({ ...contents, labels: {}, timestamp: 0 }, programs, HOST, attached);
  await Bun.write(workspace.path(file), archive);
  return workspace.path(file);
}
