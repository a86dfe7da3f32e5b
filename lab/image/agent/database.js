'use strict';

// The session's row in Supabase, by its REST interface.
//
// Each call is a process of its own. TLS keys come from OpenSSL's generator, whose state lies in the memory that all
// clones of a snapshot share: a connection opened from the long-lived service would have the same secrets in every
// clone. A fresh process seeds itself afresh.

const { execFile } = require('node:child_process');

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
  await inOwnProcess({ sessionId, fields, timeoutMs });
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

async function patchRow({ sessionId, fields, timeoutMs }) {
  const url = new URL('/rest/v1/auth_sessions', process.env.SUPABASE_URL);
  url.searchParams.set('session_id', `eq.${sessionId}`);
  const key = process.env.SUPABASE_SERVICE_KEY;
  const reply = await fetch(url, {
    method: 'PATCH',
    headers: {
      apikey: key,
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Prefer: 'return=minimal',
    },
    body: JSON.stringify(fields),
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!reply.ok) {
    throw new Error(`status ${reply.status}: ${(await reply.text()).slice(0, 300)}`);
  }
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
    const timedOut = error.name === 'TimeoutError';
    console.error(timedOut ? 'Operation timed out' : [error.message, error.cause?.code].filter(Boolean).join(': '));
    process.exit(1);
  }
}

if (require.main === module) {
  main();
}

module.exports = { updateSession };
