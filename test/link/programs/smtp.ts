/** nodemailer, smtp-server and mailparser: 20 mails with attachments at once, over a connection that becomes TLS. */
import { createHash } from "node:crypto";
import { simpleParser } from "mailparser";
import { createTransport } from "nodemailer";
import selfsigned from "selfsigned";
import { SMTPServer } from "smtp-server";

const { private: key, cert } = selfsigned.generate([{ name: "commonName", value: "localhost" }], { keySize: 2048, days: 1 });
const read: string[] = [];
const server = new SMTPServer({
  key,
  cert,
  onAuth: ({ username, password }, session, done) => done(password === "right" ? null : new Error("wrong password"), { user: `${username} ${session.secure}` }),
  onData: (stream, session, done) => {
    void simpleParser(stream).then(({ subject, text, attachments: [file] }) => {
      read.push(`${session.user} ${subject} ${text?.trim()} ${file?.filename} ${createHash("sha256").update(file?.content ?? "").digest("hex")}`);
      done();
    }, done);
  },
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
const transport = (pass: string) =>
  createTransport({ host: "127.0.0.1", port, requireTLS: true, tls: { ca: cert, servername: "localhost" }, auth: { user: "anna", pass }, pool: true });
const mails = transport("right");
await Promise.all(
  Array.from({ length: 20 }, (_, n) =>
    mails.sendMail({
      ...{ from: "anna@example.org", to: "bert@example.org", subject: `Grüße ${n}`, text: `mail ${n}` },
      attachments: [{ filename: `${n}.bin`, content: Buffer.alloc(50_000, n) }],
    }),
  ),
);
const right = Array.from({ length: 20 }, (_, n) => `anna true Grüße ${n} mail ${n} ${n}.bin ${createHash("sha256").update(Buffer.alloc(50_000, n)).digest("hex")}`);
console.log(read.length, right.filter((line) => !read.includes(line)));
console.log(await transport("wrong").sendMail({ from: "a@example.org", to: "b@example.org" }).then(() => "sent", (error: { code?: string; responseCode?: number }) => `${error.code} ${error.responseCode}`));
process.exit(0);
