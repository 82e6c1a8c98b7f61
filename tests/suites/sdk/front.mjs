// A reverse proxy that ends TLS in front of the application, as App Service's front end does: some
// pages of its own, and the CORS headers that the platform adds for a page of another origin.
import http from 'node:http';
import https from 'node:https';

/**
 * Starts on a free port of 127.0.0.1. `target()` is where the application listens, `pages` are answered
 * here (`{path: {type, body}}`), and `allowed()` is the origin whose scripts may read the answers.
 */
export async function startFront(certificate, { target = () => undefined, pages = {}, allowed = () => undefined } = {}) {
  const server = https.createServer(certificate, (request, response) => {
    const page = pages[new URL(request.url, 'https://front').pathname];
    if (page) {
      response.writeHead(200, { 'content-type': page.type });
      return response.end(page.body);
    }
    if (!target()) return response.writeHead(404).end();
    const [host, port] = target().split(':');
    const { method, url: path, headers } = request;
    const onward = http.request({ host, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, withCors(answer.headers, request, allowed()));
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin: `https://127.0.0.1:${server.address().port}`, stop };
}

// Statuses are passed on as they are: a preflight that was refused stays refused.
function withCors(headers, request, allowed) {
  if (!allowed || request.headers.origin !== allowed) return headers;
  return {
    ...headers,
    'access-control-allow-origin': allowed,
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '',
  };
}
