// A native application with the provider's own SDK: it gets the provider's tokens by itself, and signs
// in with them.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { SECRET } from './provider.mjs';
import { Visitor } from '../parts/visitor.mjs';

/**
 * The provider's answer: `{access_token, id_token, refresh_token, expires_in, …}`. With a `resource`, an
 * access token for that.
 */
export async function providerTokens(provider, app, { clientId = 'web', resource } = {}) {
  const redirectUri = `${app.origin}/.auth/login/op/callback`;
  const verifier = crypto.randomBytes(32).toString('base64url');
  const request = new URL('/auth', provider.issuer);
  request.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: `openid profile email offline_access${resource ? ' orders' : ''}`,
    ...(resource && { resource }),
    prompt: 'consent',
    state: 'native',
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const back = await new Visitor().visit(request.href, { until: (url) => url.startsWith(redirectUri) });
  const code = new URL(back.url).searchParams.get('code');
  assert.ok(code, back.url);
  const response = await fetch(new URL('/token', provider.issuer), {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      client_id: clientId,
      client_secret: SECRET,
      ...(resource && { resource }),
    }),
  });
  const tokens = await response.json();
  assert.equal(response.status, 200, JSON.stringify(tokens));
  return tokens;
}
