import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../../package.json";
import { dateOf } from "../../build/commit.ts";
import { ROOT } from "../../support/project.ts";
import { LICENSE } from "../components/license.ts";
import type { Contents, Text } from "./assemble.ts";

/** The image's one file, and the user it runs as. */
export const FILE = "pause";
export const USER = "65535:65535";

/** The image of pause at a commit; null if no commit is known. `committed`: when it was made, in seconds. */
export const contentsAt = (commit: string | null, committed = dateOf(commit)): Contents => ({
  name: `localhost/pause:${version}`,
  file: FILE,
  user: USER,
  labels: {
    "org.opencontainers.image.title": "pause",
    "org.opencontainers.image.description":
      "The process that holds a Kubernetes pod open: TypeScript, compiled with Bun, one static file",
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.licenses": LICENSE,
    ...(commit !== null && { "org.opencontainers.image.revision": commit }),
  },
  timestamp: committed,
});

/** What must go with every copy: NOTICE, and each licence that it names. */
export function licenseTexts(): readonly Text[] {
  const licenses = readdirSync(join(ROOT, "LICENSES"))
    .toSorted()
    .map((name) => `LICENSES/${name}`);
  return ["LICENSE", "NOTICE", ...licenses].map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));
}
