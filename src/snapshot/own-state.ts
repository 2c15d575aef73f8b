import { dlopen } from "bun:ffi";

/** An option of prctl(2). */
const PR_SET_THP_DISABLE = 41;

/**
 * Resets what execve(2) keeps and a traced program could notice, for this process and its children: the personality,
 * because `setarch --read-implies-exec` makes all memory executable, and huge pages. A tracee's signals are reset at
 * its start, and the donor gets everything else described.
 */
export function takeOwnState(): void {
  const { symbols: libc } = dlopen("libc.so.6", {
    personality: { args: ["u64"], returns: "i32" },
    prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  });
  libc.personality(0n);
  libc.prctl(PR_SET_THP_DISABLE, 0n, 0n, 0n, 0n);
}
