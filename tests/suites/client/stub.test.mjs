// Our client against an Easy Auth that we did not write: the sign-in stub of the Azure Mobile Apps
// server SDK, which issues tokens, checks them, and knows no refresh.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startNode, temporaryFolder } from '../parts/app.mjs';
import { client } from './program.mjs';

const SERVER = path.join(import.meta.dirname, 'server.cjs');
const user = path.join(temporaryFolder(), 'made', 'user.json');
const WHO = '{"id":"sid:00000000000000000000000000000000"}';

let app;
const start = async (env) => (app = await startNode(SERVER, env));
const restart = async (env) => {
  const { port } = new URL(app.origin);
  await app.stop();
  await start({ PORT: port, ...env });
};
const asked = async () => (await fetch(app.url('/asked'))).json();

/** What a person does in a browser: goes to the address, and copies the one where that ends. */
async function signIn(address) {
  const answer = await fetch(address, { redirect: 'manual' });
  assert.equal(answer.status, 302);
  return new URL(answer.headers.get('location'), address).href;
}

const ask = (args = [], person = signIn) =>
  client(['--app', app.origin, '--provider', 'facebook', '--user', user, '--paste', ...args, '/api/who'], person);

describe('the sign-in stub of the Node SDK', { concurrency: false }, () => {
  before(() => start({ SECRET: 'one', LIFETIME: '3600' }));
  after(() => app?.stop());

  test('signs a program in, and the API knows who it is', async () => {
    const { last, logins, code } = await ask();
    assert.deepEqual({ last, logins, code }, { last: WHO, logins: 1, code: 0 });
    assert.equal(fs.statSync(user).mode & 0o777, 0o600);
  });

  test('is not asked again at the next start', async () => {
    const before = await asked();
    const { last, logins } = await ask();
    assert.deepEqual({ last, logins }, { last: WHO, logins: 0 });
    const now = await asked();
    assert.equal(now['/.auth/login/facebook'], before['/.auth/login/facebook']);
    assert.equal(now['/api/who'], before['/api/who'] + 1);
  });

  test('is asked once when its key was regenerated, by fifty requests at once', async () => {
    await restart({ SECRET: 'two', LIFETIME: '3600' });
    const { last, logins } = await ask(['--times', '50']);
    assert.deepEqual({ last, logins }, { last: '50 of 50 succeeded.', logins: 1 });
    const { '/api/who': calls, ...auth } = await asked();
    // Those that were refused, twice; one refresh, which does not exist here; and one login.
    assert.deepEqual(auth, { '/.auth/refresh': 1, '/.auth/login/facebook': 1 });
    assert.ok(calls > 50 && calls <= 100, `${calls} calls`);
  });

  test('is asked once when a token has expired', async () => {
    await restart({ SECRET: 'three', LIFETIME: '2' });
    assert.equal((await ask()).logins, 1);
    // The SDK has no patience with an expired token, not even for a second.
    const { exp } = JSON.parse(Buffer.from(JSON.parse(fs.readFileSync(user)).authenticationToken.split('.')[1], 'base64url'));
    while (Date.now() / 1000 < exp) await new Promise((resolve) => setTimeout(resolve, 50));
    const { last, logins } = await ask(['--times', '50']);
    assert.deepEqual({ last, logins }, { last: '50 of 50 succeeded.', logins: 1 });
  });

  test('leaves everybody their 401 if nobody signs in', async () => {
    await restart({ SECRET: 'four', LIFETIME: '3600' });
    const { last, logins } = await ask([], async () => 'https://evil.example/.auth/login/done#token=x');
    assert.equal(logins, 1);
    assert.match(last, /^401 Unauthorized: the answer to the sign-in cannot be used/);
    assert.equal((await asked())['/api/who'], 1);
    // Nobody has lost anything by that.
    assert.equal((await ask()).last, WHO);
  });
});
