// As much of a browser as `azure-mobile-apps-client` wants in Node: XMLHttpRequest over `fetch`, which
// follows no redirect, and `window`. Loaded before the SDK.
class Request {
  readyState = 0;
  status = 0;
  statusText = '';
  responseText = '';
  withCredentials = false;
  #headers = {};

  open(method, url) {
    Object.assign(this, { method, url, readyState: 1 });
  }

  setRequestHeader(name, value) {
    if (value != null) this.#headers[name] = String(value);
  }

  getResponseHeader(name) {
    return this.response?.headers.get(name) ?? null;
  }

  getAllResponseHeaders() {
    return [...(this.response?.headers ?? [])].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  send(body) {
    fetch(this.url, { method: this.method, headers: this.#headers, body: body ?? undefined, redirect: 'manual' })
      .then(async (response) => {
        const { status, statusText } = response;
        Object.assign(this, { response, status, statusText, responseText: await response.text() });
      })
      .catch(() => {})
      .then(() => {
        this.readyState = 4;
        this.onreadystatechange?.();
      });
  }
}

globalThis.XMLHttpRequest = Request;
globalThis.window ??= globalThis;
