// The Azure Mobile Apps client SDK in a real browser, unchanged: its popup over TLS, with a provider
// that is another site, from a page of the application and from one of another origin.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { launch, photograph, watchedPage } from '../parts/chromium.mjs';
import { certificateAuthority } from '../parts/tls.mjs';
import { startEcho } from '../parts/app.mjs';
import { OpenIdProvider } from '../op/provider.mjs';
import { SETTINGS, authJson } from '../op/config.mjs';
import { bundle, claimsOf } from './client.mjs';
import { startFront } from './front.mjs';

const SID = /^sid:[0-9a-f]{32}$/;
const PAGE = `<!doctype html><html lang="en"><title>A page with the SDK</title>
<button>Sign in</button><script src="/sdk/client.js"></script>`;

let authority, provider, front, elsewhere, app, browser, context, weary;
before(async () => {
  const script = await bundle();
  const pages = {
    '/sdk/page.html': { type: 'text/html; charset=utf-8', body: PAGE },
    '/sdk/client.js': { type: 'text/javascript', body: script },
    '/favicon.ico': { type: 'image/x-icon', body: '' },
  };
  authority = certificateAuthority();
  const certificate = authority.certify('127.0.0.1');
  provider = await OpenIdProvider.start({ host: '127.0.0.2', tls: authority.certify('127.0.0.2') });
  elsewhere = await startFront(certificate, { pages });
  front = await startFront(certificate, { target: () => app.address, pages, allowed: () => elsewhere.origin });
  const config = authJson(provider, (config) => {
    config.easyauth.publicOrigin = front.origin;
    config.login.allowedExternalRedirectUrls = [`${elsewhere.origin}/`];
  });
  app = await startEcho(config, { env: { ...SETTINGS, SSL_CERT_FILE: authority.caFile } });
  provider.register(front.origin);
  browser = await launch();
  context = await browser.newContext({ ignoreHTTPSErrors: true });
  // No session token lasts less than a minute: the other tests go first.
  Object.assign(provider, { signsIn: 'bob', accessTokenSeconds: 60 });
  ({ page: weary } = await open(front.origin, { prompt: 'consent' }));
  assert.match((await signIn(weary)).value, SID);
  Object.assign(provider, { signsIn: 'alice', accessTokenSeconds: 3600 });
  await context.clearCookies();
});
after(() =>
  Promise.allSettled([browser?.close(), app?.stop(), front?.stop(), elsewhere?.stop(), provider?.stop()]),
);

/** The page with the SDK, at one of the two origins. */
async function open(origin, parameters = undefined) {
  const { page, complaints } = await watchedPage(context, () => [front.origin, elsewhere.origin]);
  await page.goto(`${origin}/sdk/page.html`);
  await page.evaluate(([application, parameters]) => {
    const client = (window.client = new WindowsAzure.MobileServiceClient(application));
    // What the SDK's own promises come to.
    window.outcome = (promise) =>
      new Promise((resolve) =>
        promise.then(
          (value) => resolve({ value: value?.result ?? value?.userId }),
          (error) => resolve({ status: error.request?.status, message: error.message ?? String(error) }),
        ),
      );
    document.querySelector('button').onclick = () => {
      window.signedIn = window.outcome(client.loginWithOptions('op', { parameters }));
    };
  }, [front.origin, parameters]);
  return { page, complaints };
}

/** Presses the button and does in the popup what `then` says. The answer is what the SDK said. */
async function signIn(page, then = async () => {}) {
  const popup = context.waitForEvent('page');
  await page.click('button');
  await then(await popup);
  return page.evaluate(() => window.signedIn);
}

const call = (page, name = 'orders', options = {}) =>
  page.evaluate(([name, options]) => window.outcome(client.invokeApi(name, { method: 'GET', ...options })), [name, options]);
const token = (page) => page.evaluate(() => client.currentUser?.mobileServiceAuthenticationToken);

// Chromium itself reports each refusal that a test asked for.
const REPORTED = /Failed to load resource: the server responded with a status of 4\d\d/;
const unexpected = (complaints) => complaints.filter((complaint) => !REPORTED.test(complaint));

describe("azure-mobile-apps-client's popup", { concurrency: false }, () => {
  test('signs in from a page of the application, by the pages of the provider', async () => {
    const { page, complaints } = await open(front.origin);
    assert.equal((await call(page)).status, 401);
    provider.signsIn = null;
    const signedIn = await signIn(page, async (popup) => {
      await popup.fill('input[name=login]', 'alice');
      await popup.fill('input[name=password]', 'any');
      await popup.click('button[type=submit]');
      await popup.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' });
      const closed = popup.waitForEvent('close');
      await popup.click('button[type=submit]');
      await closed;
    });
    provider.signsIn = 'alice';
    assert.match(signedIn.value, SID, JSON.stringify(signedIn));
    assert.equal(claimsOf(await token(page)).iss, `${front.origin}/`);

    const { value } = await call(page, 'orders', { method: 'POST', body: { a: 1 } });
    assert.equal(value.principal.user_id, 'alice');
    assert.deepEqual(unexpected(complaints), []);
    await page.close();
  });

  test('signs in from a page of another origin, whose calls are asked for by preflight', async () => {
    const { page, complaints } = await open(elsewhere.origin);
    const preflights = [];
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    session.on('Network.requestWillBeSent', ({ request }) => request.method === 'OPTIONS' && preflights.push(request.url));
    const signedIn = await signIn(page);
    assert.match(signedIn.value, SID, JSON.stringify(signedIn));

    const { value, ...refusal } = await call(page, 'orders', { method: 'POST', body: { a: 1 } });
    assert.equal(value?.principal.user_id, 'alice', JSON.stringify(refusal));
    assert.ok(preflights.includes(`${front.origin}/api/orders`), preflights.join());
    assert.deepEqual(unexpected(complaints), []);
    await page.close();
  });

  test('signs out', async () => {
    const { page } = await open(front.origin);
    assert.match((await signIn(page)).value, SID);
    const kept = await token(page);
    const left = await page.evaluate(
      async (token) => (await fetch('/.auth/logout', { headers: { 'x-zumo-auth': token }, redirect: 'manual' })).type,
      kept,
    );
    assert.equal(left, 'opaqueredirect');
    assert.equal((await call(page)).status, 401);
    await page.close();
  });

  test('is told that the provider did not sign in', async () => {
    const { page } = await open(front.origin);
    await context.clearCookies();
    provider.denies = true;
    const refused = await signIn(page);
    provider.denies = false;
    assert.ok(refused.message.length > 0, JSON.stringify(refused));
    assert.equal(await token(page), undefined);
    await page.close();
  });

  test('gets nothing on a page that is not allowed', async () => {
    const stranger = await startFront(authority.certify('127.0.0.1'), {
      pages: { '/': { type: 'text/html', body: '<!doctype html><title>Another site</title>' } },
    });
    const page = await context.newPage();
    await page.goto(`${stranger.origin}/`);
    await page.evaluate(() => addEventListener('message', (event) => (window.got = event.data)));
    const popup = context.waitForEvent('page');
    await page.evaluate((application) => {
      const query = new URLSearchParams({
        session_mode: 'token',
        completion_type: 'postMessage',
        completion_origin: location.origin,
      });
      open(`${application}/.auth/login/op?${query}`);
    }, front.origin);
    const shown = await popup;
    await shown.waitForLoadState('load');
    assert.match(await shown.textContent('h1'), /not valid/);
    assert.deepEqual(await photograph(shown, 'sdk-not-allowed'), []);
    assert.equal(await page.evaluate(() => window.got), undefined);
    await Promise.all([page.close(), shown.close(), stranger.stop()]);
  });

  test('shows a page that somebody can read who opened it without a window behind it', async () => {
    const page = await context.newPage();
    const query = new URLSearchParams({
      session_mode: 'token',
      completion_type: 'postMessage',
      completion_origin: front.origin,
    });
    await page.goto(`${front.origin}/.auth/login/op?${query}`);
    await page.waitForLoadState('load');
    assert.match(await page.textContent('h1'), /\S/);
    assert.deepEqual(await photograph(page, 'sdk-done'), []);
    await page.goto(`${front.origin}/.auth/login/op?session_mode=token`);
    assert.equal(new URL(page.url()).pathname, '/.auth/login/done');
    assert.match(new URL(page.url()).hash, /^#token=%7B/);
    assert.deepEqual(await photograph(page, 'sdk-done-fragment'), []);
    await page.close();
  });

  test('runs into the end of its token, and goes on with one that it got by URL', async () => {
    const { exp } = claimsOf(await token(weary));
    assert.equal((await call(weary)).value.principal.user_id, 'bob');
    await wait(Math.max(0, exp * 1000 - Date.now()) + 20);
    assert.equal((await call(weary)).status, 401);

    const { value } = await call(weary, `${front.origin}/.auth/refresh`);
    await weary.evaluate((token) => (client.currentUser.mobileServiceAuthenticationToken = token), value.authenticationToken);
    assert.equal((await call(weary)).value.principal.user_id, 'bob');
    await weary.close();
  });
});
