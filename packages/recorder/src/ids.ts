/** Random bytes as lower-case hex. `crypto.getRandomValues` is there without a secure context too. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    ''
  );
}

/** A UUIDv7 (RFC 9562): 48 bits of ms since the epoch, then random bits, so that ids sort by time. */
export function uuidv7(now: number): string {
  const time = Math.floor(now).toString(16).padStart(12, '0').slice(-12);
  const random = randomHex(10);
  const variant = ((parseInt(random.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  return [
    time.slice(0, 8),
    time.slice(8),
    '7' + random.slice(0, 3),
    variant + random.slice(4, 7),
    random.slice(8, 20),
  ].join('-');
}
