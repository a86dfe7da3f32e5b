// The browser window of the session in this page's address: noVNC on the WebSocket beside it.

import RFB from '/novnc/core/rfb.js';
import { ask } from './api.js';
import { typeInto } from './typing.js';

const RETRY_MS = 1500;
const FINISHED = ['completed', 'failed', 'timeout', 'cancelled'];

const page = location.pathname.replace(/\/$/, '');
const screen = document.getElementById('screen');
const status = document.getElementById('status');
let rfb = null;
let focused = false;

function show(state, text) {
  document.body.dataset.state = state;
  status.textContent = text;
}

function connect() {
  show('connecting', 'Connecting to the browser…');
  const url = new URL(`${page}/websock`, location);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  rfb = new RFB(screen, url.href, { shared: true, wsProtocols: ['binary'] });
  rfb.scaleViewport = true;
  rfb.background = 'transparent';
  rfb.addEventListener('connect', () => {
    show('connected', 'Connected');
    if (!focused) {
      focused = true; // never again: it would take the focus from whoever types elsewhere by then
      rfb.focus();
    }
  });
  rfb.addEventListener('disconnect', () => {
    show('disconnected', 'Disconnected');
    afterwards();
  });
}

/** Connect again unless the session is known to be over; then say how it ended. */
async function afterwards() {
  let over = '';
  try {
    const { session } = await ask(page.replace(/\/novnc$/, ''));
    over = FINISHED.includes(session.status) && ending(session);
  } catch (error) {
    over = error.status === 404 && error.message;
    show('disconnected', `${error.message}; trying again…`);
  }
  if (over) {
    show('disconnected', over);
  } else {
    setTimeout(connect, RETRY_MS);
  }
}

function ending(session) {
  const words = {
    completed: 'The login is complete: this window is closed.',
    cancelled: 'The session was cancelled.',
    timeout: 'The session ran out of time.',
    failed: 'The session failed',
  };
  const reason = session.status === 'failed' && session.error_message ? `: ${session.error_message}` : '';
  return words[session.status] + reason;
}

typeInto(document.getElementById('typing'), (keysym) => rfb.sendKey(keysym));
connect();
