// Whole sign-ins: what the provider is asked, where the visitor lands, what the application sees.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import { before, beforeEach, describe, test } from 'node:test';
import { Visitor, request } from '../parts/visitor.mjs';
import { SESSION_COOKIE, assertErrorPage, bed, echo, linkOf, seen, sessionCookies, signedIn } from './bed.mjs';
import { authJson, formPostJson } from './config.mjs';
import { SECRET } from './provider.mjs';

// Cookies know no ports: the provider's come along on loopback.
const PROVIDER_COOKIE = /^_(session|interaction)/;

let provider, app;
before(async () => ({ provider, app } = await bed()));
beforeEach(() => {
  provider.signsIn = 'alice';
  provider.denies = false;
  provider.heal();
  provider.forget();
});

describe('a sign-in', () => {
  test('lands where one wanted to go, with the query', async () => {
    const page = await new Visitor().visit(app.url('/orders?x=1'));
    assert.equal(page.url, app.url('/orders?x=1'));
    assert.equal(seen(page).path, '/orders?x=1');
  });

  test('goes through the pages of the provider', async () => {
    provider.signsIn = null;
    const visitor = new Visitor();
    const login = await visitor.visit(app.url('/orders'));
    assert.ok(login.url.startsWith(provider.issuer));
    const consent = await visitor.submit(login, { login: 'bob', password: 'any' });
    const page = await visitor.submit(consent);
    assert.equal(page.url, app.url('/orders'));
    assert.equal(seen(page).principal.name, 'bob@example.test');
  });

  test('asks for a code with PKCE, a state and a nonce, and keeps the secret from the browser', async () => {
    const visitor = new Visitor();
    const page = await visitor.visit(app.url('/'));
    const [asked] = provider.asked('/auth');
    assert.equal(asked.query.get('response_type'), 'code');
    assert.equal(asked.query.get('client_id'), 'web');
    assert.equal(asked.query.get('redirect_uri'), app.url('/.auth/login/op/callback'));
    assert.equal(asked.query.get('code_challenge_method'), 'S256');
    assert.match(asked.query.get('code_challenge'), /^[\w-]{43}$/);
    assert.ok(asked.query.get('state').length >= 22);
    assert.ok(asked.query.get('nonce').length >= 22);
    assert.deepEqual(asked.query.get('scope').split(' ').sort(), ['email', 'offline_access', 'openid', 'profile']);
    for (const name of asked.query.keys()) assert.equal(asked.query.getAll(name).length, 1, `${name} twice`);
    const [redeemed] = provider.asked('/token');
    const hash = crypto.createHash('sha256').update(redeemed.form.get('code_verifier')).digest('base64url');
    assert.equal(hash, asked.query.get('code_challenge'));
    assert.equal(redeemed.form.get('redirect_uri'), app.url('/.auth/login/op/callback'));
    assert.equal(redeemed.form.get('client_secret'), SECRET);
    assert.equal(redeemed.authorization, undefined);
    assert.ok(page.hops.every((hop) => !hop.includes(SECRET)));
  });

  test('leaves one session cookie under 300 bytes, and beside it only a guard against loops that soon expires', async () => {
    const visitor = await signedIn(app);
    const ours = visitor.cookies(app.url('/.auth/login/op/callback')).filter(({ name }) => !PROVIDER_COOKIE.test(name));
    assert.deepEqual(ours.map((cookie) => cookie.name).sort(), [SESSION_COOKIE, 'RedirectCount']);
    const [cookie, guard] = ours.sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.ok(guard.expires - Date.now() < 60_000);
    assert.ok(cookie.value.length < 300, `${cookie.value.length} bytes`);
    assert.ok(cookie.httpOnly);
    assert.equal(cookie.sameSite, 'lax');
    assert.equal(cookie.path, '/');
    assert.equal(cookie.domain, undefined);
  });

  test('passes `login_hint` and `prompt` on, and lets nothing replace our own parameters', async () => {
    const query = 'login_hint=alice%40example.test&prompt=consent&client_id=evil&state=evil&redirect_uri=https://evil.example';
    const page = await new Visitor().visit(app.url(`/.auth/login/op?${query}&post_login_redirect_uri=/orders`));
    assert.equal(page.url, app.url('/orders'));
    const [{ query: asked }] = provider.asked('/auth');
    assert.equal(asked.get('login_hint'), 'alice@example.test');
    assert.equal(asked.get('prompt'), 'consent');
    assert.deepEqual(asked.getAll('client_id'), ['web']);
    assert.deepEqual(asked.getAll('redirect_uri'), [app.url('/.auth/login/op/callback')]);
    assert.notEqual(asked.get('state'), 'evil');
  });

  test('works in several tabs at once, finished in another order than begun', async () => {
    const visitor = new Visitor();
    const atCallback = (url) => url.includes('/callback');
    const tabs = [];
    for (const n of [1, 2, 3, 4]) tabs.push(await visitor.visit(app.url(`/tab/${n}`), { until: atCallback }));
    for (const n of [3, 1, 4, 2]) {
      const page = await visitor.visit(tabs[n - 1].url);
      assert.equal(page.url, app.url(`/tab/${n}`));
      assert.equal(page.status, 200);
    }
  });

  test('never leaves for another site, whatever it is asked to return to', async () => {
    for (const target of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
      const start = app.url(`/.auth/login/op?post_login_redirect_uri=${encodeURIComponent(target)}`);
      const page = await new Visitor().visit(start, { until: (url) => !/^http:\/\/127\.0\.0\.1:/.test(url) });
      assert.ok(page.url.startsWith(app.origin) || page.url.startsWith(provider.issuer), `${target} → ${page.url}`);
      assert.notEqual(page.status, 0);
    }
  });
});

describe('the application', () => {
  test('sees who it is, and the tokens', async () => {
    const visitor = await signedIn(app);
    const echoed = seen(await visitor.fetch(app.url('/api')));
    assert.equal(echoed.header('x-ms-client-principal-idp'), 'op');
    assert.equal(echoed.header('x-ms-client-principal-name'), 'alice@example.test');
    assert.equal(echoed.header('x-ms-client-principal-id'), 'alice');
    const principal = JSON.parse(Buffer.from(echoed.header('x-ms-client-principal'), 'base64').toString());
    assert.deepEqual(Object.keys(principal), ['auth_typ', 'claims', 'name_typ', 'role_typ']);
    assert.equal(principal.auth_typ, 'op');
    const values = (type) => principal.claims.filter(({ typ }) => typ === type).map(({ val }) => val);
    assert.deepEqual(values('name'), ['Alice Ünïcode']);
    assert.deepEqual(values('groups'), ['staff', 'admins', 'a,b "quoted"']);
    assert.deepEqual(values('http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier'), ['alice']);
    assert.deepEqual(values('http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress'), ['alice@example.test']);
    assert.equal(echoed.header('x-ms-token-op-id-token').split('.').length, 3);
    assert.ok(echoed.header('x-ms-token-op-access-token'));
    assert.ok(Date.parse(echoed.header('x-ms-token-op-expires-on')) > Date.now());
    const { provider: idp, user_id, name, claims } = echoed.principal;
    assert.deepEqual([idp, user_id, name], ['op', 'alice', 'alice@example.test']);
    assert.deepEqual(claims, principal.claims);
  });

  test('gets a name that is not ASCII without harm: exact in the claims, safe in the header', async () => {
    const own = await echo(authJson(provider, (_config, op) => (op.login.nameClaimType = 'name')));
    provider.register(own.origin);
    const echoed = seen(await (await signedIn(own)).fetch(own.url('/')));
    assert.match(echoed.header('x-ms-client-principal-name') ?? '', /^[\x20-\x7e]*$/);
    assert.ok(echoed.principal.claims.some(({ typ, val }) => typ === 'name' && val === 'Alice Ünïcode'));
  });

  test('never sees identity headers that a client sent', async () => {
    const forged = {
      'X-MS-CLIENT-PRINCIPAL': 'forged',
      'X-MS-CLIENT-PRINCIPAL-ID': 'forged',
      'x_ms_client_principal_name': 'forged',
      'X.MS.CLIENT.PRINCIPAL-IDP': 'forged',
      'X-MS-TOKEN-OP-ACCESS-TOKEN': 'forged',
      'X-MS-TOKEN-AAD-ID-TOKEN': 'forged',
      'X-MS-AUTH-TOKEN': 'Bearer forged',
      'X-MS-VERSION': '2024-11-04',
    };
    const anonymous = seen(await request(app.url('/public/page'), { headers: forged }));
    assert.equal(anonymous.principal, null);
    const visitor = await signedIn(app);
    const known = seen(await visitor.fetch(app.url('/api'), { headers: forged }));
    assert.equal(known.principal.user_id, 'alice');
    for (const echoed of [anonymous, known]) {
      assert.ok(!JSON.stringify(echoed.headers).includes('forged'), JSON.stringify(echoed.headers));
      assert.equal(echoed.header('x-ms-version'), '2024-11-04');
    }
  });

  test('is reached without a session on excluded paths only', async () => {
    const paths = ['/public/page', '/public/../orders', '/public/%2e%2e/orders', '//public/x', '/PUBLIC/x', '/orders'];
    for (const path of paths) {
      const answer = await rawGet(app.address, path);
      assert.equal(answer.status === 200, path === '/public/page', `${path}: ${answer.status}`);
    }
  });

  test('is not reached by a script or an API client: 401 with a challenge, where a navigation gets 302', async () => {
    const stranger = new Visitor();
    const cases = [
      [{ headers: { 'sec-fetch-mode': 'cors' } }, 401],
      [{ headers: { accept: 'application/json' } }, 401],
      [{ headers: { accept: 'text/html', 'x-requested-with': 'XMLHttpRequest' } }, 401],
      [{ method: 'POST', headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' } }, 401],
      [{ headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' } }, 302],
      [{ headers: { accept: '*/*' } }, 302],
      [{ headers: {} }, 302],
    ];
    for (const [options, status] of cases) {
      const answer = await stranger.send(app.url('/orders'), options);
      assert.equal(answer.status, status, JSON.stringify(options));
      if (status === 401) assert.match(answer.headers['www-authenticate'], /^Bearer /);
      if (status === 302) assert.ok(answer.headers.location);
    }
  });
});

describe('the callback', () => {
  const atCallback = (url) => url.includes('/callback');

  test('is good once', async () => {
    const visitor = new Visitor();
    const { url } = await visitor.visit(app.url('/orders'), { until: atCallback });
    const copy = visitor.copy();
    assert.equal((await visitor.visit(url)).status, 200);
    assertErrorPage(await copy.visit(url), copy, app, [400]);
    assert.equal(provider.asked('/token').length, 1);
    assert.equal((await visitor.fetch(app.url('/'))).status, 200);
  });

  test('is refused in a browser that did not begin the sign-in', async () => {
    const { url } = await new Visitor().visit(app.url('/'), { until: atCallback });
    const victim = new Visitor();
    assertErrorPage(await victim.visit(url, { site: 'cross-site' }), victim, app, [400]);
    assert.equal(provider.asked('/token').length, 0);
  });

  test('is refused with a foreign `iss`, and without the one that the provider promises', async () => {
    for (const change of [(query) => query.set('iss', 'https://evil.example'), (query) => query.delete('iss')]) {
      provider.forget();
      const visitor = new Visitor();
      const { url } = await visitor.visit(app.url('/'), { until: atCallback });
      const altered = new URL(url);
      assert.equal(altered.searchParams.get('iss'), provider.issuer);
      change(altered.searchParams);
      assertErrorPage(await visitor.visit(altered.href), visitor, app, [400, 401, 403, 502]);
      assert.equal(provider.asked('/token').length, 0);
    }
  });

  test('shows one page when the person declined, and shows the provider\'s words as text', async () => {
    provider.denies = true;
    const visitor = new Visitor();
    const page = await visitor.visit(app.url('/orders'));
    assertErrorPage(page, visitor, app, [400, 401, 403]);
    assert.ok(!page.body.includes('<b>declined'));
    assert.equal(provider.asked('/auth').length, 1);
    assert.equal(provider.asked('/token').length, 0);
    provider.denies = false;
    const again = await visitor.visit(linkOf(page, 'Try again'));
    assert.equal(again.url, app.url('/orders'));
    assert.equal(seen(again).principal.user_id, 'alice');
  });
});

describe('a page that refuses', () => {
  test('offers to sign in and leads back, where strangers are not sent to sign in', async () => {
    const own = await echo(authJson(provider, (config) => (config.globalValidation.unauthenticatedClientAction = 'Return401')));
    provider.register(own.origin);
    const visitor = new Visitor();
    const page = await visitor.visit(own.url('/orders?x=1&y=2'));
    assertErrorPage(page, visitor, own, [401]);
    assert.equal((await visitor.visit(linkOf(page, 'Sign in'))).url, own.url('/orders?x=1&y=2'));
  });

  test('offers no second try of a link that is wrong', async () => {
    const visitor = new Visitor();
    for (const path of ['op?post_login_redirect_uri=https://evil.example/', 'op?session_mode=jwt', 'nobody']) {
      const page = await visitor.visit(app.url(`/.auth/login/${path}`));
      assertErrorPage(page, visitor, app, [400, 404]);
      assert.equal(linkOf(page, 'Return to the website'), app.url('/'));
      assert.ok(!page.body.includes('Try again'));
    }
  });
});

describe('clients of other kinds sign in:', () => {
  async function signInAt(config, path = '/orders') {
    const other = await echo(config);
    provider.register(other.origin);
    return [other, await signedIn(other, path)];
  }

  test('client_secret_basic', async () => {
    const config = authJson(provider, (_config, op) => {
      op.registration.clientId = 'web-basic';
      op.registration.clientCredential.method = 'ClientSecretBasic';
    });
    await signInAt(config);
    const [redeemed] = provider.asked('/token');
    assert.match(redeemed.authorization, /^Basic /);
    assert.equal(redeemed.form.get('client_secret'), null);
  });

  test('ID tokens signed with ES256', async () => {
    const config = authJson(provider, (_config, op) => (op.registration.clientId = 'web-es256'));
    const [other, visitor] = await signInAt(config);
    const token = seen(await visitor.fetch(other.url('/'))).header('x-ms-token-op-id-token');
    assert.equal(JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()).alg, 'ES256');
  });

  test('a private key in the place of a secret', async () => {
    const config = authJson(provider, (config, op) => {
      op.registration.clientId = 'web-key';
      op.registration.clientCredential = { method: 'PrivateKeyJwt' };
      config.easyauth.providers = { op: { privateKeySettingName: 'OP_KEY', keyId: 'our-key' } };
    });
    await signInAt(config);
    const [redeemed] = provider.asked('/token');
    assert.equal(redeemed.form.get('client_secret'), null);
    const [header, claims] = partsOf(redeemed.form.get('client_assertion'));
    assert.equal(header.kid, 'our-key');
    assert.equal(claims.aud, provider.issuer);
  });

  test('a secret that only signs', async () => {
    const config = authJson(provider, (_config, op) => {
      op.registration.clientId = 'web-secret-jwt';
      op.registration.clientCredential.method = 'ClientSecretJwt';
    });
    await signInAt(config);
    const [redeemed] = provider.asked('/token');
    assert.equal(redeemed.form.get('client_secret'), null);
    assert.equal(partsOf(redeemed.form.get('client_assertion'))[0].alg, 'HS256');
  });

  test('signed answers about users, and no others', async () => {
    const signed = (clientId) =>
      authJson(provider, (config, op) => {
        op.registration.clientId = clientId;
        config.easyauth.providers = { op: { signedUserinfo: true } };
      });
    const [other, visitor] = await signInAt(signed('web-signed'));
    assert.equal(seen(await visitor.fetch(other.url('/'))).principal.name, 'alice@example.test');
    const plain = await echo(signed('web'));
    provider.register(plain.origin);
    const stranger = new Visitor();
    assertErrorPage(await stranger.visit(plain.url('/')), stranger, plain, [502]);
  });

  test('an ID token beside the code', async () => {
    const config = authJson(provider, (config, op) => {
      op.registration.clientId = 'web-hybrid';
      config.easyauth.providers = { op: { responseType: 'code id_token' } };
    });
    const [other, visitor] = await signInAt(config);
    const [{ query }] = provider.asked('/auth');
    assert.equal(query.get('response_type'), 'code id_token');
    assert.equal(query.get('response_mode'), 'form_post');
    assert.equal(seen(await visitor.fetch(other.url('/'))).principal.user_id, 'alice');
  });

  test('no metadata at all', async () => {
    const { issuer } = provider;
    const config = authJson(provider, (config, op) => {
      op.registration.openIdConnectConfiguration = {
        issuer,
        authorizationEndpoint: `${issuer}/auth`,
        tokenEndpoint: `${issuer}/token`,
        certificationUri: `${issuer}/jwks`,
      };
      config.easyauth.providers = { op: { endpoints: { userInfo: `${issuer}/me` } } };
    });
    await signInAt(config);
    assert.deepEqual(provider.asked('/.well-known/openid-configuration'), []);
  });

  test('an answer in a form that posts itself', async () => {
    const [other, visitor] = await signInAt(formPostJson(provider));
    const [{ query }] = provider.asked('/auth');
    assert.equal(query.get('response_mode'), 'form_post');
    assert.equal(query.get('response_type'), 'code');
    assert.equal(seen(await visitor.fetch(other.url('/'))).principal.user_id, 'alice');
    assert.equal(sessionCookies(visitor, other).length, 1);
  });

  test('and one who declines there gets one page', async () => {
    const other = await echo(formPostJson(provider));
    provider.register(other.origin);
    provider.denies = true;
    const visitor = new Visitor();
    assertErrorPage(await visitor.visit(other.url('/orders')), visitor, other, [400, 401, 403]);
    assert.equal(provider.asked('/auth').length, 1);
  });
});

/** Header and claims of a token. */
function partsOf(token) {
  return token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
}

/** Asks for a path as it is written: a URL object would resolve its dots. */
function rawGet(address, path) {
  const [hostname, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const options = { hostname, port, path, agent: false, headers: { accept: 'application/json' } };
    http.get(options, (answer) => answer.resume() && resolve({ status: answer.statusCode })).on('error', reject);
  });
}
