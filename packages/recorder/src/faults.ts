/**
 * Keeps the recorder's own errors away from the page. They are counted, and the count is sent as a `state` event:
 * an error that nobody sees would otherwise look like a quiet page.
 */
export class Faults {
  private count = 0;

  /** Runs `fn`; an exception is counted and `undefined` returned. */
  run<T>(fn: () => T): T | undefined {
    try {
      return fn();
    } catch {
      this.note();
      return undefined;
    }
  }

  /** Wraps a callback that the browser or the page will call. */
  guard<A extends unknown[]>(fn: (...args: A) => void): (...args: A) => void {
    return (...args) => void this.run(() => fn(...args));
  }

  /** Owns a promise that nobody waits for. */
  watch(promise: Promise<void>): void {
    promise.catch(() => this.note());
  }

  /** Notes an error that was caught elsewhere. */
  note(): void {
    this.count++;
  }

  /** Errors since the last call. */
  take(): number {
    const count = this.count;
    this.count = 0;
    return count;
  }
}
