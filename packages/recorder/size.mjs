// Checks the size budget of dist/playhead.js; prints one JSON line.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

// Bytes after gzip -9, rrweb included: what a page pays for being recorded.
const BUDGET_BYTES = 32 * 1024;

const value = gzipSync(readFileSync(new URL('dist/playhead.js', import.meta.url)), { level: 9 }).length;
console.log(JSON.stringify({ name: 'recorder.bundle_gzip_bytes', value, unit: 'B' }));
if (value > BUDGET_BYTES) {
  console.error(`playhead.js is ${value} bytes after gzip, the budget is ${BUDGET_BYTES}`);
  process.exit(1);
}
