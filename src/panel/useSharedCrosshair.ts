import { useEffect, useMemo } from 'react';

import { DataHoverClearEvent, DataHoverEvent, type EventBus } from '@grafana/data';
import { usePanelContext } from '@grafana/ui';

// The crosshair of a dashboard redraws every panel that has a time axis.
const PUBLISH_EVERY_MS = 100;

/** Returns a function that moves the dashboard's shared crosshair to an instant, ms since the epoch. */
export function useSharedCrosshair(): (timestamp: number) => void {
  const { eventBus } = usePanelContext();
  const crosshair = useMemo(() => new Crosshair(eventBus), [eventBus]);
  useEffect(() => () => crosshair.clear(), [crosshair]);
  return crosshair.moveTo;
}

/** Publishes the first instant at once and the last of every 100 ms after it. */
class Crosshair {
  private timer?: ReturnType<typeof setTimeout>;
  private pending?: number;

  constructor(private readonly eventBus: EventBus) {}

  moveTo = (timestamp: number) => {
    if (this.timer !== undefined) {
      this.pending = timestamp;
      return;
    }
    this.publish(timestamp);
    this.timer = setTimeout(this.publishPending, PUBLISH_EVERY_MS);
  };

  clear() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pending = undefined;
    this.eventBus.publish(new DataHoverClearEvent());
  }

  private publishPending = () => {
    this.timer = undefined;
    if (this.pending !== undefined) {
      const timestamp = this.pending;
      this.pending = undefined;
      this.moveTo(timestamp);
    }
  };

  private publish(timestamp: number) {
    this.eventBus.publish(new DataHoverEvent({ point: { time: timestamp } }));
  }
}
