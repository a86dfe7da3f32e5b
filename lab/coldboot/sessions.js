'use strict';

// Sessions. One that goes on is told from memory, one that is over from its row.

const { randomUUID } = require('node:crypto');

const agents = require('./agents');
const log = require('./log');
const rows = require('./rows');
const settings = require('./settings');
const tasks = require('./tasks');
const vms = require('./vms');

const VM_ENDED = 'VM process ended';

/** A login that will never be complete; the message is for the session's row. */
class LoginFailed extends Error {}

const live = new Map();
const cliVms = new Map();

/** What is told of a session that goes on. */
function told(session) {
  const { userId, provider, browserVMId, browserIP, novncURL, status, startedAt } = session;
  return { userId, provider, browserVMId, browserIP, novncURL, status, startedAt };
}

/** A new session whose VM's process runs; what then becomes of it is followed. */
async function start(userId, provider, origin) {
  const sessionId = randomUUID();
  const session = {
    sessionId,
    userId,
    provider,
    status: 'started',
    startedAt: new Date().toISOString(),
    novncURL: `${origin}/api/auth/session/${sessionId}/novnc`,
  };
  await rows.insertSession(session, settings.sessionTimeoutMs);
  live.set(sessionId, session);
  session.launching = launch(session);
  try {
    await session.launching;
    if (session.ending) {
      throw new Error('the session was cancelled');
    }
  } catch (error) {
    if (session.ending) {
      await session.ending;
      throw error;
    }
    log.error('[LAUNCH-BROWSER-VM] Launch failed', { sessionId, reason: error.message });
    await over(session, 'failed', error.message);
    throw error;
  }
  follow(session);
  return session;
}

async function launch(session) {
  await cliVm(session.userId);
  if (session.ending) {
    throw new Error('the session was cancelled');
  }
  session.vm = await vms.launch(session.userId, 'browser', session);
  Object.assign(session, {
    browserVMId: session.vm.vmId,
    browserIP: session.vm.address,
    status: 'vm_created',
  });
  await rows.sessionHasVm(session);
}

/** The user's VM for command lines: made with the first session, and kept. */
function cliVm(userId) {
  const known = cliVms.get(userId);
  if (known) {
    return known;
  }
  const making = (async () => {
    const vm = await vms.launch(userId, 'cli');
    try {
      await agents.ready(vm);
    } catch (error) {
      await vms.destroy(vm);
      throw error;
    }
    vm.gone.signal.addEventListener('abort', () => cliVms.delete(userId));
    return vm;
  })();
  cliVms.set(userId, making);
  making.catch(() => cliVms.delete(userId));
  return making;
}

/** Follow a session to its end; look again after any trouble of our own, for as long as its VM is there. */
async function follow(session) {
  const { sessionId, vm } = session;
  while (!session.ending && !vm.gone.signal.aborted) {
    try {
      await toItsEnd(session);
      return;
    } catch (error) {
      if (error instanceof LoginFailed) {
        const reason = (await vms.isAlive(vm)) ? error.message : VM_ENDED;
        log.warn('[LOGIN] Session failed', { sessionId, reason });
        await agents.pause(vm, settings.failureLingerMs);
        await end(session, 'failed', reason);
        return;
      }
      log.error('[LOGIN] Look failed', { sessionId, reason: error.message });
      await agents.pause(vm, settings.loginPollMs);
    }
  }
}

async function toItsEnd(session) {
  const { sessionId, vm } = session;
  if (session.status === 'vm_created') {
    await agents.ready(vm).catch((error) => {
      throw new LoginFailed(error.message);
    });
    await comesTo(session, 'ready');
  }
  if (session.status === 'ready') {
    session.authUrl = await loginAddress(session);
    await comesTo(session, 'awaiting_user_auth');
  }
  if (await completed(session)) {
    log.info('[LOGIN] Login complete', { sessionId });
    await over(session, 'completed', null);
    await agents.pause(vm, settings.lingerMs);
    await vms.destroy(vm);
  }
}

async function comesTo(session, status) {
  await rows.sessionStatus({ ...session, status });
  session.status = status;
  log.info('[SESSION] Status', { sessionId: session.sessionId, status });
}

async function loginAddress({ sessionId, provider, vm }) {
  try {
    const request = { body: { sessionId }, timeoutMs: settings.loginStartMs };
    const { oauthUrl } = await agents.ask(vm, 'POST', `/auth/${provider}`, request);
    if (typeof oauthUrl === 'string' && oauthUrl) {
      return oauthUrl;
    }
  } catch (error) {
    throw new LoginFailed(`the login could not be started: ${error.message}`);
  }
  throw new LoginFailed("the login could not be started: the agent's answer has no oauthUrl");
}

/** Wait until the agent has credentials; false where the session ends first. */
async function completed(session) {
  const { sessionId, vm } = session;
  let heard = performance.now();
  while (!session.ending && !vm.gone.signal.aborted) {
    try {
      const { authenticated, error } = await agents.ask(vm, 'GET', `/credentials/status?sessionId=${sessionId}`);
      heard = performance.now();
      if (authenticated === true) {
        return true;
      }
      if (error) {
        throw new LoginFailed(String(error).slice(0, 500));
      }
    } catch (error) {
      if (!(error instanceof agents.AgentError)) {
        throw error;
      }
      if (error.status === 404) {
        throw new LoginFailed('the agent no longer knows the login');
      }
      if (performance.now() - heard > settings.loginSilenceMs) {
        throw new LoginFailed(`the login was lost: ${error.message}`);
      }
    }
    await agents.pause(vm, settings.loginPollMs);
  }
  return false;
}

/** End a session and destroy its VM, in whatever state they are; whoever comes second waits until that is done. */
function end(session, status, reason) {
  session.ending ??= (async () => {
    await session.launching?.catch(() => {});
    if (session.vm) {
      await vms.destroy(session.vm);
    }
    await over(session, status, reason);
  })();
  return session.ending;
}

/** Write that a session is over, however often that takes. */
function over(session, status, reason) {
  return tasks.untilDone(`session ${session.sessionId} over`, async () => {
    await rows.sessionOver(session.sessionId, status, reason);
    live.delete(session.sessionId);
  });
}

/** One look: heartbeats for VMs that run, an end for those that do not, and for sessions out of time. */
async function watch() {
  const running = vms.running();
  const alive = await Promise.all(running.map(vms.isAlive));
  await rows.heartbeat(running.filter((_, index) => alive[index]).map((vm) => vm.vmId));
  for (const vm of running.filter((_, index) => !alive[index])) {
    log.error('[WATCH] VM process ended', { vmId: vm.vmId });
    const session = [...live.values()].find((one) => one.vm === vm);
    await (session ? end(session, 'failed', VM_ENDED) : vms.destroy(vm));
  }
  for (const row of await rows.unfinishedSessions()) {
    const session = live.get(row.session_id);
    if (row.overdue && session) {
      await end(session, 'timeout', 'session timed out');
    }
  }
}

/** What the last run of this service left: its VMs and sessions are taken over, or brought to their end. */
async function recover() {
  const found = new Map();
  for (const row of await rows.liveVms()) {
    if (row.status === 'hibernated') {
      vms.keep(row);
      continue;
    }
    const vm = await vms.takeOver(row);
    if (vm?.type === 'cli') {
      cliVms.set(vm.userId, Promise.resolve(vm));
      vm.gone.signal.addEventListener('abort', () => cliVms.delete(vm.userId));
    }
    if (vm) {
      found.set(vm.vmId, vm);
    }
  }
  for (const row of await rows.unfinishedSessions()) {
    await resume(row, found.get(row.browser_vm_id));
    found.delete(row.browser_vm_id);
  }
  for (const vm of found.values()) {
    if (vm.type === 'browser') {
      await vms.destroy(vm); // its session is over
    }
  }
  await vms.clearRemains();
}

async function resume(row, vm) {
  if (!vm) {
    await rows.sessionOver(row.session_id, 'failed', 'controller restarted');
    return;
  }
  const session = {
    sessionId: row.session_id,
    userId: row.user_id,
    provider: row.provider,
    browserVMId: vm.vmId,
    browserIP: vm.address,
    novncURL: row.vnc_url,
    authUrl: row.auth_url,
    status: row.status,
    startedAt: row.started_at.toISOString(),
    vm,
  };
  live.set(session.sessionId, session);
  follow(session);
}

module.exports = { end, live, recover, start, told, watch };
