/** Grafana's Explore with one query, addressed as Grafana itself would. */
export class Explore {
  constructor(page, grafana) {
    this.page = page;
    this.grafana = grafana;
  }

  async open(uid, type, query, range = { from: 'now-1h', to: 'now' }) {
    const panes = {
      e2e: { datasource: uid, queries: [{ refId: 'A', datasource: { type, uid }, ...query }], range },
    };
    const params = new URLSearchParams({ schemaVersion: '1', orgId: '1', panes: JSON.stringify(panes) });
    await this.page.goto(`${this.grafana}/explore?${params}`);
  }

  /** Chooses an option of the query editor, with a press as short as a tap's. */
  async choose(label, option) {
    await this.page.getByLabel(label, { exact: true }).click();
    await this.page.getByRole('option', { name: option }).click();
  }

  async openTrace(traceId) {
    await this.open('tempo', 'tempo', { queryType: 'traceql', query: traceId });
    await this.page.getByRole('heading', { name: /^shop: / }).waitFor();
  }

  /** The id of the span that the trace is opened at, once it is shown. */
  async focusedSpan() {
    await this.page.getByRole('switch').first().waitFor();
    const panes = JSON.parse(new URL(this.page.url()).searchParams.get('panes'));
    return Object.values(panes)[0].panelsState?.trace?.spanId;
  }

  /** How many panes it is split into. */
  async panes() {
    return Object.keys(JSON.parse(new URL(this.page.url()).searchParams.get('panes'))).length;
  }

  /** Whether something of the trace's header lies over something else of it. */
  async headerOverlaps() {
    const status = await this.page
      .locator('header')
      .getByText(/^[1-5]\d\d$/)
      .boundingBox();
    const button = await this.headerLink().boundingBox();
    return status.x + status.width > button.x && button.x + button.width > status.x;
  }

  /** The button in the header of the trace. */
  headerLink() {
    return this.page.getByRole('link', { name: 'Session replay', exact: true }).first();
  }

  /** Opens the details of the span whose name has this text. */
  async openSpan(name) {
    await this.page.getByRole('switch', { name }).first().click();
    await this.page.getByRole('switch', { name: /^Span attributes/ }).waitFor();
  }

  /** The link on the value of an attribute of the span whose details are open. */
  async attributeLink() {
    await this.page.getByRole('switch', { name: /^Span attributes/ }).click();
    return this.page.getByTestId('KeyValueTable').getByRole('link').first();
  }

  async openLogs(expr) {
    await this.open('loki', 'loki', { queryType: 'range', expr });
  }

  /** Opens the details of the newest line. */
  async openLine() {
    await this.page.getByRole('button', { name: 'See log details' }).first().click();
    await this.page.getByText('session_id', { exact: true }).first().waitFor();
  }

  /** The addresses that a session of a table leads to: its traces and its logs. */
  async linksOfSession(sessionId) {
    await this.page.getByRole('table').getByText(sessionId).first().click();
    const hrefOf = async (text) =>
      new URL(await this.page.locator('a').filter({ hasText: text }).getAttribute('href'), this.page.url()).href;
    return { traces: await hrefOf('Traces of this session'), logs: await hrefOf('Logs of this session') };
  }

  /** A link of the details by the words on it: a correlation, or a derived field. */
  link(name) {
    return this.page
      .getByRole('link', { name, exact: true })
      .or(this.page.getByRole('button', { name, exact: true }))
      .first();
  }
}
