'use strict';

// Settings of one deployment (the database's address and key) come from a file beside the service, so that the
// unit stays as it is. What the environment already says wins.

const fs = require('node:fs');
const path = require('node:path');

function loadEnvironment(file = path.join(__dirname, '.env')) {
  if (!fs.existsSync(file)) {
    return;
  }
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const setting = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (setting && !(setting[1] in process.env)) {
      process.env[setting[1]] = setting[2];
    }
  }
}

module.exports = { loadEnvironment };
