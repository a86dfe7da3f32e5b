// What a session's state is called, what is being done in it, and how it looks.

const states = {
  started: { name: 'Starting', doing: 'Making a VM from the golden snapshot…' },
  vm_created: { name: 'Starting', doing: 'The VM is starting; waiting until its agent answers…' },
  ready: { name: 'Ready', doing: 'The VM is ready; starting the login…' },
  url_captured: { name: 'Log in now', doing: 'Waiting for you to log in, in the browser window.' },
  awaiting_user_auth: { name: 'Log in now', doing: 'Waiting for you to log in, in the browser window.' },
  user_authenticating: { name: 'Logging in', doing: 'Logging in…' },
  completed: { name: 'Completed', look: 'good', over: true },
  failed: { name: 'Failed', look: 'bad', over: true },
  timeout: { name: 'Out of time', look: 'bad', over: true },
  cancelled: { name: 'Cancelled', look: 'over', over: true },
};

const providers = { codex: 'Codex', claude_code: 'Claude Code', gemini_cli: 'Gemini CLI' };

export const stateOf = (session) => states[session.status] || { name: session.status };

/** How it is with a session, for whoever looks at its window. */
export function sentence(session) {
  const { name, doing } = stateOf(session);
  return doing || (session.error_message ? `${name}: ${session.error_message}` : name);
}

export const hasWindow = (session) => !stateOf(session).over && Boolean(session.vnc_url);

export const providerName = (provider) => providers[provider] || provider;

export const userName = (session) => session.email || session.user_id || 'unknown user';

export function age(time) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(time)) / 1000));
  const [size, unit] = [[86400, 'd'], [3600, 'h'], [60, 'min']].find(([each]) => seconds >= each) || [1, 's'];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}
