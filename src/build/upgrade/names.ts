/**
 * What tells of a Bun that was tried or measured: it keeps that one's name until the command that writes it runs again.
 */
const RECORDS =
  /^(CHANGELOG\.md|bun\.lock|bench\/(REPORT\.md|results\.json)|docs\/(kernels|link-tables)\.md|src\/build\/pin\/.*)$/;

/** What stands before the version wherever the repository names the Bun that it is built and tested with. */
const BEFORE = ["bun@", "oven/bun:", "\\bBun ", "\\brun pin ", '"@types/bun": "', '"bun-types": "', '"bun": ">='];

export const isRecord = (path: string): boolean => RECORDS.test(path);

/**
 * `text` with the name `to` for the Bun that the project is built with. Other mentions of `from` stay as they are: what
 * was so before a version, a list of versions that were tried.
 */
export const renameBun = (text: string, from: string, to: string): string =>
  text.replace(new RegExp(`(${BEFORE.join("|")})${exactly(from)}`, "g"), (_, before: string) => `${before}${to}`);

/** NOTICE with the version of each work in `versions`; a line of its own has a work's name and version. */
export const renameWorks = (notice: string, versions: Readonly<Record<string, string>>): string =>
  Object.entries(versions).reduce(
    (text, [name, version]) => text.replace(new RegExp(`^${escape(name)} \\S+$`, "m"), () => `${name} ${version}`),
    notice,
  );

/** The numbers of the lines of `text` that name `version`. */
export const linesNaming = (text: string, version: string): readonly number[] => {
  const name = new RegExp(`(?<![\\d.])${exactly(version)}`);
  return text.split("\n").flatMap((line, index) => (name.test(line) ? [index + 1] : []));
};

/** A pattern for `version` and no longer one. */
const exactly = (version: string) => `${escape(version)}(?!\\w|\\.\\d)`;

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
