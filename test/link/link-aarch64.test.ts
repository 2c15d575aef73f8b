import { onAarch64 } from "./fixture.ts";
import { testLinking } from "./whole.ts";

const target = await onAarch64();

testLinking([
  { name: "AArch64", target, flags: [], alignment: 64 },
  { name: "AArch64, a thread-local template of small alignment", target, flags: [], alignment: 8 },
  { name: "AArch64, libraries without TLS descriptors", target, flags: ["-mtls-dialect=trad"], alignment: 64 },
]);
