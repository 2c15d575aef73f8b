import { ImageError } from "./error.ts";

/** A tool that builds images: how to ask whether it works here, to build, and to write what was built as an OCI archive. */
export type Builder = {
  readonly name: string;
  readonly probe: readonly string[];
  readonly build: readonly string[];
  readonly save: (image: string, path: string) => readonly string[];
};

/**
 * In the order they are tried: those first that need no daemon. `--timestamp` (seconds) dates every file and the image, so
 * that two builds of one commit are the same bytes; docker build takes that from SOURCE_DATE_EPOCH.
 */
const BUILDERS = (timestamp: string): readonly Builder[] => [
  {
    name: "buildah",
    probe: ["buildah", "--version"],
    build: ["buildah", "build", "--format", "oci", "--timestamp", timestamp],
    save: (image, path) => ["buildah", "push", "--quiet", image, `oci-archive:${path}:${image}`],
  },
  {
    name: "podman",
    probe: ["podman", "--version"],
    build: ["podman", "build", "--format", "oci", "--timestamp", timestamp],
    save: (image, path) => ["podman", "save", "--quiet", "--format", "oci-archive", "--output", path, image],
  },
  {
    name: "docker",
    probe: ["docker", "version"],
    build: ["docker", "build"],
    save: (image, path) => ["docker", "save", "--output", path, image],
  },
];

/** The first builder that works on this machine. @throws ImageError when none does. */
export function findBuilder(timestamp: string): Builder {
  const builder = BUILDERS(timestamp).find(({ probe }) => works(probe));
  if (builder === undefined) throw new ImageError("no buildah, podman or running docker on this machine; on Debian: apt-get install buildah");
  return builder;
}

function works(command: readonly string[]): boolean {
  try {
    return Bun.spawnSync([...command], { stdout: "ignore", stderr: "ignore" }).success;
  } catch {
    return false; // not on PATH
  }
}
