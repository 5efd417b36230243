import { DashboardCursorSync, DataHoverClearEvent, DataHoverEvent, EventBusSrv } from '@grafana/data';
import { type PanelContext, PanelContextProvider } from '@grafana/ui';
import { act, renderHook } from '@testing-library/react';
import React, { type PropsWithChildren } from 'react';

import { useSharedCrosshair } from './useSharedCrosshair';

function crosshair(sync = () => DashboardCursorSync.Crosshair) {
  const eventBus = new EventBusSrv();
  const published: unknown[] = [];
  eventBus.getStream(DataHoverEvent).subscribe((event) => published.push(event.payload.point?.time));
  eventBus.getStream(DataHoverClearEvent).subscribe(() => published.push('clear'));
  const wrapper = ({ children }: PropsWithChildren) => (
    <PanelContextProvider value={{ eventBus, sync } as unknown as PanelContext}>
      {children}
    </PanelContextProvider>
  );
  const { result, unmount } = renderHook(useSharedCrosshair, { wrapper });
  const followed: number[] = [];
  result.current.follow((time) => followed.push(time));
  const hover = (time: number) => act(() => eventBus.publish(new DataHoverEvent({ point: { time } })));
  return { moveTo: result.current.moveTo, hover, unmount, published, followed };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('useSharedCrosshair', () => {
  it('publishes at most ten times a second and never loses the last instant', () => {
    const { moveTo, published } = crosshair();
    for (let time = 0; time < 250; time += 10) {
      moveTo(time);
      jest.advanceTimersByTime(10);
    }
    jest.advanceTimersByTime(1000);
    expect(published).toEqual([0, 90, 190, 240]);
  });

  it('takes the crosshair away when the player goes', () => {
    const { moveTo, unmount, published } = crosshair();
    moveTo(1);
    moveTo(2);
    unmount();
    jest.advanceTimersByTime(1000);
    expect(published).toEqual([1, 'clear']);
  });

  it('follows the hover of other panels and does not echo it', () => {
    const { followed, hover, moveTo, published } = crosshair();
    hover(7000);
    expect(followed).toEqual([7000]);
    moveTo(7000);
    jest.advanceTimersByTime(1000);
    expect(published).toEqual([7000]);
  });

  it('leads while it plays', () => {
    const { followed, hover, moveTo } = crosshair();
    moveTo(1000);
    hover(7000);
    expect(followed).toEqual([]);
    jest.advanceTimersByTime(1000);
    hover(8000);
    hover(8000);
    expect(followed).toEqual([8000, 8000]);
  });

  it('keeps to itself where the dashboard shares no crosshair', () => {
    const { followed, hover, moveTo, published } = crosshair(() => DashboardCursorSync.Off);
    moveTo(1000);
    expect(published).toEqual([]);
    hover(7000);
    expect(followed).toEqual([]);
  });

  it('follows a change of the setting of the dashboard', () => {
    let sync = DashboardCursorSync.Off;
    const { followed, hover, moveTo } = crosshair(() => sync);
    sync = DashboardCursorSync.Tooltip;
    hover(7000);
    expect(followed).toEqual([7000]);
    sync = DashboardCursorSync.Off;
    moveTo(8000);
    hover(9000);
    expect(followed).toEqual([7000]);
  });

  it('gives way to the mouse over a plot once it rests, since a plot is silent about the point that it is at', () => {
    const plot = document.body.appendChild(document.createElement('div'));
    plot.className = 'u-over';
    const point = (at: Element) => at.dispatchEvent(new MouseEvent('pointermove', { bubbles: true }));
    const { moveTo, published } = crosshair();
    moveTo(1000);
    point(plot);
    expect(published).toEqual([1000]);
    jest.advanceTimersByTime(1000);
    point(document.body);
    expect(published).toEqual([1000]);
    point(plot);
    point(plot);
    expect(published).toEqual([1000, 'clear']);
    plot.remove();
  });
});
