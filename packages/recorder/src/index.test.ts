import * as recorder from './index';

it('exports this and nothing else', () => {
  expect(Object.keys(recorder).sort()).toEqual(['identify', 'sessionId', 'start', 'stop', 'track']);
});

// jsdom has no fetch, so that no recorder can start here.
it('never throws', () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  recorder.start({ key: '', endpoint: '' });
  expect(warn).toHaveBeenLastCalledWith('playhead:', 'the write key is missing');
  recorder.start({ key: 'pk_1', endpoint: 'https://replay.example.com' });
  recorder.start(undefined as unknown as Parameters<typeof recorder.start>[0]);
  recorder.track('x');
  recorder.identify({ id: 'u' });
  recorder.stop();
  expect(recorder.sessionId()).toBeUndefined();
  warn.mockRestore();
});
