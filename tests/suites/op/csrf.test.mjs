// Requests that another site makes in a visitor's name.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Visitor } from '../parts/visitor.mjs';
import { bed, linkOf, me, seen, signedIn, withRefreshToken } from './bed.mjs';

let provider, app;
before(async () => ({ provider, app } = await bed()));

const EVIDENCE = [
  { 'sec-fetch-site': 'cross-site' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { referer: 'https://evil.example/page' },
];
const accepted = () => [
  {},
  { origin: app.origin },
  { referer: app.url('/page') },
  { 'sec-fetch-site': 'same-origin', origin: app.origin },
];

describe('a request that changes state', () => {
  const post = (visitor, headers, path = '/transfer') =>
    visitor.send(app.url(path), { method: 'POST', headers, body: 'all' });

  test('from another site is refused before the application sees it: 403.60, and why', async () => {
    const visitor = await signedIn(app);
    for (const headers of EVIDENCE) {
      const answer = await post(visitor, headers);
      assert.equal(answer.status, 403, JSON.stringify(headers));
      const { reference, description } = JSON.parse(answer.body);
      assert.match(reference, /^403\.60 /);
      assert.ok(description);
    }
  });

  test('from this site, or without evidence, passes', async () => {
    const visitor = await signedIn(app);
    for (const headers of accepted()) {
      assert.equal(seen(await post(visitor, headers)).method, 'POST', JSON.stringify(headers));
    }
  });

  test('of a stranger to an open path passes: there is no session to abuse', async () => {
    for (const headers of EVIDENCE) {
      assert.equal(seen(await post(new Visitor(), headers, '/public/hook')).principal, null);
    }
  });

  test('is one by its method: a link from another site opens the page', async () => {
    const visitor = await signedIn(app);
    const page = await visitor.visit(app.url('/orders'), { site: 'cross-site' });
    assert.equal(seen(page).principal.user_id, 'alice');
  });
});

describe('a refresh from another site', () => {
  test('is refused, and the provider is not asked', async () => {
    const visitor = await withRefreshToken(app);
    const before = (await me(visitor, app)).body;
    provider.forget();
    for (const headers of EVIDENCE) {
      const answer = await visitor.send(app.url('/.auth/refresh'), { headers });
      assert.equal(answer.status, 403, JSON.stringify(headers));
    }
    assert.equal(provider.asked('/token').length, 0);
    assert.equal((await me(visitor, app)).body, before);
  });
});

describe('signing out', () => {
  test('by a link on another site asks first, and is done when confirmed', async () => {
    const visitor = await signedIn(app);
    const address = app.url('/.auth/logout?post_logout_redirect_uri=/public/bye');
    const page = await visitor.visit(address, { site: 'cross-site' });
    assert.equal(page.url, address);
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.headers['cache-control'], /no-store/);
    assert.equal((await visitor.fetch(app.url('/'))).status, 200, 'signed out without being asked');
    const done = await visitor.visit(linkOf(page, 'Sign out'), { site: 'same-origin' });
    assert.equal(done.url, app.url('/public/bye'));
    assert.equal((await me(visitor, app)).status, 401);
  });

  test('by a form on another site does not happen', async () => {
    const visitor = await signedIn(app);
    for (const headers of EVIDENCE) {
      const answer = await visitor.send(app.url('/.auth/logout'), { method: 'POST', headers });
      assert.equal(answer.status, 403, JSON.stringify(headers));
      assert.equal((await visitor.fetch(app.url('/'))).status, 200, JSON.stringify(headers));
    }
  });

  test('by an image on another site does not happen', async () => {
    const visitor = await signedIn(app);
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    const answer = await visitor.send(app.url('/.auth/logout'), { headers });
    assert.equal(answer.headers.location, undefined);
    assert.equal((await visitor.fetch(app.url('/'))).status, 200);
  });
});
