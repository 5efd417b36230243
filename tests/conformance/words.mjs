// How differences are said.

/** Two texts from where they differ. */
export function apart(a, b) {
  let i = 0;
  while (i < a.length && a[i] === b[i]) {
    i++;
  }
  const from = Math.max(0, i - 60);
  return `at ${i} rrweb ${a.slice(from, i + 80)} dom ${b.slice(from, i + 80)}`;
}

/** A value that is not too long to read. */
export function short(value) {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}
