/** The first `most` of `names`, and how many more there are: for a message of one line. */
export const listFirst = (names: readonly string[], most: number): string =>
  `${names.slice(0, most).join(", ")}${names.length > most ? ` and ${names.length - most} more` : ""}`;
