// A field to type in where there is no keyboard but the one on the screen: all that is typed goes to the VM's
// browser, and nothing of it stays in the field.

import keysyms from '/novnc/core/input/keysymdef.js';

const keys = { Enter: 0xff0d, Tab: 0xff09, Backspace: 0xff08, Escape: 0xff1b };

/** `sendKey` gets the keysym of each key. */
export function typeInto(field, sendKey) {
  field.addEventListener('keydown', (event) => {
    if (event.key in keys) {
      event.preventDefault();
      sendKey(keys[event.key]);
    }
  });
  field.addEventListener('beforeinput', (event) => {
    event.preventDefault();
    if (event.inputType === 'deleteContentBackward') {
      sendKey(keys.Backspace);
    }
    for (const character of event.data || '') {
      sendKey(keysyms.lookup(character.codePointAt(0)));
    }
  });
}
