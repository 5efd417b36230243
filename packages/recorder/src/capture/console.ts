import { type ConsoleLevel, type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { type Limiter } from '../limiter';
import { patch } from '../patch';
import { cut } from '../text';
import { scrubText } from '../url';
import { describe } from './describe';

const LEVELS: ConsoleLevel[] = ['error', 'warn', 'info', 'log', 'debug'];

/** Records what the page writes to its console. Returns how to stop. */
export function captureConsole(target: Console, emit: EmitCustom, limiter: Limiter, faults: Faults): () => void {
  let active = true;
  // Describing a value can run the page's code, which may write to the console.
  let busy = false;

  const record = (level: ConsoleLevel, values: unknown[]) => {
    if (!active || busy || !limiter.allow()) {
      return;
    }
    busy = true;
    faults.run(() => emit('console', { level, message: cut(scrubText(values.map(describe).join(' '))) }));
    busy = false;
  };

  const undo = LEVELS.map((level) =>
    patch(target, level, (original) => (...values: unknown[]) => {
      record(level, values);
      original.apply(target, values);
    })
  );
  return () => {
    active = false;
    undo.forEach((restore) => restore());
  };
}
