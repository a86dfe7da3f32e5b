'use strict';

// master-controller: recovers, serves, watches, until SIGTERM. Its VMs go on without it.

const fs = require('node:fs');
const http = require('node:http');

const { application } = require('./api');
const log = require('./log');
const rows = require('./rows');
const sessions = require('./sessions');
const settings = require('./settings');
const tasks = require('./tasks');
const windows = require('./window');

const STOP_MS = 10000;

async function main() {
  for (const folder of [settings.users, settings.sockets]) {
    fs.mkdirSync(folder, { recursive: true });
  }
  await sessions.recover();
  const server = http.createServer(application());
  const closeWindows = windows.install(server);
  tasks.atEveryLook('watch', sessions.watch);
  tasks.begin();
  server.listen(settings.port, () => log.info('[SERVER] master-controller listening', { port: server.address().port }));
  process.once('SIGTERM', () => stop(server, closeWindows));
}

async function stop(server, closeWindows) {
  log.info('[SERVER] master-controller stopping');
  setTimeout(() => process.exit(0), STOP_MS).unref();
  const closed = new Promise((resolve) => {
    server.close(resolve);
  });
  closeWindows();
  server.closeIdleConnections();
  await Promise.all([closed, tasks.end()]);
  await rows.close();
  process.exit(0);
}

function crashed(error) {
  log.error('[SERVER] Crashed', { reason: error?.stack ?? String(error) });
  log.on('finish', () => process.exit(1));
  log.end();
}

process.on('uncaughtException', crashed);
process.on('unhandledRejection', crashed);
main().catch(crashed);
