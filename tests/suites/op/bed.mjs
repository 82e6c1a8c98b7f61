// One provider and one `echo` behind a configuration, for the tests of a file.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startEcho } from '../parts/app.mjs';
import { Visitor } from '../parts/visitor.mjs';
import { OpenIdProvider } from './provider.mjs';
import { SETTINGS, authJson } from './config.mjs';

export const SESSION_COOKIE = 'AppServiceAuthSession';

// Hooks set within `before` would run at its end, so everything is stopped from here.
const started = [];
after(() => Promise.allSettled(started.map((part) => part.stop())));

/** Starts both; they end with the file's tests. `configure(provider)` gives another `auth.json`. */
export async function bed(configure = authJson, { env = {} } = {}) {
  const provider = await OpenIdProvider.start();
  started.push(provider);
  const app = await echo(configure(provider), { env });
  provider.register(app.origin);
  return { provider, app };
}

export async function echo(config, { env = {}, listen } = {}) {
  const app = await startEcho(config, { env: { ...SETTINGS, ...env }, listen });
  started.push(app);
  return app;
}

/** A visitor who signed in as the provider's person, and `landed` where they wanted to go. */
export async function signedIn(app, path = '/', landed = path) {
  const visitor = new Visitor();
  const page = await visitor.visit(app.url(path));
  assert.equal(page.status, 200, `sign-in ended at ${page.url}: ${page.body}\n${app.log}`);
  assert.equal(page.url, app.url(landed));
  return visitor;
}

/** Signed in with consent asked for: only so does the provider give a refresh token. */
export function withRefreshToken(app) {
  return signedIn(app, '/.auth/login/op?prompt=consent&post_login_redirect_uri=/', '/');
}

/** What `/.auth/me` answers a script. */
export function me(visitor, app, query = '') {
  return visitor.fetch(app.url(`/.auth/me${query}`));
}

/** What the application saw of a request. */
export function seen(response) {
  assert.equal(response.status, 200, response.body);
  const echoed = JSON.parse(response.body);
  return { ...echoed, header: (name) => valueOf(echoed.headers, name), all: (pattern) => matching(echoed.headers, pattern) };
}

/** The session cookies, chunks included, that a visitor holds for the application. */
export function sessionCookies(visitor, app) {
  return visitor.cookies(app.url('/')).filter((cookie) => cookie.name.startsWith(SESSION_COOKIE));
}

/** Asserts one page that a person can read: a client or server error, and no session. */
export function assertErrorPage(page, visitor, app, statuses) {
  assert.ok(statuses.includes(page.status), `${page.status} at ${page.url}: ${page.body}`);
  assert.match(page.headers['content-type'] ?? '', /^text\/html/);
  assert.ok(page.body.length > 0, 'the page is empty');
  assert.match(page.headers['cache-control'] ?? '', /no-store/);
  assert.deepEqual(sessionCookies(visitor, app), []);
}

/** Where the link with this text leads. */
export function linkOf(page, label) {
  const link = [...page.body.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)].find(([, , text]) => text === label);
  assert.ok(link, `no link "${label}": ${page.body}`);
  return new URL(link[1].replaceAll('&amp;', '&'), page.url).href;
}

function valueOf(headers, name) {
  const values = headers.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  assert.ok(values.length <= 1, `${name} came ${values.length} times: ${values}`);
  return values[0];
}

function matching(headers, pattern) {
  return headers.filter(([name]) => pattern.test(name));
}
