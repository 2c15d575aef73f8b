import { frame, HUES, round, WIDTH } from "../src/support/svg.ts";
import { amount } from "./format.ts";
import { HEADLINE_PEERS } from "./headlines.ts";
import type { Results } from "./results.ts";
import { figure } from "./samples.ts";

/** What matters to most readers: a panel each, with its title and metric. */
const PANELS = [
  ["Memory of one (resident)", "RSS, bytes"],
  ["Start (exec to parked)", "exec to parked, ns"],
  ["End (SIGTERM to exit)", "SIGTERM to exit, ns"],
  ["CPU for 10,000 orphans", "storm of 10000: CPU, ns"],
] as const;

const COLUMNS = 2;
const PANEL_WIDTH = WIDTH / COLUMNS;
const PANEL_HEIGHT = 134;
const TOP = 36;
const ROW = 24;
const BAR = 16;
/** Where the bars begin, and the length of the longest, in pixels. */
const LEFT = 116;
const LONGEST = PANEL_WIDTH - LEFT - 84;

/** Four panels of bars, each on a linear scale from 0; undefined unless a full run has measured everything. */
export function summary({ samples }: Results): string | undefined {
  const panels = PANELS.map(([title, metric]) => ({
    ...{ title, metric },
    values: HEADLINE_PEERS.map((peer) => figure(samples[metric]?.[peer] ?? []).median),
  }));
  if (panels.some(({ values }) => values.some(Number.isNaN))) return undefined;
  const drawn = panels.map((panel, index) => {
    const [x, y] = [(index % COLUMNS) * PANEL_WIDTH, TOP + Math.floor(index / COLUMNS) * PANEL_HEIGHT];
    return `<g transform="translate(${x} ${y})">${draw(panel)}</g>`;
  });
  const height = TOP + Math.ceil(PANELS.length / COLUMNS) * PANEL_HEIGHT;
  return frame("pause, two builds of the C program, and the least any program must pay", height, drawn);
}

type Panel = { readonly title: string; readonly metric: string; readonly values: readonly number[] };

function draw({ title, metric, values }: Panel): string {
  const most = Math.max(...values);
  const bars = values.map((value, index) => {
    const y = 26 + index * ROW;
    const length = round((value / most) * LONGEST);
    return (
      `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${HEADLINE_PEERS[index]}</text>` +
      `<rect x="${LEFT}" y="${y}" width="${length}" height="${BAR}" fill="${HUES[index]}"/>` +
      `<text x="${LEFT + length + 6}" y="${y + 12}">${amount(value, metric)}</text>`
    );
  });
  return `<text class="title" x="12" y="14">${title}</text>${bars.join("")}`;
}
