import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES, architectureOf } from "../arch/architectures.ts";
import { ElfFile } from "../elf/file.ts";
import { UserError } from "../support/error.ts";
import { sha256 } from "../support/hash.ts";
import { DIST } from "../support/project.ts";
import { MOST_FILE_BYTES, readRegular } from "../support/read-regular.ts";
import type { Scope } from "../support/scope.ts";
import { makeMap } from "./make.ts";
import { FORMAT, type PauseMap } from "./map.ts";

const NAME = "pause.map.json";

/** The architectures that have been built. @throws UserError when there is none. */
export function builtArchitectures(): readonly Architecture[] {
  const built = ARCHITECTURES.filter(({ debian }) => existsSync(join(DIST, debian, "pause")));
  if (built.length === 0)
    throw new UserError(
      `dist has no ${ARCHITECTURES.map(({ debian }) => `${debian}/pause`).join(" and no ")}; ` +
        "build it first: bun run build",
    );
  return built;
}

/**
 * Makes the map of the build for `architecture` and puts it beside the build: dist/ARCHITECTURE/pause.map.json.
 * @throws like makeMap.
 */
export async function writeMap(run: Scope, architecture: Architecture): Promise<PauseMap> {
  const map = await makeMap(run, architecture);
  writeFileSync(join(DIST, architecture.debian, NAME), `${JSON.stringify(map, null, 1)}\n`);
  return map;
}

/**
 * The map of the file at `path`, which must be what this checkout built: the map beside the build, or a new one.
 * @throws UserError or ElfError for any other file.
 */
export async function mapOf(run: Scope, path: string): Promise<PauseMap> {
  const file = new ElfFile(path, readGiven(path));
  const architecture = architectureOf(file.machine);
  if (architecture === undefined)
    throw new UserError(`${path}: an ELF file for a machine that pause is not built for (e_machine ${file.machine})`);
  const { debian } = architecture;
  const built = join(DIST, debian, "pause");
  if (!existsSync(built))
    throw new UserError(
      `${path}: no dist/${debian}/pause to compare it with; build it first: bun run build --arch ${debian}`,
    );
  const [given, known] = [sha256(file.bytes), sha256(readFileSync(built))];
  if (given !== known)
    throw new UserError(
      `${path}: SHA-256 is ${given}, and that of dist/${debian}/pause is ${known}: this is another file, or of ` +
        "another build; check out its commit, build, and try again",
    );
  return readMap(architecture, known) ?? (await writeMap(run, architecture));
}

function readGiven(path: string): Uint8Array {
  try {
    return readRegular(path, MOST_FILE_BYTES, "MOST_FILE_BYTES");
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${error instanceof Error ? error.message : error}); give a file`);
  }
}

/** The map beside the build, if it is of the file with this SHA-256 and in the current format. */
function readMap({ debian }: Architecture, hash: string): PauseMap | undefined {
  try {
    const map: PauseMap = JSON.parse(readFileSync(join(DIST, debian, NAME), "utf8"));
    return map.format === FORMAT.format && map.formatVersion === FORMAT.formatVersion && map.file.sha256 === hash
      ? map
      : undefined;
  } catch {
    return undefined;
  }
}
