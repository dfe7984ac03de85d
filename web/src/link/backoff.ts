/** Waiting times between attempts to connect: doubling from half a second to ten, each spread by up to a fifth so that
 *  many pages do not return at the same moment. */
export class Backoff {
  private attempt = 0;

  constructor(
    private readonly firstMs = 500,
    private readonly lastMs = 10_000,
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds until the next attempt. */
  next(): number {
    const wait = Math.min(this.lastMs, this.firstMs * 2 ** this.attempt++);
    return wait * (0.8 + 0.4 * this.random());
  }

  reset(): void {
    this.attempt = 0;
  }
}
