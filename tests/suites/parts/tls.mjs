// A throw-away certificate authority, and a TLS door in front of a plain server.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { temporaryFolder } from './app.mjs';

/** `{caFile, certify(ip)}`: a new authority, and certificates (`{cert, key}`) for addresses. */
export function certificateAuthority() {
  const folder = temporaryFolder();
  const file = (name) => path.join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Suite CA', '-keyout', file('ca.key'), '-out', file('ca.pem'));
  const certify = (ip) => {
    const [secret, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((suffix) => file(`${ip}.${suffix}`));
    fs.writeFileSync(extensions, `subjectAltName=IP:${ip}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`);
    openssl('req', '-new', ...key, '-subj', `/CN=${ip}`, '-keyout', secret, '-out', request);
    const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...signer, '-days', '2', '-extfile', extensions, '-out', cert);
    return { cert: fs.readFileSync(cert), key: fs.readFileSync(secret) };
  };
  return { caFile: file('ca.pem'), certify };
}

/**
 * Ends TLS on a free port of 127.0.0.1 and passes the bytes on, unread, to the address in
 * `target()`: what a load balancer does that adds no header.
 */
export async function tlsDoor(certificate, target) {
  const sockets = new Set();
  const server = tls.createServer(certificate, (outer) => {
    const [hostname, port] = target().split(':');
    const inner = net.connect(Number(port), hostname);
    for (const [from, to] of [[outer, inner], [inner, outer]]) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => sockets.delete(from));
      from.pipe(to);
    }
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin: `https://127.0.0.1:${server.address().port}`, stop };
}
