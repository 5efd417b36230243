/** The player, wherever it is shown: the app's page, a dashboard's panel, Explore. */
export class Replay {
  constructor(page) {
    this.page = page;
    this.root = page.locator('[data-timestamp][data-status]').first();
  }

  /** Waits until the recorded page is drawn. */
  async shown() {
    await this.page.waitForFunction(() => {
      const root = document.querySelector('[data-timestamp][data-status]');
      return root && ['paused', 'ended'].includes(root.dataset.status);
    });
    await this.page.waitForFunction(() => document.querySelector('[data-timestamp] iframe'));
  }

  /** Where the playhead is, ms since the epoch. */
  async instant() {
    return Number(await this.root.getAttribute('data-timestamp'));
  }

  /** Opens what the traces pane shows in Explore: a link. */
  async openTrace() {
    await this.root.getByRole('tab', { name: 'Traces' }).click();
    await this.root.getByRole('list', { name: 'Spans' }).waitFor();
    await this.root.getByRole('link', { name: 'Explore' }).click();
  }

  async play() {
    await this.root.getByRole('button', { name: 'Play', exact: true }).click();
  }
}
