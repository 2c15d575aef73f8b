import { gunzipSync } from "node:zlib";
import type { Scope } from "../../support/scope.ts";
import { boot, describe, lastOutput, type Machine } from "./boot.ts";
import { fetchBusybox } from "./debian.ts";
import { MachineError } from "./error.ts";
import { type NewcEntry, readNewc } from "./newc.ts";

/** What to run in a machine, and which files to bring back. */
export type Task = {
  /** The machine's files, besides a static busybox that provides its shell and tools. */
  readonly files: readonly NewcEntry[];
  /** The command with its arguments. It runs as root in /, with /proc, /sys, /dev and a PATH of /bin. */
  readonly command: readonly string[];
  /** NAME=VALUE for each variable besides PATH. */
  readonly environment?: readonly string[];
  /** Files that the command writes, relative to the machine's root, without a leading slash. */
  readonly results?: readonly string[];
};

/** The command's exit status (128 and more: a signal), its stdout and stderr, and the result files that it wrote. */
export type Outcome = {
  readonly status: number;
  readonly output: string;
  readonly results: ReadonlyMap<string, Buffer>;
};

const STATUS = "machine/status";
const OUTPUT = "machine/output";

/**
 * Boots `machine`, runs `task` in it, and switches it off.
 * @throws MachineError as boot does, or when the machine ends without a whole result.
 */
export async function runInMachine(
  run: Scope,
  machine: Machine,
  { files, command, environment = [], results = [] }: Task,
): Promise<Outcome> {
  const busybox = await fetchBusybox(run, machine.architecture);
  const wanted = [STATUS, OUTPUT, ...results];
  const { console, port } = await boot(run, machine, [
    { path: "bin/busybox", file: busybox },
    { path: "bin/sh", target: "busybox" },
    // Programs look for env here.
    { path: "usr/bin/env", target: "/bin/busybox" },
    { path: "init", content: init(machine.architecture.emulator.secondPort.device, wanted), mode: 0o755 },
    { path: "machine/command", content: script(command, environment), mode: 0o755 },
    ...files,
  ]);
  const brought = unpack(machine, console, port);
  const status = brought.get(STATUS)?.toString() ?? "";
  const output = brought.get(OUTPUT)?.toString() ?? "";
  if (!/^\d+\n$/.test(status))
    throw new MachineError(
      `${describe(machine)}: it could not store the command's exit status; ` +
        `its ${machine.memory} MiB of memory may be full: give it more`,
    );
  return { status: Number(status), output, results: new Map([...brought].filter(([name]) => results.includes(name))) };
}

/** A machine returns an executable of 110 MB at most, and a log. */
const MOST_BYTES = 512 * 1024 * 1024;

/** The results are compressed, not only for size: gzip has a checksum and an end. */
function unpack(machine: Machine, console: string, port: Buffer): Map<string, Buffer> {
  try {
    return readNewc(gunzipSync(port, { maxOutputLength: MOST_BYTES }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MachineError(
      `${describe(machine)}: it ended without a complete result (received ${port.length} bytes: ${reason}): ` +
        `try again, then with another QEMU or kernel; its last output: ${lastOutput(console)}`,
    );
  }
}

/** /init. The command's output also goes to the console, so that it is known if the machine hangs. */
function init(port: string, wanted: readonly string[]): string {
  return `#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/console 2>&1
stty -F /dev/${port} raw
tail -n +1 -F /${OUTPUT} 2>/dev/null &
/machine/command >/${OUTPUT} 2>&1
echo $? >/${STATUS}
for file in ${wanted.map(quote).join(" ")}; do
  if [ -e "$file" ]; then echo "$file"; fi
done | cpio -o -H newc | gzip -1 >/dev/${port}
poweroff -f
`;
}

const script = (command: readonly string[], environment: readonly string[]): string =>
  `#!/bin/sh\nexec env -i ${["PATH=/bin", ...environment, ...command].map(quote).join(" ")}\n`;

/** Quotes a word for the shell. */
const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
