import { formatDuration } from '../shared/time';

/** An offset with tenths of a second: much happens in one. */
export function formatOffset(offsetMs: number): string {
  const offset = Math.max(0, offsetMs);
  return `${formatDuration(offset)}.${Math.floor((offset % 1000) / 100)}`;
}
