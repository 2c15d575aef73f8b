/** Explains the figures of docs/hardening.md: the part that does not change with them. */
export const WORDS = `## Nothing is written and executed

No segment is both writable and executable, and none becomes so. No call in the scenarios maps memory or changes its
protection, so the program keeps the protections that it started with. Tests assert both.

## What it takes to make another call

To make any other call, an attacker must already control the instruction pointer and the registers. No input gives that
control ([security](security.md)). With it, any call is easy, here as in a C program. One place in the C library takes
the number of the call from its caller; \`poll\`, \`write\` and the wait go through it. In the tables below, it is the one
with several calls. What remains is what the seccomp filter refuses, and that the process owns nothing.

The file contains the functions of the C library that it calls, those that these call, and no others. The rest of the
executable bytes are compiled code of the runtime's on the same pages: set-up that ran before the snapshot, and the slow
paths of what runs.

## Why nothing is filled with traps

The build could overwrite code that no scenario runs with \`int3\` or \`brk\`. It does not, for two reasons:

- It would take away nothing that matters. The program needs the place described above, the \`_Exit\` beside it, and the
  stub's own calls. Through the first of these, an attacker can make any of the kernel's calls, including \`mprotect\`.
- No analysis shows for certain which code never runs. The scenarios show what was run, not what can run. A call graph
  of machine code has indirect jumps, and a mistake in it ends a pod on some input that nobody tried. The risk outweighs
  the gain.

The build does what costs no risk. Data that no scenario uses is not in the file. If a kernel with larger pages maps
what lies before the arm64 file's code, it finds zeros, which are an undefined instruction.
`;
