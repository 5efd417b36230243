/** Times the recorded speed. */
export const SPEEDS = [0.5, 1, 2, 4, 8, 16];

/** The speed so many steps faster; it stays at the ends. */
export function speedAfter(speed: number, steps: number): number {
  const position = SPEEDS.indexOf(speed) + steps;
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, position))];
}
