import { hostArchitecture } from "../arch/architectures.ts";
import { UserError } from "../support/error.ts";
import type { Tracee } from "./ptrace.ts";

/**
 * JavaScriptCore's call frame (CallFrame.h): words from where the frame pointer points, the caller's first. The
 * arguments are JSValues (JSCJSValue.h): an int32 has its value in the lower half under a tag, a double is offset by
 * 2^49.
 */
const CALLER_FRAME = 0;
const ARGUMENT_COUNT_INCLUDING_THIS = 4;
const FIRST_ARGUMENT = 6;
const INT32_TAG = 0xfffe_0000_0000_0000n;
const DOUBLE_OFFSET = 0x2_0000_0000_0000n;
const WORD = 8;

/** As many frames lie between the wait and the function that waits: the call stubs' own. */
const MOST_FRAMES = 8;

/**
 * How many arguments the function that waits can have, with `this`: more than what it calls to wait. Other frames than
 * the virtual machine's lie between, and have something else there.
 */
const LEAST_COUNT = 4n;
const GREATEST_COUNT = 0xffn;
const isNumber = (word: bigint) => word >= DOUBLE_OFFSET;

/**
 * The frame of the function that waits: addresses of its arguments, of which the first two are the command line, and of
 * their end.
 */
export type WaitingFrame = { readonly commandLine: number; readonly end: number };

/**
 * The frame of the function that waits: its first two arguments are an address, and a length of 0, since the donor has
 * an empty command line. `tracee` stands in the call stub its wait returned to. @throws UserError when no frame looks
 * like that.
 */
export function findFrame(tracee: Tracee): WaitingFrame {
  const word = (address: number) => tracee.read(address, WORD).readBigUInt64LE();
  let frame = Number(tracee.registers()[hostArchitecture().processor.framePointer]);
  for (let depth = 0; depth < MOST_FRAMES; depth++) {
    const count = BigInt.asUintN(32, word(frame + ARGUMENT_COUNT_INCLUDING_THIS * WORD));
    const commandLine = frame + FIRST_ARGUMENT * WORD;
    const counted = count >= LEAST_COUNT && count <= GREATEST_COUNT;
    if (counted && isNumber(word(commandLine)) && word(commandLine + WORD) === INT32_TAG)
      return { commandLine, end: commandLine + (Number(count) - 1) * WORD };
    frame = Number(word(frame + CALLER_FRAME * WORD));
  }
  throw new UserError(
    "no call frame above the wait has an address and a length for its first arguments; " +
      "the program must wait in a function that is called with its command line",
  );
}

/** Two arguments as JSValues, 16 bytes: an address, as a double, and a length, as an int32. */
export function encodeArguments(address: number, length: number): Uint8Array {
  const [double = 0n] = new BigUint64Array(Float64Array.of(address).buffer);
  return new Uint8Array(BigUint64Array.of(double + DOUBLE_OFFSET, INT32_TAG | BigInt(length)).buffer);
}

/** The address that a JSValue holds as an int32; none where it is something else. */
export const addressIn = (word: bigint): number[] =>
  word >= INT32_TAG && word - INT32_TAG <= 0x7fff_ffffn ? [Number(word - INT32_TAG)] : [];

/** `word` with another address in it, as it held the one before: as an int32, or as it is. */
export const withAddress = (word: bigint, address: number): bigint =>
  word >= INT32_TAG ? INT32_TAG | BigInt(address) : BigInt(address);
