import { useEffect, useMemo, useState } from 'react';

import { DashboardCursorSync, DataHoverClearEvent, DataHoverEvent, type EventBus } from '@grafana/data';
import { usePanelContext } from '@grafana/ui';

// The crosshair of a dashboard redraws every panel that has a time axis.
const PUBLISH_EVERY_MS = 100;

// While the player plays it publishes more often than this; then it leads and does not follow.
const LEADS_FOR_MS = 500;
// So long after somebody hovered elsewhere, what the player shows is the echo of that and moves nobody's crosshair.
const ECHO_MS = 400;

export interface SharedCrosshair {
  /** Moves the dashboard's crosshair to an instant, ms since the epoch. */
  moveTo: (timestamp: number) => void;
  /** Where somebody last hovered in another panel, ms since the epoch. */
  hovered?: number;
}

/** The crosshair that the panels of a dashboard share, as far as the dashboard's setting lets them. */
export function useSharedCrosshair(): SharedCrosshair {
  const { eventBus, sync } = usePanelContext();
  const isShared = sync?.() !== DashboardCursorSync.Off;
  const crosshair = useMemo(() => new Crosshair(eventBus), [eventBus]);
  const [hovered, setHovered] = useState<number>();
  useEffect(() => () => crosshair.clear(), [crosshair]);
  useEffect(() => {
    if (!isShared) {
      return undefined;
    }
    const subscription = crosshair.follow(setHovered);
    return () => subscription.unsubscribe();
  }, [crosshair, isShared]);
  return { moveTo: isShared ? crosshair.moveTo : ignore, hovered };
}

const ignore = () => undefined;

/** Publishes the first instant at once and the last of every 100 ms after it. */
class Crosshair {
  private timer?: ReturnType<typeof setTimeout>;
  private pending?: number;
  private readonly own = new WeakSet<object>();
  private ledAt = -Infinity;
  private followedAt = -Infinity;

  constructor(private readonly eventBus: EventBus) {}

  /** Tells where others hover, while the player does not lead by playing. */
  follow(onHover: (timestamp: number) => void) {
    return this.eventBus.getStream(DataHoverEvent).subscribe((event) => {
      const time: unknown = event.payload.point?.time;
      if (this.own.has(event) || typeof time !== 'number' || performance.now() - this.ledAt < LEADS_FOR_MS) {
        return;
      }
      this.followedAt = performance.now();
      onHover(time);
    });
  }

  moveTo = (timestamp: number) => {
    if (performance.now() - this.followedAt < ECHO_MS) {
      return;
    }
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
    const event = new DataHoverEvent({ point: { time: timestamp } });
    this.own.add(event);
    this.ledAt = performance.now();
    this.eventBus.publish(event);
  }
}
