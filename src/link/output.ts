/** Bytes of a file, and the offset where they lie in it. */
export type Part = { readonly offset: number; readonly bytes: Uint8Array };

/**
 * A file in parts, in the order of their offsets: what is large is not copied to be written. Between them it is zero.
 */
export class Output {
  readonly parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.parts = parts.filter(({ bytes }) => bytes.length > 0).toSorted((one, other) => one.offset - other.offset);
  }

  /** In bytes. */
  get size(): number {
    return this.parts.reduce((size, { offset, bytes }) => Math.max(size, offset + bytes.length), 0);
  }

  /** All of it in one piece. */
  toBytes(): Uint8Array {
    const whole = new Uint8Array(this.size);
    for (const { offset, bytes } of this.parts) whole.set(bytes, offset);
    return whole;
  }
}
