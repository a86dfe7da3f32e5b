'use strict';

// A VM's disk: a copy of the golden one, into which the present agent and its unit are written before it boots.

const { createCipheriv } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');

const { run } = require('./program');
const settings = require('./settings');

const AGENT = 'root/vm-browser-agent';
const UNIT = 'etc/systemd/system/browser-vm-auth.service';
const VNC_PASSWORD = 'etc/vnc.passwd';
const VNC_SETTINGS = 'etc/systemd/system/vnc.service.d/password.conf';
const VNC_DROP_IN = `[Service]
ExecStart=
ExecStart=/usr/bin/Xvnc :1 -geometry 800x600 -depth 24 -rfbport 5901 -SecurityTypes VncAuth \\
    -PasswordFile /${VNC_PASSWORD} -AlwaysShared -ac -nolisten tcp
`;
const DESKTOP_USER = 1000;

/** Make the copy, as `vm.disk`. */
async function make(vm) {
  await run(['cp', '--reflink=auto', '--sparse=always', settings.disk, vm.disk], { timeoutMs: 120000 });
  const root = path.join(vm.folder, 'mnt');
  await fs.mkdir(root);
  await run(['mount', '-t', 'ext4', '-o', 'loop,noatime', vm.disk, root]);
  try {
    await write(root);
  } finally {
    await run(['umount', root]);
  }
  await fs.rmdir(root);
}

async function write(root) {
  const inside = (file) => path.join(root, file);
  await copy(settings.agent, inside(AGENT));
  await copy(settings.agentPackages, inside(`${AGENT}/node_modules`));
  await fs.copyFile(settings.agentSettings, inside(`${AGENT}/.env`));
  await fs.copyFile(settings.agentUnit, inside(UNIT));
  if (settings.vncPassword) {
    await fs.writeFile(inside(VNC_PASSWORD), obfuscated(settings.vncPassword), { mode: 0o600 });
    await fs.chown(inside(VNC_PASSWORD), DESKTOP_USER, DESKTOP_USER);
    await fs.mkdir(path.dirname(inside(VNC_SETTINGS)), { recursive: true });
    await fs.writeFile(inside(VNC_SETTINGS), VNC_DROP_IN);
  }
}

async function copy(source, target) {
  await fs.rm(target, { recursive: true, force: true, maxRetries: 3 });
  await fs.cp(source, target, { recursive: true, dereference: true });
}

/** A password as VNC's servers keep it: DES under a key that all of them know, each byte of it mirrored. */
function obfuscated(password) {
  const known = Buffer.from([23, 82, 107, 6, 35, 78, 88, 7].map(mirrored));
  // DES is gone from OpenSSL's usual set; thrice under one key is the same as once.
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([known, known, known]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.alloc(8).fill(password.slice(0, 8).padEnd(8, '\0'))), cipher.final()]);
}

function mirrored(byte) {
  return parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2);
}

module.exports = { make, obfuscated };
