// The newcomer's minute in a real browser: sign in, look, refresh, sign out. Pictures of each page.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, photograph, watchedPage } from '../parts/chromium.mjs';
import { startQuickstart } from '../parts/app.mjs';

let app, browser, page, complaints;
before(async () => {
  app = await startQuickstart(['--listen', '127.0.0.1:0']);
  browser = await launch();
  const context = await browser.newContext();
  // The development provider is part of the program: its pages are watched too.
  ({ page, complaints } = await watchedPage(context, () => ['http://127.0.0.1', 'http://localhost']));
});
after(() => Promise.allSettled([browser?.close(), app?.stop()]));

/** Pictures, and what every page owes a person: a title, a language, and room on a phone. */
async function look(name) {
  assert.deepEqual(await photograph(page, name), [], `${name} is wider than the screen`);
  assert.notEqual(await page.title(), '');
  assert.notEqual(await page.getAttribute('html', 'lang'), null, `${name} names no language`);
  assert.equal(await page.locator('h1').count(), 1, `${name} needs one heading`);
}

// With the page's cookies, but outside it: its policy may forbid scripts to connect anywhere.
const me = () => page.request.get(`${app.origin}/.auth/me`);

const control = (name) => page.getByRole('link', { name }).or(page.getByRole('button', { name })).first();

describe('the quickstart', { concurrency: false }, () => {
  test('offers a stranger to sign in', async () => {
    const answer = await page.goto(app.origin);
    assert.equal(answer.status(), 200);
    await control(/sign in/i).waitFor();
    await look('1-stranger');
  });

  test('sends one to the provider to choose who to be', async () => {
    await control(/sign in/i).click();
    await page.locator('button[name=user]').first().waitFor();
    await look('2-provider');
  });

  test('shows who one is: name, claims, and tokens with their expiry', async () => {
    await page.locator('button[name=user]').first().click();
    await page.waitForURL(`${app.origin}/`);
    await control(/sign out/i).waitFor();
    const text = await page.textContent('body');
    assert.match(text, /claims/i);
    assert.match(text, /token/i);
    assert.match(text, /expire/i);
    const [entry] = await (await me()).json();
    assert.ok(text.includes(entry.user_id), `the page does not say ${entry.user_id}`);
    await look('3-signed-in');
  });

  test('refreshes the tokens, and says so', async () => {
    const token = async () => (await (await me()).json())[0].access_token;
    const before = await token();
    await page.getByRole('button', { name: 'Refresh tokens' }).click();
    await page.locator('#status.good').waitFor();
    assert.notEqual(await token(), before);
    await look('4-refreshed');
  });

  test('signs out', async () => {
    await control(/sign out/i).click();
    await page.waitForLoadState('networkidle');
    await look('5-signed-out');
    assert.equal((await me()).status(), 401);
    await page.goto(app.origin);
    await control(/sign in/i).waitFor();
  });

  test('shows a page to one whose sign-in went wrong', async () => {
    const answer = await page.goto(`${app.origin}/.auth/login/nobody/callback?code=x&state=y`);
    assert.ok(answer.status() >= 400);
    await look('6-error');
  });

  test('raised no error in the console and broke no policy', () => {
    // Chromium itself reports each 4xx that the tests above asked for.
    const expected = /Failed to load resource: the server responded with a status of 4\d\d/;
    assert.deepEqual(complaints.filter((complaint) => !expected.test(complaint)), []);
  });
});
