import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PROJECT = join(import.meta.dir, "..");

/** What the project's commands read of the project. */
const READ = ["LICENSE", "LICENSES", "NOTICE", "man", "package.json", "src", "tsconfig.json"];

/** A clone with its own commits, in which nothing has been built. It shares the project's downloads and packages. */
export class Clone {
  readonly dist: string;

  private constructor(readonly folder: string) {
    this.dist = join(folder, "dist");
  }

  /** Copies the project's files, committed or not, into a folder without git. */
  static copy(folder: string): Clone {
    for (const name of READ) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
    return new Clone(folder).linked();
  }

  /** Does the same, and commits them as the first commit. */
  static create(folder: string): Clone {
    const clone = Clone.copy(folder);
    writeFileSync(join(folder, ".gitignore"), "/dist/\n/node_modules\n");
    clone.git("init", "--quiet");
    clone.git("add", ".");
    clone.git("commit", "--quiet", "--message", "First");
    return clone;
  }

  /** Makes another clone of the commit checked out here. */
  clone(folder: string): Clone {
    this.git("clone", "--quiet", ".", folder);
    return new Clone(folder).linked();
  }

  /** @throws Error with git's message when it fails. */
  git(...args: readonly string[]): string {
    const { success, stdout, stderr } = Bun.spawnSync(["git", "-c", "user.name=a", "-c", "user.email=a@b", ...args], {
      cwd: this.folder,
    });
    if (!success) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.toString().trim();
  }

  /** The command that runs the source at this path, in this clone, with these arguments. */
  command(source: string, args: readonly string[] = []): readonly string[] {
    return [process.execPath, join(this.folder, source), ...args];
  }

  /** Runs a command in the clone's folder. */
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
    symlinkSync(join(PROJECT, "node_modules"), join(this.folder, "node_modules"));
    return this;
  }
}
