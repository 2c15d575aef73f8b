/** Bytes of a page of the file. A kernel with larger ones maps what lies around it, too. */
export const PAGE_SIZE = 4096;

/** `address` rounded down and up to whole pages of `size` bytes. */
export const pageDown = (address: number, size: number) => address - (address % size);
export const pageUp = (address: number, size: number) => pageDown(address + size - 1, size);
