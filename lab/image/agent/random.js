'use strict';

// All randomness of this service comes straight from the kernel.
//
// This process lives on in every clone of a snapshot, with all its memory. Node's own generators keep their state
// there (OpenSSL's behind crypto.randomBytes, randomUUID and the Web Crypto; V8's behind Math.random), so any two
// clones would draw the same "random" state, nonce or verifier. The kernel's generator is reseeded by clone-guard
// before this process runs again, so its bytes are never shared.

const fs = require('node:fs');

function randomBytes(count) {
  const bytes = Buffer.alloc(count);
  const source = fs.openSync('/dev/urandom', 'r');
  try {
    for (let have = 0; have < count; ) {
      have += fs.readSync(source, bytes, have, count - have, null);
    }
  } finally {
    fs.closeSync(source);
  }
  return bytes;
}

/** A fresh token of `count` random bytes, safe in a URL. */
function randomToken(count) {
  return randomBytes(count).toString('base64url');
}

module.exports = { randomToken };
