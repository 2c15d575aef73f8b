import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PROJECT = join(import.meta.dir, "..");

/** What the project's commands read of it. */
const READ = ["LICENSE", "LICENSES", "NOTICE", "man", "package.json", "src"];

/** A clone with commits of its own, in which nothing was ever built; what was downloaded is the project's. */
export class Clone {
  readonly dist: string;

  private constructor(readonly folder: string) {
    this.dist = join(folder, "dist");
  }

  /** The project's files as they are, committed or not, in a folder without git. */
  static copy(folder: string): Clone {
    for (const name of READ) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
    return new Clone(folder).linked();
  }

  /** The same as the first commit there. */
  static create(folder: string): Clone {
    const clone = Clone.copy(folder);
    writeFileSync(join(folder, ".gitignore"), "/dist/\n");
    clone.git("init", "--quiet");
    clone.git("add", ".");
    clone.git("commit", "--quiet", "--message", "First");
    return clone;
  }

  /** Another clone, of the commit that is checked out here. */
  clone(folder: string): Clone {
    this.git("clone", "--quiet", ".", folder);
    return new Clone(folder).linked();
  }

  /** @throws Error with git's words when it fails. */
  git(...args: readonly string[]): string {
    const { success, stdout, stderr } = Bun.spawnSync(["git", "-c", "user.name=a", "-c", "user.email=a@b", ...args], {
      cwd: this.folder,
    });
    if (!success) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.toString().trim();
  }

  /** The command that starts one of its own, by the path of the source, with these words. */
  command(source: string, args: readonly string[] = []): readonly string[] {
    return [process.execPath, join(this.folder, source), ...args];
  }

  /** Runs a command in its folder. */
  run(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdin: "ignore",
    });
    return { status: exitCode, said: stdout.toString(), complaint: stderr.toString() };
  }

  private linked(): Clone {
    mkdirSync(this.dist);
    for (const name of ["runtime", "debian"]) symlinkSync(join(PROJECT, "dist", name), join(this.dist, name));
    return this;
  }
}
