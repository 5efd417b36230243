import { type CustomPayloads, type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { cut } from '../text';
import { scrubUrl } from '../url';
import { measures, observe } from './observe';

type Vital = CustomPayloads['vital']['name'];

/** Good up to the first, poor above the second; https://web.dev/articles/vitals says so. */
const BOUNDS: Record<Vital, [number, number]> = {
  TTFB: [800, 1800],
  FCP: [1800, 3000],
  LCP: [2500, 4000],
  CLS: [0.1, 0.25],
  INP: [200, 500],
};

/** What is used of the entries of several types; TypeScript knows not all of it. */
interface Entry extends PerformanceEntry {
  responseStart: number;
  activationStart?: number;
  value: number;
  hadRecentInput: boolean;
  interactionId?: number;
}

export interface Vitals {
  /** Emits what was measured, once: values are final when the page is hidden for the first time. */
  report: () => void;
  stop: () => void;
}

/** Measures the page's Core Web Vitals, FCP and TTFB, also what was before the recorder was there. */
export function captureVitals(emit: EmitCustom, faults: Faults): Vitals {
  const values: Partial<Record<Vital, number>> = {};
  const observed: Array<[PerformanceObserver, (entry: PerformanceEntry) => void]> = [];
  const follow = (type: string, takeEntry: (entry: Entry) => void) => {
    if (measures(type)) {
      const take = takeEntry as (entry: PerformanceEntry) => void;
      // Only the type "event" knows a threshold; it is that of the library that defines INP.
      observed.push([observe(type, take, faults, { buffered: true, durationThreshold: 40 }), take]);
    }
  };

  const entries = (type: string) => performance.getEntriesByType(type) as Entry[];
  // Of a page that was prerendered what counts begins when it is shown.
  const { name: url = '', responseStart = 0, activationStart: start = 0 } = entries('navigation')[0] ?? {};
  const hiddenAt =
    entries('visibility-state').find(({ name, startTime }) => name === 'hidden' && startTime > start)?.startTime ??
    (document.hidden ? 0 : Infinity);
  const paint = (name: 'FCP' | 'LCP') => (entry: Entry) => {
    // A page in the background paints when it is looked at.
    if (entry.startTime < hiddenAt && entry.name !== 'first-paint') {
      values[name] = Math.max(entry.startTime - start, 0);
    }
  };
  if (responseStart > 0) {
    values.TTFB = Math.max(responseStart - start, 0);
  }
  follow('paint', paint('FCP'));
  follow('largest-contentful-paint', paint('LCP'));

  // The largest sum of shifts of which each comes within 1 s of the one before and within 5 s of the first.
  let shifts = { sum: 0, first: 0, last: 0 };
  let largest = 0;
  follow('layout-shift', ({ startTime, value, hadRecentInput }) => {
    if (!hadRecentInput) {
      if (!shifts.sum || startTime - shifts.last >= 1000 || startTime - shifts.first >= 5000) {
        shifts = { sum: 0, first: startTime, last: 0 };
      }
      shifts.last = startTime;
      shifts.sum += value;
      largest = Math.max(largest, shifts.sum);
    }
  });

  // Of each interaction the slowest event; of the interactions the slowest but one for every 50.
  const durations: Record<number, number> = {};
  const interaction = ({ interactionId, duration }: Entry) => {
    if (interactionId) {
      durations[interactionId] = Math.max(duration, durations[interactionId] ?? 0);
    }
  };
  follow('event', interaction);
  follow('first-input', interaction);

  const stop = () => observed.splice(0).forEach(([observer]) => observer.disconnect());
  const report = () => {
    if (observed.length === 0) {
      return;
    }
    observed.forEach(([observer, take]) => observer.takeRecords().forEach(take));
    const slowest = Object.values(durations).sort((a, b) => b - a);
    const count = (performance as { interactionCount?: number }).interactionCount ?? slowest.length;
    values.INP = slowest[Math.min(slowest.length - 1, Math.floor(count / 50))];
    if (values.FCP !== undefined && measures('layout-shift')) {
      values.CLS = largest;
    }
    stop();
    for (const name of Object.keys(BOUNDS) as Vital[]) {
      const value = values[name];
      if (value !== undefined) {
        const [good, poor] = BOUNDS[name];
        emit('vital', {
          name,
          value: name === 'CLS' ? Math.round(value * 1e4) / 1e4 : Math.round(value),
          rating: value <= good ? 'good' : value <= poor ? 'needs-improvement' : 'poor',
          'url.full': cut(scrubUrl(url)),
        });
      }
    }
  };
  return { report, stop };
}
