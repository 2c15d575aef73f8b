import { probe } from "./probe.ts";

/** Tries the stages' tracing on a program that every system has, and says in one line what is not possible. */
try {
  probe("/bin/true");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
