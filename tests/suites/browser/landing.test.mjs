// Where a login with a session token ends, in a real browser: the script on our own pages runs under
// its policy, and a popup tells the page that opened it, and no other.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, watchedPage } from '../parts/chromium.mjs';
import { startEcho } from '../parts/app.mjs';
import { OpenIdProvider } from '../op/provider.mjs';
import { SETTINGS, authJson } from '../op/config.mjs';

let provider, app, browser, page, complaints;
before(async () => {
  provider = await OpenIdProvider.start();
  provider.signsIn = 'alice';
  // Browsers ask for an icon by themselves.
  const config = authJson(provider, ({ globalValidation }) => globalValidation.excludedPaths.push('/favicon.ico'));
  app = await startEcho(config, { env: SETTINGS });
  provider.register(app.origin);
  browser = await launch();
  ({ page, complaints } = await watchedPage(await browser.newContext(), () => [app.origin]));
});
after(() => Promise.allSettled([browser?.close(), app?.stop(), provider?.stop()]));

describe('the landing page', { concurrency: false }, () => {
  test('says that one is signed in, and with an error in its fragment that one is not', async () => {
    await page.goto(app.url('/.auth/login/done#token=%7B%7D'));
    assert.equal(await page.textContent('h1'), 'You have successfully signed in');
    await page.goto('about:blank');
    await page.goto(app.url('/.auth/login/done#error=%3Cb%3Ecall%20us%3C%2Fb%3E'));
    assert.equal(await page.textContent('h1'), 'You have not been signed in');
    assert.equal(await page.title(), 'You have not been signed in');
    assert.ok(!(await page.textContent('body')).includes('call us'));
    assert.deepEqual(complaints, []);
  });
});

describe('a popup', { concurrency: false }, () => {
  /** Opens the login in a popup of a page of the application, and returns what that page is told. */
  async function told(opened, origin) {
    await opened.goto(app.url('/public/page'));
    const query = new URLSearchParams({ session_mode: 'token', completion_type: 'postMessage', completion_origin: origin });
    return opened.evaluate(async (login) => {
      const message = new Promise((resolve) => addEventListener('message', resolve, { once: true }));
      open(login, 'login', 'width=500,height=600');
      const late = new Promise((resolve) => setTimeout(() => resolve({ data: null }), 5_000));
      const { data, origin } = await Promise.race([message, late]);
      return { data, origin };
    }, app.url(`/.auth/login/op?${query}`));
  }

  test('tells the page that opened it of the token, and its application takes that', async () => {
    const { data, origin } = await told(page, app.origin);
    assert.equal(origin, app.origin);
    const { type, oauth } = JSON.parse(data);
    assert.equal(type, 'LoginCompleted');
    const seen = await page.evaluate(
      async (token) => (await fetch('/orders', { headers: { 'x-zumo-auth': token } })).json(),
      oauth.authenticationToken,
    );
    assert.equal(seen.principal.user_id, 'alice');
    // The provider has cookies on the same host.
    const names = (await page.context().cookies(app.origin)).map(({ name }) => name);
    assert.ok(!names.some((name) => name.startsWith('AppServiceAuthSession')), names.join());
    assert.deepEqual(complaints, []);
  });

  test('tells a page of another origin nothing', async () => {
    const other = await startEcho(authJson(provider), { env: SETTINGS });
    try {
      const stranger = await (await browser.newContext()).newPage();
      await stranger.goto(other.url('/public/page'));
      const query = new URLSearchParams({ session_mode: 'token', completion_type: 'postMessage', completion_origin: app.origin });
      const data = await stranger.evaluate(async (login) => {
        const message = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data), { once: true }));
        open(login, 'login', 'width=500,height=600');
        return Promise.race([message, new Promise((resolve) => setTimeout(() => resolve(null), 3_000))]);
      }, app.url(`/.auth/login/op?${query}`));
      assert.equal(data, null);
    } finally {
      await other.stop();
    }
  });
});
