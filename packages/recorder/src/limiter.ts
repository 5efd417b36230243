/** Lets `max` things pass in each `windowMs` and counts the rest. */
export class Limiter {
  private windowStart = -Infinity;
  private passed = 0;
  private dropped = 0;

  constructor(
    private readonly max: number,
    private readonly windowMs: number,
    private readonly now: () => number
  ) {}

  allow(): boolean {
    const now = this.now();
    if (Math.abs(now - this.windowStart) >= this.windowMs) {
      this.windowStart = now;
      this.passed = 0;
    }
    if (this.passed >= this.max) {
      this.dropped++;
      return false;
    }
    this.passed++;
    return true;
  }

  /** How many were refused since the last call. */
  takeDropped(): number {
    const dropped = this.dropped;
    this.dropped = 0;
    return dropped;
  }
}
