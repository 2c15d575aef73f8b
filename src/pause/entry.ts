import type { LinkFlags } from "../link/flags.ts";

/**
 * What pause wants of its linked file: no signal lost, no variable heeded, no /dev/null looked for. It has no addons,
 * and musl's loader finds no variable where all are made empty.
 */
export const PAUSE_FLAGS: LinkFlags = {
  addons: false,
  loaderVariables: true,
  blockSignals: true,
  fillDescriptors: true,
  emptyEnvironment: true,
};

/** What pause calls behind its wait: the functions of the C library that a snapshot has. */
export const PAUSE_CALLS = ["sigwaitinfo", "poll", "write", "_Exit", "getpid", "strcasecmp", "strlen"];
