import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORDER_VERSION, RRWEB_VERSION } from './version';

it('is the version of package.json', () => {
  const manifest = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));
  expect(RECORDER_VERSION).toBe(manifest.version);
  expect(RRWEB_VERSION).toBe(manifest.dependencies['@rrweb/record']);
});
