/** Types of auxv entries, getauxval(3). */
const AT_NULL = 0;
export const AT_PHDR = 3;
export const AT_PHENT = 4;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_BASE = 7;
export const AT_ENTRY = 9;
export const AT_HWCAP = 16;
const AT_RANDOM = 25;

/**
 * What a kernel passes to a program: strings without their NUL, and the auxiliary vector without AT_RANDOM and AT_NULL.
 */
export type Handed = {
  readonly args: readonly string[];
  readonly environment: readonly string[];
  readonly auxv: readonly (readonly [type: number, value: number])[];
  /** The 16 bytes that AT_RANDOM points to. */
  readonly random: Uint8Array;
};

/**
 * Makes an initial process stack (x86-64 psABI, section 3.4.1) that ends before `top`: argc, argv, NULL, envp, NULL,
 * auxv, and above them what these point to. Returns its lowest address, the stack pointer at entry, a multiple of 16.
 */
export function initialStack(
  top: number,
  { args, environment, auxv, random }: Handed,
): { address: number; bytes: Uint8Array } {
  const strings = [...args, ...environment].map((text) => Buffer.from(`${text}\0`));
  const above = strings.reduce((size, { length }) => size + length, random.length);
  const words = 1 + args.length + 1 + environment.length + 1 + 2 * (auxv.length + 2);
  const address = top - Math.ceil((words * 8 + above) / 16) * 16;

  let end = address + words * 8;
  const place = (bytes: Uint8Array) => {
    const start = end;
    end += bytes.length;
    return start;
  };
  const pointers = strings.map(place);
  const entries = [...auxv, [AT_RANDOM, place(random)], [AT_NULL, 0]];
  const values = [
    args.length,
    ...pointers.slice(0, args.length),
    0,
    ...pointers.slice(args.length),
    0,
    ...entries.flat(),
  ];
  const stack = Buffer.concat(
    [Buffer.from(BigUint64Array.from(values, BigInt).buffer), ...strings, random],
    top - address,
  );
  return { address, bytes: stack };
}
