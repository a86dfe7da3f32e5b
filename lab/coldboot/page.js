'use strict';

// The page with a session's browser window: noVNC, from where the whole company has it, on the WebSocket beside it.

const settings = require('./settings');

const inScript = (value) => JSON.stringify(value).replaceAll('<', '\\u003c');

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Browser window</title>
<link rel="icon" href="data:,">
<style>
html, body { height: 100%; margin: 0; background: #101418; }
#screen { height: 100%; }
</style>
</head>
<body>
<main id="screen" aria-label="The VM's screen"></main>
<script type="module">
import RFB from ${inScript(settings.novnc)};

const RETRY_MS = 1500;
const url = new URL(location.pathname.replace(/\\/$/, '') + '/websock', location);
url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

function connect() {
  const rfb = new RFB(document.getElementById('screen'), url.href, {
    credentials: { password: ${inScript(settings.vncPassword)} },
    shared: true,
    wsProtocols: ['binary'],
  });
  rfb.scaleViewport = true;
  rfb.addEventListener('disconnect', () => setTimeout(connect, RETRY_MS));
}

connect();
</script>
</body>
</html>
`;

module.exports = { page };
