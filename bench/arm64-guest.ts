import { pageSize } from "../harness/proc.ts";
import { SYSTEM_CALLS } from "../src/arch/aarch64/linux.ts";
import { memory } from "./measure/memory.ts";
import { size } from "./measure/size.ts";
import { starts } from "./measure/start.ts";
import { type Peer, REFERENCE } from "./peers.ts";
import { type Plan, QUICK } from "./plan.ts";
import type { Samples } from "./samples.ts";

/** Measures for bench/arm64.ts, in the machine. Its arguments: our file, the C program, and the file for the result. */
const [ours = "", reference = "", output = ""] = process.argv.slice(2);
const { rt_sigtimedwait, ppoll } = SYSTEM_CALLS;

/** AArch64 has no pause(2): the C library uses ppoll(2). */
const PEERS: readonly Peer[] = [
  { name: "pause", command: [ours], parksIn: rt_sigtimedwait, env: {}, endsOnSigterm: true },
  { name: REFERENCE, command: [reference], parksIn: ppoll, env: {}, endsOnSigterm: true },
];
/** Short turns, because whatever the machine does meanwhile then affects both. */
const PLAN: Plan = { ...QUICK, starts: [40, 3], crowds: [[1, 5]] };

const samples: Samples = {};
for (const { run } of [size, memory, starts]) await run({ plan: PLAN, peers: PEERS, samples, done: () => undefined });
await Bun.write(output, JSON.stringify({ pageSize: pageSize(), samples }));
