import { copyFileSync, existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { run } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

/** Keeps images of the base between runs, because making one takes half a minute. */
export const BASE_STORAGE = join(TEST_DIST, "base-image");

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * Stands in for the official Bun image, which is Debian with Bun, when no registry can be reached: this machine's
 * Debian release, from its apt's own source, and the Bun that runs this. Returns its name in the workspace's storage.
 */
export async function baseImage(workspace: Workspace): Promise<string> {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(await Bun.file("/etc/os-release").text())?.[1] ?? "stable";
  const name = `localhost/${release}-bun:${Bun.version}`;
  const kept = await run(["buildah", "images", "--quiet", "--filter", `reference=${name}`], workspace.env);
  if (kept !== "") return name;

  const context = workspace.folder("base");
  await debian(release, join(context, "debian.tar"));
  copyFileSync(process.execPath, join(context, "bun"));
  const environment = await certificates(context);
  const file = ["FROM scratch", "ADD debian.tar /", "COPY bun /usr/local/bin/bun", ...environment].join("\n");
  await run(["buildah", "build", "--quiet", "--tag", name, "--file", "-", context], workspace.env, file);
  return name;
}

/** Makes a tar file of Debian with little more than apt, and with the sources and proxy of this machine's apt. */
async function debian(release: string, tar: string): Promise<void> {
  const targets = await run([
    "apt-get",
    "indextargets",
    "--format",
    "$(SITE) $(RELEASE) $(COMPONENT)",
    "Created-By: Packages",
  ]);
  const sources = new Set(targets.split("\n").filter((target) => target.split(" ")[1]?.startsWith(release)));
  const proxy = (await run(["apt-config", "dump"])).split("\n").filter((line) => /^Acquire::https?::Proxy/i.test(line));
  const options = [...proxy, 'Acquire::Languages "none"'].flatMap((option) => ["--aptopt", option]);
  const slim = ["doc", "info", "locale", "man"].flatMap((folder) => [
    "--dpkgopt",
    `path-exclude=/usr/share/${folder}/*`,
  ]);
  const lines = [...sources].map((source) => `deb ${source}`);
  await run(["mmdebstrap", "--mode=root", "--variant=apt", ...options, ...slim, release, `${tar}.new`, ...lines]);
  renameSync(`${tar}.new`, tar);
}

/** If a machine reaches npm through a proxy with its own certificate, Bun in a container needs that certificate too. */
async function certificates(context: string): Promise<string[]> {
  const { NODE_EXTRA_CA_CERTS } = process.env;
  if (NODE_EXTRA_CA_CERTS === undefined || !existsSync(NODE_EXTRA_CA_CERTS)) return [];
  copyFileSync(NODE_EXTRA_CA_CERTS, join(context, "certificates"));
  return [`COPY certificates ${CERTIFICATES}`, `ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}`];
}
