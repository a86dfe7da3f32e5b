'use strict';

// The agents in the VMs: one request, one answer, no policy.

const { setTimeout: sleep } = require('node:timers/promises');

const log = require('./log');
const settings = require('./settings');
const vms = require('./vms');

/** An agent did not do what it was asked; `status` is its answer's, or null where it gave none. */
class AgentError extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

/** The JSON object that the agent answers 200 with. */
async function ask(vm, method, path, { body, timeoutMs = settings.agentRequestMs } = {}) {
  let answer;
  let text;
  try {
    answer = await fetch(`http://${vm.address}:${settings.agentPort}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', Connection: 'close' },
      body: body && JSON.stringify(body),
      redirect: 'manual',
      // One that is destroyed meanwhile would never answer, and never close the connection either.
      signal: AbortSignal.any([vm.gone.signal, AbortSignal.timeout(timeoutMs)]),
    });
    text = await answer.text();
  } catch (error) {
    throw new AgentError(`the agent cannot be reached (${error.cause?.code ?? error.name})`);
  }
  const found = objectIn(text);
  if (!found) {
    throw new AgentError(`the agent answered ${answer.status} and no JSON object`, answer.status);
  }
  if (answer.status !== 200) {
    throw new AgentError(String(found.error ?? `the agent answered ${answer.status}`).slice(0, 500), answer.status);
  }
  return found;
}

function objectIn(text) {
  try {
    const found = JSON.parse(text);
    return found && typeof found === 'object' && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

/** Wait until the agent says that it is well; rejects where its time is up, or its VM is over. */
async function ready(vm) {
  const deadline = performance.now() + settings.healthTimeoutMs;
  let code = '';
  for (let attempt = 1; performance.now() < deadline; attempt += 1) {
    const asked = performance.now();
    // By its address alone, as this service has always logged it.
    log.info('[WAIT-VM-READY] Attempting health check', { vmIP: vm.address, attempt });
    try {
      await ask(vm, 'GET', '/health', { timeoutMs: settings.healthRequestMs });
      log.info('[WAIT-VM-READY] VM ready!', { vmIP: vm.address, attempt });
      return;
    } catch (error) {
      code = error.message;
      log.warn('[WAIT-VM-READY] Health check failed', { vmIP: vm.address, attempt, code });
    }
    if (vm.gone.signal.aborted || !(await vms.isAlive(vm))) {
      throw new Error('VM process ended before the agent was healthy');
    }
    await pause(vm, Math.max(0, asked + settings.healthIntervalMs - performance.now()));
  }
  log.error('[WAIT-VM-READY] Timeout exceeded', { vmIP: vm.address, vmId: vm.vmId, code });
  throw new Error(`VM health check timeout after ${settings.healthTimeoutMs / 1000} s (last: ${code})`);
}

/** Wait, but not for a VM that is destroyed meanwhile. */
const pause = (vm, ms) => sleep(ms, null, { signal: vm.gone.signal }).catch(() => {});

module.exports = { AgentError, ask, pause, ready };
