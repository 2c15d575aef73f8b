/** The result of a test, by its full name. */
export type Result = {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly message: string;
};

/** Reads the output of bun test's JUnit reporter: every test with the titles of the blocks around it. */
export function readJunit(xml: string): readonly Result[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)].map(([, attributes = "", inside = ""]) => {
    const attribute = (name: string) => unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const outcome = inside.includes("<skipped") ? "skipped" : inside.includes("<failure") ? "failed" : "passed";
    const message = unescape(/<failure[^>]*message="([^"]*)"/.exec(inside)?.[1] ?? "");
    return { name: [attribute("classname"), attribute("name")].filter(Boolean).join(": "), outcome, message };
  });
}

function unescape(text: string): string {
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined || hex !== undefined)
      return String.fromCodePoint(Number.parseInt(decimal ?? hex, decimal === undefined ? 16 : 10));
    return entities[name] ?? whole;
  });
}
