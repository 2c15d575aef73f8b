/** Says how far a run is: on a terminal a line that stands, with the time left; elsewhere nothing but a line for each part. */
export class Progress {
  private done = 0;
  private readonly started = performance.now();

  /** All there is to do, in the seconds that it may take; how fast this machine is shows as it goes. */
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

  /** Takes the standing line away. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  private elapsed(): number {
    return (performance.now() - this.started) / 1000;
  }
}
