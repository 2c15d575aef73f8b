import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";
import { type Apt, aptFor, CHECK, debianCommand, type Release, released, renew, said } from "./apt.ts";

/**
 * Returns the folder with the files of Debian's package `name`, in the version that `release` had when its lists were
 * fetched. The first call downloads and unpacks the package below `cache`. Nothing is installed, and the system's
 * installed packages do not matter.
 * @throws UserError when apt is missing, the package is not in the release, or it cannot be downloaded or unpacked.
 */
export async function fetchPackage(run: Scope, name: string, release: Release, cache: string): Promise<string> {
  const apt = await aptFor(run, release, cache);
  const folder = await folderOf(apt, name);
  const failure = existsSync(folder) ? undefined : await download(apt, name, folder);
  return failure === undefined ? folder : fetchRenewed(apt, name, failure);
}

/**
 * Fetches the lists again, then the package. An archive drops replaced versions, and the lists may be older.
 * @throws UserError with the previous `failure` when there are no newer lists.
 */
async function fetchRenewed(apt: Apt, name: string, failure: string): Promise<string> {
  const unavailable = (why: string) =>
    new UserError(
      `downloading ${name} of ${released(apt.release)} to ${join(apt.folder, "packages")}: ${why}; ${CHECK}`,
    );
  await renew(apt).catch((error) => Promise.reject(error instanceof UserError ? unavailable(failure) : error));
  const folder = await folderOf(apt, name);
  const again = await download(apt, name, folder);
  if (again !== undefined) throw unavailable(again);
  return folder;
}

/**
 * Returns a field of a package's entry in the lists (Debian policy, section 5.3).
 * @throws UserError when the lists do not have the package.
 */
export async function packageField(
  run: Scope,
  name: string,
  field: "Version" | "Depends",
  release: Release,
  cache: string,
): Promise<string> {
  return fieldOf(await aptFor(run, release, cache), name, field);
}

async function fieldOf({ run, release, folder, options }: Apt, name: string, field: string): Promise<string> {
  const shown = await debianCommand(run, ["apt-cache", ...options, "show", "--no-all-versions", name]);
  if (/^E: No packages found/m.test(shown.stderr))
    throw new UserError(
      `${name} is not in ${released(release)}; if the lists in ${folder} are old, remove that folder and try again`,
    );
  if (shown.status !== 0)
    throw new UserError(
      `looking for ${name} in the package lists in ${folder}: ${said(shown)}; remove that folder and try again`,
    );
  return new RegExp(`^${field}: (.*)$`, "m").exec(shown.stdout)?.[1] ?? "";
}

/** The file name has %3a for a version's colon, like the names of dpkg's files. */
async function folderOf(apt: Apt, name: string): Promise<string> {
  return join(apt.folder, "packages", `${name}_${(await fieldOf(apt, name, "Version")).replaceAll(":", "%3a")}`);
}

/**
 * Downloads and unpacks a package beside `folder`, then moves it there. Returns why the download failed, or undefined.
 * @throws UserError when it cannot be unpacked.
 */
async function download({ run, options }: Apt, name: string, folder: string): Promise<string | undefined> {
  mkdirSync(dirname(folder), { recursive: true });
  await using own = run.nested();
  const scratch = own.folder(`${basename(folder)}.`, dirname(folder));
  const got = await debianCommand(own, ["apt-get", ...options, "download", name], scratch);
  const [archive] = readdirSync(scratch);
  if (got.status !== 0 || archive === undefined) return said(got);
  const files = join(scratch, "files");
  const unpacked = await debianCommand(own, ["dpkg-deb", "--extract", join(scratch, archive), files]);
  if (unpacked.status !== 0)
    throw new UserError(`unpacking ${archive} to ${dirname(folder)}: ${said(unpacked)}; ${CHECK}`);
  renameSync(files, folder);
  return undefined;
}
