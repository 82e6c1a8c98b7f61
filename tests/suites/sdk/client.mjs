// The Azure Mobile Apps client SDK (npm `azure-mobile-apps-client`), in Node and bundled for browsers.
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const require = createRequire(import.meta.url);
require('./xhr.cjs');
const { MobileServiceClient } = require('azure-mobile-apps-client');

export function newClient(origin) {
  return new MobileServiceClient(origin);
}

/** What the SDK calls back with: its promises are its own. Refusals are `{status, message}`. */
export function outcome(promise) {
  return new Promise((resolve) => {
    promise.then(
      (value) => resolve({ value }),
      (error) => resolve({ status: error.request?.status, message: error.message ?? error }),
    );
  });
}

/** The same, where it has to go well. */
export async function done(promise) {
  const { value, ...refusal } = await outcome(promise);
  if ('message' in refusal) throw new Error(`refused: ${JSON.stringify(refusal)}`);
  return value;
}

/** The SDK as one script, which puts it into `window.WindowsAzure`. */
export async function bundle() {
  const browserify = require('browserify');
  const entry = Readable.from(["window.WindowsAzure = require('azure-mobile-apps-client');"]);
  const script = browserify(entry, { basedir: import.meta.dirname });
  return new Promise((resolve, reject) => {
    script.bundle((error, text) => (error ? reject(error) : resolve(Buffer.from(text).toString())));
  });
}

/** What a session token says; who may read it decides the signature, not this. */
export function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}
