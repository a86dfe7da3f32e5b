'use strict';

// The VM's Chromium, told by its debugging port (loopback only) to show a page.

const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

const { HttpError } = require('./http');

// A browser that draws a page under emulation takes its time to hear.
const TIMEOUT_MS = 20000;
// A VM that has just been booted has its agent before it has its browser.
const PATIENCE_MS = 300000;
const RETRY_MS = 1000;
const URL_LIMIT = 8192;

function requireWebUrl(value) {
  let url;
  try {
    url = new URL(value);
  } catch {
    throw new HttpError(400, 'url is required: an absolute http or https URL');
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.href.length > URL_LIMIT) {
    throw new HttpError(400, `url must be http or https, and at most ${URL_LIMIT} characters`);
  }
  return url.href;
}

/** Show `value` in the browser, in a tab of its own that comes to the front. */
function open(value) {
  const url = requireWebUrl(value);
  const port = Number(process.env.BROWSER_DEBUG_PORT || 9222);
  return new Promise((resolve, reject) => {
    const path = `/json/new?${encodeURIComponent(url)}`;
    const request = http.request({ method: 'PUT', host: '127.0.0.1', port, path, timeout: TIMEOUT_MS }, (reply) => {
      reply.resume();
      reply.on('end', () => {
        if (reply.statusCode === 200) {
          resolve();
        } else {
          reject(new HttpError(502, `The browser refused (${reply.statusCode})`));
        }
      });
    });
    request.on('timeout', () => request.destroy(new HttpError(504, 'The browser did not answer')));
    request.on('error', (error) => {
      const told = new HttpError(502, `The browser cannot be reached (${error.code})`);
      reject(error instanceof HttpError ? error : Object.assign(told, { code: error.code }));
    });
    request.end();
  });
}

/** The same, as soon as there is a browser. */
async function openOnceThere(value) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await open(value);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || performance.now() > deadline) {
        throw error;
      }
    }
    await sleep(RETRY_MS);
  }
}

module.exports = { open, openOnceThere };
