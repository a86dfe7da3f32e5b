// A field to type in where there is no keyboard but the one on the screen: all that is typed goes to the VM's
// browser, and nothing of it stays in the field.

import keysyms from '/novnc/core/input/keysymdef.js';

const keys = { Enter: 0xff0d, Tab: 0xff09, Backspace: 0xff08, Escape: 0xff1b };

/** `sendKey` gets the keysym of each key. */
export function typeInto(field, sendKey) {
  let composed = []; // what was sent of the word that is being composed

  function type(characters) {
    for (const character of characters) {
      sendKey(keysyms.lookup(character.codePointAt(0)));
    }
  }

  /** The whole word comes with each change of it; what differs is typed, and no wait for its end is needed. */
  function compose(word) {
    const characters = [...word];
    const differs = characters.findIndex((character, index) => character !== composed[index]);
    const same = differs < 0 ? characters.length : differs;
    composed.slice(same).forEach(() => sendKey(keys.Backspace));
    type(characters.slice(same));
    composed = characters;
  }

  field.addEventListener('keydown', (event) => {
    if (event.key in keys && !event.isComposing) {
      event.preventDefault();
      sendKey(keys[event.key]);
    }
  });
  field.addEventListener('beforeinput', (event) => {
    if (event.isComposing || event.inputType.includes('Composition')) {
      return; // not to be prevented, and told by the events below
    }
    event.preventDefault();
    if (event.inputType === 'deleteContentBackward') {
      sendKey(keys.Backspace);
    }
    type(event.data || '');
  });
  field.addEventListener('compositionupdate', (event) => compose(event.data));
  field.addEventListener('compositionend', (event) => {
    compose(event.data);
    composed = [];
    field.value = '';
  });
}
