// The provider's pages. Nothing in them comes from elsewhere, and each step has a colour of its own.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const CLIENT_NAMES = { codex: 'Codex', claude_code: 'Claude Code', gemini_cli: 'Gemini CLI' };
const SCOPE_NAMES = {
  openid: 'know who you are',
  profile: 'see your name',
  email: 'see your e-mail address',
  offline_access: 'stay logged in',
  'org:create_api_key': 'create API keys',
  'user:profile': 'see your profile',
  'user:inference': 'use models on your behalf',
  'https://www.googleapis.com/auth/cloud-platform': 'use cloud services on your behalf',
};

const STYLE = `
* { box-sizing: border-box; }
html { color: #1f2937; font: 16px/1.5 "DejaVu Sans", system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 1rem; }
main { width: 100%; max-width: 24rem; padding: 1.75rem; border-radius: .75rem; background: #fff;
  box-shadow: 0 1rem 3rem rgb(0 0 0 / .35); }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
p { margin: .25rem 0 1rem; color: #4b5563; }
label { display: block; margin: .75rem 0 .25rem; font-weight: bold; font-size: .875rem; }
input, button { width: 100%; min-height: 2.75rem; padding: 0 .75rem; border: 1px solid #9ca3af; border-radius: .5rem;
  font: inherit; }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
button { margin-top: 1rem; border: 0; background: var(--colour); color: #fff; font-weight: bold; cursor: pointer; }
button.second { margin-top: .75rem; background: #e5e7eb; color: #1f2937; }
[role=alert] { margin: 0 0 .5rem; padding: .5rem .75rem; border-radius: .5rem; background: #fee2e2; color: #991b1b; }
ul { margin: 0; padding-left: 1.25rem; }
`;

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

function page({ title, colour, body }) {
  return `<!doctype html>
<html lang="en" style="--colour: ${colour}; background: ${colour}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

function clientName(id) {
  return escaped(CLIENT_NAMES[id] ?? id);
}

export function loginPage({ uid, client, left, tries }) {
  const wrong =
    left < tries
      ? `<div role="alert">Wrong name or password. ${left} ${left === 1 ? 'try' : 'tries'} left.</div>`
      : '';
  return page({
    title: 'Log in',
    colour: '#14532d',
    body: `<h1>Log in</h1>
<p>to go on to ${clientName(client)}</p>
${wrong}
<form method="post" action="/interaction/${escaped(uid)}/login">
<label for="login">E-mail address</label>
<input id="login" name="login" type="text" inputmode="email" autocomplete="off" autocapitalize="none"
  spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off" required>
<button type="submit">Log in</button>
</form>`,
  });
}

export function consentPage({ uid, client, account, scopes }) {
  const wishes = scopes.map((scope) => `<li>${escaped(SCOPE_NAMES[scope] ?? scope)}</li>`).join('\n');
  return page({
    title: 'Allow access?',
    colour: '#1e3a8a',
    body: `<h1>Allow access?</h1>
<p>${escaped(account)}</p>
<p>${clientName(client)} wants to</p>
<ul>
${wishes}
</ul>
<form method="post" action="/interaction/${escaped(uid)}/consent">
<button name="decision" value="allow" autofocus>Allow</button>
<button name="decision" value="deny" class="second">Deny</button>
</form>`,
  });
}

export function errorPage(text) {
  return page({ title: 'Error', colour: '#7f1d1d', body: `<h1>This did not work</h1>\n<p>${escaped(text)}</p>` });
}

export function send(response, status, html) {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(html);
}
