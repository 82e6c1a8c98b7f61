// Session tokens, with ID tokens and refresh tokens of a real provider.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { before, beforeEach, describe, test } from 'node:test';
import { Visitor } from '../parts/visitor.mjs';
import { bed, echo, me, seen, sessionCookies, withRefreshToken } from './bed.mjs';
import { authJson } from './config.mjs';

const SIGNING_KEY = crypto.randomBytes(32).toString('hex');
const CALLBACK = 'myapp://easyauth.callback';

let provider, app;
let people = 0;
before(async () => ({ provider, app } = await bed(withApplications, { env: { WEBSITE_AUTH_SIGNING_KEY: SIGNING_KEY } })));
beforeEach(() => {
  people += 1;
  provider.signsIn = `phone${people}`;
  provider.heal();
  provider.forget();
});

function withApplications(provider) {
  return authJson(provider, (config) => (config.login.allowedExternalRedirectUrls = [CALLBACK]));
}

/** A request of a program: no cookies, and the token if there is one. */
function call(path, token, options = {}, at = app) {
  const auth = token ? { 'x-zumo-auth': token } : {};
  return new Visitor().send(at.url(path), { ...options, headers: { accept: 'application/json', ...auth, ...options.headers } });
}

/** The token in an answer or a fragment, verified as server SDKs do: with the signing key and nothing else. */
function tokenOf(text) {
  const { authenticationToken, user } = JSON.parse(text);
  const [header, payload, signature] = authenticationToken.split('.');
  const key = Buffer.from(SIGNING_KEY, 'hex');
  assert.equal(crypto.createHmac('sha256', key).update(`${header}.${payload}`).digest('base64url'), signature);
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  assert.equal(claims.sub, user.userId);
  assert.equal(claims.iss, `${app.origin}/`);
  assert.ok(claims.nbf < Date.now() / 1000 && claims.exp > claims.nbf);
  return authenticationToken;
}

async function inWebView() {
  const visitor = new Visitor();
  const page = await visitor.visit(app.url('/.auth/login/op?session_mode=token&prompt=consent'));
  assert.equal(page.status, 200, page.body);
  const [address, fragment] = page.url.split('#token=');
  assert.equal(address, app.url('/.auth/login/done'));
  assert.deepEqual(sessionCookies(visitor, app), []);
  return tokenOf(decodeURIComponent(fragment));
}

describe('a session token', () => {
  test('of a web view calls, shows its user, refreshes, and ends with signing out', async () => {
    const token = await inWebView();
    assert.equal(seen(await call('/orders', token)).principal.user_id, provider.signsIn);
    const [before] = JSON.parse((await call('/.auth/me', token)).body);
    const refreshed = await call('/.auth/refresh', token);
    assert.equal(refreshed.status, 200, refreshed.body);
    const next = tokenOf(refreshed.body);
    const [after] = JSON.parse((await call('/.auth/me', next)).body);
    assert.notEqual(after.access_token, before.access_token);
    assert.equal((await call('/.auth/logout', next)).status, 302);
    for (const ended of [token, next]) {
      assert.equal((await call('/orders', ended)).status, 401);
      assert.equal((await call('/.auth/refresh', ended)).status, 401);
    }
  });

  test('refreshed by many at once costs one call to the provider', async () => {
    const token = await inWebView();
    provider.forget();
    const answers = await Promise.all(Array.from({ length: 64 }, () => call('/.auth/refresh', token)));
    assert.deepEqual(answers.map((answer) => answer.status), Array(64).fill(200));
    assert.equal(provider.asked('/token').length, 1);
    assert.equal((await call('/.auth/refresh', tokenOf(answers[0].body))).status, 200);
  });

  test('survives a restart and a new signing key, and not the old one being taken off', async () => {
    const config = withApplications(provider);
    const keys = { OLD: SIGNING_KEY, NEW: crypto.randomBytes(64).toString('hex') };
    const startWith = (names) => {
      config.easyauth.keys = { signingSettingNames: names };
      config.easyauth.publicOrigin = app.origin;
      return echo(config, { env: keys });
    };
    const first = await startWith(['OLD']);
    const browser = await withRefreshToken(app);
    const [{ id_token }] = JSON.parse((await me(browser, app)).body);
    const posted = await call('/.auth/login/op', undefined, json({ id_token }), first);
    assert.equal(posted.status, 200, posted.body);
    const token = tokenOf(posted.body);
    const rotated = await startWith(['NEW', 'OLD']);
    assert.equal((await call('/orders', token, {}, rotated)).status, 200);
    const retired = await startWith(['NEW']);
    assert.equal((await call('/orders', token, {}, retired)).status, 401);
  });
});

describe('a posted ID token', () => {
  test('of the provider signs its user in, and one of another client does not', async () => {
    const browser = await withRefreshToken(app);
    const [{ id_token }] = JSON.parse((await me(browser, app)).body);
    const answer = await call('/.auth/login/op', 'a.stale.token', json({ id_token }));
    assert.equal(answer.status, 200, answer.body);
    assert.equal(seen(await call('/', tokenOf(answer.body))).principal.user_id, provider.signsIn);

    const config = authJson(provider, (_config, op) => {
      op.registration.clientId = 'web-basic';
      op.registration.clientCredential.method = 'ClientSecretBasic';
    });
    const other = await echo(config);
    const refused = await call('/.auth/login/op', undefined, json({ id_token }), other);
    assert.equal(refused.status, 401);
    assert.equal(JSON.parse(refused.body).error, 'invalid_token');
  });
});

describe('an installed application', () => {
  test('redeems its code once, with the verifier that only it knows', async () => {
    const verifier = crypto.randomBytes(32).toString('base64');
    const challenge = crypto.createHash('sha256').update(verifier).digest('base64');
    const query = new URLSearchParams({
      post_login_redirect_url: CALLBACK,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      session_mode: 'token',
    });
    const until = (url) => url.startsWith('myapp:');
    const { url } = await new Visitor().visit(app.url(`/.auth/login/op?${query}`), { until });
    const [address, code] = url.split('#authorization_code=');
    assert.equal(address, CALLBACK);
    const exchange = (code_verifier) =>
      call(`/.auth/login/op/token?${new URLSearchParams({ authorization_code: code, code_verifier })}`);

    assert.equal((await exchange('another')).status, 400);
    const answer = await exchange(verifier);
    assert.equal(seen(await call('/', tokenOf(answer.body))).principal.user_id, provider.signsIn);
    assert.equal((await exchange(verifier)).status, 400);
  });
});

function json(document) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(document) };
}
