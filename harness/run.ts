import { Scope } from "../src/support/scope.ts";

/** Owns what the tests start and do not end themselves: it ends with their process. */
export const RUN = new Scope();
