import { hostArchitecture } from "../arch/architectures.ts";
import { UserError } from "../support/error.ts";
import type { Tracee } from "./ptrace.ts";

/**
 * JavaScriptCore's call frame (CallFrame.h): words from the frame pointer's target on, starting with the caller's frame
 * pointer. The arguments are JSValues (JSCJSValue.h): an int32 has its value in the lower half under a tag; a double is
 * offset by 2^49.
 */
const CALLER_FRAME = 0;
const ARGUMENT_COUNT_INCLUDING_THIS = 4;
const FIRST_ARGUMENT = 6;
const INT32_TAG = 0xfffe_0000_0000_0000n;
const DOUBLE_OFFSET = 0x2_0000_0000_0000n;
const WORD = 8;

/** The most frames between the wait and the function that waits: the call stubs' own. */
const MOST_FRAMES = 8;

/**
 * The fewest arguments of the function that waits, with `this`: more than what it calls to wait has. Other frames than
 * the virtual machine's lie between, and hold something else in that place.
 */
const LEAST_COUNT = 4n;
const GREATEST_COUNT = 0xffn;
const isNumber = (word: bigint) => word >= DOUBLE_OFFSET;

/**
 * The frame of the function that waits: the addresses of its arguments, the first two of which are the command line,
 * and of their end.
 */
export type WaitingFrame = { readonly commandLine: number; readonly end: number };

/**
 * Finds the frame of the function that waits. Its first two arguments are an address, and a length of 0, because the
 * donor has an empty command line. `tracee` has stopped in the call stub that its wait returned to. @throws UserError
 * when no frame looks like that.
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

/** Two arguments as JSValues, 16 bytes: an address as a double, and a length as an int32. */
export function encodeArguments(address: number, length: number): Uint8Array {
  const [double = 0n] = new BigUint64Array(Float64Array.of(address).buffer);
  return new Uint8Array(BigUint64Array.of(double + DOUBLE_OFFSET, INT32_TAG | BigInt(length)).buffer);
}

/** The address that a JSValue holds as an int32; none for anything else. */
export const addressIn = (word: bigint): number[] =>
  word >= INT32_TAG && word - INT32_TAG <= 0x7fff_ffffn ? [Number(word - INT32_TAG)] : [];

/** Replaces the address in `word`, keeping its form: an int32 JSValue or the plain address. */
export const withAddress = (word: bigint, address: number): bigint =>
  word >= INT32_TAG ? INT32_TAG | BigInt(address) : BigInt(address);
