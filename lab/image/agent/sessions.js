'use strict';

const { HttpError } = require('./http');

const LIMIT = 100;
const LIFETIME_MS = 15 * 60 * 1000;

/** Sessions and their logins: bounded in number and age, oldest out first. */
class SessionTable {
  /** Session id -> [login, when it began] */
  #byId = new Map();

  get size() {
    this.#dropExpired();
    return this.#byId.size;
  }

  put(id, login) {
    this.#dropExpired();
    this.#byId.delete(id);
    if (this.#byId.size >= LIMIT) {
      this.#byId.delete(this.#byId.keys().next().value);
    }
    this.#byId.set(id, [login, performance.now()]);
  }

  require(id) {
    this.#dropExpired();
    const [login] = this.#byId.get(id) ?? [];
    if (!login) {
      throw new HttpError(404, `No such session: ${id}`);
    }
    return login;
  }

  #dropExpired() {
    const oldest = performance.now() - LIFETIME_MS;
    for (const [id, [, began]] of this.#byId) {
      if (began >= oldest) {
        return;
      }
      this.#byId.delete(id);
    }
  }
}

module.exports = { SessionTable };
