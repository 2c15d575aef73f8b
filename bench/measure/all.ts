import { idle } from "./idle.ts";
import { instructions } from "./instructions.ts";
import { latency } from "./latency.ts";
import type { Measurement } from "./measurement.ts";
import { memory } from "./memory.ts";
import { node } from "./node.ts";
import { size } from "./size.ts";
import { starts } from "./start.ts";
import { storms } from "./storm.ts";

/** In the report's order. */
export const MEASUREMENTS: readonly Measurement[] = [idle, storms, starts, instructions, memory, size, latency, node];
