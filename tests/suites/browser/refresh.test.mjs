// The quickstart's refresh button, in a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, photograph, watchedPage } from '../parts/chromium.mjs';
import { startQuickstart } from '../parts/app.mjs';

let app, browser, page, complaints;
before(async () => {
  app = await startQuickstart(['--listen', '127.0.0.1:0']);
  browser = await launch();
  ({ page, complaints } = await watchedPage(await browser.newContext(), () => [app.origin]));
  await page.goto(`${app.origin}/.auth/login/dev?post_login_redirect_uri=/`);
  await page.locator('button[name=user]').first().click();
  await page.waitForURL(`${app.origin}/`);
});
after(() => Promise.allSettled([browser?.close(), app?.stop()]));

test('the button replaces the tokens and says so', async () => {
  const token = async () => (await (await page.request.get(`${app.origin}/.auth/me`)).json())[0].access_token;
  const before = await token();
  await page.getByRole('button', { name: 'Refresh tokens' }).click();
  await page.locator('#status.good').waitFor();
  assert.notEqual(await token(), before);
  assert.deepEqual(await photograph(page, '6-refreshed'), []);
  assert.deepEqual(complaints, []);
});
