/** Anything that comes from JSON, storage or a frame is unknown until one of these has looked at it. */

export type UnknownRecord = Record<string, unknown>;

export function isRecord(value: unknown): value is UnknownRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text at key, or '' when there is none. */
export function readString(record: UnknownRecord, key: string): string {
  const value = record[key];
  return typeof value === 'string' ? value : '';
}

/** The finite number at key, or 0 when there is none. */
export function readNumber(record: UnknownRecord, key: string): number {
  const value = record[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** The texts of the array at key; anything else in it is left out. */
export function readStrings(record: UnknownRecord, key: string): string[] {
  const value = record[key];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** The text values of the object at key; anything else in it is left out. */
export function readNumberMap(record: UnknownRecord, key: string): Record<string, number> {
  const value = record[key];
  if (!isRecord(value)) {
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  );
}

export function readStringMap(record: UnknownRecord, key: string): Record<string, string> {
  const value = record[key];
  if (!isRecord(value)) {
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  );
}
