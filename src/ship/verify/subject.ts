import type { Architecture } from "../../arch/architecture.ts";
import { ARCHITECTURES, architectureOf } from "../../arch/architectures.ts";
import { EHDR_SIZE, EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB } from "../../elf/constants.ts";
import { listFirst } from "../../support/list-first.ts";
import { MOST_FILE_BYTES, readRegular } from "../../support/read-regular.ts";
import type { ImageConfig } from "../image/config.ts";
import { FILE, USER } from "../image/contents.ts";
import { ImageError } from "../image/error.ts";
import type { Image } from "../image/image.ts";
import { readImages } from "../image/read.ts";
import { isTar, untar } from "../image/untar.ts";
import { OtherFileError, VerifyError } from "./error.ts";

/**
 * An executable to compare with a build. `name`: what messages call it. `label`: the commit that its image names, if
 * any.
 */
export type Subject = {
  readonly name: string;
  readonly architecture: Architecture;
  readonly bytes: Uint8Array;
  readonly label: string | undefined;
};

/** The most unexpected files that a message names. */
const MOST = 5;
const REVISION = "org.opencontainers.image.revision";

/** Everybody may run /pause, and it gives nobody's privileges. */
const MODE = 0o755;

/**
 * Returns the executables to verify in the file at `path`: the file itself, or /pause of each platform of an image's
 * archive.
 * @throws VerifyError when it cannot be read; OtherFileError when it is neither, or when no build makes such a file.
 */
export function readSubjects(path: string): readonly Subject[] {
  const bytes = readWhole(path);
  if (isElf(bytes)) return [{ name: path, architecture: architectureIn(path, bytes), bytes, label: undefined }];
  if (!isTar(bytes))
    throw new OtherFileError(
      `${path}: neither an ELF file nor an image's archive (it begins with ${startOf(bytes)}); ` +
        "give a pause executable or an OCI archive",
    );
  const images = ofImage(() => readImages(path, bytes));
  if (images.length === 0)
    throw new OtherFileError(`${path}: an archive without an image in it; give one that bun run image wrote`);
  return images.map((image) => programOf(path, image));
}

/** @throws VerifyError when it is not a file, or is larger than any that is built here. */
function readWhole(path: string): Uint8Array {
  try {
    return readRegular(path, MOST_FILE_BYTES, "MOST_FILE_BYTES");
  } catch (error) {
    throw new VerifyError(`${path}: cannot be read (${error instanceof Error ? error.message : error}); give a file`);
  }
}

/** Returns the result of `read`. @throws OtherFileError when that finds no image or a damaged one. */
function ofImage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ImageError) throw new OtherFileError(error.message);
    throw error;
  }
}

/**
 * @throws OtherFileError when it is for a platform without a build, runs differently, or holds anything besides /pause.
 */
function programOf(path: string, { os, architecture: known, config, layers }: Image): Subject {
  const name = `${path} (${os}/${known})`;
  const architecture = ARCHITECTURES.find(({ debian }) => os === "linux" && debian === known);
  if (architecture === undefined)
    throw new OtherFileError(
      `${name}: an image for a platform that pause is not built for; ` +
        `there are ${ARCHITECTURES.map(({ debian }) => `linux/${debian}`).join(" and ")}`,
    );
  checkRun(name, config);
  const bytes = fileAlone(name, layers);
  const found = architectureIn(name, bytes);
  if (found !== architecture)
    throw new OtherFileError(
      `${name}: its /${FILE} is for ${found.debian}; the image cannot run, and no build makes it`,
    );
  return { name, architecture, bytes, label: config.labels[REVISION] };
}

/** Checks that the image runs /pause as nobody in particular. A builder's search path does not matter. */
function checkRun(name: string, { entrypoint, user, env, others }: ImageConfig): void {
  const runs = entrypoint.length === 1 && entrypoint[0] === `/${FILE}`;
  const more = [
    ...(runs ? [] : [`Entrypoint ${JSON.stringify(entrypoint)}`]),
    ...(user === USER ? [] : [`User ${JSON.stringify(user)}`]),
    ...env.filter((each) => !each.startsWith("PATH=")).map((each) => `Env ${JSON.stringify(each)}`),
    ...others,
  ];
  if (more.length > 0)
    throw new OtherFileError(
      `${name}: the image's configuration has ${listFirst(more, MOST)}; a build's runs /${FILE} alone, as ${USER}`,
    );
}

/** Returns the layers' one regular file, /pause, which everybody may run and only root may change. */
function fileAlone(name: string, layers: Image["layers"]): Uint8Array {
  const members = layers.flatMap(({ tar }) => ofImage(() => untar(`${name}, a layer`, tar)));
  const file = members.find(({ path, type }) => path === FILE && type === "file");
  // The root itself may be listed as a folder.
  const root = members.find(({ path, type }) => path === "" && type === "folder");
  const beside = members.filter((each) => each !== file && each !== root).map(({ path }) => `/${path}`);
  const listed = listFirst(beside, MOST);
  if (file === undefined)
    throw new OtherFileError(`${name}: the image holds no regular file /${FILE}, but ${listed || "nothing"}`);
  if (beside.length > 0)
    throw new OtherFileError(`${name}: the image holds ${listed} beside /${FILE}, and a build's holds that alone`);
  for (const { path, mode, uid, gid } of [file, ...(root === undefined ? [] : [root])])
    if (mode !== MODE || uid !== 0 || gid !== 0)
      throw new OtherFileError(
        `${name}: the image gives /${path} mode ${mode.toString(8)} and owner ${uid}:${gid}, ` +
          `and a build's gives it ${MODE.toString(8)} and 0:0`,
      );
  return file.bytes;
}

/**
 * Reads e_machine (gABI, chapter 4). @throws OtherFileError when the bytes are not an ELF file for an architecture that
 * pause is built for.
 */
function architectureIn(name: string, bytes: Uint8Array): Architecture {
  if (!isElf(bytes))
    throw new OtherFileError(`${name}: not an ELF file (it begins with ${startOf(bytes)}), so not a pause executable`);
  if (bytes.length < EHDR_SIZE)
    throw new OtherFileError(`${name}: an ELF file that is cut short within its header; fetch it again`);
  if (bytes[EI_CLASS] !== ELFCLASS64 || bytes[EI_DATA] !== ELFDATA2LSB)
    throw new OtherFileError(`${name}: an ELF file, but not a 64-bit little-endian one, so not a pause executable`);
  const machine = Buffer.from(bytes.subarray(18, 20)).readUInt16LE();
  const architecture = architectureOf(machine);
  if (architecture === undefined)
    throw new OtherFileError(`${name}: an ELF file for a machine that pause is not built for (e_machine ${machine})`);
  return architecture;
}

const isElf = (bytes: Uint8Array) => hexadecimal(bytes.subarray(0, 4)) === "7f 45 4c 46";
const startOf = (bytes: Uint8Array) => hexadecimal(bytes.subarray(0, 4)) || "nothing";
const hexadecimal = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
