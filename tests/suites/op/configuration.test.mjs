// A configuration that cannot work ends the program with code 2 and names the setting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runEcho } from '../parts/app.mjs';
import { SETTINGS, authJson } from './config.mjs';

// No provider runs: none of these gets as far as asking it.
const provider = { issuer: 'http://127.0.0.1:9' };

const CASES = [
  ['an unknown key', /excludedPath\b/, (config) => (config.globalValidation.excludedPath = ['/x'])],
  ['an unknown key of ours', /publicOrigen/, (config) => (config.easyauth.publicOrigen = 'https://x.example')],
  ['an unknown action', /unauthenticatedClientAction/, (config) => (config.globalValidation.unauthenticatedClientAction = 'Allow')],
  ['a provider that is not there', /redirectToProvider/, (config) => (config.globalValidation.redirectToProvider = 'google')],
  ['a client without an id', /clientId/, (_config, op) => delete op.registration.clientId],
  ['an issuer over http elsewhere than on loopback', /wellKnownOpenIdConfiguration/, (_config, op) =>
    (op.registration.openIdConnectConfiguration.wellKnownOpenIdConfiguration = 'http://op.example/.well-known/openid-configuration')],
  ['an http origin elsewhere than on loopback', /publicOrigin/, (config) => (config.easyauth.publicOrigin = 'http://app.example')],
  ['an origin with a path', /publicOrigin/, (config) => (config.easyauth.publicOrigin = 'https://app.example/path')],
  ['a time that is none', /timeToExpiration/, (config) => (config.login.cookieExpiration = { timeToExpiration: '8 hours' })],
  ['a store of an unknown kind', /tokenStore\.kind/, (config) => (config.easyauth.tokenStore = { kind: 'paper' })],
  ['a shared store without its address', /easyauth\.tokenStore/, (config) => (config.easyauth.tokenStore = { kind: 'redis' })],
];

for (const [what, names, change] of CASES) {
  test(`${what} is refused`, async () => {
    const { code, stdout, stderr } = await runEcho(authJson(provider, change), { env: SETTINGS });
    assert.equal(code, 2, stdout + stderr);
    assert.match(stderr, names);
    assert.ok(!stderr.includes(SETTINGS.OP_SECRET));
    assert.ok(!/panicked/.test(stderr), stderr);
  });
}

test('a secret setting that is not set is refused', async () => {
  const { code, stderr } = await runEcho(authJson(provider), { env: {} });
  assert.equal(code, 2, stderr);
  assert.match(stderr, /OP_SECRET/);
});

test('a file that is no JSON is refused', async () => {
  const { code, stderr } = await runEcho('{"platform": {', { env: SETTINGS });
  assert.equal(code, 2, stderr);
  assert.match(stderr, /auth\.json/);
});
