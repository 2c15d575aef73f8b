/** Formats a number to three significant digits in a readable unit. The metric's last word is its unit. */
export function amount(value: number, metric: string): string {
  const unit = metric.split(" ").at(-1);
  if (Number.isNaN(value)) return "–";
  if (value === 0) return unit === "count" ? "0" : `0 ${unit === "ns" ? "ns" : "bytes"}`;
  if (unit === "ns") return scaled(value, 1000, ["ns", "µs", "ms", "s"]);
  if (unit === "bytes") return scaled(value, 1000, ["bytes", "kB", "MB", "GB"]);
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** Formats a ratio; a comparison with 0 has none. */
export function ratio(value: number, reference: number): string {
  if (Number.isNaN(value) || Number.isNaN(reference)) return "–";
  if (reference === 0) return value === 0 ? "both 0" : "C: 0";
  const quotient = value / reference;
  return quotient >= 100 ? Math.round(quotient).toLocaleString("en-US") : quotient.toFixed(quotient < 10 ? 2 : 1);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let [scaledValue, place] = [value, 0];
  while (Math.abs(scaledValue) >= step && place < units.length - 1) {
    scaledValue /= step;
    place++;
  }
  const digits = place === 0 || scaledValue >= 100 ? 0 : scaledValue >= 10 ? 1 : 2;
  return `${scaledValue.toFixed(digits)} ${units[place]}`;
}

/** A metric's name for a reader: without the unit. */
export const withoutUnit = (metric: string) => metric.replace(/, \w+$/, "");
