import { frame, HUES, round, WIDTH } from "../src/support/svg.ts";
import { amount } from "./format.ts";

/** One peer's line, or bar: its values by x, in the unit of the metric. NaN for a missing one. */
export type Series = { readonly name: string; readonly values: readonly number[] };

export type Chart = {
  readonly title: string;
  readonly metric: string;
  readonly xs: readonly number[];
  readonly series: readonly Series[];
};

const LEFT = 90;
const RIGHT = 140;
const TOP = 46;
const HEIGHT = 300;
const BOTTOM = 40;
/** The height of a label. */
const LABEL = 14;

/** A line for each series, over the x values on a log scale. */
export function lines(chart: Chart): string {
  const scale = verticalScale(chart);
  const [first = 1, last = 1] = [Math.min(...chart.xs), Math.max(...chart.xs)].map(Math.log10);
  const x = (index: number) =>
    LEFT + ((Math.log10(chart.xs[index] ?? 1) - first) * (WIDTH - LEFT - RIGHT)) / (last - first || 1);
  const labels = spread(
    chart.series.map(({ values }) => scale.y(values.findLast((value) => !Number.isNaN(value)) ?? Number.NaN)),
  );
  const drawn = chart.series.map(({ name, values }, index) => {
    const points = values.flatMap((value, place) => (Number.isNaN(value) ? [] : [[x(place), scale.y(value)] as const]));
    const hue = HUES[index % HUES.length];
    const path = points.map(([px, py], place) => `${place === 0 ? "M" : "L"}${round(px)} ${round(py)}`).join("");
    const dots = points.map(([px, py]) => `<circle cx="${round(px)}" cy="${round(py)}" r="3" fill="${hue}"/>`).join("");
    const label =
      points.length === 0
        ? ""
        : `<text x="${WIDTH - RIGHT + 12}" y="${round((labels[index] ?? 0) + 4)}" style="fill:${hue}">${name}</text>`;
    return `<path d="${path}" fill="none" stroke="${hue}" stroke-width="2"/>${dots}${label}`;
  });
  const ticks = chart.xs.map(
    (value, index) =>
      `<text x="${round(x(index))}" y="${TOP + HEIGHT + 20}" text-anchor="middle">${value.toLocaleString("en-US")}</text>`,
  );
  return frame(`${chart.title} (log scales)`, TOP + HEIGHT + BOTTOM, [
    ...scale.grid(WIDTH - RIGHT),
    ...ticks,
    ...drawn,
  ]);
}

/** A bar for each series, which has one value; on a log scale. 0 is written out instead. */
export function bars(chart: Chart): string {
  const rows = chart.series;
  const decades = rows.flatMap(({ values: [value = 0] }) => (value > 0 ? [Math.log10(value)] : []));
  const [low, high] = [Math.min(...decades) - 0.5, Math.max(...decades)];
  const length = (value: number) =>
    value > 0 ? ((Math.log10(value) - low) / (high - low)) * (WIDTH - LEFT - RIGHT - 60) : 0;
  const drawn = rows.map(({ name, values: [value = Number.NaN] }, index) => {
    const y = TOP + index * 28;
    const end = LEFT + 20 + length(value);
    return (
      `<text x="${LEFT + 10}" y="${y + 14}" text-anchor="end">${name}</text>` +
      `<rect x="${LEFT + 20}" y="${y}" width="${round(length(value))}" height="18" fill="${HUES[index % HUES.length]}"/>` +
      `<text x="${round(end + 8)}" y="${y + 14}">${Number.isNaN(value) ? "not measured" : amount(value, chart.metric)}</text>`
    );
  });
  return frame(`${chart.title} (log scale)`, TOP + rows.length * 28 + 10, drawn);
}

/** Maps a value to a height, and draws lines at the powers of ten. 0 lies on the bottom line. */
function verticalScale({ series, metric }: Chart) {
  const values = series.flatMap(({ values }) => values).filter((value) => !Number.isNaN(value));
  const positive = values.filter((value) => value > 0);
  const first = Math.floor(Math.log10(Math.min(...positive, Math.max(...positive, 1)))) - (values.includes(0) ? 1 : 0);
  const last = Math.max(Math.ceil(Math.log10(Math.max(...positive, 1))), first + 1);
  const y = (value: number) => TOP + HEIGHT * (1 - (value > 0 ? (Math.log10(value) - first) / (last - first) : 0));
  const marks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const label = (mark: number, index: number) => amount(index === 0 && values.includes(0) ? 0 : mark, metric);
  const grid = (right: number) =>
    marks.map(
      (mark, index) =>
        `<line class="grid" x1="${LEFT}" x2="${right}" y1="${round(y(mark))}" y2="${round(y(mark))}"/>` +
        `<text x="${LEFT - 8}" y="${round(y(mark) + 4)}" text-anchor="end">${label(mark, index)}</text>`,
    );
  return { y, grid };
}

/** Moves overlapping labels apart, keeping their order from top to bottom, and none below the chart. */
function spread(heights: readonly number[]): number[] {
  const moved = [...heights];
  const order = heights
    .map((height, index) => ({ height, index }))
    .filter(({ height }) => !Number.isNaN(height))
    .toSorted((a, b) => a.height - b.height);
  for (const [place, { height, index }] of order.entries()) {
    const above = moved[order[place - 1]?.index ?? -1] ?? Number.NEGATIVE_INFINITY;
    moved[index] = Math.max(height, above + LABEL);
  }
  for (const [place, { index }] of order.toReversed().entries()) {
    const below = moved[order[order.length - place]?.index ?? -1] ?? TOP + HEIGHT + LABEL;
    moved[index] = Math.min(moved[index] ?? 0, below - LABEL);
  }
  return moved;
}
