import { runAsProgram } from "../../src/snapshot/as-program.ts";
import { startDonor } from "../../src/snapshot/donor.ts";
import { readMappings, readWritten } from "../../src/snapshot/memory.ts";
import { sha256 } from "../../src/support/hash.ts";

/**
 * Starts a donor like the snapshot stage, and writes everything of it that could get into a snapshot: its registers,
 * its mappings, and the hash of each nonzero page that it has written to. Its arguments: the donor's program as JSON,
 * and the output file.
 */
const PAGE = 4096;
const [program = "", result = ""] = process.argv.slice(2);

runAsProgram(result, () => {
  const { tracee, registers, commandLine, firstPage } = startDonor(JSON.parse(program));
  try {
    const zero = Buffer.alloc(PAGE);
    const pages = readWritten(tracee.pid)
      .map((address) => ({ address, bytes: tracee.read(address, PAGE) }))
      .filter(({ bytes }) => !bytes.equals(zero))
      .map(({ address, bytes }) => `${address.toString(16)} ${sha256(bytes)}`);
    const shown = Object.entries(registers).map(([name, value]) => `${name} ${value}`);
    const mappings = readMappings(tracee.pid).map(({ start, end, flags }) => `${start} ${end} ${flags}`);
    return [...shown, `${commandLine} ${firstPage}`, ...mappings, ...pages];
  } finally {
    tracee.kill();
  }
});
