import { expect } from "bun:test";
import { program, testNeeding } from "../../harness/privilege.ts";
import { REPOSITORY } from "./pages.ts";

/** Names that codespell takes for mistakes: afterAll, AKS, isElf, .Nd of mdoc(7), and hexadecimal digits. */
const KNOWN = "afterall,aks,iself,nd,te";
/** Texts of others, data, and bytes. */
const NOT_OURS = /^(LICENSES\/|bun\.lock$)|\.(lock|svg)$|\/(results\.json|bun\.lock)$|^test\/fuzz\/seeds\//;

testNeeding(program("codespell"))("codespell finds no misspelt word", () => {
  const tracked = Bun.spawnSync(["git", "-C", REPOSITORY, "ls-files", "-z"]).stdout.toString();
  const files = tracked.split("\0").filter((path) => path !== "" && !NOT_OURS.test(path));
  expect(files.length).toBeGreaterThan(100);
  const { stdout, exitCode } = Bun.spawnSync(["codespell", "-L", KNOWN, ...files], { cwd: REPOSITORY });
  expect({ exitCode, said: stdout.toString() }).toEqual({ exitCode: 0, said: "" });
});
