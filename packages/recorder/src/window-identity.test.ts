import { type KeyValue } from './storage';
import { WindowIdentity } from './window-identity';

/** One tab's sessionStorage. */
function tabStorage(values = new Map<string, string>()): KeyValue & { copy: () => KeyValue } {
  return {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
    copy: () => tabStorage(new Map(values)),
  };
}

const now = () => 1_763_791_872_123;

describe('WindowIdentity', () => {
  it('goes on with its id and numbers after a reload', () => {
    const storage = tabStorage();
    const before = new WindowIdentity(storage, now);
    expect([before.takeSeq('s1', 0), before.takeSeq('s1', 0)]).toEqual([0, 1]);
    before.release();

    const after = new WindowIdentity(storage, now);
    expect(after.id).toBe(before.id);
    expect(after.takeSeq('s1', 0)).toBe(2);
  });

  it('takes a new id in a duplicated tab', () => {
    const storage = tabStorage();
    const original = new WindowIdentity(storage, now);
    original.takeSeq('s1', 0);
    const duplicate = new WindowIdentity(storage.copy(), now);
    expect(duplicate.id).not.toBe(original.id);
    expect(duplicate.takeSeq('s1', 0)).toBe(0);
  });

  it('counts each session from 0, also when the one before is still being sent', () => {
    const storage = tabStorage();
    const before = new WindowIdentity(storage, now);
    before.takeSeq('s1', 0);
    expect(before.takeSeq('s2', 0)).toBe(0);
    expect(before.takeSeq('s1', 0)).toBe(1);
    before.release();
    expect(new WindowIdentity(storage, now).takeSeq('s2', 0)).toBe(1);
  });

  it('leaves out the numbers of what was lost', () => {
    expect(new WindowIdentity(tabStorage(), now).takeSeq('s1', 2)).toBe(2);
  });

  it.each([
    '',
    '{}',
    '{"id":"short","seqs":[]}',
    '{"id":"long-enough","seqs":[["s1","1"]]}',
    '{"id":"long-enough","seqs":[1]}',
  ])('begins anew when storage holds %j', (text) => {
    const storage = tabStorage();
    storage.set('playhead.window', text);
    expect(new WindowIdentity(storage, now).takeSeq('s1', 0)).toBe(0);
  });
});
