import type { CodeConstants } from "../architecture.ts";

/**
 * The first opcode byte of instructions with a constant: mov to a register, and mov between a register and an address
 * (Intel SDM volume 2, "MOV").
 */
const isMoveToRegister = (byte: number) => byte >= 0xb8 && byte <= 0xbf;
const isMoveOfAddress = (byte: number) => byte >= 0xa0 && byte <= 0xa3;
/** A REX prefix that makes the constant 64 bits wide. */
const isRexW = (byte: number) => byte >= 0x48 && byte <= 0x4f;

/** An address in code is the constant of a mov: 32 bits wide if it fits, otherwise 64. */
export const CONSTANTS: CodeConstants = {
  replace(code, from, to) {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    let found = 0;
    for (let at = 2; at + 8 <= code.length; at++) {
      const [before = 0, last = 0] = code.subarray(at - 2, at);
      if (isRexW(before) && (isMoveToRegister(last) || isMoveOfAddress(last))) {
        if (view.getBigUint64(at, true) !== BigInt(from)) continue;
        view.setBigUint64(at, BigInt(to), true);
        found++;
      } else if (isMoveToRegister(last) && view.getUint32(at, true) === from) {
        view.setUint32(at, to, true);
        found++;
      }
    }
    return found;
  },
};
