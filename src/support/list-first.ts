/** Lists the first `most` of `names`, and counts the others, for a message of one line. */
export const listFirst = (names: readonly string[], most: number): string =>
  `${names.slice(0, most).join(", ")}${names.length > most ? ` and ${names.length - most} more` : ""}`;
