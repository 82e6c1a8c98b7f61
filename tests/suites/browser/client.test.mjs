// A program at a command line signs in in a real browser, which comes back to it on loopback.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { client } from '../client/program.mjs';
import { startQuickstart, temporaryFolder } from '../parts/app.mjs';
import { launch, watchedPage } from '../parts/chromium.mjs';

let app, browser;
before(async () => {
  app = await startQuickstart(['--listen', '127.0.0.1:0']);
  browser = await launch();
});
after(() => Promise.allSettled([browser?.close(), app?.stop()]));

test('a browser hands a sign-in over to the program that asked for it, and nothing stays in its history', async () => {
  const context = await browser.newContext();
  const { page, complaints } = await watchedPage(context, () => ['http://127.0.0.1']);
  const user = path.join(temporaryFolder(), 'user.json');

  const { last, logins } = await client(['--app', app.origin, '--user', user], async (address) => {
    await page.goto(address);
    await page.locator('button[name=user]').first().click();
    await page.getByText('You are signed in. You can close this window.').waitFor();
  });

  assert.match(last, /^Hello, .+!$/);
  assert.equal(logins, 1);
  const { pathname, hash, search } = new URL(page.url());
  assert.deepEqual([pathname, hash, search], ['/easyauth.callback', '', '']);
  assert.deepEqual(complaints, []);
  await context.close();
});
