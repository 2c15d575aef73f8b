/** isomorphic-git: a repository in /tmp with branches, a merge, a conflict, and a pack. */
import * as fs from "node:fs";
import { join } from "node:path";
import git from "isomorphic-git";

const dir = fs.mkdtempSync("/tmp/git-");
const author = { name: "Anna", email: "anna@example.org", timestamp: 1_700_000_000, timezoneOffset: -60 };
const save = async (file: string, text: string, message: string) => {
  fs.writeFileSync(join(dir, file), text);
  await git.add({ fs, dir, filepath: file });
  return git.commit({ fs, dir, message, author, committer: author });
};
await git.init({ fs, dir, defaultBranch: "main" });
console.log(await save("a", "one\n", "first"));
await git.branch({ fs, dir, ref: "side", checkout: true });
for (let n = 0; n < 20; n++) await save(`side ${n}`, `${n}\n`.repeat(n), `side ${n}`);
await git.checkout({ fs, dir, ref: "main" });
console.log(fs.readdirSync(dir).join(), await save("b", "two\n", "second"));
const { oid } = await git.merge({ fs, dir, ours: "main", theirs: "side", author, committer: author });
console.log(oid, (await git.log({ fs, dir })).length, (await git.listFiles({ fs, dir, ref: "main" })).length);
await git.branch({ fs, dir, ref: "other", checkout: true });
await save("a", "other\n", "other");
await git.checkout({ fs, dir, ref: "main" });
await save("a", "main\n", "main");
console.log(await git.merge({ fs, dir, ours: "main", theirs: "other", author, committer: author }).then(() => "merged", (error: Error) => error.name));
const { packfile } = await git.packObjects({ fs, dir, oids: (await git.log({ fs, dir })).map((entry) => entry.oid) });
console.log(new TextDecoder().decode(packfile?.slice(0, 4)), packfile?.[11]);
fs.rmSync(dir, { recursive: true });
