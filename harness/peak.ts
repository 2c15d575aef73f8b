import { writeFileSync } from "node:fs";

/**
 * Runs a command and writes its peak memory, in bytes, to a file. Its arguments: the file, and the command. A test runs
 * this and not the command, because the kernel counts the memory of the process that forks, too: ru_maxrss of
 * getrusage(2) survives execve(2), and the process of the tests is large.
 */
const [report = "", ...command] = process.argv.slice(2);
const { exitCode, resourceUsage } = Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] });
writeFileSync(report, `${resourceUsage?.maxRSS ?? Number.POSITIVE_INFINITY}`);
process.exitCode = exitCode;
