/** Fastify: schemas compiled to code at run time, hooks, injected requests. */
import fastify from "fastify";

const app = fastify();
app.addHook("onSend", async (_request, reply) => void reply.header("x-pods", "3"));
app.get("/sum/:a/:b", { schema: { params: { type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } } } } }, async (request) => {
  const { a, b } = request.params as { a: number; b: number };
  return { sum: a + b };
});
for (const url of ["/sum/1/2", "/sum/one/2"]) {
  const { statusCode, headers, body } = await app.inject(url);
  console.log(statusCode, headers["x-pods"], body);
}
