// The list of sessions. An item stays the same element while its session is listed, so that focus stays, too.

import { age, hasWindow, providerName, stateOf, userName } from './words.js';

export class SessionList {
  #items = new Map();
  #list;
  #actions;

  /** `actions`: what showing and cancelling a session do. */
  constructor(list, actions) {
    this.#list = list;
    this.#actions = actions;
  }

  render(sessions, shownId) {
    const listed = new Set(sessions.map((session) => session.session_id));
    for (const [id, item] of this.#items) {
      if (!listed.has(id)) {
        item.root.remove();
        this.#items.delete(id);
      }
    }
    sessions.forEach((session, index) => {
      const item = this.#itemOf(session.session_id);
      update(item, session, shownId);
      if (this.#list.children[index] !== item.root) {
        this.#list.insertBefore(item.root, this.#list.children[index] || null);
      }
    });
  }

  #itemOf(id) {
    if (!this.#items.has(id)) {
      const item = newItem();
      item.show.addEventListener('click', () => this.#actions.show(id));
      item.cancel.addEventListener('click', () => this.#cancel(id, item));
      this.#items.set(id, item);
    }
    return this.#items.get(id);
  }

  async #cancel(id, item) {
    if (item.cancel.ariaDisabled === 'true') {
      return;
    }
    item.cancel.ariaDisabled = 'true';
    item.cancel.textContent = 'Cancelling…';
    await this.#actions.cancel(id);
    item.cancel.ariaDisabled = 'false';
    item.cancel.textContent = 'Cancel';
  }
}

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

function newItem() {
  const root = element('li', '');
  const top = element('div', 'line', root);
  const below = element('div', 'line who', root);
  const item = {
    root,
    provider: element('strong', '', top),
    state: element('span', 'state', top),
    user: element('span', '', below),
    age: element('span', '', below),
    reason: element('p', 'reason', root),
    actions: element('div', 'actions', root),
  };
  item.show = element('button', '', item.actions);
  item.cancel = element('button', '', item.actions);
  item.show.type = item.cancel.type = 'button';
  item.show.textContent = 'Show window';
  item.cancel.textContent = 'Cancel';
  return item;
}

function update(item, session, shownId) {
  const state = stateOf(session);
  const shown = session.session_id === shownId;
  const name = `${providerName(session.provider)} session of ${userName(session)}`;
  item.provider.textContent = providerName(session.provider);
  item.user.textContent = userName(session);
  item.age.textContent = age(session.started_at);
  item.state.textContent = state.name;
  item.state.className = `state ${state.look || ''}`;
  item.reason.textContent = session.error_message || '';
  item.reason.hidden = !session.error_message;
  item.root.classList.toggle('shown', shown);
  item.actions.hidden = Boolean(state.over);
  item.show.hidden = !hasWindow(session);
  item.show.ariaPressed = String(shown);
  item.show.ariaLabel = `Show window: ${name}`;
  item.cancel.ariaLabel = `Cancel: ${name}`;
}
