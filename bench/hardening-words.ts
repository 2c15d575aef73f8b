/** What the figures of docs/hardening.md come to: what does not change with them. */
export const WORDS = `## Nothing is written and executed

No segment can be both, and none becomes so: among the calls that the scenarios make there is none that maps memory or changes
its protection, so the program on its own ways ends with the protections it started with. A test holds both to the files.

## What it takes to make another call

Whoever is to make a call that the program does not make has to choose where it goes on, and the registers there; no input does
that ([security](security.md)). Then it is easy, here as in a C program: all of a page is there, also the functions beside those that run, and
one place of the C library's (in the tables below, the one with several calls), through which it goes to \`poll\`, \`write\` and its wait, takes the number of the call from its caller.
Since pages are whole, there are more such places than in either C program, though there is far less code than in the one linked
with glibc. What the kernel still refuses then is the seccomp filter's matter, and of what the process owns, which is nothing.

## Why nothing is filled with traps

Functions that share a page with those that run could be overwritten with \`int3\` or \`brk\`. They are not:

- It would take nothing away that counts. The place just told of, the \`_Exit\` beside it, and the stub's own are needed, and any
  of the kernel's calls can be made through the first, \`mprotect\` among them.
- What may be filled is known from the scenarios, or from a call graph of machine code that has indirect jumps. The first shows
  what was run, not what can be; a mistake in the second ends a pod on some input that nobody tried. No gadget is worth that.
- The C library's pages are the library's own, byte for byte, which [the map](map.md) shows and anybody can check against
  Debian's package. Filled, they would be a variant that exists nowhere else.

What can be had without a risk is had: a page that no scenario touches is not there, and where a kernel with larger pages maps
places of the arm64 file's code that no page wants, there are zeros, an undefined instruction.
`;
