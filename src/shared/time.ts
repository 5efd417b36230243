const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const twoDigits = (value: number) => String(value).padStart(2, '0');

/** A length of time as a clock shows it: `0:07`, `12:03`, `1:02:03`. Parts of a second are cut off. */
export function formatDuration(durationMs: number): string {
  const whole = Math.max(0, Math.floor(durationMs));
  const hours = Math.floor(whole / HOUR_MS);
  const minutes = Math.floor((whole % HOUR_MS) / MINUTE_MS);
  const seconds = Math.floor((whole % MINUTE_MS) / SECOND_MS);
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${twoDigits(seconds)}` : `${minutes}:${twoDigits(seconds)}`;
}
