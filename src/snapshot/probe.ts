import { PAGE_SIZE } from "../elf/pages.ts";
import { UserError } from "../support/error.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "./linux.ts";
import { readMappings, readWritten } from "./memory.ts";
import { Tracee } from "./ptrace.ts";

/**
 * Traces the program `path` as the stages do: a sandbox or an emulator of Linux may lack some of it.
 * @throws Error saying what this system refuses, or does differently from Linux.
 */
export function probe(path: string): void {
  const tracee = Tracee.start(path);
  try {
    // The exec that started it returns first.
    check(tracee.next().kind === "exit", "it does not stop at the return of a system call");
    check(tracee.call("getpid", []) === tracee.pid, "it does not make a system call that is put into it");
    const compiler = [0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0];
    const page = tracee.call("mmap", compiler);
    check(page > 0, "it cannot map memory that can be written and executed");
    tracee.write(page, Uint8Array.of(1));
    check(
      readMappings(tracee.pid).some(({ start }) => start === page),
      "its mappings are not shown",
    );
    check(readWritten(tracee.pid).includes(page), "the pages that it wrote to are not shown");
    check(tracee.step() === undefined, "it does not run by single instructions");
    check(tracee.next().kind === "entry", "it does not stop at the entry of a system call");
    tracee.skipCall();
    tracee.next();
    tracee.setResult(-1);
  } finally {
    tracee.kill();
  }
}

function check(works: boolean, otherwise: string): void {
  if (!works) throw new UserError(`ptrace(2) and proc(5), of a traced program: ${otherwise}`);
}
