/** The width of every picture in the documentation, in pixels. */
export const WIDTH = 760;

/** Gives the text its own background, light or dark like the reader's system: the page around it may be either. */
const STYLE = `
  text { font: 12px sans-serif; fill: #24292f }
  .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #8c959f; stroke-opacity: .35 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) { text { fill: #d0d7de } .page { fill: #161b22 } }`;

/** One hue for each peer of the benchmark, of medium lightness, so that each is visible on light and on dark. */
export const HUES = [
  ...["#d1580b", "#2f80d0", "#1a9a6c", "#9a62d6", "#c2416b"],
  ...["#8a8a12", "#5f7d8c", "#b07a3a", "#7d7d7d", "#3f8f8f"],
];

/** A whole picture: a title, and below it `height` pixels of SVG elements. */
export function frame(title: string, height: number, parts: readonly string[]): string {
  const head =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`;
  return [
    head,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="12" y="22">${title}</text>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** Formats a length to a tenth of a pixel. */
export const round = (value: number) => Math.round(value * 10) / 10;
