import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { one } from '../sessions.mjs';

export async function corpusTests({ test, report, corpus }) {
  const AWKWARD = [
    'rrweb-recordings-5cfdc5c5.json', // out of order by 40 s, incrementals before the first full snapshot
    'misc-bard-rr.json', // out of order by 20 s
    'posthog-player-docs.json', // nine full snapshots, the first at event 61
    'posthog-player-wide-layout.json',
    'posthog-perf-snapshot-key0.json', // shadow DOM, plugin events
    'misc-ooking-demo.json', // adopted style sheets
    'highlight-css-inline-events.json', // 481 style sheet rules
    'himanshu-zldN4S.json',
    'misc-mida-mobile.json', // custom elements
    'chalk-08463d03.json',
  ];

  for (const file of AWKWARD) {
    const name = `corpus: seeking in ${file} shows what a link to the instant shows`;
    const source = path.join(corpus, 'sessions', file);
    if (!existsSync(source)) {
      report.skip(name, `${corpus} is not there`);
      continue;
    }
    await test(name, [one('session-corpus', { events: JSON.parse(readFileSync(source, 'utf8')) })], async (player) => {
      await player.open('session-corpus');
      const { start, end } = await player.bounds();
      const seen = [];
      for (const share of [0.9, 0.2, 0.5, 0.35, 0.99, 0.05]) {
        assert.equal(await player.seek(start + (end - start) * share), 'paused');
        seen.push({ ts: await player.timestamp(), text: await player.text() });
      }
      for (const { ts, text } of seen) {
        assert.equal(await player.open('session-corpus', ts), 'paused');
        assert.equal(await player.timestamp(), ts);
        assert.equal(await player.text(), text, `at ${ts - start} ms`);
      }
    });
  }
}
