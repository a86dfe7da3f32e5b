'use strict';

// A session's browser window: the WebSocket that carries VNC from its VM's websockify to its page.

const { once } = require('node:events');
const { pipeline } = require('node:stream/promises');

const WebSocket = require('ws');

const log = require('./log');
const sessions = require('./sessions');
const settings = require('./settings');

const PATH = /^\/api\/auth\/session\/([^/]+)\/novnc\/websock$/;
const PROTOCOL = 'binary';
const CONNECT_MS = 30000;
const MAX_MESSAGE = 4 << 20;

/** Serve the WebSockets of a server's sessions. */
function install(server) {
  const browsers = new WebSocket.Server({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(browsers, request, socket, head).catch((error) => {
      log.warn('[WINDOW] Window not shown', { reason: error.message });
      refuse(socket, '502 Bad Gateway');
    });
  });
  return () => browsers.clients.forEach((client) => client.terminate());
}

async function upgrade(browsers, request, socket, head) {
  const [, id] = PATH.exec(request.url.split('?')[0]) ?? [];
  const vm = sessions.live.get(id)?.vm;
  if (!vm || vm.gone.signal.aborted) {
    refuse(socket, id ? '409 Conflict' : '404 Not Found');
    return;
  }
  // First: a window that cannot be shown is an error, not a connection that breaks at once.
  const guest = await connected(vm);
  let taken = false;
  browsers.handleUpgrade(request, socket, head, (browser) => {
    taken = true;
    relay(browser, guest, vm);
  });
  if (!taken) {
    guest.terminate();
  }
}

async function connected(vm) {
  const url = `ws://${vm.address}:${settings.websockifyPort}/websockify`;
  const options = { handshakeTimeout: CONNECT_MS, maxPayload: MAX_MESSAGE, perMessageDeflate: false };
  const guest = new WebSocket(url, [PROTOCOL], options);
  // What comes at once must not be lost before there is anybody to take it.
  guest.once('open', () => guest.pause());
  await once(guest, 'open');
  return guest;
}

/** Until either end closes, or the VM is destroyed (its own end would then never be heard of). */
async function relay(browser, guest, vm) {
  const ends = [browser, guest].map((end) => WebSocket.createWebSocketStream(end));
  const [near, far] = ends;
  const signal = vm.gone.signal;
  try {
    await Promise.race([pipeline(near, far, { signal }), pipeline(far, near, { signal })]);
  } catch {
    // One that breaks off is one that ends.
  } finally {
    ends.forEach((end) => end.destroy());
    browser.terminate();
    guest.terminate();
  }
}

function refuse(socket, status) {
  if (socket.writable) {
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
}

module.exports = { install };
