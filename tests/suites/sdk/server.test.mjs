// The Azure Mobile Apps server SDK for Node (npm `azure-mobile-apps`) behind the same origin: it judges
// our session tokens with the signing key alone, and asks our `/.auth/me` who their user is.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { certificateAuthority } from '../parts/tls.mjs';
import { startEcho, startNode } from '../parts/app.mjs';
import { OpenIdProvider } from '../op/provider.mjs';
import { SETTINGS, authJson } from '../op/config.mjs';
import { claimsOf, done, newClient } from './client.mjs';
import { startFront } from './front.mjs';
import { providerTokens } from '../op/native.mjs';

const require = createRequire(import.meta.url);
const SIGNING_KEY = '69dfd814c383dda4ea7aaeb26e605d419011e7ef3863d5cd2eee7a3607ec8f4d';

let provider, front, app, server, short;
before(async () => {
  const authority = certificateAuthority();
  provider = await OpenIdProvider.start();
  front = await startFront(authority.certify('127.0.0.1'), { target: () => app.address });
  const config = authJson(provider, (config) => {
    config.globalValidation.unauthenticatedClientAction = 'Return401';
    config.easyauth.publicOrigin = front.origin;
  });
  const env = { ...SETTINGS, WEBSITE_AUTH_SIGNING_KEY: SIGNING_KEY };
  app = await startEcho(config, { env });
  provider.register(front.origin);
  provider.register(app.origin);
  server = await startNode(path.join(import.meta.dirname, 'server.cjs'), {
    WEBSITE_HOSTNAME: new URL(front.origin).host,
    WEBSITE_AUTH_SIGNING_KEY: SIGNING_KEY,
    NODE_EXTRA_CA_CERTS: authority.caFile,
  });
  // No session token lasts less than a minute: the other tests go first.
  short = await signedIn(60);
});
after(() => Promise.allSettled([server?.stop(), app?.stop(), front?.stop(), provider?.stop()]));

async function signedIn(seconds = 3600) {
  provider.accessTokenSeconds = seconds;
  const { access_token, id_token, refresh_token, expires_in } = await providerTokens(provider, app);
  provider.accessTokenSeconds = 3600;
  const client = newClient(app.origin);
  const tokens = { access_token, id_token, refresh_token, expires_in };
  return (await done(client.login('op', tokens))).mobileServiceAuthenticationToken;
}

const ask = (token, query = '') => fetch(server.url(`/api/who${query}`), { headers: { 'x-zumo-auth': token } });

describe('the azure-mobile-apps server SDK', { concurrency: false }, () => {
  test('takes our session tokens, of a sign-in and of a refresh', async () => {
    const token = await signedIn();
    const answer = await ask(token);
    assert.equal(answer.status, 200);
    const { id } = await answer.json();
    assert.equal(id, claimsOf(token).sub);

    const refreshed = await fetch(app.url('/.auth/refresh'), { headers: { 'x-zumo-auth': token } });
    const { authenticationToken } = await refreshed.json();
    assert.equal((await ask(authenticationToken)).status, 200);
  });

  test('learns of our /.auth/me who the user is', async () => {
    const token = await signedIn();
    for (const query of ['', '?provider=op']) {
      const { identity } = await (await ask(token, query)).json();
      const { op } = identity;
      assert.equal(op.provider_name, 'op');
      assert.equal(op.claims.emailaddress, 'alice@example.test');
      assert.deepEqual(op.claims.groups, ['staff', 'admins', 'a,b "quoted"']);
      assert.ok(op.access_token);
    }
  });

  test('signs tokens of its own, which name no session of ours', async () => {
    const auth = require('azure-mobile-apps/src/auth')({
      azureSigningKey: SIGNING_KEY,
      issuer: `${front.origin}/`,
      audience: `${front.origin}/`,
    });
    const own = auth.sign({ sub: 'sid:0123456789abcdef0123456789abcdef', ver: '3' });
    const answer = await fetch(app.url('/'), { headers: { 'x-zumo-auth': own } });
    assert.equal(answer.status, 401);
  });

  test('refuses what we refuse: an expired one, a changed one, one of another key', async () => {
    assert.equal((await ask(short)).status, 200);
    const [header, payload, signature] = (await signedIn()).split('.');
    const other = require('azure-mobile-apps/src/auth')({
      azureSigningKey: SIGNING_KEY.replaceAll('6', '7'),
      issuer: `${front.origin}/`,
      audience: `${front.origin}/`,
    }).sign({ sub: 'sid:0123456789abcdef0123456789abcdef' });
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'sid:other' })).toString('base64url');
    await wait(Math.max(0, claimsOf(short).exp * 1000 - Date.now()) + 20);
    for (const token of [short, `${header}.${changed}.${signature}`, other]) {
      assert.equal((await ask(token)).status, 401);
      assert.equal((await fetch(app.url('/'), { headers: { 'x-zumo-auth': token } })).status, 401);
    }
  });
});
