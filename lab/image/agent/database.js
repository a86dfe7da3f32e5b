'use strict';

// The session's row in Supabase, by its REST interface.
//
// A call over TLS is a process of its own. Its keys come from OpenSSL's generator, whose state lies in the memory that
// all clones of a snapshot share: a connection opened from the long-lived service would have the same secrets in every
// clone. A fresh process seeds itself afresh. Without TLS there are no secrets, and no process.

const { execFile } = require('node:child_process');
const http = require('node:http');

let toldUnset = false;

/** Update columns of the row of `sessionId`; without a configured database, say so once and do without. */
async function updateSession(sessionId, fields, timeoutMs) {
  if (!process.env.SUPABASE_URL || !process.env.SUPABASE_SERVICE_KEY) {
    if (!toldUnset) {
      toldUnset = true;
      console.log('[DB] SUPABASE_URL or SUPABASE_SERVICE_KEY is not set: working without a database');
    }
    return;
  }
  const call = { sessionId, fields, timeoutMs };
  await (process.env.SUPABASE_URL.startsWith('https:') ? inOwnProcess(call) : patchRow(call));
}

function inOwnProcess(call) {
  return new Promise((resolve, reject) => {
    const limits = { timeout: call.timeoutMs + 500, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 };
    const child = execFile(process.execPath, [__filename], limits, (error, _stdout, stderr) => {
      if (error) {
        reject(new Error(error.killed ? 'Operation timed out' : stderr.trim() || error.message));
      } else {
        resolve();
      }
    });
    // A child that could not start, or died, is told above.
    child.stdin.on('error', () => {});
    child.stdin.end(JSON.stringify(call));
  });
}

function patchRow({ sessionId, fields, timeoutMs }) {
  const url = new URL('/rest/v1/auth_sessions', process.env.SUPABASE_URL);
  url.searchParams.set('session_id', `eq.${sessionId}`);
  const key = process.env.SUPABASE_SERVICE_KEY;
  const body = JSON.stringify(fields);
  const options = {
    method: 'PATCH',
    headers: {
      apikey: key,
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Prefer: 'return=minimal',
    },
    signal: AbortSignal.timeout(timeoutMs),
  };
  // Loaded where it is used: OpenSSL takes a service without TLS a third of its start.
  const { request } = url.protocol === 'https:' ? require('node:https') : http;
  return new Promise((resolve, reject) => {
    request(url, options, (reply) => answered(reply).then(resolve, reject))
      .on('error', (error) => reject(timedOut(error) ? new Error('Operation timed out') : error))
      .end(body);
  });
}

async function answered(reply) {
  let text = '';
  for await (const chunk of reply.setEncoding('utf8')) {
    text += chunk;
  }
  if (reply.statusCode < 200 || reply.statusCode > 299) {
    throw new Error(`status ${reply.statusCode}: ${text.slice(0, 300)}`);
  }
}

function timedOut(error) {
  return error.name === 'TimeoutError' || error.cause?.name === 'TimeoutError';
}

async function main() {
  let text = '';
  for await (const chunk of process.stdin) {
    text += chunk;
  }
  try {
    await patchRow(JSON.parse(text));
    process.exit(0);
  } catch (error) {
    console.error(error.message || error.code);
    process.exit(1);
  }
}

if (require.main === module) {
  main();
}

module.exports = { updateSession };
