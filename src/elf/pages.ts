/** Bytes of a page of the file. A kernel with larger pages also maps the bytes around it. */
export const PAGE_SIZE = 4096;

/** `address` rounded down or up to whole pages of `size` bytes. */
export const pageDown = (address: number, size: number) => address - (address % size);
export const pageUp = (address: number, size: number) => pageDown(address + size - 1, size);
