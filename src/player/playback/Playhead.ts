/**
 * The one playhead of a player. It moves many times a second, so it lives outside of React's state; components
 * subscribe to what they derive from it (useSyncExternalStore) and render only when that changes.
 */
export class Playhead {
  private listeners = new Set<() => void>();
  private current = 0;

  readonly timestamp = (): number => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  move(timestamp: number): void {
    if (timestamp !== this.current) {
      this.current = timestamp;
      this.listeners.forEach((listener) => listener());
    }
  }
}
