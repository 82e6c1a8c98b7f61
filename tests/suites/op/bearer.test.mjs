// Tokens of a certified provider in `Authorization: Bearer`: access tokens that are JWTs, ID tokens, and
// what becomes of them when the provider changes its keys.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startEcho } from '../parts/app.mjs';
import { request } from '../parts/visitor.mjs';
import { seen } from './bed.mjs';
import { SETTINGS, authJson } from './config.mjs';
import { providerTokens } from './native.mjs';
import { OpenIdProvider } from './provider.mjs';

const API = 'https://orders.example/api';

let provider, app;
before(async () => {
  provider = await OpenIdProvider.start({ api: API });
  const config = authJson(provider, (config) => {
    config.globalValidation.unauthenticatedClientAction = 'Return401';
    config.easyauth.providers = { op: { validation: { allowedAudiences: [API] } } };
    config.easyauth.protectedResource = { scopes: ['orders'] };
  });
  app = await startEcho(config, { env: SETTINGS });
  provider.register(app.origin);
});
after(() => Promise.allSettled([app?.stop(), provider?.stop()]));

const ask = (token, path = '/orders') => request(app.url(path), { headers: { authorization: `Bearer ${token}` } });
const tokens = (options) => providerTokens(provider, app, options);

/** The token with another header, and a signature that nobody's key made. */
function forged(token, change) {
  const [header, payload] = token.split('.');
  const changed = { ...JSON.parse(Buffer.from(header, 'base64url')), ...change };
  return [Buffer.from(JSON.stringify(changed)).toString('base64url'), payload, crypto.randomBytes(64).toString('base64url')].join('.');
}

describe('bearer tokens of a certified provider', { concurrency: false }, () => {
  test('an access token for our audience says who asks', async () => {
    const { access_token } = await tokens({ resource: API });
    const { typ } = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url'));
    assert.equal(typ, 'at+jwt');

    const echoed = seen(await ask(access_token));
    assert.equal(echoed.principal.user_id, 'alice');
    assert.equal(echoed.principal.provider, 'op');
    assert.deepEqual(echoed.all(/^x-ms-token-/), []);
    assert.equal(echoed.header('authorization'), `Bearer ${access_token}`);
  });

  test('an ID token for our client does too, and /.auth/me shows its claims alone', async () => {
    const { id_token } = await tokens();
    assert.equal(seen(await ask(id_token)).principal.user_id, 'alice');

    const [entry] = JSON.parse((await ask(id_token, '/.auth/me')).body);
    assert.deepEqual(Object.keys(entry), ['provider_name', 'user_claims', 'user_id']);
    assert.equal(entry.user_id, 'alice@example.test');
  });

  test('an ID token for another client, an opaque token and a forged one are refused, and say how to do better', async () => {
    const { id_token } = await tokens({ clientId: 'web-es256' });
    const { access_token } = await tokens();
    assert.equal(access_token.split('.').length, 1);
    const good = (await tokens()).id_token;
    for (const token of [id_token, access_token, forged(good, {}), forged(good, { alg: 'none' }), 'x']) {
      const { status, headers, body } = await ask(token);
      assert.equal(status, 401, body);
      assert.equal(JSON.parse(body).error, 'invalid_token');
      const challenge = headers['www-authenticate'];
      assert.match(challenge, /^Bearer realm="127\.0\.0\.1:\d+", error="invalid_token", /);
      const [, metadata] = /resource_metadata="([^"]+)"/.exec(challenge);
      const document = JSON.parse((await request(metadata)).body);
      assert.equal(document.resource, app.url('/orders'));
      assert.deepEqual(document.authorization_servers, [provider.issuer]);
      assert.deepEqual(document.scopes_supported, ['orders']);
    }
  });

  test('made-up keys do not make a flood', async () => {
    const { id_token } = await tokens();
    seen(await ask(id_token));
    provider.forget();
    const flood = Array.from({ length: 200 }, (_, number) => ask(forged(id_token, { kid: `made-up-${number}` })));
    for (const { status } of await Promise.all(flood)) assert.equal(status, 401);
    assert.ok(provider.asked('/jwks').length <= 1, `${provider.asked('/jwks').length} fetches`);
    seen(await ask(id_token));
  });
});

describe('a provider that changes its keys', { concurrency: false }, () => {
  test('has its new tokens taken at once, and the old ones as well', async () => {
    // Another process, for which no made-up key has been looked for.
    const config = authJson(provider, (config) => {
      config.globalValidation.unauthenticatedClientAction = 'Return401';
      config.easyauth.providers = { op: { validation: { allowedAudiences: [API] } } };
    });
    const other = await startEcho(config, { env: SETTINGS });
    const call = (token) => request(other.url('/'), { headers: { authorization: `Bearer ${token}` } });
    const old = (await tokens()).id_token;
    seen(await call(old));

    provider.rotateKeys({ keep: true });
    const fresh = (await tokens()).id_token;
    seen(await call(fresh));
    seen(await call(old));
    await other.stop();
  });
});
