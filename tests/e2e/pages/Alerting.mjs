/** A provisioned alert rule's page. */
export class Alerting {
  constructor(page, grafana) {
    this.page = page;
    this.grafana = grafana;
  }

  async openRule(uid) {
    await this.page.goto(`${this.grafana}/alerting/grafana/${uid}/view?tab=instances`);
  }

  /** Follows the way to replays that the first instance of the rule has. */
  async openReplays() {
    await this.page.getByRole('button', { name: 'Actions', exact: true }).first().click();
    await this.page.getByRole('menuitem', { name: 'Session replays of the alert' }).click();
    await this.page.waitForURL('**/a/playhead-replay-app/sessions**');
  }
}
