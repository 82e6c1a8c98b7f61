// A session's life: `/.auth/me`, sign-out, restart, and life without a token store.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { Visitor, request } from '../parts/visitor.mjs';
import { SESSION_COOKIE, bed, echo, me, seen, sessionCookies, signedIn, withRefreshToken } from './bed.mjs';
import { authJson } from './config.mjs';

let provider, app;
let people = 0;
before(async () => ({ provider, app } = await bed(authJson, { env: { RUST_LOG: 'easyauth=trace' } })));
beforeEach(() => {
  // One record holds a person's tokens on all devices: each test has a person of its own.
  people += 1;
  provider.signsIn = `person${people}`;
  provider.extraClaims = {};
  provider.heal();
  provider.forget();
});

describe('/.auth/me', () => {
  test('lists the provider with its claims and tokens', async () => {
    const answer = await me(await withRefreshToken(app), app);
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.match(answer.headers['cache-control'], /no-store/);
    const entries = JSON.parse(answer.body);
    assert.equal(entries.length, 1);
    const keys = ['access_token', 'expires_on', 'id_token', 'provider_name', 'refresh_token', 'user_claims', 'user_id'];
    assert.deepEqual(Object.keys(entries[0]), keys);
    assert.equal(entries[0].provider_name, 'op');
    assert.equal(entries[0].user_id, `${provider.signsIn}@example.test`);
    assert.match(entries[0].expires_on, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  });

  test('gives one object for `?provider=`, an empty one for another', async () => {
    const visitor = await signedIn(app);
    assert.equal(JSON.parse((await me(visitor, app, '?provider=op')).body).provider_name, 'op');
    assert.deepEqual(JSON.parse((await me(visitor, app, '?provider=google')).body), {});
  });

  test('is 401 for a stranger, also for one who navigates', async () => {
    assert.equal((await me(new Visitor(), app)).status, 401);
    assert.equal((await new Visitor().visit(app.url('/.auth/me'))).status, 401);
  });
});

describe('signing out', () => {
  const signOut = (visitor) => visitor.visit(app.url('/.auth/logout'));

  test('removes the cookie, ends the session, and shows a page', async () => {
    const visitor = await signedIn(app);
    const thief = visitor.copy();
    const page = await signOut(visitor);
    assert.equal(page.status, 200);
    assert.ok(page.url.startsWith(app.url('/.auth/logout/')), page.url);
    assert.deepEqual(sessionCookies(visitor, app), []);
    assert.equal((await me(visitor, app)).status, 401);
    assert.equal((await me(thief, app)).status, 401, 'the old cookie still works');
    assert.equal((await thief.fetch(app.url('/orders'))).status, 401, 'the old cookie still works');
  });

  test('leaves the other devices of the same person signed in', async () => {
    const [phone, laptop] = [await signedIn(app), await signedIn(app)];
    await signOut(phone);
    assert.equal((await me(phone, app)).status, 401);
    assert.equal((await laptop.fetch(app.url('/'))).status, 200);
  });

  test('returns to `post_logout_redirect_uri` on this site, and to no other', async () => {
    for (const [target, landing] of [['/public/bye', '/public/bye'], ['https://evil.example/', '/.auth/logout/complete']]) {
      const visitor = await signedIn(app);
      const url = app.url(`/.auth/logout?post_logout_redirect_uri=${encodeURIComponent(target)}`);
      assert.equal((await visitor.visit(url)).url, app.url(landing));
      assert.equal((await me(visitor, app)).status, 401);
    }
  });

  test('without a session is no error', async () => {
    assert.equal((await signOut(new Visitor())).status, 200);
  });
});

describe('the log', () => {
  test('holds no token, no cookie and no code, at its most talkative', async () => {
    const visitor = await withRefreshToken(app);
    const [{ access_token, refresh_token, id_token }] = JSON.parse((await me(visitor, app)).body);
    const codes = provider.asked('/token').map(({ form }) => form.get('code')).filter(Boolean);
    const cookies = sessionCookies(visitor, app).map(({ value }) => value);
    assert.ok(codes.length && cookies.length);
    for (const secret of [access_token, refresh_token, id_token, ...codes, ...cookies]) {
      assert.ok(secret && !app.log.includes(secret), 'a secret is in the log');
    }
  });
});

describe('a restart', () => {
  test('keeps the sessions and their tokens', async () => {
    const config = authJson(provider);
    const first = await echo(config);
    provider.register(first.origin);
    const visitor = await withRefreshToken(first);
    const before = (await me(visitor, first)).body;
    await first.stop();
    const second = await echo(config, { listen: first.address });
    assert.equal(second.origin, first.origin);
    assert.equal((await me(visitor, second)).body, before);
  });

  test('with another state directory is a sign-out, not an error', async () => {
    const first = await echo(authJson(provider));
    provider.register(first.origin);
    const visitor = await signedIn(first);
    await first.stop();
    const second = await echo(authJson(provider), { listen: first.address });
    assert.equal((await visitor.fetch(second.url('/'))).status, 401);
    // Who has just come back from the provider and is unknown again could be in a loop: one page says so.
    assert.equal((await visitor.visit(second.url('/again'))).status, 401);
    const page = await visitor.visit(second.url('/again'));
    assert.equal(page.url, second.url('/again'));
    assert.equal(seen(page).principal.user_id, provider.signsIn);
  });
});

describe('without a token store', () => {
  let plain;
  before(async () => {
    plain = await echo(authJson(provider, (config) => (config.login.tokenStore.enabled = false)));
    provider.register(plain.origin);
  });

  test('the application sees who it is, but no tokens', async () => {
    const visitor = await signedIn(plain);
    const echoed = seen(await visitor.fetch(plain.url('/')));
    assert.equal(echoed.principal.user_id, provider.signsIn);
    assert.deepEqual(echoed.all(/^x-ms-token-/i), []);
  });

  test('`/.auth/me` is 404', async () => {
    const visitor = await signedIn(plain);
    assert.equal((await me(visitor, plain)).status, 404);
  });

  test('a long list of claims travels in chunks, and signing out removes them all', async () => {
    provider.extraClaims = { padding: 'p'.repeat(4500) };
    const visitor = await signedIn(plain);
    const chunks = sessionCookies(visitor, plain);
    assert.ok(chunks.length >= 3, `${chunks.length} cookies`);
    assert.ok(chunks.every((chunk) => chunk.value.length <= 2000));
    const names = chunks.map((chunk) => chunk.name).sort();
    assert.deepEqual(names, names.map((_name, n) => SESSION_COOKIE + (n || '')));
    await visitor.visit(plain.url('/.auth/logout'));
    assert.deepEqual(sessionCookies(visitor, plain), []);
    assert.equal((await visitor.fetch(plain.url('/'))).status, 401);
  });

  test('half of the chunks are no session', async () => {
    provider.extraClaims = { padding: 'p'.repeat(4500) };
    const visitor = await signedIn(plain);
    const [first, , third] = sessionCookies(visitor, plain).sort((a, b) => (a.name < b.name ? -1 : 1));
    const cookie = [first, third].map(({ name, value }) => `${name}=${value}`).join('; ');
    assert.equal((await request(plain.url('/'), { headers: { cookie, 'sec-fetch-mode': 'cors' } })).status, 401);
  });
});
