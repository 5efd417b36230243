import { type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { type Limiter } from '../limiter';
import { cut } from '../text';
import { scrubText, scrubUrl } from '../url';
import { measures, observe } from './observe';

/** From here on people notice; also where the Long Tasks API draws the line. */
const BLOCKING_MS = 50;

/** The parts of PerformanceLongAnimationFrameTiming that are used; TypeScript does not know it. */
interface LongAnimationFrame extends PerformanceEntry {
  blockingDuration: number;
  scripts: Array<{ duration: number; sourceURL: string; invoker: string }>;
}

/** Records frames that kept the page from answering. Returns how to stop. */
export function captureLongFrames(emit: EmitCustom, limiter: Limiter, faults: Faults): () => void {
  const type = ['long-animation-frame', 'longtask'].find(measures);
  if (!type) {
    return () => undefined;
  }
  const record = (entry: PerformanceEntry & Partial<LongAnimationFrame>) => {
    // A long task has no blocking time of its own: what exceeds 50 ms is taken, as total blocking time does.
    const blocking = entry.blockingDuration ?? entry.duration - BLOCKING_MS;
    const significant = type === 'longtask' || blocking >= BLOCKING_MS;
    if (!significant || !limiter.allow()) {
      return;
    }
    const script = [...(entry.scripts ?? [])].sort((a, b) => b.duration - a.duration)[0];
    emit('long_frame', {
      duration_ms: Math.round(entry.duration),
      blocking_ms: Math.round(blocking),
      script: script?.sourceURL ? cut(scrubUrl(script.sourceURL)) : undefined,
      invoker: script?.invoker ? cut(scrubText(script.invoker)) : undefined,
    });
  };
  const observer = observe(type, record, faults);
  return () => observer.disconnect();
}
