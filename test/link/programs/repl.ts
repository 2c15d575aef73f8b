/** A prompt on stdin: mathjs evaluates each line, and keeps its variables. */
import { createInterface } from "node:readline";
import { create, all } from "mathjs";

const parser = create(all).parser();
const prompt = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
prompt.prompt();
for await (const line of prompt) {
  try {
    console.log(String(parser.evaluate(line)));
  } catch (error) {
    console.log(String(error));
  }
  prompt.prompt();
}
