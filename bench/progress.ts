/** Shows how far a run is: on a terminal, a line with the time left; elsewhere, only a line for each part. */
export class Progress {
  private done = 0;
  private readonly started = performance.now();

  /** `total`: all the work, in its nominal seconds; the machine's speed shows during the run. */
  constructor(private readonly total: number) {}

  part(name: string): void {
    this.clear();
    console.error(`${name}: at ${Math.round(this.elapsed())} s`);
  }

  step(seconds: number): void {
    this.done += seconds;
    if (!process.stderr.isTTY) return;
    this.clear();
    const left = (this.elapsed() / this.done) * (this.total - this.done);
    process.stderr.write(
      `${Math.floor((100 * this.done) / this.total)} %, about ${Math.ceil(Math.max(left, 0))} s left`,
    );
  }

  /** Removes the progress line. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  private elapsed(): number {
    return (performance.now() - this.started) / 1000;
  }
}
