/** Something the benchmark needs is not as it must be: one line for the reader, no stack trace. */
export class BenchError extends Error {
  override name = "BenchError";
}
