const PATIENCE_MS = 60_000;
const BETWEEN_MS = 250;
// Of the message that the shop shows for two seconds.
const SIGNAL = 'vanished_message';

/** What Tempo, Loki and Playhead say themselves, without Grafana's pages. */
export class Backends {
  constructor(at) {
    this.at = at;
  }

  /** Waits until the recording, the trace and its log line have arrived, as far as there is somewhere to look. */
  async have({ sessionId, traceId }) {
    await this.until('the signal', async () =>
      (await this.moments(sessionId)).some(({ kind, name }) => kind === 'signal' && name === SIGNAL)
    );
    if (this.at.tempo) {
      await this.until('the trace', async () => (await this.spans(traceId)).length > 1);
      await this.until('the trace among those of the session', async () => await this.isSearchable(sessionId));
    }
    if (this.at.loki) {
      await this.until('the log line', async () => (await this.line(sessionId)) !== undefined);
    }
  }

  async until(what, isThere, patienceMs = PATIENCE_MS) {
    const deadline = Date.now() + patienceMs;
    while (!(await isThere().catch(() => false))) {
      if (Date.now() > deadline) {
        throw new Error(`${what} did not arrive`);
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }

  async session(sessionId) {
    const answer = await fetch(
      `${this.at.grafana}/api/datasources/uid/playhead/resources/sessions?session_id=${sessionId}&limit=1`
    );
    return (await answer.json()).sessions[0];
  }

  async moments(sessionId) {
    const answer = await fetch(
      `${this.at.grafana}/api/datasources/uid/playhead/resources/sessions/${sessionId}/manifest`
    );
    return (await answer.json()).moments;
  }

  /** When the browser made the request with the trace, ms since the epoch. */
  async requestOf({ sessionId, traceId }) {
    return (await this.moments(sessionId)).find((moment) => moment.trace_id === traceId).ts;
  }

  /** A user, of the seeded sessions, who has exactly one of them. */
  async user() {
    const answer = await fetch(
      `${this.at.grafana}/api/datasources/uid/playhead/resources/suggestions?field=user&limit=100`
    );
    return (await answer.json()).values.find((user) => user.startsWith('demo-'));
  }

  /** Name, id and start (ms since the epoch) of the spans of a trace. */
  async spans(traceId) {
    const answer = await fetch(`${this.at.tempo}/api/v2/traces/${traceId}`);
    if (!answer.ok) {
      return [];
    }
    const { trace } = await answer.json();
    return trace.resourceSpans
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        name: span.name,
        id: Buffer.from(span.spanId, 'base64').toString('hex'),
        start: Number(BigInt(span.startTimeUnixNano) / 1_000_000n),
      }));
  }

  /** Whether Tempo's search knows the session's trace, which it does later than it knows the trace by its id. */
  async isSearchable(sessionId) {
    const query = new URLSearchParams({ q: `{ span.session.id = "${sessionId}" }` });
    const answer = await fetch(`${this.at.tempo}/api/search?${query}`);
    return (await answer.json()).traces.length > 0;
  }

  async span(traceId, name) {
    return (await this.spans(traceId)).find((span) => span.name.includes(name));
  }

  /** When the newest line of a session was written, ms since the epoch. */
  async line(sessionId) {
    const query = new URLSearchParams({ query: `{service_name=~".+"} | session_id="${sessionId}"` });
    const answer = await fetch(`${this.at.loki}/loki/api/v1/query_range?${query}`);
    const [stream] = (await answer.json()).data.result;
    return stream && Number(BigInt(stream.values[0][0]) / 1_000_000n);
  }

  /** The instances of an alert rule that fire. */
  async firing(title) {
    const answer = await fetch(`${this.at.grafana}/api/prometheus/grafana/api/v1/rules`);
    const rules = (await answer.json()).data.groups.flatMap((group) => group.rules);
    return rules.find(({ name }) => name === title).alerts?.filter(({ state }) => state.startsWith('Alerting')) ?? [];
  }
}
