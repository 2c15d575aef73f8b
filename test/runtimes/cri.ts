import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";

/** A protobuf message: its fields in order, by number; a string, an unsigned integer, or a message. */
export type Message = readonly (readonly [field: number, value: string | number | Message])[];

/** Wire types of protobuf. */
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** A caller of the kubelet's interface to container runtimes (CRI, runtime.v1, api.proto), which is gRPC on a unix socket. */
export class Cri implements Disposable {
  private readonly session: ClientHttp2Session;

  constructor(socket: string) {
    this.session = connect("http://localhost", { createConnection: () => connectSocket(socket) });
  }

  /** Makes a call: the first field of the answer, where that is a short string, as the IDs of pods and containers are. */
  async call(method: string, request: Message): Promise<string> {
    const [, size = 0, ...answer] = await this.unary(method, encode(request));
    return Buffer.from(answer).toString("utf8", 0, size);
  }

  /** A gRPC message has five bytes in front: not compressed, and its length. */
  private unary(method: string, message: Buffer): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const stream = this.session.request({
      ":method": "POST",
      ":path": `/runtime.v1.RuntimeService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const received: Buffer[] = [];
    let status = "no answer";
    const read = (headers: Readonly<Record<string, unknown>>) => {
      if ("grpc-status" in headers) status = `${headers["grpc-status"]} ${headers["grpc-message"] ?? ""}`.trim();
    };
    stream.on("response", read).on("trailers", read).on("error", reject);
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.on("end", () =>
      status === "0" ? resolve(Buffer.concat(received).subarray(5)) : reject(new Error(`CRI ${method}: ${status}`)),
    );
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
    return promise;
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

function encode(message: Message): Buffer {
  return Buffer.concat(
    message.map(([field, value]) => {
      if (typeof value === "number") return Buffer.from([...varint((field << 3) | VARINT), ...varint(value)]);
      const bytes = typeof value === "string" ? Buffer.from(value) : encode(value);
      return Buffer.concat([Buffer.from([...varint((field << 3) | LENGTH_DELIMITED), ...varint(bytes.length)]), bytes]);
    }),
  );
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
