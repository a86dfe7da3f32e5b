'use strict';

// Addresses and TAP devices of VMs. An address is never handed out twice: rows tell what live VMs have, and what was
// handed out but has no row yet is remembered here.

const { createHash } = require('node:crypto');
const fs = require('node:fs');

const { run } = require('./program');
const rows = require('./rows');
const settings = require('./settings');

const PREFIX = 'fc-';
const ID_CHARACTERS = 8;

const toNumber = (address) => address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
const toAddress = (number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');

const pending = new Set();
let next = toNumber(settings.firstVm);
let turn = Promise.resolve();

/** An address that no live row has; it stays reserved until `release`. */
function reserve() {
  const picked = turn.then(pick);
  turn = picked.catch(() => {});
  return picked;
}

async function pick() {
  const taken = new Set([...pending, ...(await rows.liveVms()).map((row) => row.ip_address)]);
  const [first, last] = [toNumber(settings.firstVm), toNumber(settings.lastVm)];
  const count = last - first + 1;
  // The next one round the range, so that an address rests as long as it can.
  for (let step = 0; step < count; step += 1) {
    const number = first + ((next - first + step) % count);
    if (!taken.has(toAddress(number))) {
      next = number + 1;
      pending.add(toAddress(number));
      return toAddress(number);
    }
  }
  throw new Error(`all ${count} addresses are taken`);
}

const release = (address) => pending.delete(address);

const tapName = (vmId) => PREFIX + vmId.slice(0, ID_CHARACTERS);

const tapExists = (device) => fs.existsSync(`/sys/class/net/${device}`);

const allTaps = () => fs.readdirSync('/sys/class/net').filter((name) => name.startsWith(PREFIX));

async function createTap(device) {
  await run(['ip', 'tuntap', 'add', 'dev', device, 'mode', 'tap']);
  await run(['ip', 'link', 'set', 'dev', device, 'master', settings.bridge, 'up']);
}

async function deleteTap(device) {
  if (tapExists(device)) {
    await run(['ip', 'link', 'delete', 'dev', device]);
  }
}

/** A MAC of its own for every VM: four bytes of its id's digest. */
function mac(vmId) {
  const digest = createHash('sha256').update(vmId).digest();
  return ['02', 'fc', ...[...digest.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** The kernel's word for an address: the guest takes it from its command line. */
const ipArgument = (address) => `ip=${address}::${settings.gateway}:${settings.netmask}::eth0:on`;

module.exports = { allTaps, createTap, deleteTap, ipArgument, mac, release, reserve, tapExists, tapName };
