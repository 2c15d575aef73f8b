/** graphql-yoga: 300 queries at once, each checked; an error; and a subscription as events. */
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";

const schema = createSchema({
  typeDefs: "type Query { double(n: Int!): Int!, fail: Int } type Subscription { count(to: Int!): Int! }",
  resolvers: {
    Query: {
      double: (_: unknown, { n }: { n: number }) => n * 2,
      fail: () => {
        throw new Error("not for the reader");
      },
    },
    Subscription: {
      count: {
        subscribe: async function* (_: unknown, { to }: { to: number }) {
          for (let count = 1; count <= to; count++) yield { count };
        },
      },
    },
  },
});
const server = createServer(createYoga({ schema, logging: false }));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/graphql`;
const ask = (query: string, accept = "application/json") =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json", accept }, body: JSON.stringify({ query }) });
const answers = await Promise.all(Array.from({ length: 300 }, async (_, n) => (await ask(`{ double(n: ${n}) }`)).json()));
console.log(answers.length, answers.filter((answer, n) => answer.data.double !== n * 2));
console.log(await (await ask("{ fail }")).text(), (await ask("{ nothing }")).status);
console.log((await (await ask("subscription { count(to: 3) }", "text/event-stream")).text()).match(/"count":\d/g));
process.exit(0);
