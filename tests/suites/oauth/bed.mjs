// django-oauth-toolkit as a child process, and one `echo` that knows it twice: as a plain OAuth 2.0
// server and as an OpenID provider.
import crypto from 'node:crypto';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after } from 'node:test';
import { startEcho, temporaryFolder } from '../parts/app.mjs';
import { request } from '../parts/visitor.mjs';

export const SECRET = 'a-secret-of-the-client-0123456789abcdef';
const PYTHON = path.join(import.meta.dirname, '../../../target/tools/python/bin/python');
const START_TIMEOUT = 60_000;

const started = [];
after(() => Promise.allSettled(started.map((part) => part.stop())));

/** Starts both; they end with the file's tests. `change(config, plain)` edits the configuration. */
export async function bed(change = () => {}) {
  const server = await startServer();
  const config = configuration(server);
  change(config, config.easyauth.providers.django);
  const app = await startEcho(config, { env: { DJANGO_SECRET: SECRET } });
  started.push(app);
  const callbacks = ['django', 'django_openid'].map((name) => app.url(`/.auth/login/${name}/callback`));
  await server.tell(`/test/register?redirect_uris=${encodeURIComponent(callbacks.join(' '))}`);
  return { server, app };
}

async function startServer() {
  const { privateKey } = crypto.generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const env = { PATH: process.env.PATH, CLIENT_SECRET: SECRET, SIGNING_KEY: privateKey };
  const program = path.join(import.meta.dirname, 'server.py');
  const child = spawn(PYTHON, [program, temporaryFolder()], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('close', resolve));
  let output = '';
  const origin = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`the server ${why}:\n${output}`));
    const late = setTimeout(() => fail('did not start'), START_TIMEOUT);
    child.stderr.on('data', (chunk) => (output += chunk));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const ready = /^listening on (\S+)\n/m.exec(output);
      if (!ready) return;
      clearTimeout(late);
      resolve(ready[1]);
    });
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('close', (code) => fail(`ended with ${code}`));
  });
  const server = {
    origin,
    tell: (path) => request(origin + path),
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
  started.push(server);
  return server;
}

function configuration({ origin }) {
  return {
    globalValidation: { unauthenticatedClientAction: 'RedirectToLoginPage', redirectToProvider: 'django' },
    identityProviders: {
      customOpenIdConnectProviders: {
        django_openid: {
          registration: {
            clientId: 'web',
            clientCredential: { clientSecretSettingName: 'DJANGO_SECRET' },
            openIdConnectConfiguration: {
              wellKnownOpenIdConfiguration: `${origin}/o/.well-known/openid-configuration`,
            },
          },
          login: { scopes: ['openid', 'read'] },
        },
      },
    },
    easyauth: {
      stateDirectory: temporaryFolder(),
      providers: {
        django: {
          protocol: 'oauth2',
          registration: { clientId: 'web', clientSecretSettingName: 'DJANGO_SECRET' },
          endpoints: {
            authorization: `${origin}/o/authorize/`,
            token: `${origin}/o/token/`,
            userInfo: `${origin}/api/me`,
          },
          login: { scopes: ['read'] },
          claims: { username: 'urn:django:username' },
        },
      },
    },
  };
}
