'use strict';

// Logins by the provider's command-line tool, one at a time: each tool listens on the same port for its redirect, so a
// new login takes the place of the one before it.

const { fork } = require('node:child_process');
const path = require('node:path');

const { HttpError } = require('./http');

const TOOL = path.join(__dirname, 'login.js');
const START_TIMEOUT_MS = 120000;
const SAID_LIMIT = 16 * 1024;

/** One run of the tool: its URL, and how it ended. */
class Login {
  oauthUrl = '';
  completed = false;
  /** Why it failed; empty while it may still be completed. */
  error = '';
  #tool;
  #ended;

  constructor(provider) {
    this.provider = provider;
    this.#tool = fork(TOOL, [provider], { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    const complaints = gathered(this.#tool.stderr);
    this.#ended = new Promise((resolve) => {
      this.#tool.once('error', (error) => resolve(this.#fail(error.message)));
      this.#tool.once('close', (status, signal) => {
        if (status === 0) {
          this.completed = true;
          this.error = '';
        } else {
          this.#fail(complaints().trim().split('\n').pop() || `the login tool ended by ${signal || `status ${status}`}`);
        }
        resolve();
      });
    });
  }

  /** Wait until the tool has printed its URL. */
  async begun() {
    const said = gathered(this.#tool.stdout);
    await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.end('the login tool did not start in time')), START_TIMEOUT_MS);
      this.#tool.stdout.on('data', () => said().includes('\n') && resolve(clearTimeout(timer)));
      this.#ended.then(() => resolve(clearTimeout(timer)));
    });
    if (this.error) {
      throw new HttpError(502, `The login could not be started: ${this.error}`);
    }
    [this.oauthUrl] = said().split('\n');
  }

  /** Wait for the end, by itself; tell `report` how it was. */
  async watch(report) {
    await this.#ended;
    report(this);
  }

  /** End it, for this reason, unless it is over. */
  async end(why) {
    this.#fail(why);
    this.#tool.kill('SIGKILL');
    await this.#ended;
  }

  /** The first reason counts. */
  #fail(why) {
    if (!this.completed) {
      this.error ||= why;
    }
  }
}

/** What a stream has said so far, as a function; only its end where that is long. */
function gathered(stream) {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text = (text + chunk).slice(-SAID_LIMIT);
  });
  return () => text;
}

let latest = null;
let turn = Promise.resolve();

/** Start a login in the place of the one before; resolves when its URL is known. */
function start(provider) {
  const login = turn.then(async () => {
    await latest?.end('replaced by a later login');
    latest = new Login(provider);
    await latest.begun();
    return latest;
  });
  turn = login.catch(() => {});
  return login;
}

module.exports = { start };
