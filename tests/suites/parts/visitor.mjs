// A browser without a screen: cookies as browsers keep them, Fetch Metadata as they send it.
//
// `fetch` will not do: it adds its own `sec-fetch-mode` and cannot be told otherwise.
import http from 'node:http';

export class Visitor {
  #cookies = [];

  /**
   * Navigates and follows redirects to the end, as the address bar does. Forms that post
   * themselves are posted. `until(url)` stops before a URL is asked for.
   */
  async visit(url, { headers = {}, until = () => false, method = 'GET', form, site = 'none' } = {}) {
    const hops = [];
    for (;;) {
      if (until(url)) return { status: 0, headers: {}, body: '', url, hops };
      if (hops.length === 25) throw new Error(`redirected for ever: ${hops.slice(-4).join(' → ')}`);
      hops.push(url);
      const response = await this.send(url, { method, form, headers: { ...navigation(site), ...headers } });
      const target = response.headers.location;
      if (target && response.status >= 300 && response.status < 400) {
        url = new URL(target, url).href;
        if (response.status !== 307 && response.status !== 308) [method, form] = ['GET', undefined];
        continue;
      }
      const page = { ...response, url, hops };
      const posted = selfPostingForm(page);
      if (!posted) return page;
      headers = { origin: new URL(url).origin };
      site = siteOf(url, posted.url);
      ({ url, form } = posted);
      method = 'POST';
    }
  }

  /** Submits the first form of a page with these fields besides its hidden ones. */
  async submit(page, fields = {}, options = {}) {
    const form = formOf(page);
    for (const [name, value] of Object.entries(fields)) form.form.set(name, value);
    return this.visit(form.url, { method: 'POST', form: form.form, site: 'same-origin', ...options });
  }

  /** What a script on the page does with `fetch(url)`: no redirect followed, JSON wanted. */
  async fetch(url, { headers = {}, method = 'GET', body } = {}) {
    const script = { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' };
    return this.send(url, { method, body, headers: { ...script, ...headers } });
  }

  /** One request with the cookies that belong to it; the answer's cookies are kept. */
  async send(url, { method = 'GET', headers = {}, form, body } = {}) {
    const target = new URL(url);
    const cookie = this.#cookieHeader(target);
    const all = { ...(cookie && { cookie }), ...headers };
    if (form) all['content-type'] = 'application/x-www-form-urlencoded';
    const response = await request(target, { method, headers: all, body: form?.toString() ?? body });
    for (const line of response.headers['set-cookie'] ?? []) this.#keep(line, target);
    return response;
  }

  /** The live cookies that a request for this URL would carry. */
  cookies(url) {
    const target = new URL(url);
    const now = Date.now();
    this.#cookies = this.#cookies.filter((cookie) => cookie.expires > now);
    return this.#cookies.filter((cookie) => belongs(cookie, target));
  }

  /** The same person in a second browser that has copied all cookies. */
  copy() {
    const other = new Visitor();
    other.#cookies = this.#cookies.map((cookie) => ({ ...cookie }));
    return other;
  }

  #cookieHeader(target) {
    return this.cookies(target)
      .sort((a, b) => b.path.length - a.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }

  #keep(line, target) {
    const cookie = parseSetCookie(line, target);
    if (cookie.secure && target.protocol !== 'https:') return;
    if (cookie.name.startsWith('__Secure-') && !cookie.secure) return;
    if (cookie.name.startsWith('__Host-') && !(cookie.secure && cookie.rooted && !cookie.domain)) return;
    if (cookie.sameSite === 'none' && !cookie.secure) return;
    const same = (other) => ['name', 'host', 'path'].every((key) => other[key] === cookie[key]);
    this.#cookies = this.#cookies.filter((other) => !same(other));
    if (cookie.expires > Date.now()) this.#cookies.push(cookie);
  }
}

/** One request, nothing followed, no connection kept: `{status, headers, body}`. */
export function request(url, { method = 'GET', headers = {}, body } = {}) {
  const target = new URL(url);
  if (target.protocol !== 'http:' || !/^127\./.test(target.hostname)) {
    throw new Error(`not on loopback: ${target.origin}`);
  }
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = http.request(target, { method, headers: { ...headers, ...length }, agent: false }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.setTimeout(60_000, () => sent.destroy(new Error(`no answer in 60 s: ${method} ${target.href}`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

function navigation(site) {
  return {
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
    'upgrade-insecure-requests': '1',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
    'sec-fetch-user': '?1',
    'sec-fetch-site': site,
  };
}

// A site is a scheme and a host: the ports of loopback are one site.
function siteOf(from, to) {
  const [source, target] = [new URL(from), new URL(to)];
  if (source.origin === target.origin) return 'same-origin';
  return source.protocol === target.protocol && source.hostname === target.hostname ? 'same-site' : 'cross-site';
}

// Cookies know hosts and paths, not ports: on loopback the provider and the application share a jar.
function belongs(cookie, target) {
  const path = target.pathname;
  const within =
    path === cookie.path || (path.startsWith(cookie.path) && (cookie.path.endsWith('/') || path[cookie.path.length] === '/'));
  return cookie.host === target.hostname && within && (!cookie.secure || target.protocol === 'https:');
}

function parseSetCookie(line, target) {
  const [pair, ...rest] = line.split(';');
  const attributes = new Map(
    rest.map((part) => {
      const [name, ...value] = part.trim().split('=');
      return [name.toLowerCase(), value.join('=')];
    }),
  );
  const at = pair.indexOf('=');
  const path = attributes.get('path');
  return {
    line,
    name: pair.slice(0, at).trim(),
    value: pair.slice(at + 1).trim(),
    host: target.hostname,
    domain: attributes.get('domain'),
    path: path?.startsWith('/') ? path : defaultPath(target),
    rooted: path === '/',
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: attributes.get('samesite')?.toLowerCase(),
    expires: expiry(attributes),
  };
}

function expiry(attributes) {
  const seconds = Number(attributes.get('max-age') ?? NaN);
  if (!Number.isNaN(seconds)) return Date.now() + seconds * 1000;
  const date = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(date) ? Infinity : date;
}

function defaultPath(target) {
  return target.pathname.slice(0, target.pathname.lastIndexOf('/')) || '/';
}

function selfPostingForm(page) {
  return /document\.forms\[0\]\.submit\(\)/.test(page.body) ? formOf(page) : undefined;
}

function formOf(page) {
  const action = /<form[^>]*action="([^"]+)"/.exec(page.body);
  if (!action) throw new Error(`no form on ${page.url} (${page.status})`);
  const form = new URLSearchParams();
  for (const [input] of page.body.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
    const attribute = (name) => decodeEntities(new RegExp(`${name}="([^"]*)"`).exec(input)?.[1] ?? '');
    form.set(attribute('name'), attribute('value'));
  }
  return { url: new URL(decodeEntities(action[1]), page.url).href, form };
}

function decodeEntities(text) {
  const names = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, _any, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return names[name] ?? whole;
  });
}
