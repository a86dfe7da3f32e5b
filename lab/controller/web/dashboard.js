// The dashboard: what sessions there are, starting one, and its browser window.

import { ask, isRefusal, outcome, sessionPath } from './api.js';
import { SessionList } from './sessions.js';
import { WindowPanel } from './window-panel.js';
import { providerName, sentence, stateOf, userName } from './words.js';

const POLL_MS = 1000;

const at = (id) => document.getElementById(id);
const panel = new WindowPanel(() => refresh());
const list = new SessionList(at('sessions'), { show, cancel });

let sessions = [];
let launch = null; // what is being started: provider, user, when, and the sessions there were before

async function refresh() {
  try {
    ({ sessions } = await ask('/api/auth/sessions'));
    const live = sessions.filter((session) => !stateOf(session).over).length;
    say(at('health'), live === 1 ? '1 session runs' : `${live} sessions run`);
    at('none').hidden = sessions.length > 0;
  } catch (error) {
    say(at('health'), `${error.message}; trying again…`);
  }
  list.render(sessions, panel.shownId);
  showProgress();
}

/** Only a change of words is worth an announcement. */
function say(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

function complain(text) {
  at('problem').hidden = !text;
  say(at('problem'), text);
}

function show(id) {
  const session = sessions.find((each) => each.session_id === id);
  const title = session ? `${providerName(session.provider)} for ${userName(session)}` : 'Browser window';
  panel.show(id, title);
  list.render(sessions, id);
  showProgress();
}

async function cancel(id) {
  try {
    await ask(sessionPath(id, '/cancel'), {}, Infinity);
    complain('');
  } catch (error) {
    const whether = 'the session was cancelled; the list will show it';
    complain(outcome(error, isRefusal(error, 500), 'Not cancelled', whether));
  }
  await refresh();
}

async function start(provider) {
  if (launch || !at('user').value) {
    return;
  }
  const before = new Set(sessions.map((session) => session.session_id));
  launch = { provider, userId: at('user').value, since: Date.now(), before };
  complain('');
  setBusy(true);
  showProgress();
  try {
    const { sessionId } = await ask('/api/auth/start', { userId: launch.userId, provider }, Infinity);
    await refresh();
    show(sessionId);
  } catch (error) {
    const whether = 'a session was started; the list will show it';
    complain(outcome(error, isRefusal(error), 'No session was started', whether));
  }
  launch = null;
  setBusy(false);
  showProgress();
}

function setBusy(busy) {
  for (const button of at('providers').children) {
    button.ariaDisabled = String(busy);
  }
}

/** What is being done for the session that is being started, and how it is with the one in the window. */
function showProgress() {
  const shown = sessions.find((session) => session.session_id === panel.shownId);
  say(at('window-state'), shown ? sentence(shown) : '');
  at('progress').hidden = !launch;
  const started = launch && sessions.find(isLaunched);
  say(at('progress-text'), launch ? (started && stateOf(started).doing) || 'Asking for a VM…' : '');
  say(at('progress-time'), launch ? `${Math.round((Date.now() - launch.since) / 1000)} s` : '');
}

/** The answer to a launch names its session, but only when all is done. */
function isLaunched(session) {
  const { provider, userId, before } = launch;
  return session.user_id === userId && session.provider === provider && !before.has(session.session_id);
}

async function offerChoices() {
  const { users, providers } = await ask('/api/auth/choices');
  at('user').replaceChildren(...users.map((user) => new Option(user.email, user.user_id)));
  at('providers').replaceChildren(
    ...providers.map((provider) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = providerName(provider);
      button.ariaLabel = `Start a ${providerName(provider)} session`;
      button.addEventListener('click', () => start(provider));
      return button;
    }),
  );
}

/** Look again each second, while anybody sees it. */
async function keepLooking() {
  for (;;) {
    if (!document.hidden) {
      await refresh();
      if (!at('providers').children.length) {
        await offerChoices().catch(() => {}); // said by refresh, which asks the same controller
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

keepLooking();
