// Drives the player in Chromium the way a test needs it.
import { textOf } from './text.mjs';

const PLAYER = '[data-testid=playhead-player]';
const FRAME = '[data-testid=playhead-player-frame]';
const PATIENCE_MS = 20_000;

export class PlayerDriver {
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
  }

  /** Opens a session, at an instant when there is one, and waits for the first frame or an error. */
  async open(sessionId, at) {
    await this.page.goto(`${this.origin}/sessions/${sessionId}${at === undefined ? '' : `?t=${at}`}`);
    return this.settle();
  }

  /** Waits until nothing is being loaded; gives back the status. */
  async settle() {
    return this.waitForStatus('paused', 'playing', 'ended', 'error');
  }

  async waitForStatus(...wanted) {
    const status = await this.page.waitForFunction(
      ([selector, statuses]) => {
        const status = document.querySelector(selector)?.dataset.status;
        return statuses.includes(status) ? status : undefined;
      },
      [PLAYER, wanted],
      { timeout: PATIENCE_MS }
    );
    return status.jsonValue();
  }

  /** ms since the player asked for the manifest: the page's own loading is not the player's. */
  sinceManifest() {
    return this.page.evaluate(() => {
      const manifest = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/manifest'));
      return performance.now() - manifest.startTime;
    });
  }

  /** Clicks the timeline at an instant: the driver's way to seek is the user's. */
  async seek(ts) {
    const slider = this.page.getByRole('slider', { name: 'Timeline' });
    const { start, end } = await this.bounds();
    const box = await slider.boundingBox();
    const x = ((ts - start) / (end - start)) * box.width;
    // The axis has no moments to snap to.
    await slider.click({ position: { x: Math.min(box.width - 0.5, Math.max(0.5, x)), y: box.height - 6 } });
    return this.settle();
  }

  async bounds() {
    const sessionId = new URL(this.page.url()).pathname.split('/').pop();
    const response = await this.page.request.get(`${this.origin}/api/sessions/${sessionId}/manifest`);
    const { session, windows } = await response.json();
    return {
      start: Math.min(session.start, ...windows.map(({ start }) => start)),
      end: Math.max(session.end, ...windows.map(({ end }) => end)),
    };
  }

  async play() {
    await this.page.getByRole('button', { name: 'Play', exact: true }).click();
  }

  async setSpeed(speed) {
    await this.page.getByRole('radio', { name: `${speed}×`, exact: true }).check({ force: true });
  }

  /** The instant that is shown. */
  async timestamp() {
    return Number(await this.page.locator(PLAYER).getAttribute('data-timestamp'));
  }

  status() {
    return this.page.locator(PLAYER).getAttribute('data-status');
  }

  /** Text of the replayed page. */
  async text() {
    return this.page.evaluate(
      ([frame, source]) => {
        const inner = document.querySelector(frame).contentDocument.querySelector('iframe');
        const body = inner?.contentDocument?.body;
        return body ? new Function(`return (${source})`)()(body) : undefined;
      },
      [FRAME, textOf.toString()]
    );
  }

  /** All of what the player itself says. */
  said() {
    return this.page.locator(PLAYER).innerText();
  }
}
