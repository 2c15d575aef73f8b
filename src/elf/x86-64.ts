/** What is x86-64 only: the x86-64 psABI, section 4.1 (machine), 4.4.1 (relocation types), and the page size of its Linux kernels. */

export const EM_X86_64 = 62;

/** Bytes of a page, and the alignment of every segment written here. */
export const PAGE_SIZE = 4096;

export const R_X86_64_NONE = 0;
export const R_X86_64_64 = 1;
export const R_X86_64_COPY = 5;
export const R_X86_64_GLOB_DAT = 6;
export const R_X86_64_JUMP_SLOT = 7;
export const R_X86_64_RELATIVE = 8;
export const R_X86_64_DTPMOD64 = 16;
export const R_X86_64_DTPOFF64 = 17;
export const R_X86_64_TPOFF64 = 18;

export const pageDown = (address: number) => address - (address % PAGE_SIZE);
export const pageUp = (address: number) => pageDown(address + PAGE_SIZE - 1);
