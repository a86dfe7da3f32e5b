'use strict';

// What differs between the providers, none of whose addresses is ever asked for: a login must get its URL even where the
// provider cannot be reached. Settings: <PROVIDER>_ISSUER (its endpoints then lie under it as codex's do),
// <PROVIDER>_AUTHORIZE_URL, <PROVIDER>_TOKEN_URL, <PROVIDER>_JWKS_URL, <PROVIDER>_CLIENT_ID, <PROVIDER>_SCOPE.

const os = require('node:os');
const path = require('node:path');

const providers = {
  codex: {
    issuer: 'https://auth.openai.com',
    scope: 'openid profile email offline_access',
    credentialFile: '.codex/auth.json',
  },
  claude_code: {
    issuer: 'https://claude.ai',
    tokenUrl: 'https://console.anthropic.com/v1/oauth/token',
    scope: 'org:create_api_key user:profile user:inference',
    credentialFile: '.claude/.credentials.json',
  },
  gemini_cli: {
    issuer: 'https://accounts.google.com',
    authorizeUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    jwksUrl: 'https://www.googleapis.com/oauth2/v3/certs',
    scope: 'openid email https://www.googleapis.com/auth/cloud-platform',
    credentialFile: '.gemini/oauth_creds.json',
  },
};

function isProvider(name) {
  return Object.hasOwn(providers, name);
}

/** All that a login with the provider needs to know. */
function provider(name) {
  const setting = (key) => process.env[`${name.toUpperCase()}_${key}`];
  const known = setting('ISSUER') ? { ...providers[name], ...under(setting('ISSUER')) } : providers[name];
  const usual = under(known.issuer);
  return {
    issuer: known.issuer,
    authorizeUrl: setting('AUTHORIZE_URL') || known.authorizeUrl || usual.authorizeUrl,
    tokenUrl: setting('TOKEN_URL') || known.tokenUrl || usual.tokenUrl,
    jwksUrl: setting('JWKS_URL') || known.jwksUrl || usual.jwksUrl,
    clientId: setting('CLIENT_ID') || name,
    scope: setting('SCOPE') || known.scope,
  };
}

function under(issuer) {
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    authorizeUrl: `${base}/oauth/authorize`,
    tokenUrl: `${base}/oauth/token`,
    jwksUrl: `${base}/.well-known/jwks.json`,
  };
}

/** Where the login tool listens for the provider's redirect: the address is registered with the provider. */
function callbackPort() {
  return Number(process.env.CLI_CALLBACK_PORT || 1455);
}

/** Where the provider's command-line tool keeps what a completed login gave it. */
function credentialFile(name) {
  return path.join(os.homedir(), providers[name].credentialFile);
}

module.exports = { callbackPort, credentialFile, isProvider, provider };
