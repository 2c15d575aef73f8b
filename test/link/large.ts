/**
 * Links a program of more than 2 GiB and runs it; that is too much for every test run: `bun test/link/large.ts [MIB]`.
 * The embedded file is sparse; the result needs three times its size on disk, and once in memory.
 */
import { rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { bunStatic, rootFor, runAlone, succeed } from "./others.ts";

const size = Number(process.argv[2] ?? 2200) * 1024 * 1024;
const folder = rootFor("large", import.meta.path);
try {
  writeFileSync(join(folder, "asset.bin"), "");
  truncateSync(join(folder, "asset.bin"), size);
  const main = `
    import path from "./asset.bin" with { type: "file" };
    const file = Bun.file(path);
    console.log(file.size, (await file.slice(file.size - 4).bytes()).join());`;
  writeFileSync(join(folder, "main.ts"), main);
  const compiling = ["build", "--compile", `--target=${X86_64.bunTarget}`, "main.ts", "--outfile", "compiled"];
  succeed([process.execPath, ...compiling], folder);
  process.stdout.write(bunStatic(["compiled", "-o", "linked"], folder));
  const root = rootFor("large-linked", join(folder, "linked"));
  const { exitCode, stdout, stderr } = runAlone(root, []);
  rmSync(root, { recursive: true });
  if (stdout !== `${size} 0,0,0,0\n` || exitCode !== 0)
    throw new Error(`it ended with ${exitCode}: ${stdout}${stderr}`);
  console.log(`${statSync(join(folder, "linked")).size} bytes: runs`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
