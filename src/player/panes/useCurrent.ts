import { useMemo, useSyncExternalStore } from 'react';

import type { Playhead } from '../playback/Playhead';
import { firstAfter } from '../timeline/inactivity';

/** Position of the last of the items, in the order of their time, that is not after the playhead; -1 before the first. */
export function useCurrent(items: ReadonlyArray<{ ts: number }>, playhead: Playhead): number {
  const times = useMemo(() => items.map(({ ts }) => ts), [items]);
  return useSyncExternalStore(playhead.subscribe, () => firstAfter(times, playhead.timestamp()) - 1);
}
