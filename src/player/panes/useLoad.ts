import { useCallback, useEffect, useState } from 'react';

export type Loaded<T> = { status: 'loading' } | { status: 'ready'; value: T } | { status: 'error'; error: string };

/**
 * Runs `load` whenever it changes (keep it stable with useCallback) and when `retry` is called. What was asked for
 * before is aborted; its answer is never shown.
 */
export function useLoad<T>(load: ((signal: AbortSignal) => Promise<T>) | undefined): {
  state: Loaded<T>;
  retry: () => void;
} {
  const [attempt, setAttempt] = useState(0);
  const [answer, setAnswer] = useState<{ load: unknown; attempt: number; state: Loaded<T> }>();

  useEffect(() => {
    if (!load) {
      return;
    }
    const controller = new AbortController();
    const settle = (state: Loaded<T>) => !controller.signal.aborted && setAnswer({ load, attempt, state });
    load(controller.signal).then(
      (value) => settle({ status: 'ready', value }),
      (error: unknown) => settle({ status: 'error', error: error instanceof Error ? error.message : String(error) })
    );
    return () => controller.abort();
  }, [load, attempt]);

  const retry = useCallback(() => setAttempt((count) => count + 1), []);
  const isCurrent = answer?.load === load && answer?.attempt === attempt;
  return { state: answer && isCurrent ? answer.state : { status: 'loading' }, retry };
}
