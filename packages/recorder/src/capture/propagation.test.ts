import { addHeaders, type HeaderCarrier, propagatesTo, type PropagationConfig } from './propagation';

const config: PropagationConfig = {
  pageOrigin: () => 'https://shop.example',
  traceOrigins: new Set(['https://api.example.com']),
  sessionId: () => 'session-1',
  startsTraces: () => true,
};

describe('propagatesTo', () => {
  const tests: Array<[url: string, want: boolean]> = [
    ['https://shop.example/api', true],
    ['https://api.example.com/v1', true],
    ['https://api.example.com:443/v1', true],
    ['http://api.example.com/v1', false],
    ['https://api.example.com:8443/v1', false],
    ['https://api.example.com.evil.example/', false],
    ['https://evil.example/?next=https://api.example.com', false],
    ['https://api.example.com@evil.example/', false],
    ['https://sub.shop.example/', false],
    ['data:text/plain,x', false],
    ['file:///etc/passwd', false],
  ];
  it.each(tests)('%s', (url, want) => {
    expect(propagatesTo(new URL(url), config)).toBe(want);
  });

  it('is never true for opaque origins, even when the page has one', () => {
    expect(propagatesTo(new URL('data:,'), { ...config, pageOrigin: () => 'null' })).toBe(false);
  });
});

describe('addHeaders', () => {
  function carrier(initial: Record<string, string> = {}): HeaderCarrier & { values: Record<string, string> } {
    const values = { ...initial };
    return {
      values,
      get: (name) => values[name.toLowerCase()] ?? null,
      append: (name, value) => {
        const key = name.toLowerCase();
        values[key] = key in values ? `${values[key]}, ${value}` : value;
      },
    };
  }

  it('names the session and starts a trace', () => {
    const headers = carrier();
    const { traceId, spanId } = addHeaders(headers, config);
    expect(headers.values).toEqual({
      'x-session-id': 'session-1',
      baggage: 'session.id=session-1',
      traceparent: `00-${traceId}-${spanId}-01`,
    });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spanId).toMatch(/^[0-9a-f]{16}$/);
  });

  it('keeps what is there', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    const headers = carrier({ 'x-session-id': 'own', baggage: 'a=1, session.id = own', traceparent });
    expect(addHeaders(headers, config)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
    });
    expect(headers.values).toEqual({ 'x-session-id': 'own', baggage: 'a=1, session.id = own', traceparent });
  });

  it('appends to baggage of others', () => {
    const headers = carrier({ baggage: 'x.session.id=1' });
    addHeaders(headers, config);
    expect(headers.values.baggage).toBe('x.session.id=1, session.id=session-1');
  });

  it('starts no trace when it must not', () => {
    const headers = carrier();
    expect(addHeaders(headers, { ...config, startsTraces: () => false })).toEqual({});
    expect(headers.values.traceparent).toBeUndefined();
  });

  it('leaves a traceparent that it does not understand', () => {
    const headers = carrier({ traceparent: 'garbage' });
    expect(addHeaders(headers, config)).toEqual({});
    expect(headers.values.traceparent).toBe('garbage');
  });
});
