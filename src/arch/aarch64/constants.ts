import type { CodeConstants } from "../architecture.ts";

/**
 * MOVZ and MOVK with a 64-bit register (Arm ARM, C6.2): the register in bits 0 to 4, the 16-bit value from bit 5, and
 * from bit 21 the quarter of the register that it goes to.
 */
const OPCODE = 0xff80_0000;
const MOVZ = 0xd280_0000;
const MOVK = 0xf280_0000;

type Move = { readonly at: number; readonly register: number; readonly quarter: number; readonly bits: bigint };

/** A movz and up to three movk put an address together. */
export const CONSTANTS: CodeConstants = {
  replace(code, from, to) {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    let found = 0;
    for (const moves of constantsOf(view)) {
      const value = moves.reduce((all, { quarter, bits }) => all | (bits << BigInt(16 * quarter)), 0n);
      if (value !== BigInt(from)) continue;
      const rest = moves.reduce((left, { quarter }) => left & ~(0xffffn << BigInt(16 * quarter)), BigInt(to));
      if (rest !== 0n) continue;
      for (const { at, quarter } of moves) {
        const bits = Number((BigInt(to) >> BigInt(16 * quarter)) & 0xffffn);
        view.setUint32(at, ((view.getUint32(at, true) & ~(0xffff << 5)) | (bits << 5)) >>> 0, true);
      }
      found++;
    }
    return found;
  },
};

/** Each movz with the following movk that change the same register. */
function constantsOf(view: DataView): Move[][] {
  const constants: Move[][] = [];
  for (let at = 0; at + 4 <= view.byteLength; at += 4) {
    const word = view.getUint32(at, true);
    const opcode = (word & OPCODE) >>> 0;
    const move = {
      at,
      register: word & 0x1f,
      quarter: (word >>> 21) & 3,
      bits: BigInt((word >>> 5) & 0xffff),
    };
    const last = constants.at(-1)?.at(-1);
    if (opcode === MOVZ) constants.push([move]);
    else if (opcode === MOVK && last?.at === at - 4 && last.register === move.register) constants.at(-1)?.push(move);
  }
  return constants;
}
