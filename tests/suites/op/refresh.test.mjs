// `/.auth/refresh`: new tokens for a session that has a refresh token, and the reason where not.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { Visitor } from '../parts/visitor.mjs';
import { bed, echo, me, seen, sessionCookies, signedIn, withRefreshToken } from './bed.mjs';
import { authJson } from './config.mjs';
import { SECRET } from './provider.mjs';

let provider, app;
let people = 0;
before(async () => ({ provider, app } = await bed(authJson, { env: { RUST_LOG: 'easyauth=trace' } })));
beforeEach(() => {
  // One record holds a person's tokens on all devices: each test has a person of its own.
  people += 1;
  provider.signsIn = `person${people}`;
  provider.heal();
  provider.forget();
});

const refresh = (visitor, at = app) => visitor.fetch(at.url('/.auth/refresh'));

/** The entry of `/.auth/me`. */
const tokens = async (visitor, at = app) => JSON.parse((await me(visitor, at)).body)[0];

/** Asserts a refusal that a program can read, and returns it. */
function assertRefused(answer, ...subStatuses) {
  const { error, description, reference } = JSON.parse(answer.body);
  const [subStatus] = reference.split(' ');
  assert.ok(subStatuses.some((expected) => subStatus.startsWith(expected)), `${subStatus}: ${description}`);
  assert.equal(answer.status, Number(subStatus.split('.')[0]));
  assert.ok(error && description);
  return description;
}

describe('a refresh', () => {
  test('replaces the tokens, and the session cookie with one of the new generation', async () => {
    const visitor = await withRefreshToken(app);
    const before = await tokens(visitor);
    const [cookieBefore] = sessionCookies(visitor, app);
    const answer = await refresh(visitor);
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.match(answer.headers['cache-control'], /no-store/);
    assert.deepEqual(JSON.parse(answer.body), {});
    const [cookie] = sessionCookies(visitor, app);
    assert.notEqual(cookie.value, cookieBefore.value);
    const after = await tokens(visitor);
    assert.notEqual(after.access_token, before.access_token);
    assert.notEqual(after.refresh_token, before.refresh_token);
    assert.equal(after.user_id, before.user_id);
    assert.equal(seen(await visitor.fetch(app.url('/'))).header('x-ms-token-op-access-token'), after.access_token);
  });

  test('asks the provider as it was asked for the tokens', async () => {
    const visitor = await withRefreshToken(app);
    const { refresh_token } = await tokens(visitor);
    provider.forget();
    await refresh(visitor);
    const [{ form }] = provider.asked('/token');
    assert.equal(form.get('grant_type'), 'refresh_token');
    assert.equal(form.get('refresh_token'), refresh_token);
    assert.equal(form.get('client_secret'), SECRET);
  });

  test('can be repeated', async () => {
    const visitor = await withRefreshToken(app);
    const seenTokens = new Set([(await tokens(visitor)).access_token]);
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await refresh(visitor)).status, 200);
      seenTokens.add((await tokens(visitor)).access_token);
    }
    assert.equal(seenTokens.size, 4);
  });

  test('by many at once costs one call to the provider and no session', async () => {
    const visitor = await withRefreshToken(app);
    provider.forget();
    provider.fail('/token', { delay: 500 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(visitor)));
    assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200));
    assert.equal(provider.asked('/token').length, 1);
    assert.equal((await refresh(visitor)).status, 200);
  });

  // The provider revokes the grant of a refresh token that it sees a second time: the round after
  // that would fail. EASYAUTH_EXPIRIES asks for more rounds.
  test('by two processes on one directory, 64 callers each, costs one call every time', async () => {
    const config = authJson(provider);
    const processes = [await echo(config), await echo(config)];
    provider.register(processes[0].origin);
    const visitor = await withRefreshToken(processes[0]);
    for (let round = 0; round < Number(process.env.EASYAUTH_EXPIRIES ?? 30); round += 1) {
      provider.forget();
      const callers = processes.flatMap((process) => Array(64).fill(process));
      const answers = await Promise.all(callers.map((process) => refresh(visitor, process)));
      assert.deepEqual(answers.map((answer) => answer.status), Array(128).fill(200), `round ${round}`);
      assert.equal(provider.asked('/token').length, 1, `round ${round}`);
      const [one, other] = [await tokens(visitor, processes[0]), await tokens(visitor, processes[1])];
      assert.equal(one.access_token, other.access_token, `round ${round}`);
    }
  });

  test('on one device is seen on the other, whose session goes on', async () => {
    const [phone, laptop] = [await withRefreshToken(app), await withRefreshToken(app)];
    assert.equal((await refresh(phone)).status, 200);
    assert.equal((await refresh(laptop)).status, 200);
    assert.equal((await laptop.fetch(app.url('/'))).status, 200);
    assert.equal((await tokens(phone)).access_token, (await tokens(laptop)).access_token);
  });

  test('survives a restart', async () => {
    const config = authJson(provider);
    const first = await echo(config);
    provider.register(first.origin);
    const visitor = await withRefreshToken(first);
    await first.stop();
    const second = await echo(config, { listen: first.address });
    assert.equal((await refresh(visitor, second)).status, 200);
  });

  test('puts no token into the log', async () => {
    const visitor = await withRefreshToken(app);
    const before = await tokens(visitor);
    assert.equal((await refresh(visitor)).status, 200);
    for (const { access_token, refresh_token, id_token } of [before, await tokens(visitor)]) {
      for (const secret of [access_token, refresh_token, id_token]) {
        assert.ok(secret && !app.log.includes(secret), 'a secret is in the log');
      }
    }
  });
});

describe('a refresh is refused', () => {
  test('without a refresh token: 400.80', async () => {
    // Without `prompt=consent` this provider gives none, `offline_access` or not.
    const visitor = await signedIn(app);
    assert.equal((await tokens(visitor)).refresh_token, undefined);
    assertRefused(await refresh(visitor), '400.80');
  });

  test('when the grant is gone: 403.81, and the session goes on', async () => {
    const visitor = await withRefreshToken(app);
    provider.revokeGrants();
    assertRefused(await refresh(visitor), '403.81');
    assert.equal((await visitor.fetch(app.url('/'))).status, 200);
    // Asked again, the provider is of the same opinion.
    assertRefused(await refresh(visitor), '403.81');
  });

  test('when the provider fails: 502 or 503, and the old tokens stay', async () => {
    const visitor = await withRefreshToken(app);
    const before = (await me(visitor, app)).body;
    provider.fail('/token', { status: 500, times: 5 });
    assertRefused(await refresh(visitor), '502.', '503.');
    assert.equal((await me(visitor, app)).body, before);
    provider.heal();
    assert.equal((await refresh(visitor)).status, 200);
  });

  test('when the provider is away: 502 or 503, and the old tokens stay', async () => {
    const visitor = await withRefreshToken(app);
    const before = (await me(visitor, app)).body;
    await provider.stop();
    try {
      assertRefused(await refresh(visitor), '502.', '503.');
      assert.equal((await me(visitor, app)).body, before);
    } finally {
      await provider.resume();
    }
    assert.equal((await refresh(visitor)).status, 200);
  });

  test('to a stranger: 401, also when they navigate', async () => {
    assertRefused(await refresh(new Visitor()), '401.71');
    assert.equal((await new Visitor().visit(app.url('/.auth/refresh'))).status, 401);
    assert.equal(provider.asked('/auth').length, 0);
  });

  test('without a token store: 400, naming the setting', async () => {
    const plain = await echo(authJson(provider, (config) => (config.login.tokenStore.enabled = false)));
    provider.register(plain.origin);
    const description = assertRefused(await refresh(await signedIn(plain), plain), '400.');
    assert.match(description, /login\.tokenStore\.enabled/);
  });
});
