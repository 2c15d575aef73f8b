import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../../support/hash.ts";
import { ROOT } from "../../support/project.ts";
import { assemble, type Text } from "../image/assemble.ts";
import { contentsAt, licenseTexts } from "../image/contents.ts";
import type { ReleasedExecutable } from "./executable.ts";
import { sbom } from "./sbom.ts";
import { billOf, provenanceOf, subjectOf } from "./statement.ts";

/** A file of the release, with its path in the folder. */
export type File = { readonly path: string; readonly bytes: Uint8Array; readonly executable?: boolean };

/** An executable, and its bytes. */
export type Executable = ReleasedExecutable & { readonly bytes: Uint8Array };

/**
 * Writes the release of `executables`, all of one commit, into `folder`, and `others` beside them. SHA256SUMS lists all
 * other files. Returns the paths.
 */
export function writeRelease(
  folder: string,
  executables: readonly [Executable, ...Executable[]],
  others: readonly File[] = [],
): readonly string[] {
  const texts = licenseTexts();
  const files = [
    ...executables.flatMap(ofExecutable),
    archive(executables, texts),
    page(),
    ...others,
    ...texts.map(({ name, text: contents }) => text(name, contents)),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const sums = files.map(({ path, bytes }) => `${sha256(bytes)}  ${path}\n`).join("");
  const all = [...files, text("SHA256SUMS", sums)];
  for (const { path, bytes, executable = false } of all) {
    const at = join(folder, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, bytes);
    // Whatever the umask.
    chmodSync(dirname(at), 0o755);
    chmodSync(at, executable ? 0o755 : 0o644);
  }
  return all.map(({ path }) => path);
}

/** The executable, its bill of materials and its provenance, as files. */
function ofExecutable(executable: Executable): readonly File[] {
  const { file, bytes } = executable;
  return [
    { path: file.name, bytes, executable: true },
    text(`${file.name}.cdx.json`, pretty(sbom(executable))),
    text(`${file.name}.intoto.json`, pretty(provenanceOf(executable, [subjectOf(executable)]))),
  ];
}

/** The image. Both documents of each executable go with its image too. */
function archive(executables: readonly [Executable, ...Executable[]], texts: readonly Text[]): File {
  const contents = contentsAt(executables[0].commit);
  const programs = executables.map(({ architecture, bytes }) => ({ architecture: architecture.debian, bytes }));
  // The image for docker's classic image store is the same on whatever machine the release is made.
  const dockers = executables[0].architecture.debian;
  return {
    path: "pause.oci.tar",
    bytes: assemble(contents, programs, dockers, {
      licenses: texts,
      attest: attestationsOf(contents.name, executables),
    }).archive,
  };
}

/** Two in-toto Statements about the image `name` of a platform with this manifest, and about the executable in it. */
export const attestationsOf =
  (name: string, executables: readonly ReleasedExecutable[]) => (architecture: string, digest: string) =>
    executables
      .filter((executable) => executable.architecture.debian === architecture)
      .flatMap((executable) => {
        const subject = [{ name, digest: { sha256: digest.replace(/^sha256:/, "") } }, subjectOf(executable)];
        return [
          { name: "sbom.intoto.json", text: pretty(billOf(executable, subject)) },
          { name: "provenance.intoto.json", text: pretty(provenanceOf(executable, subject)) },
        ];
      });

const page = (): File => ({ path: "pause.8", bytes: readFileSync(join(ROOT, "man", "pause.8")) });
const text = (path: string, contents: string): File => ({ path, bytes: Buffer.from(contents) });
const pretty = (document: unknown) => `${JSON.stringify(document, null, 2)}\n`;
