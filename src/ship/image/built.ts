import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../../package.json";
import { sha256 } from "../../support/hash.ts";
import { ImageError } from "./error.ts";
import { ARCHITECTURES, checkMachine, HOST } from "./platforms.ts";

/**
 * A /pause from the build, with the commit it was made from, or null without git. `committed`: when that commit was
 * made, in seconds, if the build recorded it.
 */
export type Built = {
  readonly architecture: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly commit: string | null;
  readonly committed: number | undefined;
};

/** What the build recorded: the version, the commit and its date, and the hashes of what it made. */
type Said = Pick<Built, "commit" | "committed"> & { readonly version: unknown; readonly hashes: readonly unknown[] };

/**
 * Finds what of `dist` can go into the image: dist/ARCHITECTURE/pause of each architecture, or dist/pause for this
 * machine's.
 * @throws ImageError when there is none, one differs from its provenance.json, or they are of two commits or another
 * version.
 */
export function findBuilt(dist: string): readonly [Built, ...Built[]] {
  const [first, ...others] = ARCHITECTURES.flatMap((architecture) => {
    const folders = [join(dist, architecture), ...(architecture === HOST ? [dist] : [])];
    const folder = folders.find((folder) => existsSync(join(folder, "pause")));
    return folder === undefined ? [] : [readBuilt(folder, architecture)];
  });
  if (first === undefined) throw new ImageError(`no ${join(dist, "pause")}; build it first: bun run build`);
  const other = others.find(({ commit }) => commit !== first.commit);
  if (other !== undefined)
    throw new ImageError(
      `${first.path} is of commit ${first.commit}, and ${other.path} of ${other.commit}; build both from ` +
        `one: bun run build --arch all`,
    );
  return [first, ...others];
}

function readBuilt(folder: string, architecture: string): Built {
  const path = join(folder, "pause");
  const bytes = readFileSync(path);
  checkMachine(path, bytes, architecture);
  const said = readProvenance(join(folder, "provenance.json"));
  if (said.version !== version)
    throw new ImageError(
      `${path} is version ${said.version}, but this checkout is ${version}; build it again: bun run build`,
    );
  if (!said.hashes.includes(sha256(bytes)))
    throw new ImageError(
      `${path} is not the file that ${join(folder, "provenance.json")} describes; build it again: bun run build`,
    );
  return { architecture, path, bytes, commit: said.commit, committed: said.committed };
}

function readProvenance(path: string): Said {
  try {
    const { version, commit, committed, artifacts } = JSON.parse(readFileSync(path, "utf8"));
    return {
      version,
      commit: typeof commit === "string" ? commit : null,
      committed: typeof committed === "number" ? committed : undefined,
      hashes: artifacts.map((artifact: { sha256?: unknown }) => artifact.sha256),
    };
  } catch (error) {
    throw new ImageError(
      `${path} cannot be read: ${error instanceof Error ? error.message : error}; build it again: bun run build`,
    );
  }
}
