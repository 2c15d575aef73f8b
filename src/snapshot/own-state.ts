import { dlopen } from "bun:ffi";

/** An option of prctl(2). */
const PR_SET_THP_DISABLE = 41;

/**
 * Gives this process, and so each that it starts, what execve(2) keeps and a traced program could tell: the personality
 * of an ordinary process, since `setarch --read-implies-exec` makes all memory executable, and huge pages. A tracee's
 * signals are reset when it is started, and all else is described to the donor.
 */
export function takeOwnState(): void {
  const { symbols: libc } = dlopen("libc.so.6", {
    personality: { args: ["u64"], returns: "i32" },
    prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  });
  libc.personality(0n);
  libc.prctl(PR_SET_THP_DISABLE, 0n, 0n, 0n, 0n);
}
