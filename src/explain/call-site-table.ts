import { ORIGINS, type Origin, type PauseMap } from "./map.ts";
import { table } from "./markdown.ts";

/**
 * The places in a file that enter the kernel, with a row for each function that has any: how many there are, how many
 * of them the scenarios run, and for which calls.
 */
export function callSiteTable({ callSites }: PauseMap): readonly string[] {
  const rows = [...Map.groupBy(callSites, ({ by }) => by)].map(([by, sites]) => {
    const run = sites.filter(({ calls }) => calls.length > 0);
    return [
      ORIGINS[by as Origin] ?? by,
      `${sites.length}`,
      `${run.length}`,
      [...new Set(run.flatMap(({ calls }) => calls))].map((call) => `\`${call}\``).join(", "),
    ];
  });
  return table(
    ["in", "places", "run", "calls"],
    rows.toSorted(
      (one, other) =>
        Number(other[2]) - Number(one[2]) ||
        Number(other[1]) - Number(one[1]) ||
        ((one[0] ?? "") < (other[0] ?? "") ? -1 : 1),
    ),
  );
}
