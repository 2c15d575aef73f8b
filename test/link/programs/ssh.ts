/** ssh2: a server with a key made at run time, 10 sessions over one connection, a wrong password. */
import ssh from "ssh2";

const { Client, Server, utils } = ssh;
const key = utils.generateKeyPairSync("ed25519");
const server = new Server({ hostKeys: [key.private] }, (client) => {
  client.on("authentication", (how) => (how.method === "password" && how.password === "right" ? how.accept() : how.reject(["password"])));
  client.on("session", (accept) => {
    accept().on("exec", (take, _refuse, { command }) => {
      const stream = take();
      let size = 0;
      stream.on("data", (data: Buffer) => {
        size += data.length;
      });
      stream.on("end", () => {
        stream.write(`${command} got ${size}\n`);
        stream.stderr.write("to stderr\n");
        stream.exit(size % 7);
        stream.end();
      });
    });
  });
  client.on("error", () => {});
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const connect = (password: string) =>
  new Promise<InstanceType<typeof Client>>((resolve, reject) => {
    const client = new Client();
    client.on("ready", () => resolve(client)).on("error", reject);
    client.connect({ host: "127.0.0.1", port: server.address().port, username: "anna", password });
  });
const client = await connect("right");
const run = (command: string, size: number) =>
  new Promise<string>((resolve, reject) =>
    client.exec(command, (error, stream) => {
      if (error) return reject(error);
      const said: string[] = [];
      stream.on("data", (data: Buffer) => said.push(`out ${data}`)).stderr.on("data", (data: Buffer) => said.push(`err ${data}`));
      stream.on("exit", (code: number) => said.push(`exit ${code}`)).on("close", () => resolve(said.toSorted().join("").replaceAll("\n", " ")));
      stream.end(Buffer.alloc(size, "x"));
    }),
  );
console.log(await Promise.all(Array.from({ length: 10 }, (_, n) => run(`command ${n}`, n * 30_000 + n))));
console.log(await connect("wrong").then(() => "in", (error: Error & { level?: string }) => `${error.level}: ${error.message}`));
process.exit(0);
