'use strict';

// What the service is told by its environment (/etc/master-controller.env); what is not said has this host's value.

const fs = require('node:fs');
const path = require('node:path');

const env = process.env;
const number = (name, usual) => Number(env[name] || usual);
const state = env.STATE_DIR || '/var/lib/firecracker';
const base = path.join(state, 'snapshots/base');
const code = '/opt/acceptance-lab/current/lab';

/** What every VM is booted with, as whoever built the golden disk says. */
function golden() {
  return JSON.parse(fs.readFileSync(path.join(base, 'vm-defaults.json'), 'utf8'));
}

module.exports = {
  golden,
  port: number('PORT', 4000),
  databaseUrl: env.DATABASE_URL || '',
  logFile: env.LOG_FILE || '/var/log/master-controller.log',
  users: path.join(state, 'users'),
  sockets: path.join(state, 'sockets'),
  disk: path.join(base, 'golden-browser-rootfs.ext4'),
  kernel: path.join(base, 'vmlinux'),
  initrd: path.join(base, 'initrd.img'),
  agent: env.AGENT_DIR || `${code}/image/agent`,
  agentPackages: env.AGENT_PACKAGES || '/opt/acceptance-lab/current/agent-packages',
  agentSettings: env.AGENT_SETTINGS || `${code}/image/agent.env`,
  agentUnit: env.AGENT_UNIT || `${code}/image/browser-vm-auth.service`,
  bridge: 'fcbr0',
  gateway: '192.168.100.1',
  netmask: '255.255.255.0',
  firstVm: env.FIRST_VM || '192.168.100.3',
  lastVm: env.LAST_VM || '192.168.100.254',
  agentPort: number('AGENT_PORT', 8080),
  websockifyPort: number('WEBSOCKIFY_PORT', 6080),
  novnc: env.NOVNC_URL || 'http://cdn.lab.internal:9091/novnc/core/rfb.js',
  vncPassword: env.VNC_PASSWORD || '',
  providers: ['codex', 'claude_code', 'gemini_cli'],
  requestsPerMinute: number('REQUESTS_PER_MINUTE', 3000),
  cliVm: { vcpus: 1, memoryMib: 512 },
  desktopUnits: ['chromium.service', 'openbox.service', 'vnc.service', 'novnc.service'],
  healthIntervalMs: number('HEALTH_INTERVAL_MS', 2000),
  healthRequestMs: 5000,
  healthTimeoutMs: number('HEALTH_TIMEOUT_MS', 60000),
  agentRequestMs: 25000,
  pageMs: number('PAGE_MS', 25000),
  loginStartMs: 60000,
  loginPollMs: number('LOGIN_POLL_MS', 1000),
  loginSilenceMs: number('LOGIN_SILENCE_MS', 180000),
  lingerMs: number('LINGER_MS', 3000),
  failureLingerMs: number('FAILURE_LINGER_MS', 1000),
  sessionTimeoutMs: 1800000,
  tasksMs: number('TASKS_MS', 5000),
};
