const PLAYHEAD = '/api/datasources/uid/playhead';

/** Grafana's data sources, changed by its administrator. */
export class DataSources {
  constructor(grafana, administrator) {
    this.grafana = grafana;
    this.authorization = `Basic ${Buffer.from(administrator).toString('base64')}`;
  }

  async call(method, path, body) {
    const answer = await fetch(`${this.grafana}${path}`, {
      method,
      headers: { Authorization: this.authorization, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: status ${answer.status}, ${text}`);
    }
    return JSON.parse(text);
  }

  /** Runs during with a data source to which alone the Playhead data source leads for these: traces, logs. */
  async leadingTo(source, signals, during) {
    const { uid, name, type } = source;
    await this.call('DELETE', `/api/datasources/uid/${uid}`).catch(() => undefined);
    await this.call('POST', '/api/datasources', { access: 'proxy', ...source });
    const before = await this.call('GET', PLAYHEAD);
    const led = Object.fromEntries(signals.map((signal) => [signal, { ...before.jsonData[signal], uid, name, type }]));
    await this.call('PUT', PLAYHEAD, { ...before, jsonData: { ...before.jsonData, ...led } });
    try {
      return await during();
    } finally {
      await this.call('PUT', PLAYHEAD, { ...(await this.call('GET', PLAYHEAD)), jsonData: before.jsonData });
    }
  }
}
