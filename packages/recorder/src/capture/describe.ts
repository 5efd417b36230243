/** Enough to tell values apart; a page may log its whole store, and reading all of it would freeze it. */
const MAX_DEPTH = 3;
const MAX_ENTRIES = 20;
const MAX_CHARS = 2048;

/** One logged value as text. Objects are read a few levels deep. */
export function describe(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_CHARS) : inspect(value, 0);
}

function inspect(value: unknown, depth: number): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.slice(0, MAX_CHARS));
  }
  if (typeof value === 'function') {
    return `ƒ ${value.name}`;
  }
  if (typeof value !== 'object' || value === null) {
    return String(value);
  }
  if (value instanceof Error) {
    return `${value.name}: ${value.message}`;
  }
  if (value instanceof Element) {
    // Nothing of its content or attributes: they are subject to masking.
    return `<${value.localName}>`;
  }
  if (value instanceof Node || value === window) {
    return Object.prototype.toString.call(value);
  }
  if (depth >= MAX_DEPTH) {
    return Array.isArray(value) ? '[…]' : '{…}';
  }
  return inspectEntries(value, depth);
}

function inspectEntries(value: object, depth: number): string {
  const array = Array.isArray(value);
  const keys = Object.keys(value);
  const parts: string[] = [];
  let length = 0;
  for (const key of keys.slice(0, MAX_ENTRIES)) {
    const text = inspect((value as Record<string, unknown>)[key], depth + 1);
    parts.push(array ? text : `${key}: ${text}`);
    length += text.length;
    if (length > MAX_CHARS) {
      break;
    }
  }
  if (parts.length < keys.length) {
    parts.push('…');
  }
  return array ? `[${parts.join(', ')}]` : `{${parts.join(', ')}}`;
}
