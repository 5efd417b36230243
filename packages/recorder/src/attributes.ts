import { cut, utf8 } from './text';

const USER_BYTES = 16 * 1024;

/** Attributes as the wire accepts them: strings, up to 64, keys up to 64 bytes, values up to 1024, 16 KiB in all. */
export function toStrings(attributes: Record<string, unknown> | undefined): Record<string, string> {
  const strings: Record<string, string> = {};
  let room = USER_BYTES;
  for (const [name, value] of Object.entries(attributes ?? {}).slice(0, 64)) {
    const key = cut(name, 64);
    const text = cut(String(value), 1024);
    room -= utf8(key + text).length;
    if (room >= 0) {
      strings[key] = text;
    }
  }
  return strings;
}
