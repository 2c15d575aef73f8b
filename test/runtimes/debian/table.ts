import type { Result } from "./results.ts";

/**
 * The results of one Debian's runtimes: its name, when and on which kernel, the version of each installed package, and
 * the result of each test.
 */
export type Run = {
  readonly debian: string;
  readonly date: string;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly Result[];
};

/** A row of the table: a runtime, its package, and its tests. */
const ROWS: readonly { readonly runtime: string; readonly packaged: string; readonly tests: RegExp }[] = [
  { runtime: "runc", packaged: "runc", tests: /\brunc\b|rootless/ },
  { runtime: "crun", packaged: "crun", tests: /\bcrun\b/ },
  { runtime: "gVisor", packaged: "runsc", tests: /^gVisor/ },
  { runtime: "containerd", packaged: "containerd", tests: /^containerd/ },
  { runtime: "Docker", packaged: "docker.io", tests: /^docker\b/ },
  { runtime: "Podman", packaged: "podman", tests: /^podman|^the archive.*podman|^hardened: read-only/ },
  { runtime: "skopeo", packaged: "skopeo", tests: /^the archive.*skopeo/ },
  { runtime: "LXC", packaged: "lxc", tests: /: LXC/ },
  { runtime: "systemd-nspawn", packaged: "systemd-container", tests: /: systemd-nspawn/ },
  { runtime: "bubblewrap", packaged: "bubblewrap", tests: /: bubblewrap/ },
];

/** The packages whose versions the table lists. */
export const PACKAGES = ROWS.map(({ packaged }) => packaged);

/** The table in Markdown, followed by the failures. */
export function table(runs: readonly Run[]): string {
  const lines = [
    "The version, and how many of its tests in [test/runtimes](../test/runtimes) passed.",
    "",
    `| | ${runs.map(({ debian }) => debian).join(" | ")} |`,
    `| --- |${" --- |".repeat(runs.length)}`,
    `| run on, kernel | ${runs.map(({ date, kernel }) => `${date}, ${kernel}`).join(" | ")} |`,
    ...ROWS.map((row) => `| ${row.runtime} | ${runs.map((run) => cell(run, row)).join(" | ")} |`),
    "",
    ...failures(runs),
  ];
  return lines.join("\n");
}

function cell({ versions, results }: Run, { packaged, tests }: (typeof ROWS)[number]): string {
  const version = versions[packaged];
  if (version === undefined) return "no package";
  const own = results.filter(({ name, outcome }) => outcome !== "skipped" && tests.test(name));
  return `${version}: ${own.filter(({ outcome }) => outcome === "passed").length} of ${own.length}`;
}

/** What a test complained of: of a command's words only the first, and no path of the test's own folder. */
const complaint = (message: string) =>
  (message.split("\n")[0] ?? "")
    .replaceAll("`", "'")
    .replaceAll(/\/tmp\/pause-runtimes-\w+\//g, "")
    .replace(/^(?:env --chdir \S+ )?(\S+) .*? ended with /, "$1 … ended with ")
    .replace(/[: ]+$/, "");

/** One line for each complaint in a release, with the tests that made it. */
function failures(runs: readonly Run[]): string[] {
  const failed = runs.flatMap(({ debian, results }) => {
    const alike = Map.groupBy(
      results.filter(({ outcome }) => outcome === "failed"),
      ({ message }) => complaint(message),
    );
    return [...alike].map(([said, [first, ...others]]) => {
      const more = others.length === 0 ? "" : `, and ${others.length} more`;
      return `- ${debian}: \`${said}\` in "${first?.name ?? ""}"${more}`;
    });
  });
  return failed.length === 0 ? ["Nothing failed."] : ["What failed:", "", ...failed];
}
