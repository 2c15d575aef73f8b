import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import type { Measurement } from "./measurement.ts";
import { memory } from "./memory.ts";
import { size } from "./size.ts";
import { starts } from "./start.ts";
import { storms } from "./storm.ts";

/** In the order of the report. */
export const MEASUREMENTS: readonly Measurement[] = [idle, storms, starts, memory, size, latency];
