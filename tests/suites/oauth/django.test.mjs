// Whole sign-ins at a server that somebody else wrote: django-oauth-toolkit.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Visitor } from '../parts/visitor.mjs';
import { bed } from './bed.mjs';

const SESSION_COOKIE = 'AppServiceAuthSession';
const PERSON = { username: 'alice', password: 'correct-horse' };

let server, app;
before(async () => ({ server, app } = await bed()));

/** Somebody who has signed in by the server's own page, and where that led. */
async function signedIn(path = '/orders?x=1') {
  const visitor = new Visitor();
  const login = await visitor.visit(app.url(path));
  assert.ok(login.url.startsWith(`${server.origin}/login?`), `${login.url}\n${app.log}`);
  const page = await visitor.submit(login, PERSON);
  return { visitor, page };
}

/** What the application saw of a request. */
async function seen(visitor) {
  const answer = await visitor.fetch(app.url('/'));
  assert.equal(answer.status, 200, answer.body);
  const echoed = JSON.parse(answer.body);
  const header = (name) => echoed.headers.find(([found]) => found.toLowerCase() === name)?.[1];
  return { ...echoed, header };
}

function sessions(visitor) {
  return visitor.cookies(app.url('/')).filter(({ name }) => name.startsWith(SESSION_COOKIE));
}

describe('as a plain OAuth 2.0 server', () => {
  test('it signs in, and the application is told who', async () => {
    const { visitor, page } = await signedIn();
    assert.equal(page.status, 200, `${page.url}: ${page.body}\n${app.log}`);
    assert.equal(page.url, app.url('/orders?x=1'));
    const { principal, header } = await seen(visitor);
    assert.equal(principal.provider, 'django');
    // A number in the answer.
    assert.equal(principal.user_id, '1');
    assert.equal(principal.name, 'alice');
    assert.deepEqual(principal.claims, [
      { typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier', val: '1' },
      { typ: 'urn:django:username', val: 'alice' },
      { typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress', val: 'alice@example.test' },
    ]);
    assert.ok(header('x-ms-token-django-access-token'));
    assert.ok(header('x-ms-token-django-refresh-token'));
    assert.match(header('x-ms-token-django-expires-on'), /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.equal(header('x-ms-token-django-id-token'), undefined);
  });

  test('refreshes rotate its refresh token, time after time', async () => {
    const { visitor } = await signedIn();
    const tokens = new Set();
    for (let round = 0; round < 3; round += 1) {
      const { header } = await seen(visitor);
      tokens.add(header('x-ms-token-django-refresh-token')).add(header('x-ms-token-django-access-token'));
      const answer = await visitor.fetch(app.url('/.auth/refresh'));
      assert.equal(answer.status, 200, answer.body);
    }
    assert.equal(tokens.size, 6);
  });

  test('ten refreshes at once are one to the server, and nobody loses the session', async () => {
    const { visitor } = await signedIn();
    const answers = await Promise.all(Array.from({ length: 10 }, () => visitor.fetch(app.url('/.auth/refresh'))));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    // The server takes all tokens back if a spent one is used.
    assert.equal((await visitor.fetch(app.url('/.auth/refresh'))).status, 200);
  });

  test('what the user takes back cannot be refreshed: 403', async () => {
    const { visitor } = await signedIn();
    await server.tell('/test/withdraw');
    const answer = await visitor.fetch(app.url('/.auth/refresh'));
    assert.equal(answer.status, 403, answer.body);
    assert.match(JSON.parse(answer.body).reference, /^403\.81 /);
  });

  test('a wrong password signs nobody in', async () => {
    const visitor = new Visitor();
    const login = await visitor.visit(app.url('/'));
    const page = await visitor.submit(login, { ...PERSON, password: 'wrong' });
    assert.equal(page.status, 403);
    assert.deepEqual(sessions(visitor), []);
  });

  test('signing out ends the session for a copy, too', async () => {
    const { visitor } = await signedIn();
    const copy = visitor.copy();
    await visitor.visit(app.url('/.auth/logout'));
    assert.equal((await copy.fetch(app.url('/'))).status, 401);
  });

  test('it insists on the code challenge, and without one nobody is signed in', async () => {
    const without = await bed((config, plain) => (plain.registration.pkce = false));
    const visitor = new Visitor();
    const login = await visitor.visit(without.app.url('/'));
    const page = await visitor.submit(login, PERSON);
    assert.equal(page.status, 500, `${page.url}: ${page.body}`);
    assert.ok(page.url.startsWith(without.app.url('/.auth/login/django/callback')));
    const cookies = visitor.cookies(without.app.url('/'));
    assert.ok(!cookies.some(({ name }) => name.startsWith(SESSION_COOKIE)));
  });
});

describe('as an OpenID provider with a path in its issuer', () => {
  test('it signs in, with a number for a subject', async () => {
    const { visitor, page } = await signedIn('/.auth/login/django_openid?post_login_redirect_uri=/');
    assert.equal(page.url, app.url('/'), `${page.body}\n${app.log}`);
    const { principal, header } = await seen(visitor);
    assert.equal(principal.provider, 'django_openid');
    assert.equal(principal.user_id, '1');
    assert.ok(header('x-ms-token-django_openid-id-token'));
    assert.equal((await visitor.fetch(app.url('/.auth/refresh'))).status, 200);
  });

  test('whoever signs in by the other way is somebody else, and the first session is over', async () => {
    const { visitor } = await signedIn();
    const first = visitor.copy();
    await visitor.visit(app.url('/.auth/login/django_openid?post_login_redirect_uri=/'));
    assert.equal((await seen(visitor)).principal.provider, 'django_openid');
    assert.equal((await first.fetch(app.url('/'))).status, 401);
  });
});
