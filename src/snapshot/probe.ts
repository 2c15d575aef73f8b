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
    expect("a system call's return is a stop", tracee.next().kind === "exit");
    expect("a system call can be put into it", tracee.call("getpid", []) === tracee.pid);
    const compiler = [0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0];
    const page = tracee.call("mmap", compiler);
    expect("memory can be written and executed", page > 0);
    tracee.write(page, Uint8Array.of(1));
    expect(
      "its mappings are shown",
      readMappings(tracee.pid).some(({ start }) => start === page),
    );
    expect("the pages it has written to are shown", readWritten(tracee.pid).includes(page));
    expect("it can be run by single instructions", tracee.step() === undefined);
    expect("a system call's entry is a stop", tracee.next().kind === "entry");
    tracee.skipCall();
    tracee.next();
    tracee.setResult(-1);
  } finally {
    tracee.kill();
  }
}

function expect(what: string, is: boolean): void {
  if (!is) throw new UserError(`ptrace(2) and proc(5): it is not so that ${what}`);
}
