// The example `client` beside the quickstart, with a person in a browser without a screen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startQuickstart, temporaryFolder } from '../parts/app.mjs';
import { Visitor } from '../parts/visitor.mjs';
import { client } from './program.mjs';

const state = temporaryFolder();
const user = path.join(temporaryFolder(), 'user.json');

let app;
const start = async (listen = '127.0.0.1:0') => (app = await startQuickstart(['--listen', listen, '--state', state]));
const restart = async () => {
  const { address } = app;
  await app.stop();
  await start(address);
};

/** Signs in as the first user on the provider's page, and does what the page on loopback does. */
async function signIn(address) {
  const visitor = new Visitor();
  const page = await visitor.visit(address);
  const chosen = /<button[^>]*name="?user"?[^>]*value="?([^">\s]+)/.exec(page.body);
  assert.ok(chosen, `no user to choose in ${page.body}`);
  const end = await visitor.submit(page, { user: chosen[1] }, { until: (url) => url.includes('/easyauth.callback') });
  const { origin, pathname, hash } = new URL(end.url);
  assert.match(hash, /^#authorization_code=[A-Za-z0-9_-]+$/);
  const landing = await fetch(origin + pathname);
  assert.equal(landing.status, 200);
  const told = await fetch(origin + pathname, { method: 'POST', headers: { origin }, body: hash.slice(1) });
  assert.equal(await told.text(), 'You are signed in. You can close this window.');
}

const run = (args = []) => client(['--app', app.origin, '--user', user, ...args], signIn);

describe('a program beside the quickstart', { concurrency: false }, () => {
  before(() => start());
  after(() => app?.stop());

  test('signs in once, and says hello', async () => {
    const { last, logins, code } = await run();
    assert.match(last, /^Hello, .+!$/);
    assert.deepEqual({ logins, code }, { logins: 1, code: 0 });
    const again = await run(['--times', '20']);
    assert.deepEqual([again.last, again.logins], ['20 of 20 succeeded.', 0]);
  });

  test('is known after a restart of either', async () => {
    await restart();
    const { last, logins } = await run(['--me']);
    assert.match(last, / at dev$/);
    assert.equal(logins, 0);
  });

  test('signs in once more when a key was regenerated', async () => {
    await app.stop();
    const keys = path.join(state, 'keys');
    const signing = fs.readdirSync(keys).filter((name) => name.includes('signing'));
    assert.equal(signing.length, 1, fs.readdirSync(keys).join(' '));
    fs.rmSync(path.join(keys, signing[0]));
    await start(app.address);
    const { last, logins } = await run(['--times', '50']);
    assert.deepEqual([last, logins], ['50 of 50 succeeded.', 1]);
  });

  test('refreshes, and signs out', async () => {
    const token = () => JSON.parse(fs.readFileSync(user)).authenticationToken;
    const before = token();
    assert.equal((await run(['--refresh'])).last, 'The token is fresh.');
    assert.notEqual(token(), before);
    assert.equal((await run(['--logout'])).last, 'Signed out.');
    assert.ok(!fs.existsSync(user));
    assert.equal((await run()).logins, 1);
  });
});
