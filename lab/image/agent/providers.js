'use strict';

// What differs between the providers. Endpoints and client ids are settings: <PROVIDER>_AUTHORIZE_URL,
// <PROVIDER>_CLIENT_ID. The redirect goes to the login tool's own listener, see credentials.js.

const crypto = require('node:crypto');
const os = require('node:os');
const path = require('node:path');

const { randomToken } = require('./random');

const providers = {
  codex: {
    authorizeUrl: 'https://auth.openai.com/oauth/authorize',
    scope: 'openid profile email offline_access',
    credentialFile: '.codex/auth.json',
  },
  claude_code: {
    authorizeUrl: 'https://claude.ai/oauth/authorize',
    scope: 'org:create_api_key user:profile user:inference',
    credentialFile: '.claude/.credentials.json',
  },
  gemini_cli: {
    authorizeUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    scope: 'openid email https://www.googleapis.com/auth/cloud-platform',
    credentialFile: '.gemini/oauth_creds.json',
  },
};

function isProvider(name) {
  return Object.hasOwn(providers, name);
}

function setting(name, key, fallback) {
  return process.env[`${name.toUpperCase()}_${key}`] || fallback;
}

/** Where the provider's command-line tool keeps what a completed login gave it. */
function credentialFile(name) {
  return path.join(os.homedir(), providers[name].credentialFile);
}

/** A fresh authorization request (PKCE, S256): its URL, and what is needed to complete it. */
function authorization(name) {
  const state = randomToken(32);
  const verifier = randomToken(48);
  const url = new URL(setting(name, 'AUTHORIZE_URL', providers[name].authorizeUrl));
  const port = process.env.CLI_CALLBACK_PORT || '1455';
  const parameters = {
    response_type: 'code',
    client_id: setting(name, 'CLIENT_ID', 'vm-browser-agent'),
    redirect_uri: `http://localhost:${port}/auth/callback`,
    scope: providers[name].scope,
    state,
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  for (const [key, value] of Object.entries(parameters)) {
    url.searchParams.set(key, value);
  }
  return { oauthUrl: url.toString(), state, verifier };
}

module.exports = { authorization, credentialFile, isProvider };
