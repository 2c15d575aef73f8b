import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE } from "../support/artifacts.ts";
import { buildReference } from "../support/reference.ts";
import { run } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

export const REPOSITORY = join(import.meta.dir, "../..");

/** What can be in the image as /pause. */
export type Program = { readonly name: string; readonly path: string };

/** What ships, and a C program of the same behaviour: what fails with both is the test's fault, or the runtime's. */
export const PROGRAMS: readonly Program[] = [PAUSE, { name: "C reference", path: buildReference() }];

export const SHIPPED: Program = PAUSE;

export const IMAGE = "localhost/pause:test";
export const BUSYBOX = "localhost/busybox:test";

/** Builds the last stage of the Dockerfile around `program`: the path of an OCI archive that holds IMAGE. */
export async function pauseImage(workspace: Workspace, { path }: Program): Promise<string> {
  const stage = workspace.folder("build-stage");
  workspace.folder("build-stage/build/dist");
  copyFileSync(path, join(stage, "build/dist/pause"));
  await run(["buildah", "build", "--quiet", "--format", "oci", "--timestamp", "0", "--build-context", `build=${stage}`, "--tag", IMAGE, REPOSITORY], workspace.env);
  return save(workspace, IMAGE, "pause.oci.tar");
}

/** An image with a shell, for the containers that join a pod. */
export async function busyboxImage(workspace: Workspace): Promise<string> {
  const context = workspace.folder("busybox-context");
  copyFileSync(Bun.which("busybox") ?? "busybox", join(context, "busybox"));
  const file = 'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox"]\n';
  await run(["buildah", "build", "--quiet", "--format", "oci", "--tag", BUSYBOX, "--file", "-", context], workspace.env, file);
  return save(workspace, BUSYBOX, "busybox.oci.tar");
}

async function save(workspace: Workspace, image: string, file: string): Promise<string> {
  await run(["buildah", "push", "--quiet", image, `oci-archive:${workspace.path(file)}:${image}`], workspace.env);
  return workspace.path(file);
}
