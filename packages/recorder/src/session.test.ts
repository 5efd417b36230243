import { IDLE_MS, MAX_AGE_MS, SESSION_KEY, SessionKeeper } from './session';
import { type KeyValue, webStorage } from './storage';

const MINUTE = 60_000;

/** Tabs of one origin on one clock. */
function origin() {
  const values = new Map<string, string>();
  let writes = 0;
  const storage: KeyValue = {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => {
      writes++;
      values.set(key, value);
    },
    remove: (key) => void values.delete(key),
  };
  const world = {
    now: 1_763_791_872_123,
    sampled: true,
    storage,
    writes: () => writes,
    tab: () => new SessionKeeper({ storage, now: () => world.now, sample: () => world.sampled }),
  };
  return world;
}

describe('SessionKeeper', () => {
  it('gives all tabs one session', () => {
    const world = origin();
    expect(world.tab().current().id).toBe(world.tab().current().id);
  });

  it('ends a session after 30 minutes without activity and names it as the previous one', () => {
    const world = origin();
    const tab = world.tab();
    const first = tab.current();
    world.now += IDLE_MS;
    expect(tab.isOver()).toBe(false);
    world.now += 1;
    expect(tab.isOver()).toBe(true);
    expect(tab.touch()).toBe(true);
    expect(tab.current().id).not.toBe(first.id);
    expect(tab.current().previousId).toBe(first.id);
    expect(tab.isOver()).toBe(false);
  });

  it('ends a session after 24 hours of activity', () => {
    const world = origin();
    const tab = world.tab();
    const first = tab.current().id;
    for (let age = 0; age < MAX_AGE_MS; age += 10 * MINUTE) {
      expect(tab.current().id).toBe(first);
      world.now += 10 * MINUTE;
      tab.touch();
    }
    world.now += 1;
    expect(tab.touch()).toBe(true);
  });

  it('is kept alive by another tab', () => {
    const world = origin();
    const [active, silent] = [world.tab(), world.tab()];
    const { id } = silent.current();
    for (let minutes = 0; minutes < 60; minutes += 20) {
      world.now += 20 * MINUTE;
      active.touch();
    }
    expect(silent.isOver()).toBe(false);
    expect(silent.touch()).toBe(false);
    expect(silent.current().id).toBe(id);
  });

  it('adopts the session that another tab has begun instead of beginning one more', () => {
    const world = origin();
    const [active, silent] = [world.tab(), world.tab()];
    world.now += IDLE_MS + 1;
    active.touch();
    expect(silent.isOver()).toBe(true);
    expect(silent.touch()).toBe(true);
    expect(silent.current().id).toBe(active.current().id);
  });

  it('adopts it even while its own copy looks alive', () => {
    const world = origin();
    const [rotated, other] = [world.tab(), world.tab()];
    const next = { ...rotated.current(), id: 'the-next-session', previousId: rotated.current().id };
    world.storage.set(SESSION_KEY, JSON.stringify(next));
    expect(other.adopt()).toBe(true);
    expect(other.current().id).toBe('the-next-session');
    expect(other.adopt()).toBe(false);
  });

  it('writes activity at most every five seconds', () => {
    const world = origin();
    const tab = world.tab();
    const before = world.writes();
    for (let ms = 0; ms < 10_000; ms += 50) {
      world.now += 50;
      tab.touch();
    }
    expect(world.writes() - before).toBe(2);
  });

  it('decides about sampling once', () => {
    const world = origin();
    world.sampled = false;
    const tab = world.tab();
    world.sampled = true;
    expect(world.tab().current().sampled).toBe(false);
    world.now += IDLE_MS + 1;
    tab.touch();
    expect(tab.current().sampled).toBe(true);
  });

  it('does not live on for hours when the clock is set back', () => {
    const world = origin();
    const tab = world.tab();
    world.now -= 5 * 60 * MINUTE;
    expect(tab.isOver()).toBe(true);
  });

  it('keeps the token with its session', () => {
    const world = origin();
    const tab = world.tab();
    tab.setToken(tab.current().id, 'abc');
    expect(world.tab().current().token).toBe('abc');
    tab.setToken('another-session', 'xyz');
    expect(tab.current().token).toBe('abc');
    world.now += IDLE_MS + 1;
    tab.touch();
    expect(tab.current().token).toBeUndefined();
  });

  it('finds the token that another tab got, and that of the session before', () => {
    const world = origin();
    const tab = world.tab();
    const { id } = tab.current();
    world.tab().setToken(id, 'abc');
    expect(tab.tokenOf(id)).toBe('abc');
    expect(tab.tokenOf('another-session')).toBeUndefined();
    world.now += IDLE_MS + 1;
    tab.adopt();
    tab.setToken(id, 'abc');
    tab.touch();
    expect(tab.current().id).not.toBe(id);
    expect(tab.tokenOf(tab.current().id)).toBeUndefined();
    expect(tab.tokenOf(id)).toBe('abc');
  });

  it('renews a refused session once for all tabs, sampled as it was', () => {
    const world = origin();
    const [tab, other] = [world.tab(), world.tab()];
    const { id } = tab.current();
    world.sampled = false;
    tab.renew();
    expect(tab.current()).toMatchObject({ previousId: id, sampled: true });
    other.renew();
    expect(other.current().id).toBe(tab.current().id);
  });

  it.each([
    '',
    'null',
    '{}',
    '[1]',
    '{"id":1}',
    '{"id":"<script>xxxxxxxx","startedAt":1,"activeAt":1}',
    'x'.repeat(99),
  ])('begins a session when storage holds %j', (text) => {
    const world = origin();
    world.storage.set(SESSION_KEY, text);
    expect(world.tab().current().previousId).toBeNull();
  });

  it('works without storage', () => {
    const storage = webStorage(() => {
      throw new Error('denied');
    });
    const tab = new SessionKeeper({ storage, now: () => 1, sample: () => true });
    expect(tab.touch()).toBe(false);
    expect(tab.current().id).toMatch(/-7/);
  });
});
