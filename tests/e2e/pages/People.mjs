const PASSWORD = 'e2e-only-password';

/** Users of Grafana with a role each, made by its administrator. */
export class People {
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
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  }

  /** Signs the visitor of a browser context in as a user with this role. */
  async signIn(context, role) {
    const login = `e2e-${role.toLowerCase()}`;
    await this.call('POST', '/api/admin/users', { name: login, login, password: PASSWORD });
    const found = await this.call('GET', `/api/users/lookup?loginOrEmail=${login}`);
    if (!found.ok) {
      throw new Error(`${login} cannot be made: status ${found.status}`);
    }
    await this.call('PATCH', `/api/org/users/${found.body.id}`, { role });
    const answer = await context.request.post(`${this.grafana}/login`, { data: { user: login, password: PASSWORD } });
    if (!answer.ok()) {
      throw new Error(`${login} cannot sign in: status ${answer.status()}`);
    }
  }

  /** The paths that Grafana's navigation offers on a page, without the one that Grafana is served under. */
  async offered(page) {
    const base = new URL(this.grafana).pathname.replace(/\/$/, '');
    const paths = await page.evaluate(() => {
      const pathsOf = (links) => links.flatMap(({ url, children }) => [url, ...pathsOf(children ?? [])]);
      return pathsOf(window.grafanaBootData.navTree);
    });
    return new Set(paths.filter(Boolean).map((path) => path.replace(base, '')));
  }

  /** Whether whoever is signed in may change how the data source is set up. */
  async configures(context) {
    const answer = await context.request.get(`${this.grafana}/api/datasources/uid/playhead?accesscontrol=true`);
    return (await answer.json()).accessControl?.['datasources:write'] === true;
  }
}
