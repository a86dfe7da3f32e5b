'use strict';

const { HttpError } = require('./http');

const LIMIT = 100;
const LIFETIME_MS = 15 * 60 * 1000;

/** The logins in progress: bounded in number and age, oldest out first. */
class SessionTable {
  #byId = new Map();

  get size() {
    this.#dropExpired();
    return this.#byId.size;
  }

  put(id, session) {
    this.#dropExpired();
    this.#byId.delete(id);
    if (this.#byId.size >= LIMIT) {
      this.#byId.delete(this.#byId.keys().next().value);
    }
    this.#byId.set(id, { ...session, startedAt: performance.now() });
  }

  require(id) {
    this.#dropExpired();
    const session = this.#byId.get(id);
    if (!session) {
      throw new HttpError(404, `No such session: ${id}`);
    }
    return session;
  }

  #dropExpired() {
    const oldest = performance.now() - LIFETIME_MS;
    for (const [id, session] of this.#byId) {
      if (session.startedAt >= oldest) {
        return;
      }
      this.#byId.delete(id);
    }
  }
}

module.exports = { SessionTable };
