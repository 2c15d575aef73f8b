/**
 * The version of the Bun runtime in an executable, from the name it gives to servers (`Bun/1.2.3`); undefined if there
 * is none.
 */
export function runtimeVersion(bytes: Uint8Array): string | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = all.indexOf("Bun/"); at >= 0; at = all.indexOf("Bun/", at + 1)) {
    const [, version] = /^Bun\/(\d+\.\d+\.\d+)/.exec(all.toString("latin1", at, at + 24)) ?? [];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** What this Bun needs in its root and a newer one does not. */
export function needsOf(version: string): string | undefined {
  return Bun.semver.satisfies(version, "<1.4.3") ? "it opens /dev/urandom, which the root must have" : undefined;
}
