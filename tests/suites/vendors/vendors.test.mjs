// Whole sign-ins at a provider that speaks as the vendors do, with the oddities that each is known for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertErrorPage, me, seen, signedIn } from '../op/bed.mjs';
import { Visitor } from '../parts/visitor.mjs';
import { bed, registration } from './bed.mjs';

const TENANT = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';
const OTHER = 'bbbbcccc-1111-dddd-2222-eeee3333ffff';

describe('Entra ID for two tenants', () => {
  const start = (tenant) =>
    bed({
      name: 'aad',
      path: '/common/v2.0',
      metadata: (url) => ({ issuer: `${url}/{tenantid}/v2.0` }),
      claims: (url) => ({
        iss: `${url}/${tenant}/v2.0`,
        tid: tenant,
        oid: '05833b6b-aa1d-42d4-9ec0-1b2bb9194438',
        preferred_username: 'abe@contoso.com',
        ver: '2.0',
      }),
      configure: (issuer) => ({
        providers: {
          azureActiveDirectory: {
            registration: { ...registration, openIdIssuer: issuer },
            login: { loginParameters: ['response_type=code', 'scope=openid profile offline_access'] },
          },
        },
        ours: { aad: { allowedTenants: [TENANT] } },
      }),
    });

  test('a user of the listed one signs in, and is refreshed', async () => {
    const { app } = await start(TENANT);
    const visitor = await signedIn(app, '/orders');
    const { principal, header } = seen(await visitor.fetch(app.url('/')));
    assert.equal(principal.provider, 'aad');
    assert.equal(principal.user_id, '05833b6b-aa1d-42d4-9ec0-1b2bb9194438');
    assert.equal(principal.name, 'abe@contoso.com');
    assert.ok(header('x-ms-token-aad-refresh-token'));
    assert.equal((await visitor.fetch(app.url('/.auth/refresh'))).status, 200);
  });

  test('a user of another does not', async () => {
    const { app } = await start(OTHER);
    const visitor = new Visitor();
    assertErrorPage(await visitor.visit(app.url('/')), visitor, app, [403]);
  });
});

describe('Google with a hosted domain', () => {
  const start = (domain) =>
    bed({
      name: 'google',
      claims: { sub: '10769150350006150715113082367', email: 'jsmith@example.com', email_verified: 'true', ...domain },
      configure: (issuer) => ({
        providers: {
          google: { registration, login: { loginParameters: ['access_type=offline', 'hd=example.com'] } },
        },
        ours: { google: { issuer } },
      }),
    });

  test('a user of the domain signs in', async () => {
    const { app } = await start({ hd: 'example.com' });
    const visitor = await signedIn(app);
    const { principal } = seen(await visitor.fetch(app.url('/')));
    assert.equal(principal.user_id, '10769150350006150715113082367');
    assert.equal(principal.name, 'jsmith@example.com');
  });

  test('a private account does not', async () => {
    const { app } = await start({});
    const visitor = new Visitor();
    assertErrorPage(await visitor.visit(app.url('/')), visitor, app, [403]);
  });
});

test('a Microsoft account has the claims and tokens of the original', async () => {
  const { app } = await bed({
    name: 'microsoftaccount',
    claims: { name: 'Abe Lincoln', oid: '00000000-0000-0000-66f3-3332eca7ea81' },
    userinfo: { givenname: 'Abe', familyname: 'Lincoln', locale: 'en-NZ' },
    configure: (issuer) => ({
      providers: { legacyMicrosoftAccount: { registration, login: { scopes: ['wl.basic', 'wl.emails'] } } },
      ours: { microsoftaccount: { issuer } },
    }),
  });
  const visitor = await signedIn(app);
  const { principal, header } = seen(await visitor.fetch(app.url('/')));
  assert.equal(principal.user_id, '66f33332eca7ea81');
  assert.deepEqual(
    principal.claims.map(({ typ }) => typ.split('/').at(-1)),
    [
      'nameidentifier', 'name', 'givenname', 'surname',
      'urn:microsoftaccount:locale', 'urn:microsoftaccount:id', 'urn:microsoftaccount:name',
    ],
  );
  const [entry] = JSON.parse((await me(visitor, app)).body);
  assert.equal(header('x-ms-token-microsoftaccount-authentication-token'), entry.authentication_token);
  assert.equal(header('x-ms-token-microsoftaccount-id-token'), undefined);
});

describe('a custom provider with the oddities of many', () => {
  const start = (shape) =>
    bed({
      name: 'op',
      ...shape,
      configure: (issuer) => ({
        providers: {
          customOpenIdConnectProviders: {
            op: {
              registration: {
                clientId: 'web',
                clientCredential: { clientSecretSettingName: 'VENDOR_SECRET' },
                openIdConnectConfiguration: { issuer },
              },
            },
          },
        },
      }),
    });
  const now = () => Math.floor(Date.now() / 1000);

  for (const [what, shape] of Object.entries({
    'times with fractions': { claims: () => ({ iat: now() + 0.261532, exp: now() + 600.5 }) },
    'a list of one audience': { claims: { aud: ['web'] } },
    'no name for its key': { nameless: true },
    'a token type in small letters, and a lifetime in quotes': { answer: { token_type: 'bearer', expires_in: '3600' } },
    'an issuer with a path': { path: '/o/tenant' },
    'a slash at the end of its issuer': { path: '/o/' },
  })) {
    test(what, async () => {
      const { app } = await start(shape);
      const visitor = await signedIn(app);
      assert.equal(seen(await visitor.fetch(app.url('/'))).principal.user_id, 'johndoe');
    });
  }

  test('a subject that is a number in quotes', async () => {
    const { app } = await start({ claims: { sub: '42' }, userinfo: { sub: '42' } });
    const visitor = await signedIn(app);
    assert.equal(seen(await visitor.fetch(app.url('/'))).principal.user_id, '42');
  });

  test('but no subject that is a number', async () => {
    const { app } = await start({ claims: { sub: 42 } });
    const visitor = new Visitor();
    assertErrorPage(await visitor.visit(app.url('/')), visitor, app, [502]);
  });
});
