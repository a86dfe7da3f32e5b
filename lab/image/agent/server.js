'use strict';

// A crash must be seen: log it, leave, and let systemd start the service anew.
process.on('uncaughtException', (error) => {
  console.error('[FATAL] Uncaught Exception:', error);
  process.exit(1);
});

process.on('unhandledRejection', (reason, promise) => {
  console.error('[FATAL] Unhandled Rejection at:', promise, 'reason:', reason);
  process.exit(1);
});

const http = require('node:http');

const { loadEnvironment } = require('./environment');

loadEnvironment();

const browser = require('./browser');
const credentials = require('./credentials');
const database = require('./database');
const { HttpError, readJson, requireSessionId, sendJson } = require('./http');
const logins = require('./logins');
const { isProvider } = require('./providers');
const { SessionTable } = require('./sessions');

const PORT = Number(process.env.PORT || 8080);
const DATABASE_TIMEOUT_MS = 5000;

const sessions = new SessionTable();

/** Give up waiting for `promise` after `timeoutMs`; the timer never outlives the answer. */
async function withTimeout(promise, timeoutMs = DATABASE_TIMEOUT_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('Operation timed out')), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Note a session's progress in the database. A database that fails or never answers costs a log line and at most
 * the timeout: the controller also reads the URL from here, so a login need not die with the database.
 */
async function recordSession(sessionId, fields) {
  try {
    await withTimeout(database.updateSession(sessionId, fields, DATABASE_TIMEOUT_MS));
  } catch (error) {
    console.error(`[DB] update of session ${sessionId} failed: ${error.message}`);
  }
}

function health(_request, response) {
  sendJson(response, 200, {
    status: 'ok',
    timestamp: new Date().toISOString(),
    activeSessions: sessions.size,
  });
}

async function startLogin(request, response, _query, provider) {
  if (!isProvider(provider)) {
    throw new HttpError(404, `Unknown provider: ${provider}`);
  }
  const body = await readJson(request);
  const sessionId = requireSessionId(body.sessionId);
  const login = await logins.start(provider);
  sessions.put(sessionId, login);
  console.log(`[AUTH] ${provider} login started for session ${sessionId}`);
  login.watch(() => {
    console.log(`[AUTH] ${provider} login of session ${sessionId} ${login.error ? `failed: ${login.error}` : 'completed'}`);
  });
  showPage(login.oauthUrl);
  await recordSession(sessionId, { auth_url: login.oauthUrl, status: 'awaiting_user_auth' });
  sendJson(response, 200, { success: true, oauthUrl: login.oauthUrl });
}

/** The user goes on in the VM's browser. The login stands without it: the URL is in the answer, too. */
async function showPage(url) {
  try {
    await browser.openOnceThere(url);
  } catch (error) {
    console.error(`[AUTH] the login page is not shown: ${error.message}`);
  }
}

function oauthUrl(_request, response, query) {
  const login = sessions.require(requireSessionId(query.get('sessionId')));
  sendJson(response, 200, { success: true, oauthUrl: login.oauthUrl });
}

function authCallback(request, response) {
  return credentials.forwardCallback(request, response);
}

async function credentialsStatus(_request, response, query) {
  const login = sessions.require(requireSessionId(query.get('sessionId')));
  const authenticated = login.completed && (await credentials.read(login.provider)) !== null;
  sendJson(response, 200, login.error ? { authenticated, error: login.error } : { authenticated });
}

async function credentialsGet(_request, response, query) {
  const login = sessions.require(requireSessionId(query.get('sessionId')));
  const found = login.completed ? await credentials.read(login.provider) : null;
  if (found === null) {
    throw new HttpError(404, 'No credentials yet: the login is not complete');
  }
  sendJson(response, 200, { success: true, provider: login.provider, credentials: found });
}

async function openUrl(request, response) {
  const body = await readJson(request);
  await browser.open(body.url);
  sendJson(response, 200, { success: true });
}

/** Method and path, exact first; `/auth/<provider>` is the one with a variable part. */
const routes = {
  'GET /health': health,
  'GET /oauth-url': oauthUrl,
  'GET /auth/callback': authCallback,
  'GET /credentials/status': credentialsStatus,
  'GET /credentials/get': credentialsGet,
  'POST /open-url': openUrl,
};

async function route(request, response) {
  // The query is read apart, so that a path such as "//x" cannot be taken for a host.
  const [path, search = ''] = request.url.split(/\?(.*)/s);
  const query = new URLSearchParams(search);
  const exact = routes[`${request.method} ${path}`];
  if (exact) {
    return exact(request, response, query);
  }
  const login = request.method === 'POST' && /^\/auth\/([A-Za-z0-9_-]+)$/.exec(path);
  if (login) {
    return startLogin(request, response, query, login[1]);
  }
  throw new HttpError(404, `Not found: ${request.method} ${path}`);
}

async function answer(request, response) {
  try {
    await route(request, response);
  } catch (error) {
    if (!(error instanceof HttpError)) {
      // Without the query: a redirect's holds the code.
      console.error(`[REQUEST-ERROR] ${request.method} ${request.url.split('?')[0]}:`, error);
    }
    const status = error instanceof HttpError ? error.status : 500;
    const message = error instanceof HttpError ? error.message : 'Internal error';
    sendJson(response, status, { success: false, error: message });
  }
}

const server = http.createServer(answer);
server.headersTimeout = 20000;
server.requestTimeout = 30000;
server.keepAliveTimeout = 5000;

server.on('error', (error) => {
  console.error('[SERVER-ERROR] Failed to start server:', error);
  process.exit(1);
});

server.listen(PORT, '0.0.0.0', () => {
  console.log(`[SERVER] Browser VM auth service listening on port ${server.address().port}`);
});
