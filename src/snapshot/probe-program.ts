import { probe } from "./probe.ts";

/** Tries on a program that every system has what the stages do to theirs, and says in a line what is not possible. */
try {
  probe("/bin/true");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
