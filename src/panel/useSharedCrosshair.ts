import { useEffect, useMemo } from 'react';

import { DashboardCursorSync, DataHoverClearEvent, DataHoverEvent } from '@grafana/data';
import { type PanelContext, usePanelContext } from '@grafana/ui';

// The crosshair of a dashboard redraws every panel that has a time axis.
const PUBLISH_EVERY_MS = 100;

// While the player plays it publishes more often than this; then it leads and does not follow.
const LEADS_FOR_MS = 500;
// So long after somebody hovered elsewhere, what the player shows is the echo of that and moves nobody's crosshair.
const ECHO_MS = 400;
// What uPlot, which draws Grafana's time axes, puts over a plot to follow the mouse.
const PLOT = '.u-over';

export interface SharedCrosshair {
  /** Moves the dashboard's crosshair to an instant, ms since the epoch. */
  moveTo: (timestamp: number) => void;
  /** Calls with every instant at which somebody hovers in another panel, ms since the epoch, until it is ended. */
  follow: (onHover: (timestamp: number) => void) => () => void;
}

/** The crosshair that the panels of a dashboard share, as far as the dashboard's setting lets them. */
export function useSharedCrosshair(): SharedCrosshair {
  const { eventBus, sync } = usePanelContext();
  const crosshair = useMemo(() => new Crosshair(eventBus, sync), [eventBus, sync]);
  useEffect(() => {
    document.addEventListener('pointermove', crosshair.giveWay);
    return () => {
      document.removeEventListener('pointermove', crosshair.giveWay);
      crosshair.clear();
    };
  }, [crosshair]);
  return crosshair;
}

/** Publishes the first instant at once and the last of every 100 ms after it. */
class Crosshair implements SharedCrosshair {
  private timer?: ReturnType<typeof setTimeout>;
  private pending?: number;
  private readonly own = new WeakSet<object>();
  private ledAt = -Infinity;
  private followedAt = -Infinity;
  private isDrawn = false;

  constructor(
    private readonly eventBus: PanelContext['eventBus'],
    private readonly sync: PanelContext['sync']
  ) {}

  follow = (onHover: (timestamp: number) => void) => {
    const subscription = this.eventBus.getStream(DataHoverEvent).subscribe((event) => {
      const time: unknown = event.payload.point?.time;
      if (this.own.has(event) || typeof time !== 'number' || this.leads() || !this.isShared()) {
        return;
      }
      this.followedAt = performance.now();
      onHover(time);
    });
    return () => subscription.unsubscribe();
  };

  moveTo = (timestamp: number) => {
    if (!this.isShared() || performance.now() - this.followedAt < ECHO_MS) {
      return;
    }
    if (this.timer !== undefined) {
      this.pending = timestamp;
      return;
    }
    this.publish(timestamp);
    this.timer = setTimeout(this.publishPending, PUBLISH_EVERY_MS);
  };

  /**
   * Takes the crosshair away when the mouse comes to a plot while the player rests. A plot tells of a hover only when
   * that changes its nearest point, and the crosshair may have made the hovered one the nearest already.
   */
  giveWay = (event: PointerEvent) => {
    if (this.isDrawn && !this.leads() && event.target instanceof Element && event.target.closest(PLOT)) {
      this.clear();
    }
  };

  clear() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pending = undefined;
    this.isDrawn = false;
    this.eventBus.publish(new DataHoverClearEvent());
  }

  /** Asked anew each time: whoever edits the dashboard can change it. */
  private isShared() {
    return this.sync?.() !== DashboardCursorSync.Off;
  }

  private leads() {
    return performance.now() - this.ledAt < LEADS_FOR_MS;
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
    this.isDrawn = true;
    this.eventBus.publish(event);
  }
}
