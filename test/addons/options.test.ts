import { expect, test } from "bun:test";
import { buildConfig } from "../../src/addons/options.ts";
import { parseArguments } from "../../src/link/arguments.ts";
import { bundlerHelp } from "../../src/link/bundle.ts";

const HELP = bundlerHelp();
const optionsOf = (...words: string[]) => {
  const parsed = parseArguments(["app.ts", ...words], () => HELP);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
};

test.each([
  [["-e", "pkg"], [["-e", "pkg"]]],
  [["--external", "pkg"], [["--external", "pkg"]]],
  [["--env", "PUB_*"], [["--env", "PUB_*"]]],
  [["--env=PUB_*"], [["--env", "PUB_*"]]],
  [["--packages", "bundle"], [["--packages", "bundle"]]],
  [["--packages=external"], [["--packages", "external"]]],
  [["--metafile"], [["--metafile"]]],
  [["--metafile=meta.json"], [["--metafile", "meta.json"]]],
  [["--metafile-md"], [["--metafile-md"]]],
  [["--sourcemap"], [["--sourcemap"]]],
  [["--sourcemap=inline"], [["--sourcemap", "inline"]]],
  [["--compile-exec-argv", "--smol"], [["--compile-exec-argv", "--smol"]]],
  [["-dA=1"], [["-d", "A=1"]]],
  [["-d=A=1"], [["-d", "A=1"]]],
  [["-epkg"], [["-e", "pkg"]]],
  [["-l.x:text"], [["-l", ".x:text"]]],
  [["--banner", ""], [["--banner", ""]]],
  [["--banner="], [["--banner", ""]]],
  [
    ["-d", "A=1", "--minify"],
    [["-d", "A=1"], ["--minify"]],
  ],
])("bun build's option %j is not taken for a file", (words, bundler) => {
  expect(optionsOf(...words)).toMatchObject({ inputs: ["app.ts"], bundler });
});

test("an option without its value is refused, and so is one that bun build does not have", () => {
  expect(() => optionsOf("--env")).toThrow("--env needs a value after it");
  expect(() => optionsOf("--packages")).toThrow("--packages needs a value after it");
  expect(() => optionsOf("--nope")).toThrow("--nope is neither an option of this command nor of bun build");
  for (const word of ["-o", "--outfile=", "-o=", "--target="])
    expect(() => optionsOf(word)).toThrow("needs a value after it");
  expect(() => optionsOf("-o", "")).toThrow("-o needs a value after it");
  expect(optionsOf("-ofile").outfile).toBe("file");
  expect(() => optionsOf("-x")).toThrow("-x is neither an option of this command nor of bun build");
});

/** Options that bun build takes with --compile and Bun.build lacks. */
const ALONE = ["--css-chunking", "--metafile-md", "--public-path"];
/** Options that are refused earlier, or are for another platform. */
const NOT_HERE = /^--(compile|watch|outdir|outfile|no-bundle|app|windows-.*)$/;

test("Bun.build gets every option that bun build --help lists, except three that are refused by name", () => {
  const listed = [...HELP.matchAll(/^\s+(?:-\w, )?(--[\w-]+)(=<\w+>)?(?=\s|$)/gm)].map(([, name = ""]) => name);
  expect(listed.length).toBeGreaterThan(50);
  const unsaid = listed
    .filter((name) => !NOT_HERE.test(name))
    .filter((name) => {
      try {
        buildConfig(["app.ts"], [[name, "1"]], "bun-linux-x64-musl", "app");
        return false;
      } catch (error) {
        expect(String(error)).toContain(`${name} works only with bun build`);
        return true;
      }
    });
  expect(unsaid.toSorted()).toEqual(ALONE);
});

test("repeated options add up", () => {
  const { external, define, minify, compile } = buildConfig(
    ["app.ts"],
    optionsOf(
      "-e",
      "a",
      "--external=b",
      "-d",
      "A:1",
      "--define",
      "B=2",
      "--minify-syntax",
      "--keep-names",
      "--asset",
      "c",
    ).bundler,
    "bun-linux-x64-musl",
    "app",
  );
  expect({ external, define, minify, assets: compile.assets }).toEqual({
    external: ["a", "b"],
    define: { A: "1", B: "2" },
    minify: { syntax: true, keepNames: true },
    assets: ["c"],
  });
});

test("an option of JSX with a value means the runtime for production, as with bun build", () => {
  const jsx = (...words: string[]) =>
    buildConfig(["app.ts"], optionsOf(...words).bundler, "bun-linux-x64-musl", "app").jsx;
  expect(jsx("--jsx-import-source=preact")).toEqual({ development: false, importSource: "preact" });
  expect(jsx("--jsx-side-effects")).toEqual({ sideEffects: true });
});
