/** `address` rounded down and up to whole pages of `size` bytes. */
export const pageDown = (address: number, size: number) => address - (address % size);
export const pageUp = (address: number, size: number) => pageDown(address + size - 1, size);
