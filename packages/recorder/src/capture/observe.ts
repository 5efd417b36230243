import { type Faults } from '../faults';

/** Whether the browser measures this type of performance entry; it warns on the page's console of one it does not. */
export function measures(type: string): boolean {
  return typeof PerformanceObserver !== 'undefined' && PerformanceObserver.supportedEntryTypes.includes(type);
}

/** Calls `take` with each entry of a type. */
export function observe(
  type: string,
  take: (entry: PerformanceEntry) => void,
  faults: Faults,
  options?: object
): PerformanceObserver {
  const observer = new PerformanceObserver(faults.guard((list) => list.getEntries().forEach(take)));
  observer.observe({ type, ...options });
  return observer;
}
