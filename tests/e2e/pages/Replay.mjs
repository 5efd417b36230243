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

  /** Shows a pane beside the recorded page. */
  async openPane(name) {
    await this.root.getByRole('tab', { name }).click();
  }

  /** Seeks to the span whose name has this text, in the traces pane. */
  async seekToSpan(name) {
    await this.openPane('Traces');
    await this.root.getByRole('list', { name: 'Spans' }).getByRole('button', { name }).first().click();
  }

  /** Seeks to a line of the logs pane. */
  async seekToLine(text) {
    await this.openPane('Logs');
    await this.root.getByRole('region', { name: 'Logs' }).getByRole('button', { name: text }).first().click();
  }

  /** Opens what a pane shows in Explore: a link. */
  async openExplore() {
    await this.root.getByRole('link', { name: 'Explore' }).click();
  }

  /** Opens what the traces pane shows in Explore: a link. */
  async openTrace() {
    await this.openPane('Traces');
    await this.root.getByRole('list', { name: 'Spans' }).waitFor();
    await this.openExplore();
  }

  async play() {
    await this.root.getByRole('button', { name: 'Play', exact: true }).click();
  }
}
