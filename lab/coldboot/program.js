'use strict';

// Programs of the host, run to their end.

const { execFile } = require('node:child_process');

/** Run a program; rejects with what it said where it ended badly, or took over `timeoutMs`. */
function run(words, { timeoutMs = 60000 } = {}) {
  const [program, ...rest] = words;
  return new Promise((resolve, reject) => {
    execFile(program, rest, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error) {
        const how = error.killed ? `took over ${timeoutMs} ms` : `status ${error.code}`;
        reject(new Error(`${words.join(' ')}: ${how}: ${`${stderr}${stdout}`.trim().slice(0, 500)}`));
      } else {
        resolve(stdout);
      }
    });
  });
}

module.exports = { run };
