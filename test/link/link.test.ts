import { setDefaultTimeout } from "bun:test";
import { ON_X86_64 } from "./fixture.ts";
import { testLinking } from "./whole.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

testLinking([{ name: "x86-64", target: ON_X86_64, flags: [], alignment: 64 }]);
