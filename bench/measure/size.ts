import { readFileSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import type { Peer } from "../peers.ts";
import { add } from "../samples.ts";
import { type Measurement, sum, type Task } from "./measurement.ts";

const PAGE = 4096;
const compressSeconds = (bytes: number) => 0.1 + bytes / 2_000_000;

/** The file, as it is, compressed, and as the kernel maps it. The large ones are compressed side by side. */
export const size: Measurement = {
  name: "size",
  seconds: ({ compressible }, peers) => sum(peers.map(bytesOf).filter((bytes) => bytes <= compressible).map(compressSeconds)),
  run: async (task) => {
    for (const peer of task.peers) mapped(peer, task);
    await Promise.all(task.peers.filter((peer) => bytesOf(peer) <= task.plan.compressible).map((peer) => compressed(peer, task)));
  },
};

const fileOf = ({ command: [file = ""] }: Peer) => file;
const bytesOf = (peer: Peer) => statSync(fileOf(peer)).size;

function mapped(peer: Peer, { samples }: Task): void {
  const loads = new ElfFile(peer.name, new Uint8Array(readFileSync(fileOf(peer)))).segmentsOf(elf.PT_LOAD);
  const pages = loads.map(({ vaddr, memsz }) => Math.ceil((vaddr + memsz) / PAGE) - Math.floor(vaddr / PAGE));
  add(samples, "file, bytes", peer.name, bytesOf(peer));
  add(samples, "pages mapped, count", peer.name, sum(pages));
  add(samples, "segments, count", peer.name, loads.length);
}

async function compressed(peer: Peer, { samples, done }: Task): Promise<void> {
  const bytes = readFileSync(fileOf(peer));
  const [gzipped, zstd] = await Promise.all([promisify(gzip)(bytes, { level: 9 }), Bun.zstdCompress(bytes, { level: 19 })]);
  add(samples, "gzip -9, bytes", peer.name, gzipped.length);
  add(samples, "zstd -19, bytes", peer.name, zstd.length);
  done(compressSeconds(bytes.length));
}
