import { type EntryOptions, ORDINARY_ENTRY } from "../link/entry.ts";

/** What pause wants of the code the kernel enters: no signal lost, no variable heeded, no /dev/null looked for. */
export const PAUSE_ENTRY: EntryOptions = {
  ...ORDINARY_ENTRY,
  blockSignals: true,
  fillDescriptors: true,
  emptyEnvironment: true,
};
