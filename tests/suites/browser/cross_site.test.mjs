// A sign-in over TLS whose provider is another site and posts its answer: the one place where a
// wrong SameSite shows. 127.0.0.1 and 127.0.0.2 are two sites; the first test proves it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, watchedPage } from '../parts/chromium.mjs';
import { certificateAuthority, tlsDoor } from '../parts/tls.mjs';
import { startEcho } from '../parts/app.mjs';
import { OpenIdProvider } from '../op/provider.mjs';
import { SETTINGS, formPostJson } from '../op/config.mjs';

let authority, provider, door, app, browser;
before(async () => {
  authority = certificateAuthority();
  provider = await OpenIdProvider.start({ host: '127.0.0.2', tls: authority.certify('127.0.0.2') });
  door = await tlsDoor(authority.certify('127.0.0.1'), () => app.address);
  const config = formPostJson(provider, (config) => (config.easyauth.publicOrigin = door.origin));
  app = await startEcho(config, { env: { ...SETTINGS, SSL_CERT_FILE: authority.caFile } });
  provider.register(door.origin);
  browser = await launch();
});
after(() => Promise.allSettled([browser?.close(), app?.stop(), door?.stop(), provider?.stop()]));

describe('a sign-in that the provider posts from another site', () => {
  let context, page, complaints, posted;
  before(async () => {
    provider.signsIn = null;
    context = await browser.newContext({ ignoreHTTPSErrors: true });
    // A Lax cookie of the application, to see which requests the browser calls cross-site.
    await context.addCookies([{ name: 'probe', value: '1', url: door.origin, sameSite: 'Lax', secure: true }]);
    ({ page, complaints } = await watchedPage(context, () => [door.origin]));
    const callback = page.waitForRequest((request) => request.url().includes('/callback') && request.method() === 'POST');
    await page.goto(`${door.origin}/orders?x=1`);
    await page.fill('input[name=login]', 'alice');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    await page.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' });
    await page.click('button[type=submit]');
    posted = await (await callback).allHeaders();
    await page.waitForLoadState('networkidle');
  });

  test('is posted across sites: a Lax cookie stays behind, the transaction cookie comes along', () => {
    assert.equal(posted['sec-fetch-site'], 'cross-site');
    assert.equal(new URL(posted.origin).hostname, '127.0.0.2');
    assert.ok(!/\bprobe=/.test(posted.cookie ?? ''), posted.cookie);
    assert.ok(posted.cookie, 'no transaction cookie came');
  });

  test('lands where one wanted to go, signed in', async () => {
    assert.equal(page.url(), `${door.origin}/orders?x=1`);
    const echoed = JSON.parse(await page.textContent('body'));
    assert.equal(echoed.path, '/orders?x=1');
    assert.equal(echoed.principal.provider, 'op');
    assert.deepEqual(complaints, []);
  });

  test('leaves one session cookie: Lax, Secure, HttpOnly, of this host only', async () => {
    const cookies = (await context.cookies(door.origin)).filter(({ name }) => !['probe', 'RedirectCount'].includes(name));
    assert.deepEqual(cookies.map(({ name }) => name), ['AppServiceAuthSession']);
    const [{ sameSite, secure, httpOnly, path, domain }] = cookies;
    assert.deepEqual({ sameSite, secure, httpOnly, path, domain }, {
      sameSite: 'Lax',
      secure: true,
      httpOnly: true,
      path: '/',
      domain: '127.0.0.1',
    });
  });

  test('keeps the session from requests that other sites make', async () => {
    const other = await context.newPage();
    await other.goto(`${provider.issuer}/.well-known/openid-configuration`);
    // `no-cors` sends it without asking first, as a hidden form or an image would.
    const asked = other.waitForRequest((request) => request.url().startsWith(`${door.origin}/transfer`));
    await other.evaluate(
      (url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => {}),
      `${door.origin}/transfer`,
    );
    const headers = await (await asked).allHeaders();
    assert.equal(headers.cookie, undefined);
    await other.close();
  });

  test('answers scripts of the application with 401, never with a redirect to another site', async () => {
    await context.clearCookies({ name: 'AppServiceAuthSession' });
    const status = await page.evaluate(async () => (await fetch('/api', { redirect: 'manual' })).status);
    assert.equal(status, 401);
  });
});
