/**
 * Where the tests run: on this system, or in an emulated machine. That has no compiler, but what guest.ts has brought
 * there; it is slow; and the variable names the artifacts that are there, one a line.
 */
export const GUEST_VARIABLE = "PAUSE_TEST_GUEST";
const brought = process.env[GUEST_VARIABLE]?.split("\n");

export const IN_GUEST = brought !== undefined;

/** Is the artifact of this name to be tested here? */
export const isHere = (name: string): boolean => brought?.includes(name) ?? true;

/** How often something is done: here, or under emulation. */
export const count = (here: number, emulated: number): number => (IN_GUEST ? emulated : here);
