// The lab's OpenID provider: a real one (oidc-provider), with one test user, its state in memory.
//
// PROVIDER_ISSUER is its address, TEST_USER and TEST_USER_PASSWORD are who may log in.

import http from 'node:http';

import { interaction } from './interaction.js';
import { errorPage, send } from './pages.js';
import { openProvider } from './provider.js';

function setting(name) {
  if (!process.env[name]) {
    console.error(`[PROVIDER] ${name} is not set`);
    process.exit(1);
  }
  return process.env[name];
}

const issuer = new URL(setting('PROVIDER_ISSUER'));
const user = { name: setting('TEST_USER'), password: setting('TEST_USER_PASSWORD') };
const provider = await openProvider(issuer.origin, user);
const protocol = provider.callback();

const server = http.createServer(async (request, response) => {
  const [, uid, step = ''] = /^\/interaction\/([\w-]+)(?:\/(\w+))?(?:\?.*)?$/.exec(request.url) ?? [];
  if (!uid) {
    protocol(request, response);
    return;
  }
  try {
    await interaction({ provider, user, step, request, response });
  } catch (error) {
    const status = error.status ?? error.statusCode ?? 500;
    if (status === 500) {
      console.error('[PROVIDER] a page failed:', error);
    }
    send(response, status, errorPage(status === 500 ? 'Internal error' : error.error_description || error.message));
  }
});

server.listen(Number(issuer.port), issuer.hostname, () => {
  console.log(`[PROVIDER] ${issuer.origin} is open`);
});
