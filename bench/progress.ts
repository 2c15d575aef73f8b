/** Says how far a run is: on a terminal a line that stands, with the time left; elsewhere nothing but a line for each part. */
export class Progress {
  private done = 0;
  private readonly started = performance.now();

  constructor(private readonly total: number) {}

  part(name: string): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    console.error(`${name}: at ${Math.round((performance.now() - this.started) / 1000)} s`);
  }

  step(): void {
    this.done++;
    if (!process.stderr.isTTY) return;
    const left = ((performance.now() - this.started) / this.done) * (this.total - this.done);
    process.stderr.write(`\r\x1b[K${Math.floor((100 * this.done) / this.total)} %, about ${Math.ceil(left / 1000)} s left`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}
