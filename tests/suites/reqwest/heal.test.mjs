// The client layer around reqwest: what is expired is refreshed once, and every body comes through.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const TARGET = process.env.CARGO_TARGET_DIR ?? path.resolve(import.meta.dirname, '../../../target');

test('fifty posts through reqwest are healed by one refresh', async () => {
  const refused = [];
  let refreshes = 0;
  let release;
  const all = new Promise((resolve) => (release = resolve));
  const server = http.createServer(async (request, response) => {
    if (request.url === '/.auth/refresh') {
      refreshes += 1;
      await all;
      return response.end(JSON.stringify({ authenticationToken: 'fresh', user: { userId: 'sid:alice' } }));
    }
    const body = Buffer.concat(await request.toArray());
    if (request.headers['x-zumo-auth'] === 'fresh') return response.end(body);
    if (refused.push(body.toString()) === 50) release();
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${request.headers.host}"` });
    return response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const origin = `http://127.0.0.1:${server.address().port}`;
    await promisify(execFile)(path.join(TARGET, 'debug/reqwest-client'), [origin], { timeout: 60_000 });
    assert.equal(refreshes, 1);
    assert.deepEqual(new Set(refused), new Set(Array.from({ length: 50 }, (_, number) => `body ${number}`)));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
