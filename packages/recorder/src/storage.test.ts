import { webStorage } from './storage';

describe('webStorage', () => {
  it('serves from memory where storage is forbidden', () => {
    const storage = webStorage(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    storage.set('a', '1');
    expect(storage.get('a')).toBe('1');
    storage.remove('a');
    expect(storage.get('a')).toBeNull();
  });

  it('serves from memory what does not fit', () => {
    const full = { getItem: () => null, removeItem: () => undefined, setItem: () => fail() } as unknown as Storage;
    const fail = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const storage = webStorage(() => full);
    storage.set('a', '1');
    expect(storage.get('a')).toBe('1');
  });

  it('prefers what another tab wrote', () => {
    const storage = webStorage(() => window.localStorage);
    storage.set('a', 'ours');
    window.localStorage.setItem('a', 'theirs');
    expect(storage.get('a')).toBe('theirs');
  });
});
