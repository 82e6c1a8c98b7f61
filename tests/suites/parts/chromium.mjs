// Debian's Chromium without a screen, kept off every network but loopback, and complaining aloud.
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const SCREENSHOTS = path.resolve(import.meta.dirname, '../../../target/tests/screenshots');

export function launch() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE 127.0.0.2 , EXCLUDE localhost',
    ],
  });
}

/**
 * A page whose console errors, script errors and violations of its Content-Security-Policy are
 * collected, as long as they are about `origins()`.
 */
export async function watchedPage(context, origins) {
  const page = await context.newPage();
  const complaints = [];
  const ours = (url) => origins().some((origin) => url.startsWith(origin));
  page.on('console', (message) => {
    const where = message.location().url || page.url();
    if (message.type() === 'error' && ours(where)) complaints.push(`${where}: ${message.text()}`);
  });
  page.on('pageerror', (error) => ours(page.url()) && complaints.push(`${page.url()}: ${error}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI || 'inline'}`);
    });
  });
  return { page, complaints };
}

const LOOKS = [
  { name: 'light', colorScheme: 'light', width: 1100 },
  { name: 'dark', colorScheme: 'dark', width: 1100 },
  { name: 'narrow', colorScheme: 'light', width: 390 },
  { name: 'narrow-dark', colorScheme: 'dark', width: 390 },
];

/** Pictures of a page in each look. Returns the looks in which it is wider than the screen. */
export async function photograph(page, name) {
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  const tooWide = [];
  for (const look of LOOKS) {
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.setViewportSize({ width: look.width, height: 800 });
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${look.name}.png`), fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) tooWide.push(look.name);
  }
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
  return tooWide;
}
