import { DataHoverClearEvent, DataHoverEvent, EventBusSrv } from '@grafana/data';
import { type PanelContext, PanelContextProvider } from '@grafana/ui';
import { renderHook } from '@testing-library/react';
import React, { type PropsWithChildren } from 'react';

import { useSharedCrosshair } from './useSharedCrosshair';

function crosshair() {
  const eventBus = new EventBusSrv();
  const published: unknown[] = [];
  eventBus.getStream(DataHoverEvent).subscribe((event) => published.push(event.payload.point?.time));
  eventBus.getStream(DataHoverClearEvent).subscribe(() => published.push('clear'));
  const wrapper = ({ children }: PropsWithChildren) => (
    <PanelContextProvider value={{ eventBus } as unknown as PanelContext}>{children}</PanelContextProvider>
  );
  const { result, unmount } = renderHook(useSharedCrosshair, { wrapper });
  return { moveTo: result.current, unmount, published };
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
});
