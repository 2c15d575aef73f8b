import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../support/error.ts";
import type { Ending, Scope } from "../../support/scope.ts";

/**
 * Packages to choose from: an architecture by Debian's name, and a suite or codename of the archive. The system's own
 * suite by default.
 */
export type Release = { readonly architecture: string; readonly suite?: string | undefined };

/**
 * apt with its own lists and cache in `folder`. It touches neither the system's package database nor its lists. Its
 * processes belong to `run`.
 */
export type Apt = {
  readonly run: Scope;
  readonly release: Release;
  readonly folder: string;
  readonly options: readonly string[];
};

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** What to do when apt cannot fetch. The sources are those of this system's own apt. */
export const CHECK = "check that apt-get update works here and that the disk has room, then try again";

export const released = ({ architecture, suite }: Release) =>
  `Debian ${suite ?? "(this system's suite)"} for ${architecture}`;

/**
 * Returns apt for `release` below `cache`. The first call fetches the lists.
 * @throws UserError when apt or its sources are missing, or the lists cannot be fetched.
 */
export async function aptFor(run: Scope, release: Release, cache: string): Promise<Apt> {
  const folder = join(cache, [release.suite ?? "system", release.architecture].join("-"));
  const apt = { run, release, folder, options: options(folder, release.architecture) };
  if (!existsSync(join(folder, "lists"))) await renew(apt);
  return apt;
}

/** Fetches the lists of packages. They appear in the folder `lists` only when complete. */
export async function renew({ run, release, folder, options }: Apt): Promise<void> {
  mkdirSync(join(folder, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(folder, "sources.list"), await sources(run, release));
  await using own = run.nested();
  const fresh = join(own.folder("new-", folder), "lists");
  mkdirSync(join(fresh, "partial"), { recursive: true });
  const update = ["apt-get", ...options, "-o", `Dir::State::lists=${fresh}`, "--error-on=any", "update"];
  const updated = await debianCommand(own, update);
  if (updated.status !== 0)
    throw new UserError(`fetching the package lists of ${released(release)}: ${said(updated)}; ${CHECK}`);
  rmSync(join(folder, "lists"), { recursive: true, force: true });
  renameSync(fresh, join(folder, "lists"));
}

function options(folder: string, architecture: string): string[] {
  const settings = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    // As root, apt downloads as another user, who cannot write here.
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Dir::State": folder,
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(folder, "cache"),
    // Slim systems keep no cache, so each query would read all lists again.
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "Dir::Etc::SourceList": join(folder, "sources.list"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::Etc::Preferences": "/dev/null",
    "Dir::Etc::PreferencesParts": "/dev/null",
  };
  return ["-qq", ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}

/** sources.list(5) for `release`, with the sources of the system's own apt. */
async function sources(run: Scope, { suite }: Release): Promise<string> {
  const archive = await debianArchive(run);
  const wanted = suite === undefined ? await systemSources(run) : [[archive, suite, "main"]];
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  return wanted.map((line) => `deb ${signed}${line.join(" ")}\n`).join("");
}

/**
 * The URI from which the system's apt gets Debian's packages: the archive itself, not its updates, security or
 * backports, whose releases have a suffix.
 * @throws UserError when apt has no such source.
 */
export async function debianArchive(run: Scope): Promise<string> {
  const archive = (await systemSources(run)).find(([, name = "-"]) => /^[a-z]+$/.test(name))?.[0];
  if (archive === undefined)
    throw new UserError(
      "none of apt's sources is a Debian archive with packages in main (see apt-get indextargets); " +
        "add one to /etc/apt/sources.list.d",
    );
  return archive;
}

/** The sources that the system's apt has for main: URI, release and component of each. */
async function systemSources(run: Scope): Promise<readonly (readonly string[])[]> {
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const { stdout } = await debianCommand(run, ["apt-get", "indextargets", "--format", format, "Created-By: Packages"]);
  return [...new Set(stdout.split("\n"))]
    .map((line) => line.split(" "))
    .filter(([, , component]) => component === "main");
}

/** Runs a command of apt's or dpkg's to its end in `cwd`. @throws UserError when the command is missing. */
export async function debianCommand(run: Scope, command: readonly string[], cwd = "/"): Promise<Ending> {
  const [name = ""] = command;
  if (Bun.which(name) === null)
    throw new UserError(
      `${name} not found; apt and dpkg fetch Debian's packages: run this on Debian or in a Debian container`,
    );
  return run.spawn(command, { cwd, env: { ...process.env, LC_ALL: "C" } }).ended;
}

/** The first error in a command's output, or its status. */
export function said({ status, stderr }: Ending): string {
  const lines = stderr.split("\n").filter((line) => line !== "");
  return (lines.find((line) => /^(E|dpkg-deb): ?/.test(line)) ?? lines[0] ?? `it exited with ${status}`).trim();
}
