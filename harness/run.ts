import { Scope } from "../src/support/scope.ts";

/** Owns what the tests start and do not end themselves. It ends with the tests' process. */
export const RUN = new Scope();
