'use strict';

// noVNC's files as a content delivery network has them: for any page, from a name of its own. In the lab it is served
// on the host.

const path = require('node:path');

const express = require('express');

const PORT = Number(process.env.CDN_PORT || 9091);
const NOVNC = process.env.NOVNC_DIR || '/usr/share/novnc';

const app = express();
app.disable('x-powered-by');
app.use((_request, response, next) => {
  response.set('Access-Control-Allow-Origin', '*');
  next();
});
app.use('/novnc', express.static(path.resolve(NOVNC)));
const server = app.listen(PORT, '127.0.0.1', () => console.log(`[CDN] listening on port ${server.address().port}`));
