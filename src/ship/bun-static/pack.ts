import { gzipSync } from "node:zlib";
import { version } from "../../../package.json";
import type { Scope } from "../../support/scope.ts";
import { tar } from "../image/tar.ts";
import { contents } from "./contents.ts";

/** npm gives all files of a package the same date: 26 October 1985, 08:15 UTC. */
const NPM_DATE = 499_162_500;

export type Packed = { readonly name: string; readonly bytes: Uint8Array };

/** The package that npm and Bun install. The same sources give the same bytes. */
export async function pack(run: Scope): Promise<Packed> {
  const archive = tar(await contents(run), NPM_DATE);
  return { name: `bun-static-${version}.tgz`, bytes: gzipSync(archive, { level: 9 }) };
}
