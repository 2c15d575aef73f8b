/** koa: 300 requests at once. */
import Koa from "koa";

const app = new Koa();
app.use(async (context, next) => {
  await next();
  context.set("x-powered-by", "koa");
});
app.use((context) => {
  context.body = { path: context.path };
});
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const address = server.address();
const at = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => fetch(`${at}/${index}`)));
console.log(answers.length, await answers.at(-1)?.text(), answers[0]?.headers.get("x-powered-by"));
server.close();
process.exit(0);
