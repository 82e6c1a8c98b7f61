// A provider that is away, slow, wrong, or has new keys; an application that is set up wrongly.
import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Visitor } from '../parts/visitor.mjs';
import { SESSION_COOKIE, assertErrorPage, bed, echo, seen, signedIn } from './bed.mjs';
import { authJson } from './config.mjs';

let provider, app;
before(async () => ({ provider, app } = await bed()));
beforeEach(() => {
  provider.heal();
  provider.forget();
  provider.changeUserInfo = (claims) => claims;
});

const atCallback = (url) => url.includes('/callback');

describe('keys that the provider rotates', () => {
  for (const keep of [true, false]) {
    test(`do not stop the next sign-in (the old ones ${keep ? 'stay published' : 'are gone'})`, async () => {
      const own = await echo(authJson(provider));
      provider.register(own.origin);
      const early = await signedIn(own);
      provider.rotateKeys({ keep });
      await signedIn(own, '/after');
      assert.equal((await early.fetch(own.url('/'))).status, 200);
    });
  }
});

describe('a provider that is away', () => {
  test('leaves sessions alone, and a sign-in under way gets one page', async () => {
    const known = await signedIn(app);
    const late = new Visitor();
    const { url } = await late.visit(app.url('/orders'), { until: atCallback });
    await provider.stop();
    try {
      assert.equal(seen(await known.fetch(app.url('/'))).principal.user_id, 'alice');
      const page = await late.visit(url);
      assertErrorPage(page, late, app, [502, 503]);
      assert.equal(page.hops.length, 1);
    } finally {
      await provider.resume();
    }
    await signedIn(app, '/back');
  });

  test('does not keep the application from starting, or from recovering', async () => {
    await provider.stop();
    let own;
    try {
      own = await echo(authJson(provider));
      provider.register(own.origin);
      const visitor = new Visitor();
      const page = await visitor.visit(own.url('/.auth/login/op'));
      assertErrorPage(page, visitor, own, [502, 503]);
      assert.equal((await visitor.fetch(own.url('/public/page'))).status, 200);
      assert.equal((await visitor.fetch(own.url('/orders'))).status, 401);
    } finally {
      await provider.resume();
    }
    await recovers(own);
  });

  /** A failed discovery may be remembered for a moment. */
  async function recovers(own) {
    const until = Date.now() + 40_000;
    for (;;) {
      const page = await new Visitor().visit(own.url('/orders'));
      if (page.status === 200) return assert.equal(page.url, own.url('/orders'));
      assert.ok(Date.now() < until, `still ${page.status}: ${page.body}\n${own.log}`);
      await wait(1_000);
    }
  }
});

describe('a token endpoint', () => {
  test('that fails gives one page, and the next sign-in works', async () => {
    provider.fail('/token', { status: 500, times: 3 });
    const visitor = new Visitor();
    assertErrorPage(await visitor.visit(app.url('/orders')), visitor, app, [502, 503]);
    assert.equal(provider.asked('/auth').length, 1);
    provider.heal();
    assert.equal((await visitor.visit(app.url('/orders'))).status, 200);
  });

  test('that answers no JSON gives one page', async () => {
    provider.fail('/token', { status: 200, body: '<html>maintenance</html>' });
    const visitor = new Visitor();
    const page = await visitor.visit(app.url('/orders'));
    assertErrorPage(page, visitor, app, [502]);
    assert.ok(!page.body.includes('maintenance'));
  });

  test('that is slow is waited for', async () => {
    provider.fail('/token', { delay: 2_000 });
    await signedIn(app, '/slow');
  });

  test('that never answers is given up', async () => {
    provider.fail('/token', { delay: 50_000, status: 500 });
    const visitor = new Visitor();
    const begun = Date.now();
    assertErrorPage(await visitor.visit(app.url('/orders')), visitor, app, [502, 503, 504]);
    assert.ok(Date.now() - begun < 40_000);
  });
});

describe('a UserInfo answer', () => {
  test('about somebody else is not used', async () => {
    provider.changeUserInfo = (claims) => ({ ...claims, sub: 'mallory', name: 'Mallory', email: 'mallory@example.test' });
    const visitor = new Visitor();
    const page = await visitor.visit(app.url('/orders'));
    assert.ok(!page.body.toLowerCase().includes('mallory'), page.body);
    if (page.status === 200) assert.equal(seen(page).principal.user_id, 'alice');
  });
});

describe('a wrong client secret', () => {
  test('gives one page and never a loop', async () => {
    const own = await echo(authJson(provider), { env: { OP_SECRET: 'not-the-secret-of-this-client-0123456789' } });
    provider.register(own.origin);
    const visitor = new Visitor();
    const page = await visitor.visit(own.url('/orders'));
    assertErrorPage(page, visitor, own, [500, 502]);
    assert.equal(provider.asked('/auth').length, 1);
    assert.equal(provider.asked('/token').length, 1);
    assert.ok(!page.body.includes('not-the-secret'));
    assert.ok(!own.log.includes('not-the-secret'));
  });
});

describe('a browser', () => {
  const { cookies } = Visitor.prototype;
  const keepingOnly = (kept) => {
    const visitor = new Visitor();
    visitor.cookies = (url) => cookies.call(visitor, url).filter(({ name }) => kept(name));
    return visitor;
  };

  test('that loses the session cookie gets one page and never a loop', async () => {
    const visitor = keepingOnly((name) => name !== SESSION_COOKIE);
    const page = await visitor.visit(app.url('/orders'));
    assertErrorPage(page, visitor, app, [401]);
    assert.match(page.body, /cookies/);
    assert.equal(provider.asked('/auth').length, 1);
  });

  test('that keeps none of our cookies gets one page and never a loop', async () => {
    // Those of the provider begin like this.
    const visitor = keepingOnly((name) => name.startsWith('_'));
    const page = await visitor.visit(app.url('/orders'));
    assertErrorPage(page, visitor, app, [400]);
    assert.match(page.body, /cookies/);
    assert.equal(provider.asked('/auth').length, 1);
  });
});
