// The recorded site: the pages of a scenario's folder and a small API that tells which headers arrived.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Signal } from './signal.mjs';

export class Site {
  /** API requests in order of arrival: {method, path, headers, body}. */
  requests = [];
  #signal = new Signal();
  #server = createServer((request, response) => void this.#handle(request, response));

  /**
   * `cors`, when given, is what this site allows other origins: {origin, headers}. `variables` replace `{{name}}` in
   * pages.
   */
  constructor(folder, { cors, variables = {} } = {}) {
    this.folder = folder;
    this.cors = cors;
    this.variables = variables;
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  until(condition, what) {
    return this.#signal.until(() => condition(this), what);
  }

  async #handle(request, response) {
    const url = new URL(request.url, 'http://site');
    if (url.pathname.startsWith('/api/')) {
      await this.#api(url, request, response);
      return;
    }
    try {
      const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
      const page = await readFile(new URL(name, this.folder), 'utf8');
      const html = page.replace(/\{\{(\w+)\}\}/g, (_, variable) => this.variables[variable] ?? '');
      response.writeHead(200, { 'Content-Type': name.endsWith('.html') ? 'text/html; charset=utf-8' : '' }).end(html);
    } catch {
      response.writeHead(404).end();
    }
  }

  async #api(url, request, response) {
    const cors = this.cors && {
      'Access-Control-Allow-Origin': this.cors.origin ?? '*',
      'Access-Control-Allow-Headers': this.cors.headers ?? '',
    };
    if (request.method === 'OPTIONS') {
      this.requests.push({ method: 'OPTIONS', path: url.pathname, headers: request.headers, body: '' });
      response.writeHead(204, cors).end();
      return;
    }
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString();
    this.requests.push({ method: request.method, path: url.pathname, headers: request.headers, body });
    const status = Number(url.searchParams.get('status') ?? 200);
    response
      .writeHead(status, { ...cors, 'Content-Type': 'application/json' })
      .end(JSON.stringify({ body, headers: request.headers }));
    this.#signal.changed();
  }
}
