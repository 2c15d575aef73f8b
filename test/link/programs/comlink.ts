/** Comlink: mathjs in two workers at once, called like local functions. */
import * as Comlink from "comlink";

const calculators = [0, 1].map(() => {
  const worker = new Worker(new URL("./comlink-worker.ts", import.meta.url).href);
  return { worker, remote: Comlink.wrap<{ evaluate: (text: string) => string }>(worker) };
});
const texts = ["det([1, 2; 3, 4])", "derivative('x^3 + x', 'x')", "bignumber(1) / 3", "12.7 cm to inch"];
console.log(await Promise.all(texts.map((text, index) => calculators[index % 2]?.remote.evaluate(text))));
for (const { worker } of calculators) worker.terminate();
process.exit(0);
