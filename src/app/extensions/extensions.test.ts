import { locationService } from '@grafana/runtime';

import plugin from '../../plugin.json';
import { readInstant, readSessionId, readTraceId } from './attributes';
import { alertLink, exploreLink, logLink, paletteLink, panelLink, spanLink } from './links';
import { wantedByQueries } from './queries';
import { sessionOfTrace, ShownTraces } from './traces';

const sessionId = '0199f3a2-1111-7abc-8def-0123456789ab';
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('what Grafana is told of the links', () => {
  it('is the same in plugin.json', () => {
    const links = [spanLink, logLink, exploreLink, panelLink, alertLink, paletteLink];
    expect(plugin.extensions.addedLinks).toEqual(
      links.map(({ title, description, targets }) => ({ title, description, targets: [targets] }))
    );
  });
});

describe('links on attributes', () => {
  it('stand on the row of the session id', () => {
    const context = { attributes: {}, spanAttributes: { 'session.id': [sessionId] } };
    expect(spanLink.configure?.(context)).toEqual({
      path: `/a/playhead-replay-app/replay?session=${sessionId}`,
      category: 'session.id',
    });
    expect(logLink.configure?.({ attributes: { session_id: [sessionId] } })).toMatchObject({ category: 'session_id' });
  });

  it('are not there without one', () => {
    expect(spanLink.configure?.({ attributes: { 'session.id': ['two words'] } })).toBeUndefined();
    expect(spanLink.configure?.(undefined)).toBeUndefined();
  });

  it('open the replay at the instant of the line', () => {
    const open = jest.spyOn(window, 'open').mockReturnValue(null);
    const attributes = { session_id: [sessionId], trace_id: [traceId], observed_timestamp: ['1763791880123456789'] };
    const helpers = { context: { attributes } } as unknown as Parameters<NonNullable<typeof logLink.onClick>>[1];
    void logLink.onClick?.(undefined, helpers);
    expect(open).toHaveBeenCalledWith(
      `/a/playhead-replay-app/replay?session=${sessionId}&trace=${traceId}&t=1763791880123`,
      '_blank',
      'noopener'
    );
  });
});

describe('the link of an alert', () => {
  it('lists the sessions that its labels select, in the search language', () => {
    const push = jest.spyOn(locationService, 'push').mockImplementation();
    const labels = { url: 'https://shop.example/', signal: 'rage_click', release: 'v1 "beta"' };
    const instance = { labels, activeAt: '2026-11-22T12:00:00Z' };
    const helpers = { context: { instance } } as unknown as Parameters<NonNullable<typeof alertLink.onClick>>[1];
    void alertLink.onClick?.(undefined, helpers);
    const params = new URLSearchParams(String(push.mock.calls[0][0]).split('?')[1]);
    expect(params.get('url')).toBe('https://shop.example/');
    expect(params.get('q')).toBe('release:"v1 \\"beta\\"" signal:rage_click');
    expect(Number(params.get('from'))).toBeLessThan(Date.parse(instance.activeAt));
  });
});

describe('attributes', () => {
  it.each([
    [{ 'session.id': [sessionId] }, sessionId],
    [{ session_id: [sessionId] }, sessionId],
    [{ 'http.request.header.x-session-id': [`["${sessionId}"]`] }, sessionId],
    [{ 'session.id': ['<img>'] }, undefined],
    [{}, undefined],
  ])('%j names the session %s', (attributes, id) => {
    expect(readSessionId(attributes)?.id).toBe(id);
  });

  it('hold a trace id and an instant', () => {
    expect(readTraceId({ trace_id: [traceId] })?.id).toBe(traceId);
    expect(readTraceId({ trace_id: ['abc'] })).toBeUndefined();
    expect(readInstant({ observed_timestamp: ['soon'] })).toBeUndefined();
  });
});

describe('queries', () => {
  it.each([
    [{ query: `{ span.session.id = "${sessionId}" }` }, { sessionId }],
    [{ expr: `{service_name="shop"} | session_id="${sessionId}" |= "x"` }, { sessionId }],
    [{ rawSql: `SELECT 1 WHERE SpanAttributes['session.id'] = '${sessionId}'` }, { sessionId }],
    [{ queryType: 'replay', sessionId }, { sessionId }],
    [{ queryType: 'traceql', query: traceId }, { traceId }],
    [{ sessionId: '$session' }, {}],
    [{ expr: 'up' }, {}],
  ])('%j asks for %j', (query, wanted) => {
    expect(wantedByQueries([query])).toEqual(wanted);
  });

  it('may hold variables', () => {
    expect(wantedByQueries([{ sessionId: '$session' }], () => sessionId)).toEqual({ sessionId });
  });
});

describe('traces on the screen', () => {
  const span = (spanID: string, startTime: number, order: string) => ({
    spanID,
    startTime,
    tags: [
      { key: 'session.id', value: sessionId },
      { key: 'order', value: order },
    ],
  });
  const trace = { traceID: traceId, startTime: 1000, spans: [span('a', 1000, '1'), span('b', 5000, '2')] };

  it('name their session', () => {
    expect(sessionOfTrace(trace)).toBe(sessionId);
    expect(sessionOfTrace({})).toBeUndefined();
  });

  it('tell the instant of a span by its attributes', () => {
    const shown = new ShownTraces();
    shown.remember(trace);
    expect(shown.placeOf({ 'session.id': [sessionId], order: ['2'] })).toEqual({ traceId, at: 5 });
    expect(shown.placeOf({ 'session.id': [sessionId], order: ['3'] })).toEqual({});
  });

  it('tell the start of the trace when spans are alike', () => {
    const shown = new ShownTraces();
    shown.remember({ ...trace, spans: [span('a', 1000, '1'), span('b', 5000, '1')] });
    expect(shown.placeOf({ 'session.id': [sessionId], order: ['1'] })).toEqual({ traceId, at: 1 });
  });
});
