/** What the figures of docs/hardening.md come to: what does not change with them. */
export const WORDS = `## Nothing is written and executed

No segment can be both, and none becomes so: among the calls that the scenarios make there is none that maps memory or changes
its protection, so the program on its own ways ends with the protections it started with. A test holds both to the files.

## What it takes to make another call

Whoever is to make a call that the program does not make has to choose where it goes on, and the registers there; no input does
that ([security](security.md)). Then it is easy, here as in a C program: one place of the C library's (in the tables below, the one
with several calls), through which it goes to \`poll\`, \`write\` and its wait, takes the number of the call from its caller. What the
kernel still refuses then is the seccomp filter's matter, and of what the process owns, which is nothing.

The functions of the C library are those that it calls, and what these call, with nothing beside them. What is left over is compiled
code of the runtime's on the same pages: set-up that ran before the snapshot, and the slow paths of what runs.

## Why nothing is filled with traps

Code that no scenario runs could be overwritten with \`int3\` or \`brk\`. It is not:

- It would take nothing away that counts. The place just told of, the \`_Exit\` beside it, and the stub's own are needed, and any
  of the kernel's calls can be made through the first, \`mprotect\` among them.
- What may be filled is known from the scenarios, or from a call graph of machine code that has indirect jumps. The first shows
  what was run, not what can be; a mistake in the second ends a pod on some input that nobody tried. No gadget is worth that.

What can be had without a risk is had: what no scenario uses of the data is not there, and where a kernel with larger pages maps
what lies before the arm64 file's code, there are zeros, an undefined instruction.
`;
