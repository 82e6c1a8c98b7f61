// An `auth.json` as Azure writes it, for one client of the provider.
import { SECRET } from './provider.mjs';
import { temporaryFolder } from '../parts/app.mjs';

/** The environment settings that the configurations name. */
export const SETTINGS = { OP_SECRET: SECRET };

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

/** The same with the provider in Entra ID's place: it answers in a form that posts itself. */
export function entraJson(provider, change = () => {}) {
  return authJson(provider, (config) => {
    config.globalValidation.redirectToProvider = 'azureactivedirectory';
    config.identityProviders = {
      azureActiveDirectory: {
        enabled: true,
        registration: { openIdIssuer: provider.issuer, clientId: 'web-hybrid', clientSecretSettingName: 'OP_SECRET' },
      },
    };
    change(config);
  });
}
