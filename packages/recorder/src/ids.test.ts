import { uuidv7 } from './ids';

describe('uuidv7', () => {
  it('has the form of RFC 9562', () => {
    expect(uuidv7(Date.now())).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('begins with the time, so that ids sort by it', () => {
    expect(uuidv7(0x0199_0102_0304)).toMatch(/^01990102-0304-7/);
    expect(uuidv7(1)).toMatch(/^00000000-0001-7/);
  });

  it('does not repeat', () => {
    expect(new Set(Array.from({ length: 1000 }, () => uuidv7(0))).size).toBe(1000);
  });
});
