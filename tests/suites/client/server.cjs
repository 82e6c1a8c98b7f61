// An application of the Azure Mobile Apps server SDK off App Service: it signs people in by a stub of
// its own. Of environment variables: PORT, SECRET, and LIFETIME, in seconds, of its tokens.
const express = require('express');
const mobileApps = require('azure-mobile-apps');

const lifetime = Number(process.env.LIFETIME ?? 3600);
const mobileApp = mobileApps({
  data: { provider: 'memory' },
  logging: { level: 'error' },
  skipVersionCheck: true,
  auth: { secret: process.env.SECRET },
  authStubClaims: () => ({
    sub: 'sid:00000000000000000000000000000000',
    idp: 'facebook',
    exp: Math.floor(Date.now() / 1000) + lifetime,
  }),
});
mobileApp.api.add('who', {
  authorize: true,
  get: (request, response) => response.json({ id: request.azureMobile.user.id }),
});
const asked = {};
const server = express()
  .get('/asked', (_, response) => response.json(asked))
  .use((request, _, next) => {
    asked[request.path] = (asked[request.path] ?? 0) + 1;
    next();
  })
  .use(mobileApp)
  .listen(Number(process.env.PORT ?? 0), '127.0.0.1', () =>
    console.log(`listening on http://127.0.0.1:${server.address().port}`),
  );
