// The panel with a session's browser window, and the form that has its browser open a page.

import { ask, isRefusal, outcome, sessionPath } from './api.js';

const OPEN_MS = 30000; // the controller itself gives the agent 25 seconds

const at = (id) => document.getElementById(id);

export class WindowPanel {
  shownId = null;
  #frame = null;

  constructor(changed) {
    at('close').addEventListener('click', () => this.close(changed));
    at('open-url').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#openUrl();
    });
  }

  show(id, title) {
    at('window-title').textContent = title;
    at('window-hint').hidden = true;
    at('window-frame').hidden = at('window-actions').hidden = false;
    at('window').classList.add('open');
    at('open-answer').textContent = '';
    at('own-tab').href = sessionPath(id, '/novnc');
    if (id !== this.shownId) {
      this.#frame?.remove();
      this.#frame = document.createElement('iframe');
      this.#frame.title = title;
      this.#frame.src = sessionPath(id, '/novnc');
      at('frame').append(this.#frame);
      this.shownId = id;
    }
    at('window').focus({ preventScroll: true });
    at('window').scrollIntoView({ block: 'nearest' });
  }

  close(changed) {
    this.#frame?.remove();
    this.#frame = null;
    this.shownId = null;
    at('window-title').textContent = 'Browser window';
    at('window-hint').hidden = false;
    at('window-frame').hidden = at('window-actions').hidden = true;
    at('window').classList.remove('open');
    changed();
  }

  async #openUrl() {
    const answer = at('open-answer');
    answer.textContent = 'Opening the page…';
    try {
      await ask(sessionPath(this.shownId, '/open-url'), { url: at('url').value }, OPEN_MS);
      answer.textContent = 'The page is open in the window.';
    } catch (error) {
      answer.textContent = outcome(error, isRefusal(error), 'The page was not opened', 'the page was opened');
    }
  }
}
