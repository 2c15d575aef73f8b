import { readFileSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { pageSize } from "../../harness/proc.ts";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import type { Peer } from "../peers.ts";
import { add } from "../samples.ts";
import { type Measurement, sum, type Task } from "./measurement.ts";

const compressSeconds = (bytes: number) => 0.1 + bytes / 2_000_000;

/** The size of the file, raw and compressed, and as the kernel maps it. The large ones are compressed in parallel. */
export const size: Measurement = {
  name: "size",
  seconds: ({ compressible }, peers) =>
    sum(
      peers
        .map(bytesOf)
        .filter((bytes) => bytes <= compressible)
        .map(compressSeconds),
    ),
  run: async (task) => {
    for (const peer of task.peers) mapped(peer, task);
    await Promise.all(
      task.peers.filter((peer) => bytesOf(peer) <= task.plan.compressible).map((peer) => compressed(peer, task)),
    );
  },
};

const fileOf = ({ command: [file = ""] }: Peer) => file;
const bytesOf = (peer: Peer) => statSync(fileOf(peer)).size;

function mapped(peer: Peer, { samples }: Task): void {
  const loads = new ElfFile(peer.name, new Uint8Array(readFileSync(fileOf(peer)))).segmentsOf(elf.PT_LOAD);
  const size = pageSize();
  // A large page can hold more than one segment.
  const pages = new Set(loads.flatMap(({ vaddr, memsz }) => pagesOf(vaddr, memsz, size)));
  add(samples, "file, bytes", peer.name, bytesOf(peer));
  add(samples, "pages mapped, count", peer.name, pages.size);
  add(samples, "segments, count", peer.name, loads.length);
}

/** The numbers of the pages of `size` bytes that a segment touches. */
function pagesOf(vaddr: number, memsz: number, size: number): number[] {
  const first = Math.floor(vaddr / size);
  return Array.from({ length: Math.ceil((vaddr + memsz) / size) - first }, (_, index) => first + index);
}

async function compressed(peer: Peer, { samples, done }: Task): Promise<void> {
  const bytes = readFileSync(fileOf(peer));
  const [gzipped, zstd] = await Promise.all([
    promisify(gzip)(bytes, { level: 9 }),
    Bun.zstdCompress(bytes, { level: 19 }),
  ]);
  add(samples, "gzip -9, bytes", peer.name, gzipped.length);
  add(samples, "zstd -19, bytes", peer.name, zstd.length);
  done(compressSeconds(bytes.length));
}
