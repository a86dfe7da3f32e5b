'use strict';

// Every VM that this service made or took over, by its id, until nothing is left of it.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');

const disk = require('./disk');
const firecracker = require('./firecracker');
const log = require('./log');
const network = require('./network');
const rows = require('./rows');
const settings = require('./settings');
const tasks = require('./tasks');

const ID = /^vm-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const known = new Map();
const taps = new Set();

/** What this host has, or is to have, of a VM; `gone` is aborted when it is to be destroyed. */
function at(vmId, fields) {
  const folder = path.join(settings.users, vmId);
  return {
    vmId,
    folder,
    disk: path.join(folder, 'rootfs.ext4'),
    socket: path.join(settings.sockets, `${vmId}.sock`),
    tap: network.tapName(vmId),
    pid: null,
    gone: new AbortController(),
    ...fields,
  };
}

/** A VM whose TAP's name, made of its id's first characters, nobody has. */
function draw() {
  for (;;) {
    const vmId = `vm-${randomUUID()}`;
    const tap = network.tapName(vmId);
    if (!taps.has(tap) && !network.tapExists(tap)) {
      taps.add(tap);
      return vmId;
    }
  }
}

/** A new VM, whose process runs; whatever was made of one that fails is gone. */
async function launch(userId, type, { sessionId } = {}) {
  const { vcpus, memory_mib: memoryMib } = settings.golden();
  const size = type === 'cli' ? settings.cliVm : { vcpus, memoryMib };
  const vm = at(draw(), { userId, type, ...size });
  log.info(`[LAUNCH-${type.toUpperCase()}-VM] Starting ${type === 'cli' ? 'CLI' : 'Browser'} VM`, {
    vmId: vm.vmId,
    sessionId,
  });
  known.set(vm.vmId, vm);
  try {
    await make(vm);
    vm.pid = await firecracker.start(vm);
    await rows.vmStarted(vm);
    if (vm.gone.signal.aborted) {
      throw new Error('the VM was given up while it was made');
    }
  } catch (error) {
    await destroy(vm);
    throw error;
  } finally {
    taps.delete(vm.tap);
  }
  return vm;
}

/** Address, TAP, disk and row, in this order. */
async function make(vm) {
  vm.address = await network.reserve();
  try {
    await network.createTap(vm.tap);
    await fs.mkdir(vm.folder, { recursive: true });
    await disk.make(vm);
    await rows.insertVm(vm);
  } finally {
    network.release(vm.address);
  }
}

const isAlive = (vm) => firecracker.isRunning(vm.pid, vm.vmId);

/** Remove a VM from the host, then say so in its row; what fails of that is done again until it is done. */
function destroy(vm) {
  vm.gone.abort();
  vm.ending ??= tasks.untilDone(`destroy ${vm.vmId}`, async () => {
    log.info('[DESTROY-VM] Destroying VM', { vmId: vm.vmId });
    // Whatever the database says: no reason to let the VM run on.
    await rows.vmStopping(vm.vmId).catch((error) => log.warn('[DB] No answer', { reason: error.message }));
    await remove(vm);
    await rows.vmDestroyed(vm.vmId);
    known.delete(vm.vmId);
  });
  return vm.ending;
}

/** End its process and delete its socket, TAP and folder; whatever of it is gone already is no fault. */
async function remove(vm) {
  await firecracker.stop(vm.pid ?? (await firecracker.find(vm.vmId)), vm.vmId);
  await fs.rm(vm.socket, { force: true });
  await network.deleteTap(vm.tap);
  await fs.rm(vm.folder, { recursive: true, force: true });
}

/** A running VM of the last run of this service, or null: then nothing is left of it. */
async function takeOver(row) {
  const vm = at(row.vm_id, { userId: row.user_id, type: row.vm_type, address: row.ip_address, pid: row.firecracker_pid });
  known.set(vm.vmId, vm);
  if (row.status === 'running' && (await isAlive(vm))) {
    log.info('[RECOVERY] VM taken over', { vmId: vm.vmId });
    return vm;
  }
  await destroy(vm);
  return null;
}

/** A VM that hibernates: it has no process, and its disk, memory and TAP are there for when it is woken. */
function keep(row) {
  known.set(row.vm_id, at(row.vm_id, { userId: row.user_id, type: row.vm_type, address: row.ip_address }));
}

/** Remove what was made before its row was, by a service that was killed right then. */
async function clearRemains() {
  const names = [...(await fs.readdir(settings.users)), ...(await fs.readdir(settings.sockets))];
  const ids = new Set(names.map((name) => ID.exec(name)?.[0]).filter((id) => id && !known.has(id)));
  for (const vmId of ids) {
    await remove(at(vmId));
    log.warn('[RECOVERY] Remains of a VM without a row: cleared', { vmId });
  }
  const theirs = new Set([...known.values()].map((vm) => vm.tap));
  for (const device of network.allTaps().filter((tap) => !theirs.has(tap))) {
    await network.deleteTap(device);
    log.warn('[RECOVERY] TAP without a VM: deleted', { tap: device });
  }
}

/** Those that run, as far as anybody has said. */
const running = () => [...known.values()].filter((vm) => vm.pid && !vm.gone.signal.aborted);

module.exports = { clearRemains, destroy, isAlive, keep, launch, running, takeOver };
