import { expect, test } from "bun:test";
import { documentedCommand } from "../../harness/documented.ts";
import type { Need } from "../../harness/privilege.ts";
import { GROUPS, type Group, type TestCommand } from "../groups.ts";
import { read, scripts } from "./pages.ts";

const names = (needs: readonly Need[] | undefined) => needs?.map(({ name }) => name).join("; ") || "nothing";

/** The packages that a page's command installs. */
const installed = (page: string, beginning: string) =>
  documentedCommand(page, beginning)
    .replace(/^apt-get install -y --no-install-recommends /, "")
    .split(" ");

/** Debian's packages for the needs of this command's groups. */
const needed = (command: TestCommand) =>
  GROUPS.filter((group) => group.command === command)
    .flatMap(({ needs, uses = [] }) => [...needs, ...uses])
    .flatMap(({ packages }) => packages);

/** A group's row in the table. */
const rowOf = ({ name, command, needs, uses = [] }: Group) =>
  `| ${name} | \`${command}\` | ${names(needs)} | ${names(uses)} |`;

test("CONTRIBUTING.md's table has each group, its command, and what it needs", () => {
  const rows = GROUPS.map(rowOf);
  const page = read("CONTRIBUTING.md");
  expect(
    page
      .slice(page.indexOf("| group |"))
      .split("\n")
      .slice(2, 2 + rows.length),
  ).toEqual(rows);
});

test("the README's second command installs what the groups of `test` need, and CONTRIBUTING.md's line what the others need", () => {
  const [first = [], second = []] = ["README.md"].flatMap((page) =>
    [...read(page).matchAll(/^apt-get update && apt-get install -y --no-install-recommends ([^&]*) &&/gm)].map(
      ([, packages = ""]) => packages.split(" "),
    ),
  );
  const rest = installed("CONTRIBUTING.md", "apt-get install ");
  expect(second.slice(0, first.length)).toEqual(first);
  for (const name of needed("test")) expect(second, "README.md, the second command").toContain(name);
  for (const name of needed("test:all")) expect([...second, ...rest], "CONTRIBUTING.md").toContain(name);
  expect(rest.filter((name) => second.includes(name))).toEqual([]);
});

test("the commands of the table are package.json's", () => {
  for (const { command } of GROUPS) expect(scripts[command]).toBeDefined();
});

test("every group has files, and no file is in two groups", () => {
  for (const { name, files } of GROUPS)
    expect(
      files.flatMap((glob) => [...new Bun.Glob(glob).scanSync(".")]),
      name,
    ).not.toEqual([]);
});
