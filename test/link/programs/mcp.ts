/** The Model Context Protocol's SDK: starts itself again as a server, and talks to it over stdin and stdout. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

if (process.env.PART === "server") {
  const server = new McpServer({ name: "sums", version: "1.0.0" });
  server.registerTool("add", { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }] }));
  await server.connect(new StdioServerTransport());
} else {
  const program = process.execPath.endsWith("/bun") ? [process.execPath, process.argv[1] ?? ""] : [process.execPath];
  const [command = "", ...before] = program;
  const transport = new StdioClientTransport({ command, args: [...before, ...process.argv.slice(2)], env: { ...(process.env as Record<string, string>), PART: "server" } });
  const client = new Client({ name: "asks", version: "1.0.0" });
  await client.connect(transport);
  console.log((await client.listTools()).tools.map(({ name }) => name), client.getServerVersion());
  const sums = await Promise.all(Array.from({ length: 100 }, async (_, n) => (await client.callTool({ name: "add", arguments: { a: n, b: 1 } })).content));
  console.log(sums.length, sums.every((content, n) => JSON.stringify(content) === JSON.stringify([{ type: "text", text: String(n + 1) }])));
  console.log(JSON.stringify((await client.callTool({ name: "add", arguments: { a: "x" } })).isError));
  await client.close();
  process.exit(0);
}
