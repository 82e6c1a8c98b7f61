// A certified OpenID provider (npm `oidc-provider`) on loopback, with a knob per fault.
//
// Any name is an account. `signsIn` answers every sign-in without a page; while it is null the
// provider shows its own pages (any name, any password, then consent).
import crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { Provider } from 'oidc-provider';

export const SECRET = 'provider-secret-0123456789-0123456789';

const pair = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
/** The key of the client that has no secret. */
export const PRIVATE_KEY = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });

export class OpenIdProvider {
  /** The name of the account that signs in with no page, or `null` for the provider's pages. */
  signsIn = 'alice';
  /** Whether the person refuses instead. */
  denies = false;
  /** How long access tokens last that are issued from now on. */
  accessTokenSeconds = 3600;
  /** Claims of every account, beside those that its name gives. */
  extraClaims = {};
  /** Replaces the answer of the UserInfo endpoint: claims → claims. */
  changeUserInfo = (claims) => claims;
  /** What was asked: `{method, path, query, form, authorization}`, in order. */
  requests = [];

  #host;
  #tls;
  #api;
  #server;
  #port = 0;
  #keys = newKeys();
  #origins = new Set();
  #faults = [];
  #entries = new Map();
  #handler;

  /**
   * Starts on a free port of `host`; with `tls` (`{cert, key}`) over https. With `api`, an audience, it
   * issues access tokens that are JWTs (RFC 9068) to who asks for that `resource`.
   */
  static async start({ host = '127.0.0.1', tls, api } = {}) {
    const provider = new OpenIdProvider();
    provider.#host = host;
    provider.#tls = tls;
    provider.#api = api;
    await provider.resume();
    return provider;
  }

  get issuer() {
    return `${this.#tls ? 'https' : 'http'}://${this.#host}:${this.#port}`;
  }

  /** Registers an application's callback with every client. */
  register(origin) {
    this.#origins.add(origin);
  }

  /** The requests for `path` since the last `forget()`. */
  asked(path) {
    return this.requests.filter((request) => request.path === path);
  }

  forget() {
    this.requests.length = 0;
  }

  /** New keys sign from now on; the old public keys stay published if `keep`. */
  rotateKeys({ keep }) {
    this.#keys = [...newKeys(), ...(keep ? this.#keys : [])];
    this.#handler = this.#build().callback();
  }

  /** The next `times` requests for `path` wait `delay` ms and, with a `status`, end with it. */
  fail(path, { status = 0, times = 1, delay = 0, body = '{"error":"server_error"}' } = {}) {
    this.#faults.push({ path, status, times, delay, body });
  }

  heal() {
    this.#faults.length = 0;
  }

  /** Ends every grant, as a person does at the provider's "connected applications". */
  revokeGrants() {
    for (const key of this.#entries.keys()) {
      if (/^(Grant|RefreshToken|AccessToken):/.test(key)) this.#entries.delete(key);
    }
  }

  /** Stops listening and drops every connection; `resume()` comes back on the same port. */
  async stop() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async resume() {
    const answer = (request, response) => this.#answer(request, response);
    this.#server = this.#tls ? https.createServer(this.#tls, answer) : http.createServer(answer);
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, resolve);
    });
    this.#port = this.#server.address().port;
    this.#handler ??= this.#build().callback();
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.issuer);
    this.#record(request, url);
    const fault = this.#faults.find((fault) => fault.path === url.pathname && fault.times > 0);
    if (fault) {
      fault.times -= 1;
      await wait(fault.delay, undefined, { ref: false });
      if (fault.status) {
        response.writeHead(fault.status, { 'content-type': 'application/json' });
        return response.end(fault.body);
      }
    }
    return this.#handler(request, response);
  }

  #record(request, url) {
    const seen = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      form: new URLSearchParams(),
      authorization: request.headers.authorization,
    };
    this.requests.push(seen);
    // The provider reads the body itself; this only listens in.
    const emit = request.emit.bind(request);
    let body = '';
    request.emit = (event, ...args) => {
      if (event === 'data') body += args[0];
      if (event === 'end') seen.form = new URLSearchParams(body);
      return emit(event, ...args);
    };
  }

  #build() {
    const provider = new Provider(this.issuer, {
      adapter: this.#adapter(),
      jwks: { keys: this.#keys },
      findAccount: (_context, name) => ({
        accountId: name,
        claims: () => ({ ...claimsOf(name), ...this.extraClaims }),
      }),
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['name', 'given_name', 'family_name', 'preferred_username', 'groups', 'padding'],
      },
      scopes: ['openid', 'offline_access', 'email', 'profile'],
      conformIdTokenClaims: false,
      cookies: { keys: ['cookie-key-of-a-test'] },
      responseTypes: ['code', 'code id_token'],
      features: {
        devInteractions: { enabled: true },
        jwtUserinfo: { enabled: true },
        resourceIndicators: {
          enabled: Boolean(this.#api),
          getResourceServerInfo: () => ({
            scope: 'orders',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          }),
          useGrantedResource: () => true,
        },
        revocation: { enabled: true },
        rpInitiatedLogout: { enabled: true },
      },
      ttl: {
        AccessToken: () => this.accessTokenSeconds,
        AuthorizationCode: 60,
        IdToken: 3600,
        Interaction: 600,
        RefreshToken: 86400,
        Session: 86400,
        Grant: 86400,
      },
      rotateRefreshToken: true,
      // Its guard against requests to inner networks would refuse every application on loopback.
      fetch: (url, { dispatcher, ...options }) => fetch(url, options),
      renderError: (context, error) => {
        context.type = 'json';
        context.body = error;
      },
    });
    provider.use((context, next) => this.#withoutPages(provider, context, next));
    provider.use((context, next) => this.#userInfo(context, next));
    return provider;
  }

  /** Answers the sign-in page and the consent page in the person's place. */
  async #withoutPages(provider, context, next) {
    const interaction = context.method === 'GET' && /^\/interaction\/[\w-]+$/.test(context.path);
    if (!interaction || !(this.denies || this.signsIn)) return next();
    context.respond = false;
    const finish = (result) =>
      provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: false });
    if (this.denies) {
      return finish({ error: 'access_denied', error_description: 'the person <b>declined</b>' });
    }
    const { params, grantId } = await provider.interactionDetails(context.req, context.res);
    const known = grantId && (await provider.Grant.find(grantId));
    const grant = known || new provider.Grant({ accountId: this.signsIn, clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? 'openid');
    if (params.resource) grant.addResourceScope(params.resource, 'orders');
    return finish({ login: { accountId: this.signsIn }, consent: { grantId: await grant.save() } });
  }

  async #userInfo(context, next) {
    await next();
    if (context.path === '/me' && context.status === 200) context.body = this.changeUserInfo(context.body);
  }

  /** Its built-in store forgets after 1000 entries, and the clients must follow `register()`. */
  #adapter() {
    const entries = this.#entries;
    const origins = this.#origins;
    const live = (key) => {
      const entry = entries.get(key);
      return entry && (entry.expires === undefined || entry.expires > Date.now()) ? entry.value : undefined;
    };
    return class {
      constructor(model) {
        this.model = model;
      }
      key(id) {
        return `${this.model}:${id}`;
      }
      async upsert(id, value, seconds) {
        entries.set(this.key(id), { value, expires: seconds ? Date.now() + seconds * 1000 : undefined });
      }
      async find(id) {
        return this.model === 'Client' ? client(id, [...origins]) : live(this.key(id));
      }
      async findByUid(uid) {
        for (const key of entries.keys()) {
          if (key.startsWith(`${this.model}:`) && live(key)?.uid === uid) return live(key);
        }
      }
      async consume(id) {
        const value = live(this.key(id));
        if (value) value.consumed = Math.floor(Date.now() / 1000);
      }
      async destroy(id) {
        entries.delete(this.key(id));
      }
      async revokeByGrantId(grantId) {
        for (const [key, { value }] of entries) if (value.grantId === grantId) entries.delete(key);
      }
    };
  }
}

/** The clients, by what sets each apart. */
const CLIENTS = {
  web: { token_endpoint_auth_method: 'client_secret_post' },
  'web-basic': { token_endpoint_auth_method: 'client_secret_basic' },
  'web-es256': { token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' },
  'web-secret-jwt': { token_endpoint_auth_method: 'client_secret_jwt' },
  'web-key': {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'our-key', use: 'sig' }] },
  },
  'web-signed': { token_endpoint_auth_method: 'client_secret_post', userinfo_signed_response_alg: 'RS256' },
  'web-hybrid': {
    // Of others with this response type it wants https.
    application_type: 'native',
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['authorization_code', 'implicit', 'refresh_token'],
    response_types: ['code id_token'],
  },
};

function client(id, origins) {
  if (!Object.hasOwn(CLIENTS, id) || origins.length === 0) return undefined;
  return {
    client_id: id,
    client_secret: SECRET,
    redirect_uris: origins.map((origin) => `${origin}/.auth/login/op/callback`),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...CLIENTS[id],
  };
}

function claimsOf(name) {
  const first = name.charAt(0).toUpperCase() + name.slice(1);
  return {
    sub: name,
    name: `${first} Ünïcode`,
    given_name: first,
    family_name: 'Ünïcode',
    preferred_username: name,
    email: `${name}@example.test`,
    email_verified: true,
    groups: ['staff', 'admins', 'a,b "quoted"'],
  };
}

function newKeys() {
  const key = (alg, type, options) => {
    const { privateKey } = crypto.generateKeyPairSync(type, options);
    const kid = `${alg}-${crypto.randomBytes(4).toString('hex')}`;
    return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  };
  return [key('RS256', 'rsa', { modulusLength: 2048 }), key('ES256', 'ec', { namedCurve: 'P-256' })];
}
