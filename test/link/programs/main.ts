/** All programs in one executable; the first argument names the one to run. */
const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  typescript: () => import("./typescript.ts"),
  prettier: () => import("./prettier.ts"),
  express: () => import("./express.ts"),
  fastify: () => import("./fastify.ts"),
  "hono-tls": () => import("./hono-tls.ts"),
  drizzle: () => import("./drizzle.ts"),
  websockets: () => import("./websockets.ts"),
  comlink: () => import("./comlink.ts"),
  yoga: () => import("./yoga.ts"),
  resvg: () => import("./resvg.ts"),
  lightningcss: () => import("./lightningcss.ts"),
  watcher: () => import("./watcher.ts"),
  execa: () => import("./execa.ts"),
  "signal-exit": () => import("./signal-exit.ts"),
  zod: () => import("./zod.ts"),
  repl: () => import("./repl.ts"),
  react: () => import("./react.tsx"),
  jose: () => import("./jose.ts"),
  html: () => import("./html.ts"),
  grpc: () => import("./grpc.ts"),
  elysia: () => import("./elysia.ts"),
  koa: () => import("./koa.ts"),
  svelte: () => import("./svelte.ts"),
  ajv: () => import("./ajv.ts"),
};
const program = PROGRAMS[process.argv[2] ?? ""];
if (program === undefined) throw new Error(`programs: ${Object.keys(PROGRAMS).join(" ")}`);
await program();

export {};
