'use strict';

// The provider's own command-line tool completes a login: it listens on loopback for the redirect and writes a
// credential file. This service hands the redirect on, and says what the file says; never more.

const fs = require('node:fs/promises');
const http = require('node:http');

const { HttpError } = require('./http');
const { credentialFile } = require('./providers');

const CALLBACK_TIMEOUT_MS = 10000;

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

/** Hand the provider's redirect to the tool's listener, and its answer back. */
function forwardCallback(request, response) {
  const port = Number(process.env.CLI_CALLBACK_PORT || 1455);
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port, path: request.url, timeout: CALLBACK_TIMEOUT_MS };
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

module.exports = { forwardCallback, read };
