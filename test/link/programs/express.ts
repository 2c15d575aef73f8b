/** Express under load: 2,000 requests over 50 connections at a time, with bodies. */
import express from "express";

const app = express();
app.use(express.json());
app.post("/pods/:name", (request, response) => void response.json({ name: request.params.name, size: request.body.text.length }));
app.use((_request, response) => void response.status(404).send("nothing here"));
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const address = server.address();
const base = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

let sum = 0;
for (let round = 0; round < 40; round++) {
  const answers = Array.from({ length: 50 }, async (_, index) => {
    const body = JSON.stringify({ text: "x".repeat(index * 100) });
    const answer = await fetch(`${base}/pods/${index}`, { method: "POST", body, headers: { "content-type": "application/json" } });
    const { size } = (await answer.json()) as { size: number };
    return size;
  });
  sum += (await Promise.all(answers)).reduce((total, size) => total + size, 0);
}
console.log("bytes echoed", sum);
const missing = await fetch(`${base}/none`);
console.log(missing.status, await missing.text(), missing.headers.get("x-powered-by"));
server.close();
