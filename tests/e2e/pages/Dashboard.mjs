/** The provisioned dashboard of one session, whose panels share the playhead. */
export class Dashboard {
  constructor(page, grafana) {
    this.page = page;
    this.grafana = grafana;
  }

  /** Opens it on a stretch of time, ms since the epoch. */
  async openSession(sessionId, from, to) {
    this.range = { from, to };
    await this.page.goto(`${this.grafana}/d/playhead-session?var-session=${sessionId}&from=${from}&to=${to}`);
  }

  plot(title) {
    return this.page.getByTestId(`data-testid Panel header ${title}`).locator('.u-over');
  }

  /** Follows the playhead and a plot's crosshair while what is given runs; both as [when, instant] pairs. */
  async watch(title, act) {
    await this.plot(title).evaluate((over, { from, to }) => {
      const cursor = over.querySelector('.u-cursor-x');
      const player = document.querySelector('[data-timestamp]');
      const seen = { playhead: [], crosshair: [] };
      const look = () => {
        const playhead = Number(player.dataset.timestamp);
        const x = new DOMMatrix(getComputedStyle(cursor).transform).m41;
        const note = (list, instant) => list.at(-1)?.[1] !== instant && list.push([performance.now(), instant]);
        note(seen.playhead, playhead);
        if (x > 0) {
          note(seen.crosshair, from + (x / over.clientWidth) * (to - from));
        }
        seen.frame = requestAnimationFrame(look);
      };
      window.watched = seen;
      look();
    }, this.range);
    await act();
    return this.page.evaluate(() => {
      cancelAnimationFrame(window.watched.frame);
      return window.watched;
    });
  }

  /** Hovers a plot at an instant. */
  async hover(title, instant) {
    const box = await this.plot(title).boundingBox();
    const { from, to } = this.range;
    const x = box.x + ((instant - from) / (to - from)) * box.width;
    // From the bottom to the top: a plot of points tells of one only when the mouse is near it.
    await this.page.mouse.move(x, box.y + box.height - 2);
    await this.page.mouse.move(x, box.y + 2, { steps: 40 });
    // What a pixel can tell.
    return (to - from) / box.width;
  }
}
