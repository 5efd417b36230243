const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR,
]; // prettier-ignore

/** Round offsets for the labels of an axis, at least `spacing` CSS pixels apart. */
export function axisOffsets(durationMs: number, width: number, spacing: number): number[] {
  const smallest = width > 0 ? (durationMs / width) * spacing : Infinity;
  const step = STEPS.find((candidate) => candidate >= smallest);
  if (!step || durationMs <= 0) {
    return [0];
  }
  return Array.from({ length: Math.floor(durationMs / step) + 1 }, (_, index) => index * step);
}
