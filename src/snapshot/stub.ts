import type { Architecture } from "../arch/architecture.ts";
import type { Registers } from "../arch/processor.ts";
import { assemble } from "../elf/listing.ts";

/** Memory that the stub copies before it goes on: `size` bytes, a multiple of COPIED, from an address to another. */
export type Copy = { readonly from: number; readonly to: number; readonly size: number };

/** What the stub copies at a time, in bytes. */
export const COPIED = 16;

/** Where a snapshot goes on. Addresses. */
export type Resumption = {
  readonly registers: Registers;
  /** Where the arguments of the function that waits lie: the command line and its size, two words. */
  readonly commandLine: number;
  readonly copy: Copy;
  /** The pages of code behind the first one. */
  readonly pages: readonly number[];
};

/**
 * The code a snapshot starts with. In order: look at each page of code, so that none has to be had from a disk later;
 * block both signals, exit 1 if that fails; SIGTERM by itself, and as PID 1 with it SIGPIPE and SIGTTOU, exit 2;
 * SIGCHLD to SIG_IGN, exit 3; take the zombies there are; close_range(3, ~0). Then, with one argument or none and as
 * PID 1, wait right here, again after EINTR; what ends the wait is the result the program finds. Otherwise the result
 * is 0, which is no signal.
 *
 * Behind that: the copy, to memory that is zero until then. Where there are arguments, their place gets the address of
 * argv[1] as a double and the length to the last one's NUL, in bytes, as an int32. Last: the thread pointer, registers,
 * and into the program behind its system call.
 *
 * `address`: where it is to lie, below 2 GiB, a multiple of 8. Its first byte is the entry.
 */
export function stub({ stub }: Architecture, address: number, resumption: Resumption): Uint8Array {
  const { registers, commandLine, copy, pages } = resumption;
  const { data, places } = stub;
  const moving = { template: copy.from, data: copy.to, words: copy.size / 8, pairs: copy.size / 16 };
  const code = (dataAt: number) => {
    const addresses = Object.fromEntries(Object.entries(places).map(([name, place]) => [name, dataAt + place]));
    return Buffer.concat([
      ...pages.map((page) => assemble(stub.look, { page })),
      assemble(stub.start, addresses),
      assemble(stub.copy, { ...moving, arguments: commandLine, size: commandLine + 8 }),
      assemble(stub.resume, registers),
    ]);
  };
  const dataAt = Math.ceil((address + code(0).length) / 8) * 8;
  const bytes = new Uint8Array(dataAt - address + data.length * 8);
  bytes.set(code(dataAt));
  bytes.set(new Uint8Array(BigUint64Array.from(data).buffer), dataAt - address);
  return bytes;
}
