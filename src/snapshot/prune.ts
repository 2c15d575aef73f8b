import { UserError } from "../support/error.ts";
import type { DonorMemory, Page } from "./memory.ts";
import { rehearse } from "./rehearse.ts";
import type { Scenario } from "./scenarios.ts";

/** The pages a snapshot needs, and how many candidates were run to find them. */
export type Pruned = { readonly pages: readonly Page[]; readonly runs: number };

/**
 * Finds the pages that the scenarios touch. The first candidate has none; whatever a run faults on is taken from the
 * donor, and the scenario run again, until every scenario goes through. A page that none touches is not in the file, so
 * a use of it later is a fault, never a wrong answer.
 *
 * `write` makes an executable of pages and returns its path.
 * @throws UserError when a scenario does something else than it must, or touches what the donor has not.
 */
export function prune(
  memory: DonorMemory,
  scenarios: readonly Scenario[],
  write: (pages: readonly Page[]) => string,
): Pruned {
  const pages = new Map<number, Page>();
  let runs = 0;
  let path = write([]);
  for (const scenario of scenarios) {
    for (;;) {
      runs++;
      const missing = rehearse(path, scenario);
      if (missing.length === 0) break;
      for (const address of missing) pages.set(address, pageOf(memory, address, scenario));
      path = write([...pages.values()]);
    }
  }
  return { pages: [...pages.values()], runs };
}

function pageOf(memory: DonorMemory, address: number, scenario: Scenario): Page {
  const page = memory.page(address);
  if (page === undefined) {
    throw new UserError(
      `in the scenario "${scenario.name}" the snapshot reaches for 0x${address.toString(16)}, where the donor has nothing`,
    );
  }
  return page;
}
