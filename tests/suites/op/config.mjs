// An `auth.json` as Azure writes it, for one client of the provider.
import { PRIVATE_KEY, SECRET } from './provider.mjs';
import { temporaryFolder } from '../parts/app.mjs';

/** The environment settings that the configurations name. */
export const SETTINGS = { OP_SECRET: SECRET, OP_KEY: PRIVATE_KEY };

/** Redirects strangers to the provider `op`; `/public/*` is open. `change(config)` edits it. */
export function authJson(provider, change = () => {}) {
  const config = {
    platform: { enabled: true },
    globalValidation: {
      requireAuthentication: true,
      unauthenticatedClientAction: 'RedirectToLoginPage',
      redirectToProvider: 'op',
      excludedPaths: ['/public/*'],
    },
    identityProviders: {
      customOpenIdConnectProviders: {
        op: {
          registration: {
            clientId: 'web',
            clientCredential: { method: 'ClientSecretPost', clientSecretSettingName: 'OP_SECRET' },
            openIdConnectConfiguration: {
              wellKnownOpenIdConfiguration: `${provider.issuer}/.well-known/openid-configuration`,
            },
          },
          login: { nameClaimType: 'email', scopes: ['openid', 'profile', 'email', 'offline_access'] },
        },
      },
    },
    login: { tokenStore: { enabled: true } },
    easyauth: { stateDirectory: temporaryFolder() },
  };
  change(config, config.identityProviders.customOpenIdConnectProviders.op);
  return config;
}

/** The same with a provider that answers in a form that posts itself. */
export function formPostJson(provider, change = () => {}) {
  return authJson(provider, (config, op) => {
    config.easyauth.providers = { op: { responseMode: 'form_post' } };
    change(config, op);
  });
}
