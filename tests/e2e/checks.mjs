import { Replay } from './pages/Replay.mjs';

// A recording's clock is corrected to the server's; a span has its server's.
export const AGREE_MS = 250;

/** Fails the journey with a message. */
export function check(condition, message) {
  if (!condition) {
    throw new Error(message);
  }
}

/** Waits for the replay of a session, and fails unless it is at an instant. */
export async function plays(page, sessionId, instant) {
  const replay = new Replay(page);
  await replay.shown();
  const at = await replay.instant();
  check(Math.abs(at - instant) <= AGREE_MS, `the replay is ${at - instant} ms away from the instant`);
  check(page.url().includes(sessionId) || page.url().includes('/explore'), `${page.url()} is not the session's page`);
}

/** The page that a click opens in a tab of its own. */
export async function newTab(context, click) {
  const [opened] = await Promise.all([context.waitForEvent('page'), click()]);
  return opened;
}
