import { PlaybackError, UNPLAYABLE } from './api';
import { INITIAL_STATE, type PlayerAction, reduceStatus } from './status';

const after = (...actions: PlayerAction[]) => actions.reduce(reduceStatus, INITIAL_STATE);
const SHOWN: PlayerAction = { type: 'shown', windowId: 'window-00000001' };

describe('reduceStatus', () => {
  it.each<[string, PlayerAction[], string]>([
    ['loads at first', [{ type: 'load' }], 'loading'],
    ['rests when the first frame is there', [{ type: 'load' }, SHOWN], 'paused'],
    ['plays', [SHOWN, { type: 'play' }], 'playing'],
    ['plays as soon as it can', [{ type: 'play' }, SHOWN], 'playing'],
    ['keeps loading when asked to play', [{ type: 'load' }, { type: 'play' }], 'loading'],
    ['pauses', [SHOWN, { type: 'play' }, { type: 'pause' }], 'paused'],
    ['buffers with a picture on the screen', [SHOWN, { type: 'load' }], 'buffering'],
    ['goes on after buffering', [SHOWN, { type: 'play' }, { type: 'stall' }, { type: 'resume' }], 'playing'],
    [
      'stays paused when paused while buffering',
      [SHOWN, { type: 'play' }, { type: 'stall' }, { type: 'pause' }, { type: 'resume' }],
      'paused',
    ],
    ['ends', [SHOWN, { type: 'play' }, { type: 'end' }], 'ended'],
    ['plays again', [SHOWN, { type: 'end' }, { type: 'play' }], 'playing'],
    ['shows another instant after the end', [SHOWN, { type: 'end' }, SHOWN], 'paused'],
    ['recovers from an error', [{ type: 'fail', error: new Error('cut') }, { type: 'load' }, SHOWN], 'paused'],
    ['begins anew', [SHOWN, { type: 'play' }, { type: 'open' }], 'loading'],
  ])('%s', (_, actions, status) => {
    expect(after(...actions).status).toBe(status);
  });

  it.each([
    ['a cut connection', new TypeError('network error'), true],
    ['a truncated answer', new PlaybackError('ended early', 0), true],
    ['a server in trouble', new PlaybackError('busy', 503), true],
    ['too many requests', new PlaybackError('wait', 429), true],
    ['a session that is gone', new PlaybackError('gone', 404), false],
    ['a recording without snapshot', new PlaybackError('no snapshot', UNPLAYABLE), false],
  ])('offers to try again after %s: %p', (_, error, canRetry) => {
    expect(after({ type: 'fail', error })).toMatchObject({
      status: 'error',
      canRetry,
      error: expect.stringContaining(error.message),
    });
  });

  it('forgets the error when something is shown', () => {
    expect(after({ type: 'fail', error: new Error('cut') }, SHOWN).error).toBe('');
  });

  it('notes a gap once', () => {
    const gap = { start: 1, end: 2, cause: 'lost' };
    const found: PlayerAction = { type: 'gap', windowId: 'w', gap };
    expect(after(found, found).foundGaps).toEqual({ w: [gap] });
  });
});
