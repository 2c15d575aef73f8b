import type { Architecture } from "../../arch/architecture.ts";
import { describeOthers } from "../../build/pin/pinned-libraries.ts";
import { listFirst } from "../../support/list-first.ts";
import type { Claim, Provenance } from "./claims.ts";

/** The checkout: its commit, and the paths that differ from it; null without git. */
export type Checkout = { readonly commit: string | null; readonly changes: readonly string[] | null };

/** What is known about the origin of the two files. `rebuilt`: the build's record of the one made here. */
export type Evidence = {
  readonly claims: readonly Claim[];
  readonly unused: string | undefined;
  readonly checkout: Checkout;
  readonly rebuilt: Provenance;
};

const MOST_PATHS = 3;

/** The checkout in a few words. */
export function describeCheckout({ commit, changes }: Checkout): string {
  if (commit === null || changes === null) return "this checkout, whose commit git does not know";
  return changes.length === 0
    ? `commit ${commit}`
    : `commit ${commit} with changes (${listFirst(changes, MOST_PATHS)})`;
}

/** Why the bytes may differ, as far as is known, a line each: other sources, another runtime, other libraries. */
export function possibleCauses(
  architecture: Architecture,
  { claims, unused, checkout, rebuilt }: Evidence,
): readonly string[] {
  const sources = [...claims.flatMap((claim) => aboutSources(claim, checkout)), ...aboutCheckout(checkout)];
  const parts = [
    ...claims.flatMap((claim) => [...aboutRuntime(claim, rebuilt), ...aboutLibraries(claim, rebuilt)]),
    ...aboutThisMachine(architecture, rebuilt),
  ];
  const found = [...sources, ...parts];
  return [
    ...(unused === undefined ? [] : [`provenance: ${unused}`]),
    ...(claims.length === 0 ? [unknownCommit(checkout)] : []),
    ...found,
    ...(claims.length > 0 && found.length === 0 ? [unexplained(claims)] : []),
  ];
}

function aboutSources({ source, commit, changed }: Claim, checkout: Checkout): readonly string[] {
  if (commit === null)
    return [`commit: ${source} says that it was built where git knew no commit, so its sources are not known`];
  const other =
    commit === checkout.commit
      ? []
      : [
          `commit: ${source} says ${commit}, but this checkout is ` +
            `${checkout.commit ?? "not of a known one"}; git checkout ${commit}, and verify again`,
        ];
  return changed === true
    ? [...other, `commit: ${source} says that it was built with changes on that commit, which only its builder has`]
    : other;
}

function aboutCheckout({ commit, changes }: Checkout): readonly string[] {
  if (commit === null || changes === null)
    return [
      "checkout: git does not know its commit, so the rebuild's is not known either; verify " +
        "in a clone of the repository",
    ];
  return changes.length === 0
    ? []
    : [
        `checkout: it has changes (${listFirst(changes, MOST_PATHS)}), so the rebuild is of no commit; git stash ` +
          `--include-untracked, and verify again`,
      ];
}

function aboutRuntime({ source, runtime }: Claim, rebuilt: Provenance): readonly string[] {
  return runtime === undefined || runtime === rebuilt.runtime
    ? []
    : [`runtime: ${source} says SHA-256 ${runtime}, but the pinned one is ${rebuilt.runtime}`];
}

function aboutLibraries({ source, libraries }: Claim, rebuilt: Provenance): readonly string[] {
  if (libraries === undefined) return [];
  const names = [...new Set([...rebuilt.libraries.keys(), ...libraries.keys()])];
  return names
    .filter((name) => libraries.get(name) !== rebuilt.libraries.get(name))
    .map(
      (name) =>
        `library ${name}: ${source} has ${hashOf(libraries.get(name))}, but the rebuild has ` +
        `${hashOf(rebuilt.libraries.get(name))}`,
    );
}

const hashOf = (hash: string | undefined) => (hash === undefined ? "none" : `SHA-256 ${hash}`);

function aboutThisMachine(architecture: Architecture, { others }: Provenance): readonly string[] {
  const described = describeOthers(architecture, others);
  return described === undefined
    ? []
    : [`this machine: its libraries are ${described}: the difference may come from this machine and not from the file`];
}

const unknownCommit = ({ commit }: Checkout) =>
  `commit: nothing says which one the file was built from; check that it is this checkout's, ` +
  `${commit ?? "which git does not know"}, or put the provenance.json of its build, or the ` +
  `.intoto.json of its release, beside it, or give the image's archive`;

const unexplained = (claims: readonly Claim[]) =>
  `by ${claims.map(({ source }) => source).join(" and ")}, none of these differs: the file is ` +
  `not what they say, or the build is not reproducible here`;
