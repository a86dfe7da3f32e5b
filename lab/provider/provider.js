// What the provider knows: its clients, its user, and how it signs.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { Provider } from 'oidc-provider';

import { errorPage, send } from './pages.js';

const CLIENTS = ['codex', 'claude_code', 'gemini_cli'];
const SCOPES = [
  ...['openid', 'offline_access', 'profile', 'email'],
  ...['org:create_api_key', 'user:profile', 'user:inference'],
  'https://www.googleapis.com/auth/cloud-platform',
];

/** A command-line tool: it can keep no secret, and listens on loopback for its redirect. */
function client(id) {
  return {
    client_id: id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['http://localhost:1455/auth/callback'],
  };
}

/** A signing key of this run alone, as all of the provider's state is. */
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomBytes(8).toString('hex') };
}

function account(user) {
  const claims = { sub: user.name, name: 'Acceptance Test', email: user.name, email_verified: true };
  return { accountId: user.name, claims: () => claims };
}

export async function openProvider(issuer, user) {
  const provider = new Provider(issuer, {
    clients: CLIENTS.map(client),
    scopes: SCOPES,
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    findAccount: (_context, id) => (id === user.name ? account(user) : undefined),
    pkce: { required: () => true },
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    routes: { authorization: '/oauth/authorize', token: '/oauth/token', jwks: '/.well-known/jwks.json' },
    issueRefreshToken: (_context, { grantTypes }) => grantTypes.includes('refresh_token'),
    expiresWithSession: () => false,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 86400,
      IdToken: 3600,
      Interaction: 900,
      RefreshToken: 86400,
      Session: 900,
    },
    renderError: (context, out) => {
      send(context.res, context.status, errorPage(out.error_description || out.error));
      context.respond = false;
    },
  });
  provider.on('server_error', (_context, error) => console.error('[PROVIDER] server error:', error));
  provider.on('authorization.error', (_context, error) => console.log(`[PROVIDER] refused: ${error.message}`));
  provider.on('grant.error', (_context, error) => console.log(`[PROVIDER] no tokens: ${error.message}`));
  provider.on('grant.success', (context) => console.log(`[PROVIDER] tokens for ${context.oidc.client.clientId}`));
  return provider;
}
