'use strict';

// Every statement that this service sends to the database.

const { Pool } = require('pg');

const log = require('./log');
const { databaseUrl } = require('./settings');

const LIVE = ['creating', 'running', 'hibernated', 'stopping'];
const FINISHED = ['completed', 'failed', 'timeout', 'cancelled'];

const pool = new Pool({ connectionString: databaseUrl, max: 8, connectionTimeoutMillis: 10000 });
// A connection that breaks while nobody uses it is replaced by the pool.
pool.on('error', (error) => log.warn('[DB] Idle connection lost', { reason: error.message }));

async function all(text, ...values) {
  return (await pool.query(text, values)).rows;
}

const userExists = async (userId) => (await all('SELECT 1 FROM users WHERE user_id = $1', userId)).length > 0;

const liveVms = () => all('SELECT * FROM vms WHERE status = ANY($1)', LIVE);

const insertVm = (vm) =>
  all(
    `INSERT INTO vms (vm_id, user_id, vm_type, vcpu_count, memory_mb, ip_address, tap_device, status, socket_path)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'creating', $8)`,
    ...[vm.vmId, vm.userId, vm.type, vm.vcpus, vm.memoryMib, vm.address, vm.tap, vm.socket],
  );

const vmStarted = (vm) =>
  all(
    `UPDATE vms SET firecracker_pid = $2, status = 'running', started_at = now(), last_heartbeat = now()
     WHERE vm_id = $1`,
    ...[vm.vmId, vm.pid],
  );

const vmStopping = (vmId) => all("UPDATE vms SET status = 'stopping' WHERE vm_id = $1", vmId);

const vmDestroyed = (vmId) =>
  all(
    `UPDATE vms SET status = 'destroyed', stopped_at = coalesce(stopped_at, now()), destroyed_at = now()
     WHERE vm_id = $1`,
    vmId,
  );

async function heartbeat(vmIds) {
  await all('UPDATE vms SET last_heartbeat = now() WHERE vm_id = ANY($1)', vmIds);
  await all(
    'UPDATE auth_sessions SET last_heartbeat = now() WHERE browser_vm_id = ANY($1) AND NOT status = ANY($2)',
    ...[vmIds, FINISHED],
  );
}

const insertSession = (session, timeoutMs) =>
  all(
    `INSERT INTO auth_sessions (session_id, user_id, provider, status, started_at, timeout_at)
     VALUES ($1, $2, $3, 'started', $4, $4::timestamptz + make_interval(secs => $5))`,
    ...[session.sessionId, session.userId, session.provider, session.startedAt, timeoutMs / 1000],
  );

const sessionHasVm = (session) =>
  all(
    `UPDATE auth_sessions SET status = 'vm_created', browser_vm_id = $2, vm_id = $2, vm_ip = $3, vnc_url = $4
     WHERE session_id = $1`,
    ...[session.sessionId, session.browserVMId, session.browserIP, session.novncURL],
  );

const sessionStatus = (session) =>
  all(
    'UPDATE auth_sessions SET status = $2, auth_url = $3 WHERE session_id = $1 AND NOT status = ANY($4)',
    ...[session.sessionId, session.status, session.authUrl ?? null, FINISHED],
  );

const sessionOver = (sessionId, status, reason) =>
  all(
    `UPDATE auth_sessions SET status = $2, error_message = $3, completed_at = now()
     WHERE session_id = $1 AND NOT status = ANY($4)`,
    ...[sessionId, status, reason, FINISHED],
  );

const session = async (sessionId) =>
  (await all('SELECT * FROM auth_sessions WHERE session_id = $1', sessionId))[0] ?? null;

const unfinishedSessions = () =>
  all('SELECT *, coalesce(timeout_at < now(), false) AS overdue FROM auth_sessions WHERE NOT status = ANY($1)', FINISHED);

const close = () => pool.end();

module.exports = {
  FINISHED,
  close,
  heartbeat,
  insertSession,
  insertVm,
  liveVms,
  session,
  sessionHasVm,
  sessionOver,
  sessionStatus,
  unfinishedSessions,
  userExists,
  vmDestroyed,
  vmStarted,
  vmStopping,
};
