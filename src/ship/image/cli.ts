import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ownDist, unfinished } from "../../build/dist.ts";
import { command } from "../../support/command.ts";
import { ROOT } from "../../support/project.ts";
import type { Scope } from "../../support/scope.ts";
import { type Assembled, assemble } from "./assemble.ts";
import { type Built, findBuilt } from "./built.ts";
import { contentsAt, licenseTexts } from "./contents.ts";
import { ImageError } from "./error.ts";
import { ARCHITECTURES, checkArchitecture, HOST } from "./platforms.ts";

const ARCHIVE = "dist/pause.oci.tar";

const USAGE = `usage: bun run image [--docker-arch ARCHITECTURE]

Puts each dist/ARCHITECTURE/pause that bun run build made into ${ARCHIVE}:
an image index that docker, podman, buildah, skopeo and containerd load.

  --docker-arch ARCHITECTURE   ${ARCHITECTURES.join(" or ")}: the one that docker load puts into its classic image
                               store, which has no index; by default this machine's, if it was built`;

async function image(run: Scope, chosen: string | undefined): Promise<void> {
  process.chdir(ROOT);
  await ownDist(run);
  const programs = findBuilt("dist");
  const dockers = forDocker(programs, chosen);
  const contents = contentsAt(programs[0].commit, programs[0].committed);
  const assembled = assemble(contents, programs, dockers, { licenses: licenseTexts() });
  write(run, assembled.archive);
  console.log(report(contents.name, assembled, programs, dockers));
}

/** @throws ImageError when the requested one is not among the programs. */
function forDocker(programs: readonly [Built, ...Built[]], chosen: string | undefined): string {
  const asked = programs.find(({ architecture }) => architecture === (chosen ?? HOST));
  if (chosen !== undefined && asked === undefined)
    throw new ImageError(
      `no dist/${chosen}/pause for --docker-arch ${chosen}; build it first: bun run build --arch ${chosen}`,
    );
  return (asked ?? programs[0]).architecture;
}

/** @throws ImageError when the system refuses the write. */
function write(run: Scope, archive: Uint8Array): void {
  const file = join(unfinished(run), "archive");
  try {
    writeFileSync(file, archive);
    renameSync(file, ARCHIVE);
  } catch (error) {
    throw new ImageError(
      `cannot write ${ARCHIVE}: ${error instanceof Error ? error.message : error}; make room for ` +
        `dist, or make it writable`,
    );
  }
}

function report(name: string, { digest, platforms }: Assembled, programs: readonly Built[], dockers: string): string {
  const count = (bytes: number | undefined) => `${bytes?.toLocaleString("en-US")} bytes`;
  const lines = platforms.map((platform) => {
    const program = programs.find(({ architecture }) => architecture === platform.architecture);
    const docker =
      platform.architecture === dockers && platforms.length > 1 ? "; the one for docker's classic image store" : "";
    return (
      `  linux/${platform.architecture}  ${platform.digest}  /pause ${count(program?.bytes.length)}, ` +
      `its layer ${count(platform.compressed)} compressed${docker}`
    );
  });
  return [`${ARCHIVE}: ${name}`, `  index        ${digest}`, ...lines].join("\n");
}

function parse(words: readonly string[]): { chosen: string | undefined; help: boolean } {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: { "docker-arch": { type: "string" }, help: { type: "boolean", default: false } },
    });
    const chosen = values["docker-arch"];
    return { chosen: chosen === undefined ? undefined : checkArchitecture(chosen), help: values.help };
  } catch (error) {
    throw new ImageError(`${error instanceof Error ? error.message : error}; see bun run image --help`);
  }
}

await command("image", async (run, words) => {
  const { chosen, help } = parse(words);
  if (help) console.log(USAGE);
  else await image(run, chosen);
});
