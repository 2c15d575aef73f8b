/** @parcel/watcher's addon for musl, which is C++ and needs libstdc++: a snapshot of a folder, and what changed since. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";

const watcher = require("@parcel/watcher-linux-x64-musl");

const folder = `/tmp/watched-${process.pid}`;
const snapshot = `/tmp/watched-${process.pid}.snapshot`;
mkdirSync(folder);
writeFileSync(`${folder}/old`, "1");
await watcher.writeSnapshot(folder, snapshot, { backend: "brute-force" });
writeFileSync(`${folder}/new`, "2");
rmSync(`${folder}/old`);
const events: { path: string; type: string }[] = await watcher.getEventsSince(folder, snapshot, { backend: "brute-force" });
console.log(events.map(({ path, type }) => `${type} ${path.slice(folder.length)}`).sort());
await watcher.writeSnapshot("/nowhere", snapshot, { backend: "brute-force" }).catch((error: unknown) => console.log(String(error)));
rmSync(folder, { recursive: true });
rmSync(snapshot);
