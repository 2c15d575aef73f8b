/**
 * Is the instruction that begins `code` one that x86-64-v2 (x86-64 psABI, section 3.1.1) does not have? Bun itself asks
 * for no more than v2, but the code it generates uses what the build machine has. Told by the opcode (Intel SDM volume 2,
 * appendix A): VEX and EVEX prefixes; MOVBE; LZCNT and TZCNT, which older processors run as BSR and BSF; AES, SHA and
 * carry-less multiplication; RDRAND and RDSEED; XGETBV.
 */
export function beyondV2(code: Uint8Array): boolean {
  let at = 0;
  const prefixes = new Set<number>();
  while (LEGACY_PREFIXES.has(code[at] ?? 0)) prefixes.add(code[at++] ?? 0);
  if (((code[at] ?? 0) & 0xf0) === 0x40) at++;
  const [first = 0, second = 0, third = 0] = code.subarray(at);
  if (first === 0xc4 || first === 0xc5 || first === 0x62) return true;
  if (first !== 0x0f) return false;
  if (second === 0x38) return ((third === 0xf0 || third === 0xf1) && !prefixes.has(0xf2)) || (third >= 0xc8 && third <= 0xcd) || (third >= 0xdb && third <= 0xdf);
  if (second === 0x3a) return third === 0x44 || third === 0xdf || third === 0xcc;
  if (second === 0xbc || second === 0xbd) return prefixes.has(0xf3);
  if (second === 0xc7) return third >= 0xf0;
  return second === 0x01 && third === 0xd0;
}

/** Of the Intel SDM, volume 2, section 2.1.1. */
const LEGACY_PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65]);
