/** zod: an uncaught error thrown from a timer, with a message of several lines. */
import { z } from "zod";

const Pod = z.object({ name: z.string().min(3), restarts: z.number().int().nonnegative() });
console.log(Pod.parse({ name: "pause", restarts: 0 }));
console.log(Pod.safeParse({ name: "p", restarts: -1.5 }).error?.issues.map(({ path, code }) => [path, code]));
setTimeout(() => {
  throw new TypeError("nobody catches this");
}, 1);
