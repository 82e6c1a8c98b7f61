// The Azure Mobile Apps client SDK in Node, unchanged, against the echo application: it signs in with
// the provider's tokens, calls, runs into the end of its token, refreshes by URL, and signs out.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { bed } from '../op/bed.mjs';
import { authJson } from '../op/config.mjs';
import { claimsOf, done, newClient, outcome } from './client.mjs';
import { providerTokens } from '../op/native.mjs';

const SID = /^sid:[0-9a-f]{32}$/;

let provider, app, client, weary, crowd;
before(async () => {
  ({ provider, app } = await bed((provider) =>
    authJson(provider, (config) => {
      config.globalValidation.unauthenticatedClientAction = 'Return401';
    }),
  ));
  client = newClient(app.origin);
  // No session token lasts less than a minute: the other tests go first.
  [weary, crowd] = await Promise.all([newClient(app.origin), newClient(app.origin)]);
  await done(weary.login('op', await credentials('bob', 60)));
  await done(crowd.login('op', await credentials('carol', 60)));
});

/** What the SDK posts to `/.auth/login/op`. */
async function credentials(user = 'alice', seconds = 3600) {
  Object.assign(provider, { signsIn: user, accessTokenSeconds: seconds });
  const { access_token, id_token, refresh_token, expires_in } = await providerTokens(provider, app);
  Object.assign(provider, { signsIn: 'alice', accessTokenSeconds: 3600 });
  return { access_token, id_token, refresh_token, expires_in };
}

const call = (caller, options = {}) => caller.invokeApi('orders', { method: 'GET', ...options });
const url = (path) => app.url(path);
const token = (caller = client) => caller.currentUser.mobileServiceAuthenticationToken;
const expiry = (caller) => wait(Math.max(0, claimsOf(token(caller)).exp * 1000 - Date.now()) + 20);

describe('azure-mobile-apps-client in Node', { concurrency: false }, () => {
  test('shows a stranger that they are not signed in', async () => {
    const refused = await outcome(call(client));
    assert.equal(refused.status, 401);
    assert.match(refused.message, /unauthorized|sign in/i);
  });

  test("signs in with the provider's tokens", async () => {
    const user = await done(client.login('op', await credentials()));
    assert.match(user.userId, SID);
    assert.equal(user.mobileServiceAuthenticationToken.split('.').length, 3);
    const { iss, aud, ver, idp, sub, stable_sid } = claimsOf(token());
    assert.deepEqual({ iss, aud, ver, idp }, { iss: `${app.origin}/`, aud: `${app.origin}/`, ver: '3', idp: 'op' });
    assert.equal(sub, user.userId);
    assert.equal(stable_sid, user.userId);
  });

  test('is shown why it cannot sign in', async () => {
    const stranger = newClient(app.origin);
    // A good token of the same provider, for the same person, and for another application.
    const foreign = await providerTokens(provider, app, { clientId: 'web-es256' });
    const cases = [
      [{}, 400],
      [{ id_token: 'garbage' }, 401],
      [{ id_token: foreign.id_token }, 401],
    ];
    for (const [body, status] of cases) {
      const refused = await outcome(stranger.login('op', body));
      assert.equal(refused.status, status, JSON.stringify(refused));
      assert.ok(refused.message.length > 0);
      assert.ok(!stranger.currentUser);
    }
  });

  test('calls the application as the user, with parameters and a body', async () => {
    const { result } = await done(call(client, { method: 'POST', body: { a: 'ö' }, parameters: { q: 'x y' } }));
    assert.equal(result.principal.user_id, 'alice');
    assert.equal(result.principal.provider, 'op');
    assert.equal(result.path, '/api/orders?q=x%20y');
    const names = result.headers.map(([name]) => name);
    assert.ok(names.includes('x-ms-token-op-access-token'), names.join());
    assert.ok(names.includes('x-zumo-auth'), names.join());
  });

  test('reads its own claims and tokens', async () => {
    const { result } = await done(client.invokeApi(url('/.auth/me'), { method: 'GET' }));
    assert.equal(result.length, 1);
    assert.equal(result[0].provider_name, 'op');
    assert.ok(result[0].expires_on instanceof Date);
  });

  test('signs out: the token is worth nothing then, and cannot be refreshed', async () => {
    await done(client.login('op', await credentials()));
    const copy = newClient(app.origin);
    copy.currentUser = { ...client.currentUser };
    const headers = { 'x-zumo-auth': token() };
    const left = await fetch(url('/.auth/logout'), { headers, redirect: 'manual' });
    assert.equal(left.status, 302);
    await done(client.logout());
    assert.ok(!client.currentUser);

    assert.equal((await outcome(call(copy))).status, 401);
    assert.equal((await outcome(copy.invokeApi(url('/.auth/refresh'), { method: 'GET' }))).status, 401);
  });

  test('signs in again although it still holds an old token', async () => {
    client.currentUser = { userId: 'sid:0', mobileServiceAuthenticationToken: 'a.b.c' };
    assert.equal((await outcome(call(client))).status, 401);
    const user = await done(client.login('op', await credentials()));
    assert.match(user.userId, SID);
    assert.equal((await done(call(client))).result.principal.user_id, 'alice');
  });

  test('runs into the end of its token, and goes on with a refreshed one', async () => {
    assert.equal((await done(call(weary))).result.principal.user_id, 'bob');
    await expiry(weary);
    const refused = await outcome(call(weary));
    assert.equal(refused.status, 401);

    const { result } = await done(weary.invokeApi(url('/.auth/refresh'), { method: 'GET' }));
    assert.equal(result.user.userId, weary.currentUser.userId);
    assert.ok(claimsOf(result.authenticationToken).exp > Date.now() / 1000 + 60);
    weary.currentUser.mobileServiceAuthenticationToken = result.authenticationToken;

    assert.equal((await done(call(weary))).result.principal.user_id, 'bob');
  });

  test('refreshes and sends again by a filter, five calls at once', async () => {
    await expiry(crowd);
    const healing = crowd.withFilter((request, next, callback) =>
      next(request, (error, response) => {
        if (response?.status !== 401 || request.retried) return callback(error, response);
        const headers = { 'X-ZUMO-AUTH': request.headers['X-ZUMO-AUTH'] };
        next({ type: 'GET', url: url('/.auth/refresh'), headers }, (failed, refreshed) => {
          if (failed || refreshed.status !== 200) return callback(failed, refreshed);
          request.retried = true;
          request.headers['X-ZUMO-AUTH'] = JSON.parse(refreshed.responseText).authenticationToken;
          next(request, callback);
        });
      }),
    );
    provider.forget();
    const calls = [1, 2, 3, 4, 5].map((number) => done(call(healing, { method: 'POST', body: { number } })));
    for (const { result } of await Promise.all(calls)) assert.equal(result.principal.user_id, 'carol');
    assert.equal(provider.asked('/token').length, 1);
  });
});
