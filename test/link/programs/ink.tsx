/** ink: draws a terminal's screen without a terminal, and answers keys. */
import { PassThrough } from "node:stream";
import { Box, render, Text, useApp, useInput } from "ink";
import { useState } from "react";

function Menu() {
  const [chosen, choose] = useState(0);
  const { exit } = useApp();
  useInput((input, key) => {
    if (key.downArrow) choose((before) => before + 1);
    if (input === "q") exit();
  });
  return (
    <Box borderStyle="round" width={24} flexDirection="column">
      {["one", "two", "drei ✓"].map((name, index) => (
        <Text key={name} color={index === chosen ? "green" : "white"} inverse={index === chosen}>
          {index === chosen ? "> " : "  "}
          {name}
        </Text>
      ))}
    </Box>
  );
}
const screen = Object.assign(new PassThrough(), { columns: 40, rows: 10, isTTY: true });
const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => keys, ref: () => keys, unref: () => keys });
let drawn = "";
screen.on("data", (data) => {
  drawn += data;
});
const until = async (text: string) => {
  while (!Bun.stripANSI(drawn).includes(text)) await Bun.sleep(5);
};
const app = render(<Menu />, { stdout: screen as never, stdin: keys as never, patchConsole: false });
await until("> one");
keys.write("\u001b[B");
await until("> two");
keys.write("q");
await app.waitUntilExit();
console.log(Bun.stripANSI(drawn.slice(drawn.lastIndexOf("╭"))).trim());
process.exit(0);
