'use strict';

// The control API: the service's health, and sessions.

const express = require('express');
const { rateLimit } = require('express-rate-limit');
const helmet = require('helmet');

const agents = require('./agents');
const log = require('./log');
const rows = require('./rows');
const sessions = require('./sessions');
const settings = require('./settings');
const { page } = require('./page');

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SESSION = '/api/auth/session/:id';

/** An answer other than 200, thrown from wherever it is found out. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** A handler that may reject. */
const route = (handler) => (request, response, next) => {
  handler(request, response).catch(next);
};

function application() {
  const app = express();
  // The window's page loads its viewer from elsewhere.
  app.use(helmet({ contentSecurityPolicy: false }));
  app.use(rateLimit({ windowMs: 60000, limit: settings.requestsPerMinute, message: { error: 'too many requests' } }));
  app.use(express.json({ limit: '64kb' }));
  app.use((request, _response, next) => {
    log.info(`${request.method} ${request.path}`);
    next();
  });
  app.get('/health', route(getHealth));
  app.post('/api/auth/start', route(startSession));
  app.get(SESSION, route(getSession));
  app.post(`${SESSION}/cancel`, route(cancelSession));
  app.get(`${SESSION}/oauth-url`, route(getOauthUrl));
  app.get(`${SESSION}/credentials/status`, route(getCredentialsStatus));
  app.post(`${SESSION}/open-url`, route(openUrl));
  app.get(`${SESSION}/novnc`, route(getWindow));
  app.use((_request, response) => response.status(404).json({ error: 'no such resource' }));
  app.use(failed);
  return app;
}

/** Every error is JSON; what goes wrong inside is logged, never shown. */
function failed(error, request, response, _next) {
  const status = error.status ?? 500;
  if (status >= 500 && !(error instanceof Refusal)) {
    log.error('[API] Request failed', { path: request.path, reason: error.message });
  }
  response.status(status).json({ error: error.expose === false || status === 500 ? 'internal error' : error.message });
}

async function getHealth(_request, response) {
  response.json({ status: 'ok', activeVMs: (await rows.liveVms()).length });
}

async function startSession(request, response) {
  const { userId, provider } = request.body ?? {};
  if (typeof userId !== 'string' || !UUID.test(userId) || typeof provider !== 'string') {
    throw new Refusal(400, 'userId and provider are required');
  }
  if (!settings.providers.includes(provider)) {
    throw new Refusal(400, `unknown provider; one of ${settings.providers.join(', ')}`);
  }
  if (!(await rows.userExists(userId))) {
    throw new Refusal(400, 'unknown userId');
  }
  const origin = `${request.protocol}://${request.get('host')}`;
  try {
    const session = await sessions.start(userId.toLowerCase(), provider, origin);
    const { sessionId, novncURL, browserIP } = session;
    response.json({ success: true, sessionId, provider, novncURL, browserIP });
  } catch (error) {
    response.status(500).json({ error: error.message });
  }
}

async function getSession(request, response) {
  const session = sessions.live.get(request.params.id);
  response.json({ session: session ? sessions.told(session) : await rowOf(request) });
}

async function cancelSession(request, response) {
  const session = sessions.live.get(request.params.id);
  if (session) {
    await sessions.end(session, 'cancelled', null);
  }
  response.json({ success: true });
}

async function getOauthUrl(request, response) {
  await proxied(request, response, (session) => ['GET', `/oauth-url?sessionId=${session.sessionId}`]);
}

async function getCredentialsStatus(request, response) {
  if (!sessions.live.has(request.params.id) && (await rowOf(request)).status === 'completed') {
    response.json({ authenticated: true });
    return;
  }
  await proxied(request, response, (session) => ['GET', `/credentials/status?sessionId=${session.sessionId}`]);
}

async function openUrl(request, response) {
  const { url } = request.body ?? {};
  if (typeof url !== 'string' || !url) {
    throw new Refusal(400, 'url is required');
  }
  await proxied(request, response, () => ['POST', '/open-url', { body: { url }, timeoutMs: settings.pageMs }]);
}

async function getWindow(request, response) {
  await withVm(request);
  response.type('html').send(page);
}

/** The agent's answer; where it has none, whose fault that is: the caller's, time's, or the agent's. */
async function proxied(request, response, ask) {
  const session = await withVm(request);
  try {
    response.json(await agents.ask(session.vm, ...ask(session)));
  } catch (error) {
    if (!(error instanceof agents.AgentError)) {
      throw error;
    }
    const ours = { 400: 400, 404: 409 }[error.status] ?? 502;
    throw new Refusal(ours, ours === 409 ? 'the login has not started yet' : error.message);
  }
}

/** The session of a path, whose VM has an address; or 409. */
async function withVm(request) {
  const session = sessions.live.get(request.params.id);
  if (session?.vm && !session.vm.gone.signal.aborted) {
    return session;
  }
  const { status, error_message: reason } = session ?? (await rowOf(request));
  throw new Refusal(409, `the session is ${status}${reason ? `: ${reason}` : ''}`);
}

async function rowOf(request) {
  const { id } = request.params;
  const row = UUID.test(id) ? await rows.session(id) : null;
  if (!row) {
    throw new Refusal(404, 'no such session');
  }
  return row;
}

module.exports = { application };
