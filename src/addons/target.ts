import type { Architecture } from "../arch/architecture.ts";

/** The platform that the addons of a linked program must be built for, in npm's words. */
export type Target = { readonly os: "linux"; readonly cpu: string; readonly libc: "musl"; readonly machine: number };

/** A linked program runs on Linux, with musl. */
export const targetOf = ({ processArch, machine }: Architecture): Target => ({
  os: "linux",
  cpu: processArch,
  libc: "musl",
  machine,
});

/** The members of package.json by which npm decides whether to install the package: "os", "cpu", "libc". */
export type Constraints = {
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc: readonly string[];
};

/** Would npm install a package with these constraints on the target? Each is a list; `!name` excludes a name. */
export const accepts = ({ os, cpu, libc }: Constraints, target: Target): boolean =>
  allowed(os, target.os) && allowed(cpu, target.cpu) && allowed(libc, target.libc);

function allowed(list: readonly string[], value: string): boolean {
  if (list.includes(`!${value}`)) return false;
  const named = list.filter((word) => !word.startsWith("!") && word !== "any");
  return named.length === 0 || named.includes(value);
}
