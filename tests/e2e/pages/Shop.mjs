/** The demo shop in a visitor's browser, which records and is traced. */
export class Shop {
  constructor(page, address) {
    this.page = page;
    this.address = address;
  }

  /**
   * Forgets the delivery date, which shows a message that vanishes: a signal. Then orders, which makes one request with
   * a trace. Gives what the browser knows of it.
   */
  async order() {
    await this.page.goto(`${this.address}/`);
    await this.page.waitForFunction(() => window.playhead?.sessionId());
    await this.page.getByLabel('Name').fill('Kim');
    await this.page.getByRole('button', { name: 'Place order' }).click();
    await this.page.getByRole('alert').waitFor();
    await this.page.getByRole('alert').waitFor({ state: 'detached' });
    await this.page.getByLabel('Delivery date').selectOption('friday');
    const requested = this.page.waitForRequest(
      (request) => request.method() === 'POST' && /orders/.test(request.url())
    );
    await this.page.getByRole('button', { name: 'Place order' }).click();
    const request = await requested;
    await this.page
      .getByText(/Order \d+ placed|Something went wrong/)
      .first()
      .waitFor();
    const sessionId = await this.page.evaluate(() => window.playhead.sessionId());
    const traceId = (await request.headerValue('traceparent')).split('-')[1];
    // Leaving the page makes the recorder send its tail.
    await this.page.goto('about:blank');
    return { sessionId, traceId };
  }

  /** Clicks the heading again and again, as somebody does who is angry: a signal too. */
  async rage() {
    await this.page.goto(`${this.address}/`);
    await this.page.waitForFunction(() => window.playhead?.sessionId());
    await this.page.getByRole('heading', { name: 'Your basket' }).click({ clickCount: 8, delay: 20 });
    await this.page.goto('about:blank');
  }
}
