/** execa: starts itself again, feeds it, and hears how it ended. */
import { execa } from "execa";

if (process.env.PART === "child") {
  const text = await Bun.stdin.text();
  console.log("child got", text.length);
  process.exit(7);
}
const program = process.execPath.endsWith("/bun") ? [process.execPath, process.argv[1] ?? ""] : [process.execPath];
const [file = "", ...before] = program;
const child = execa(file, [...before, ...process.argv.slice(2)], { env: { PART: "child" }, input: "x".repeat(200_000), reject: false });
const { exitCode, stdout } = await child;
console.log(stdout, exitCode);
