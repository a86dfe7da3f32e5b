'use strict';

// The login tool (login.js) completes a login: it listens on loopback for the redirect and writes a credential file.
// This service hands the redirect on, and says what the file says; never more.

const fs = require('node:fs/promises');
const http = require('node:http');
const path = require('node:path');

const { HttpError } = require('./http');
const { callbackPort, credentialFile } = require('./providers');

const CALLBACK_TIMEOUT_MS = 40000;

/** The credentials a completed login left, or null while there are none. */
async function read(provider) {
  try {
    return JSON.parse(await fs.readFile(credentialFile(provider), 'utf8'));
  } catch (error) {
    // Not there yet, or still being written.
    if (error.code === 'ENOENT' || error instanceof SyntaxError) {
      return null;
    }
    throw error;
  }
}

/** Leave the credentials where the provider's tool keeps them: whole or not at all, and for the user alone. */
async function write(provider, found) {
  const file = credentialFile(provider);
  const fresh = `${file}.${process.pid}.new`;
  await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await fs.writeFile(fresh, `${JSON.stringify(found, null, 2)}\n`, { mode: 0o600 });
  await fs.rename(fresh, file);
}

/** Hand the provider's redirect to the tool's listener, and its answer back. */
function forwardCallback(request, response) {
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port: callbackPort(), path: request.url, timeout: CALLBACK_TIMEOUT_MS };
    const forward = http.get(target, (reply) => {
      response.writeHead(reply.statusCode, reply.headers);
      reply.pipe(response);
      reply.on('error', reject);
      response.on('close', resolve);
    });
    forward.on('timeout', () => forward.destroy(new HttpError(504, 'The login tool did not answer the callback')));
    forward.on('error', (error) => {
      reject(error instanceof HttpError ? error : new HttpError(502, `No login waits for a callback (${error.code})`));
    });
  });
}

module.exports = { forwardCallback, read, write };
