import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { succeed } from "../link/others.ts";

const FOLDER = join(TEST_DIST, "addons", "same");

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  for (const name of ["by-command", "by-api"]) mkdirSync(join(FOLDER, name), { recursive: true });
  writeFileSync(join(FOLDER, "text.txt"), "text\n");
  writeFileSync(join(FOLDER, "lazy.ts"), 'import { join } from "node:path"; export default join("lazy");\n');
  writeFileSync(
    join(FOLDER, "app.ts"),
    `import { join } from "node:path"; import text from "./text.txt" with { type: "text" };
     export function longName(one: number) { return one + 1; }
     console.log(process.env.NODE_ENV, text, join("a", "b"), longName(1), process.execArgv);
     export const lazy = () => import("./lazy.ts");\n`,
  );
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test.each([
  [[]],
  [["--production"]],
  [["--splitting"]],
  [["--splitting", "--minify", "--root=..", "--chunk-naming", "[hash].[ext]"]],
  [["--minify", "--keep-names", "--drop", "console"]],
  [["--bytecode", "--sourcemap=inline"]],
  [["--banner", "// begins", "--footer=// ends", "--compile-exec-argv", "--smol --a", "--asset", "text.txt"]],
  [["--env", "PUB_*", "-d", "A=1", "--external", "node:path", "--no-compile-autoload-dotenv", "--format", "cjs"]],
])(
  "Bun.build makes the same file as bun build with %j",
  (words) => {
    const command = [process.execPath, "build", "--compile", "app.ts", ...words, `--target=${X86_64.bunTarget}`];
    succeed([...command, "--outfile", "by-command/out"], FOLDER);
    succeed([process.execPath, join(import.meta.dir, "by-api.ts"), "by-api/out", "app.ts", ...words], FOLDER);
    const [one, other] = ["by-command", "by-api"].map((name) => readFileSync(join(FOLDER, name, "out")));
    expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
  },
  60_000,
);
