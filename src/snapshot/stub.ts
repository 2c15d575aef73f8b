import type { Architecture } from "../arch/architecture.ts";
import type { Registers } from "../arch/processor.ts";
import { assemble } from "../elf/listing.ts";

/** Where a snapshot goes on: the registers of the donor there, where the arguments of the function that waits lie, and the address its first page can have. */
export type Checkpoint = { readonly registers: Registers; readonly commandLine: number; readonly firstPage: number };

/** A page to write to, its address, and the byte it begins with, which it keeps. */
export type Touch = { readonly page: number; readonly byte: number };

/**
 * The code a snapshot starts with. In order: block both signals, exit 1 if that fails; SIGTERM by itself, and as PID 1 with
 * it SIGPIPE and SIGTTOU, exit 2; SIGCHLD to SIG_IGN, exit 3; take the zombies there are; close_range(3, ~0). Then, with one argument or
 * none and as PID 1, wait right here, again after EINTR; what ends the wait is the result the program finds. Otherwise give
 * the program 0, which is no signal, and the command line: the address of argv[1] as a double and its length to the last
 * argument's NUL, in bytes, as an int32, where the arguments of the function that waits lie.
 *
 * Behind that, for each page that the program writes to on its way: a write first, for after a read a write would fault
 * once more. Last: the thread pointer, registers, and into the program behind its system call.
 *
 * `address`: where it is to lie, below 2 GiB. The code comes first, and its first byte is the entry.
 */
export function stub(
  { stub }: Architecture,
  address: number,
  { registers, commandLine }: Checkpoint,
  touches: readonly Touch[],
): Uint8Array {
  const { start, touch, resume, data, places } = stub;
  const code = (dataAt: number) => {
    const addresses = Object.fromEntries(Object.entries(places).map(([name, place]) => [name, dataAt + place]));
    return Buffer.concat([
      assemble(start, { arguments: commandLine, ...addresses }),
      ...touches.map((values) => assemble(touch, values)),
      assemble(resume, registers),
    ]);
  };
  const dataAt = Math.ceil((address + code(0).length) / 8) * 8;
  const bytes = new Uint8Array(dataAt - address + data.length * 8);
  bytes.set(code(dataAt));
  bytes.set(new Uint8Array(BigUint64Array.from(data).buffer), dataAt - address);
  return bytes;
}
