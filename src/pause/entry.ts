import type { LinkFlags } from "../link/flags.ts";

/**
 * What pause's linked file needs: no lost signal, no environment variable, no look-up of /dev/null. It has no addons,
 * and musl's loader finds no variable because all are made empty.
 */
export const PAUSE_FLAGS: LinkFlags = {
  addons: false,
  loaderVariables: true,
  blockSignals: true,
  fillDescriptors: true,
  emptyEnvironment: true,
};

/** What pause calls after its wait: the C library's functions in a snapshot. */
export const PAUSE_CALLS = ["sigwaitinfo", "poll", "write", "_Exit", "getpid", "strcasecmp", "strlen"];
