'use strict';

// Reading requests and writing answers: JSON both ways, bounded, and never two answers to one request.

const BODY_LIMIT = 64 * 1024;

/** An answer other than 200, thrown from wherever it is found out. */
class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function sendJson(response, status, body) {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  // What is left of a refused body must not be taken for the next request.
  if (!response.req.complete) {
    headers.Connection = 'close';
  }
  response.writeHead(status, headers);
  response.end(text);
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > BODY_LIMIT) {
      throw new HttpError(413, `Body over ${BODY_LIMIT} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The request's body, which must be a JSON object. */
async function readJson(request) {
  const text = await readBody(request);
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new HttpError(400, 'Body is not valid JSON');
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new HttpError(400, 'Body must be a JSON object');
  }
  return body;
}

function requireSessionId(value) {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(value)) {
    throw new HttpError(400, 'sessionId is required: 1 to 128 letters, digits, "-" or "_"');
  }
  return value;
}

module.exports = { HttpError, readJson, requireSessionId, sendJson };
