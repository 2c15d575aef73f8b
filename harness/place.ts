/**
 * Where the tests run: on this system, or in an emulated machine. The machine is slow, and has no compiler but what
 * guest.ts brought. The variable names the artifacts there, one per line.
 */
export const GUEST_VARIABLE = "PAUSE_TEST_GUEST";
const brought = process.env[GUEST_VARIABLE]?.split("\n");

export const IN_GUEST = brought !== undefined;

/** Should this machine test the artifact of this name? */
export const isHere = (name: string): boolean => brought?.includes(name) ?? true;

/** How often to do something: here, or under emulation. */
export const count = (here: number, emulated: number): number => (IN_GUEST ? emulated : here);
