'use strict';

// The command-line login: `node login.js <provider>`.
//
// It prints the address to open, waits on loopback for the provider's redirect, and leaves a credential file. It ends
// with status 0 when that is written, else with status 1 and the reason as its last line on stderr.
//
// openid-client judges what comes back. It is loaded only then: it takes an emulated guest as long as Node's own start,
// and somebody waits for the address.
//
// Each login is a process of its own. One that lives on in every clone of a snapshot takes the state of its generators
// (OpenSSL's, V8's) along, and any two clones would draw the same "random" state, nonce and verifier. A fresh process
// seeds itself from the kernel, which clone-guard has reseeded before anything in a clone runs.

const crypto = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');

const credentials = require('./credentials');
const { resultPage } = require('./page');
const { callbackPort, isProvider, provider } = require('./providers');

const PATIENCE_MS = 15 * 60 * 1000;
const REQUEST_TIMEOUT_MS = 15000;
const CLOCK_TOLERANCE_S = 10;

function secret() {
  return crypto.randomBytes(32).toString('base64url');
}

/** One authorization request (code with PKCE, S256), and what its answer must fit. */
class Authorization {
  #provider;
  #checks = { response_type: 'code', state: secret(), code_verifier: secret() };
  #redirectUri = `http://localhost:${callbackPort()}/auth/callback`;

  constructor(settings) {
    this.#provider = settings;
    if (this.#identifies) {
      this.#checks.nonce = secret();
    }
  }

  /** Whether the provider says who has logged in, by an id token. */
  get #identifies() {
    return this.#provider.scope.split(' ').includes('openid');
  }

  get url() {
    const { authorizeUrl, clientId, scope } = this.#provider;
    const { state, nonce, code_verifier: verifier } = this.#checks;
    const url = new URL(authorizeUrl);
    const parameters = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: this.#redirectUri,
      scope,
      state,
      code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...(nonce && { nonce }),
    };
    for (const [key, value] of Object.entries(parameters)) {
      url.searchParams.set(key, value);
    }
    return url.href;
  }

  /** The tokens for the code in the redirect; throws where anything about it is not right. */
  complete(request) {
    const client = this.#client();
    const parameters = client.callbackParams(request);
    return this.#identifies
      ? client.callback(this.#redirectUri, parameters, this.#checks)
      : client.oauthCallback(this.#redirectUri, parameters, this.#checks);
  }

  #client() {
    const { custom, Issuer } = require('openid-client');
    custom.setHttpOptionsDefaults({ timeout: REQUEST_TIMEOUT_MS });
    const { issuer, authorizeUrl, tokenUrl, jwksUrl, clientId } = this.#provider;
    const { Client } = new Issuer({
      issuer,
      authorization_endpoint: authorizeUrl,
      token_endpoint: tokenUrl,
      jwks_uri: jwksUrl,
    });
    const client = new Client({
      client_id: clientId,
      redirect_uris: [this.#redirectUri],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    });
    client[custom.clock_tolerance] = CLOCK_TOLERANCE_S;
    return client;
  }
}

/** The one redirect that counts, right or wrong; all else that a browser asks for is refused. */
function redirect(server) {
  return new Promise((resolve) => {
    let taken = false;
    server.on('request', (request, response) => {
      const isRedirect = request.method === 'GET' && request.url.split('?')[0] === '/auth/callback';
      if (isRedirect && !taken) {
        taken = true;
        resolve({ request, response });
      } else {
        response.writeHead(isRedirect ? 409 : 404, { Connection: 'close' }).end();
      }
    });
  });
}

/** What went wrong, in one line that holds nothing secret: the library's texts go on with expected and seen values. */
function reason(error) {
  const [said] = (error.message || error.code || String(error)).split(', expected ');
  return said.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300);
}

async function answer(response, failure) {
  response.writeHead(failure ? 400 : 200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  // A browser that goes away, or does not read, must not keep the login from its end.
  await new Promise((resolve) => {
    response.once('finish', resolve).once('close', resolve).once('error', resolve).end(resultPage(failure));
  });
}

function end(failure) {
  if (failure) {
    console.error(failure);
  }
  process.exit(failure ? 1 : 0);
}

async function logIn(name) {
  const server = http.createServer();
  const redirected = redirect(server);
  await once(server.listen(callbackPort(), '127.0.0.1'), 'listening');
  const authorization = new Authorization(provider(name));
  console.log(authorization.url);
  const { request, response } = await redirected;
  let failure = '';
  try {
    const tokens = await authorization.complete(request);
    await credentials.write(name, { provider: name, issuer: provider(name).issuer, ...tokens });
  } catch (error) {
    failure = reason(error);
  }
  await answer(response, failure);
  end(failure);
}

function main() {
  const [name = ''] = process.argv.slice(2);
  if (!isProvider(name)) {
    end(`unknown provider: ${name}`);
  }
  // Whoever started this as its child is gone: nobody waits for the login any more.
  process.on('disconnect', () => end('abandoned'));
  setTimeout(() => end(`nobody completed the login within ${PATIENCE_MS / 60000} minutes`), PATIENCE_MS);
  logIn(name).catch((error) => end(reason(error)));
}

main();
