import { pageUp } from "../elf/pages.ts";
import { roundUp } from "./tls.ts";

/** Memory of the output that grows: places are reserved one behind the other, and filled when all addresses are known. */
export class Region {
  private end: number;
  private readonly contents: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  constructor(readonly start: number) {
    this.end = start;
  }

  /** The address of `size` bytes, a multiple of `align` and `phase` more. */
  reserve(size: number, align = 8, phase = 0): number {
    const at = roundUp(this.end - phase, align) + phase;
    this.end = at + size;
    return at;
  }

  /** Puts bytes where room was reserved for them. */
  fill(at: number, bytes: Uint8Array): void {
    if (at < this.start || at + bytes.length > this.end) throw new Error("these bytes have no room in their region");
    this.contents.push({ at, bytes });
  }

  /** Reserves and fills. */
  add(bytes: Uint8Array, align = 8): number {
    const at = this.reserve(bytes.length, align);
    this.fill(at, bytes);
    return at;
  }

  /** In whole pages; at least one. */
  size(pageSize: number): number {
    return Math.max(pageUp(this.end - this.start, pageSize), pageSize);
  }

  bytes(pageSize: number): Uint8Array {
    const bytes = new Uint8Array(this.size(pageSize));
    for (const { at, bytes: part } of this.contents) bytes.set(part, at - this.start);
    return bytes;
  }
}
