import type { Architecture } from "../arch/architecture.ts";
import type { Registers } from "../arch/processor.ts";
import { assemble } from "../elf/listing.ts";

/** Memory that the stub copies before it continues: `size` bytes, a multiple of COPIED, between two addresses. */
export type Copy = { readonly from: number; readonly to: number; readonly size: number };

/** How many bytes the stub copies at a time. */
export const COPIED = 16;

/** Where a snapshot continues. Addresses. */
export type Resumption = {
  readonly registers: Registers;
  /** The place of the waiting function's arguments: the command line and its size, two words. */
  readonly commandLine: number;
  readonly copy: Copy;
  /** The pages of code after the first one. */
  readonly pages: readonly number[];
};

/**
 * The code that a snapshot starts with. In order: read each page of code, so that no disk is needed for one later;
 * block both signals, or exit 1; SIGTERM by itself, and as PID 1 with it SIGPIPE and SIGTTOU, or exit 2; SIGCHLD to
 * SIG_IGN, or exit 3; reap the zombies; close_range(3, ~0). Then, as PID 1 with an argc of 0 or 1, wait right here,
 * again after EINTR; the program gets what ended the wait as its result. Otherwise the result is 0, which is no signal.
 *
 * Then comes the copy, to memory that is zero until then. If there are arguments, their place gets the address of
 * argv[1] as a double, and the length up to the last one's NUL, in bytes, as an int32. Last, the code loads the thread
 * pointer and registers and jumps into the program after its system call.
 *
 * `address`: where the code will lie, below 2 GiB, a multiple of 8. Its first byte is the entry.
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
