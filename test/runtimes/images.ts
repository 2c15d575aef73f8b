import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assemble, type Contents, type Program as Built } from "../../src/image/assemble.ts";
import { ARCHITECTURES, HOST } from "../../src/image/platforms.ts";
import { PAUSE } from "../support/artifacts.ts";
import { buildReference } from "../support/reference.ts";
import type { Workspace } from "./workspace.ts";

export const REPOSITORY = join(import.meta.dir, "../..");

/** The profile for who starts the image by hand. */
export const SECCOMP = join(REPOSITORY, "deploy/seccomp.json");

/** What can be in the image as /pause. */
export type Program = { readonly name: string; readonly path: string };

/** What ships, and a C program of the same behaviour: what fails with both is the test's fault, or the runtime's. */
export const PROGRAMS: readonly Program[] = [PAUSE, { name: "C reference", path: buildReference() }];

export const SHIPPED: Program = PAUSE;

export const IMAGE = "localhost/pause:test";
export const BUSYBOX = "localhost/busybox:test";

/** The image around `program`, by what makes the one that ships: the path of the archive. */
export function pauseImage(workspace: Workspace, { path }: Program): Promise<string> {
  return save(workspace, "pause.oci.tar", { name: IMAGE, file: "pause", user: "65535:65535" }, [host(path)]);
}

/** The same for every platform; the file for another than this one is a stand-in, to be listed and never run. */
export function indexImage(workspace: Workspace, { path }: Program): Promise<string> {
  const both = ARCHITECTURES.map((architecture) => ({ architecture, bytes: readFileSync(path) }));
  return save(workspace, "index.oci.tar", { name: IMAGE, file: "pause", user: "65535:65535" }, both);
}

/** An image with a shell, for the containers that join a pod. */
export function busyboxImage(workspace: Workspace): Promise<string> {
  return save(workspace, "busybox.oci.tar", { name: BUSYBOX, file: "bin/busybox" }, [host(Bun.which("busybox") ?? "busybox")]);
}

function host(path: string): Built {
  if (HOST === undefined) throw new Error(`no image is made for ${process.arch}`);
  return { architecture: HOST, bytes: readFileSync(path) };
}

async function save(workspace: Workspace, file: string, contents: Omit<Contents, "labels" | "timestamp">, programs: readonly Built[]): Promise<string> {
  const { archive } = assemble({ ...contents, labels: {}, timestamp: 0 }, programs, HOST ?? "amd64");
  await Bun.write(workspace.path(file), archive);
  return workspace.path(file);
}
