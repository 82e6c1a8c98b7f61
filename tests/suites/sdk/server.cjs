// An application of the Azure Mobile Apps server SDK, configured as on App Service: by WEBSITE_HOSTNAME
// and WEBSITE_AUTH_SIGNING_KEY. Its API `who` tells who asks.
const express = require('express');
const mobileApps = require('azure-mobile-apps');

const mobileApp = mobileApps({ data: { provider: 'memory' }, logging: { level: 'error' }, skipVersionCheck: true });
mobileApp.api.add('who', {
  authorize: true,
  get: async (request, response) => {
    const { user } = request.azureMobile;
    response.json({ id: user.id, identity: await user.getIdentity(request.query.provider) });
  },
});
const server = express()
  .use(mobileApp)
  .listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
