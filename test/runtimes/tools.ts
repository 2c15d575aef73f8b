import { NEEDS, program, testNeeding } from "../../harness/privilege.ts";
import { children } from "../../harness/proc.ts";

/** These end when PID 1 has reaped their leftovers, and hang if it does not. */
const WAIT_FOR_PID_1 = ["bwrap", "systemd-nspawn"];

/** A test that needs these programs on PATH, and what they need of the system. */
export const testWith = (...tools: readonly string[]) =>
  testNeeding(
    NEEDS.namespaces,
    ...tools.map(program),
    ...(tools.some((tool) => WAIT_FOR_PID_1.includes(tool)) ? [NEEDS.reaper] : []),
  );

export type Output = { readonly status: number; readonly stdout: string; readonly stderr: string };
export type Environment = Readonly<Record<string, string>>;

/** A running command with both its outputs collected. Killing it kills its children too. */
export function start(command: readonly string[], env: Environment = {}, stdin?: string) {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const ended = (async (): Promise<Output> => {
    const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, stdout, stderr };
  })();
  const running = () => child.exitCode === null && child.signalCode === null;
  return { pid: child.pid, ended, running, kill: () => (running() ? killTree(child.pid) : undefined) };
}

function killTree(pid: number): void {
  try {
    for (const child of children(pid)) killTree(child);
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** The output of a command. @throws Error with its message when it fails. */
export async function run(command: readonly string[], env: Environment = {}, stdin?: string): Promise<string> {
  const { status, stdout, stderr } = await start(command, env, stdin).ended;
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout.trim();
}
