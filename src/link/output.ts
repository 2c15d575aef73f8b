/** Bytes of a file, and their offset in it. */
export type Part = { readonly offset: number; readonly bytes: Uint8Array };

/** A file in parts, ordered by offset, so that writing does not copy large parts. Between the parts it is zero. */
export class Output {
  readonly parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.parts = parts.filter(({ bytes }) => bytes.length > 0).toSorted((one, other) => one.offset - other.offset);
  }

  /** In bytes. */
  get size(): number {
    return this.parts.reduce((size, { offset, bytes }) => Math.max(size, offset + bytes.length), 0);
  }

  /** The whole file in one piece. */
  toBytes(): Uint8Array {
    const whole = new Uint8Array(this.size);
    for (const { offset, bytes } of this.parts) whole.set(bytes, offset);
    return whole;
  }
}
