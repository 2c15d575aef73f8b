/**
 * Files that record which Bun was measured or tried. They keep its name until the commands that write them run again.
 */
const RECORDS =
  /^(CHANGELOG\.md|bench\/(REPORT\.md|results\.json)|docs\/(kernels|link-tables)\.md|src\/build\/pin\/.*|.*bun\.lock)$/;

/** The text before the version, wherever the repository names the Bun that builds and tests it. */
const BEFORE = ["bun@", "oven/bun:", "\\bBun ", "\\brun pin ", '"@types/bun": "', '"bun-types": "', '"bun": ">='];

export const isRecord = (path: string): boolean => RECORDS.test(path);

/**
 * Returns `text` with `to` as the version of the Bun that builds the project. Other mentions of `from` stay: "before
 * VERSION", a list of versions that were tried.
 */
export const renameBun = (text: string, from: string, to: string): string =>
  text.replace(new RegExp(`(${BEFORE.join("|")})${exactly(from)}`, "g"), (_, before: string) => `${before}${to}`);

/** Returns NOTICE with the version of each work in `versions`. A work's name and version are a line of their own. */
export const renameWorks = (notice: string, versions: Readonly<Record<string, string>>): string =>
  Object.entries(versions).reduce(
    (text, [name, version]) => text.replace(new RegExp(`^${escape(name)} \\S+$`, "m"), () => `${name} ${version}`),
    notice,
  );

/** Returns the numbers of the lines of `text` that name `version`. */
export const linesNaming = (text: string, version: string): readonly number[] => {
  const name = new RegExp(`(?<![\\d.])${exactly(version)}`);
  return text.split("\n").flatMap((line, index) => (name.test(line) ? [index + 1] : []));
};

/** A pattern for `version` that matches no longer version. */
const exactly = (version: string) => `${escape(version)}(?!\\w|\\.\\d)`;

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
