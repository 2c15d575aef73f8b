/** @grpc/grpc-js: 500 calls at once. */
import { Client, credentials, Metadata, Server, ServerCredentials } from "@grpc/grpc-js";

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
const echo = {
  ...{ path: "/Echo/Say", requestStream: false, responseStream: false },
  ...{ requestSerialize: text.serialize, requestDeserialize: text.deserialize },
  ...{ responseSerialize: text.serialize, responseDeserialize: text.deserialize },
};
const server = new Server();
server.addService({ say: echo }, { say: (call: { request: string }, answer: (error: null, said: string) => void) => answer(null, call.request.toUpperCase()) });
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))),
);
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
const said = await Promise.all(
  Array.from({ length: 500 }, (_, index) =>
    new Promise<string>((resolve, reject) =>
      client.makeUnaryRequest(echo.path, text.serialize, text.deserialize, `call ${index}`, new Metadata(), (error, answer) =>
        error === null ? resolve(answer ?? "") : reject(error),
      ),
    ),
  ),
);
console.log(said.length, said.at(-1));
client.close();
server.forceShutdown();
process.exit(0);
