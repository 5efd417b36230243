const encoder = new TextEncoder();

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Cuts a string to at most `maxBytes` of UTF-8, never inside a character. */
export function cut(text: string, maxBytes = 2048): string {
  if (text.length * 3 <= maxBytes) {
    return text;
  }
  // encodeInto stops before the first character that does not fit.
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return read < text.length ? text.slice(0, read) : text;
}
