// An OpenID provider of others' make (npm `oauth2-mock-server`) that answers in the shapes of a vendor,
// and one `echo` that takes it for that vendor.
import { after } from 'node:test';
import { Events, OAuth2Server } from 'oauth2-mock-server';
import { startEcho, temporaryFolder } from '../parts/app.mjs';

const SECRET = 'a-secret-of-the-client-0123456789abcdef';

const started = [];
after(() => Promise.allSettled(started.map((part) => part.stop())));

/**
 * Starts both. `claims` are those of every ID token, `answer` those of the token endpoint beside its own,
 * `path` is the issuer's, and `configure(issuer)` gives `{providers, ours}` of the `auth.json`.
 */
export async function bed({ name, path = '', configure, ...shape }) {
  const vendor = await Vendor.start(path, shape);
  started.push(vendor);
  const { providers, ours = {} } = configure(vendor.url + path);
  const config = {
    globalValidation: { unauthenticatedClientAction: 'RedirectToLoginPage', redirectToProvider: name },
    identityProviders: providers,
    easyauth: { stateDirectory: temporaryFolder(), providers: ours },
  };
  const app = await startEcho(config, { env: { VENDOR_SECRET: SECRET } });
  started.push(app);
  return { vendor, app };
}

export const registration = { clientId: 'web', clientSecretSettingName: 'VENDOR_SECRET' };

class Vendor {
  claims = {};
  answer = {};
  userinfo = {};
  metadata = {};
  /** Without the name of its key in their header. */
  nameless = false;

  static async start(path, shape) {
    const vendor = Object.assign(new Vendor(), shape);
    const endpoints = { wellKnownDocument: `${path.replace(/\/$/, '')}/.well-known/openid-configuration` };
    vendor.server = new OAuth2Server(undefined, undefined, { endpoints });
    await vendor.server.issuer.keys.generate('RS256');
    await vendor.server.start(0, '127.0.0.1');
    vendor.url = `http://127.0.0.1:${vendor.server.address().port}`;
    vendor.server.issuer.url = vendor.url + path;
    vendor.#listen(vendor.server.service);
    return vendor;
  }

  stop() {
    return this.server.stop();
  }

  #listen(service) {
    service.on(Events.BeforeWellKnownOpenIdConfiguration, ({ body }) => {
      for (const [name, value] of Object.entries(body)) {
        // It puts its endpoints below the issuer, and serves them at the root.
        if (/(_endpoint|_uri)$/.test(name)) body[name] = this.url + new URL(value).pathname.replace(/^.*\//, '/');
      }
      Object.assign(body, this.#of(this.metadata));
    });
    service.on(Events.BeforeTokenSigning, ({ header, payload }) => {
      const accessToken = payload.aud === undefined;
      if (accessToken) return;
      Object.assign(payload, this.#of(this.claims));
      if (this.nameless) delete header.kid;
    });
    service.on(Events.BeforeResponse, ({ body }) => Object.assign(body, this.#of(this.answer)));
    service.on(Events.BeforeUserinfo, ({ body }) => Object.assign(body, this.#of(this.userinfo)));
  }

  /** What is a function is asked, with the address of the server. */
  #of(shape) {
    return typeof shape === 'function' ? shape(this.url) : shape;
  }
}
