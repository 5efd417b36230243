import { type Options, resolveOptions } from './options';

const valid: Options = { key: 'pk_1', endpoint: 'https://replay.example.com' };

describe('resolveOptions', () => {
  it('masks inputs and records every session unless told otherwise', () => {
    expect(resolveOptions(valid)).toMatchObject({
      segmentsUrl: 'https://replay.example.com/v1/segments',
      privacyMode: 'mask-inputs',
      sampleRate: 1,
    });
  });

  it('takes an unknown privacy mode as the strictest', () => {
    expect(resolveOptions({ ...valid, privacyMode: 'mask_none' as 'mask-none' }).privacyMode).toBe('mask-all');
  });

  it('keeps the path of an endpoint behind a proxy', () => {
    const { segmentsUrl } = resolveOptions({ ...valid, endpoint: 'https://shop.example/replay/' });
    expect(segmentsUrl).toBe('https://shop.example/replay/v1/segments');
  });

  it('takes origins from trace origins', () => {
    const { traceOrigins } = resolveOptions({ ...valid, traceOrigins: ['https://API.example.com:443/v1'] });
    expect([...traceOrigins]).toEqual(['https://api.example.com']);
  });

  it.each<[Partial<Options>, RegExp]>([
    [{ key: '' }, /write key/],
    [{ endpoint: '' }, /endpoint/],
    [{ sampleRate: NaN }, /sample rate/],
    [{ sampleRate: 2 }, /sample rate/],
    [{ traceOrigins: ['api.example.com'] }, /https:\/\/api\.example\.com/],
  ])('refuses %p', (options, message) => {
    expect(() => resolveOptions({ ...valid, ...options })).toThrow(message);
  });
});
