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

  /** The provisioned dashboard with all sessions, once its table is there. */
  async openSessions() {
    await this.page.goto(`${this.grafana}/d/playhead-sessions?from=now-24h&to=now`);
    await this.table('Sessions').getByRole('row').nth(2).waitFor();
  }

  /** From now on Grafana says of its dashboards that their panels share no crosshair. */
  async shareNoCrosshair() {
    await this.page.route(/\/api\/dashboards\/uid\/|\/apis\/dashboard\.grafana\.app\/.*\/dto/, async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      (json.dashboard ?? json.spec).graphTooltip = 0;
      await route.fulfill({ response, json });
    });
  }

  panel(title) {
    return this.page.getByTestId(`data-testid Panel header ${title}`);
  }

  plot(title) {
    return this.panel(title).locator('.u-over');
  }

  /** What a plot's annotation says, which it does when it is hovered. */
  async annotation(title) {
    await this.panel(title).getByTestId('data-testid annotation-marker').first().hover();
    return this.page.getByTestId('annotation-marker').innerText();
  }

  /** Chooses a value of a variable as a person does. */
  async choose(variable, value) {
    const label = this.page.getByText(variable, { exact: true });
    const box = this.page.getByTestId('data-testid template variable').filter({ has: label }).getByRole('combobox');
    await box.click();
    await box.fill(value);
    await this.page.getByRole('option', { name: value, exact: true }).click();
  }

  /** The table of a panel, whichever of its two tables Grafana uses. */
  table(title) {
    const panel = this.panel(title);
    return panel.getByRole('grid').or(panel.getByRole('table'));
  }

  /** How many rows a table has now. */
  rows(title) {
    return this.table(title).getByRole('row').count();
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
