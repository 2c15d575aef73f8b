import { renameSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ROOT } from "../../support/project.ts";
import { type Assembled, assemble } from "./assemble.ts";
import { type Built, findBuilt } from "./built.ts";
import { contentsAt, licenseTexts } from "./contents.ts";
import { ImageError } from "./error.ts";
import { ARCHITECTURES, checkArchitecture, HOST } from "./platforms.ts";

const ARCHIVE = "dist/pause.oci.tar";

const USAGE = `usage: bun run image [--docker-arch ARCHITECTURE]

Puts what bun run build made, dist/ARCHITECTURE/pause of one or of each, into ${ARCHIVE}:
an image index that docker, podman, buildah, skopeo and containerd load.

  --docker-arch ARCHITECTURE   ${ARCHITECTURES.join(" or ")}: the one that docker load takes into its classic image store,
                               which has no index; by default this machine's where it is there`;

function image(chosen: string | undefined): void {
  process.chdir(ROOT);
  const programs = findBuilt("dist");
  const dockers = forDocker(programs, chosen);
  const contents = contentsAt(programs[0].commit);
  const assembled = assemble(contents, programs, dockers, { texts: licenseTexts() });
  write(assembled.archive);
  console.log(report(contents.name, assembled, programs, dockers));
}

/** @throws ImageError when the one that was asked for is not among the programs. */
function forDocker(programs: readonly [Built, ...Built[]], chosen: string | undefined): string {
  const asked = programs.find(({ architecture }) => architecture === (chosen ?? HOST));
  if (chosen !== undefined && asked === undefined)
    throw new ImageError(
      `no dist/${chosen}/pause for --docker-arch ${chosen}; build it first: bun run build --arch ${chosen}`,
    );
  return (asked ?? programs[0]).architecture;
}

function write(archive: Uint8Array): void {
  const unfinished = `${ARCHIVE}.new`;
  try {
    writeFileSync(unfinished, archive);
    renameSync(unfinished, ARCHIVE);
  } catch (error) {
    throw new ImageError(
      `cannot write ${ARCHIVE}: ${error instanceof Error ? error.message : error}; make room for dist, or make it writable`,
    );
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function report(name: string, { digest, platforms }: Assembled, programs: readonly Built[], dockers: string): string {
  const count = (bytes: number | undefined) => `${bytes?.toLocaleString("en-US")} bytes`;
  const lines = platforms.map((platform) => {
    const program = programs.find(({ architecture }) => architecture === platform.architecture);
    const docker =
      platform.architecture === dockers && platforms.length > 1 ? "; the one for docker's classic image store" : "";
    return `  linux/${platform.architecture}  ${platform.digest}  /pause ${count(program?.bytes.length)}, its layer ${count(platform.compressed)} compressed${docker}`;
  });
  return [`${ARCHIVE}: ${name}`, `  index        ${digest}`, ...lines].join("\n");
}

function parse(): { chosen: string | undefined; help: boolean } {
  try {
    const { values } = parseArgs({
      options: { "docker-arch": { type: "string" }, help: { type: "boolean", default: false } },
    });
    const chosen = values["docker-arch"];
    return { chosen: chosen === undefined ? undefined : checkArchitecture(chosen), help: values.help };
  } catch (error) {
    throw new ImageError(`${error instanceof Error ? error.message : error}; see bun run image --help`);
  }
}

try {
  const { chosen, help } = parse();
  if (help) console.log(USAGE);
  else image(chosen);
} catch (error) {
  if (!(error instanceof ImageError)) throw error;
  console.error(`image: ${error.message}`);
  process.exitCode = 1;
}
