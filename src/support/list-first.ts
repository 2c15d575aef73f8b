/** Lists the first `most` of `names` and counts the rest, for a one-line message. */
export const listFirst = (names: readonly string[], most: number): string =>
  `${names.slice(0, most).join(", ")}${names.length > most ? ` and ${names.length - most} more` : ""}`;
