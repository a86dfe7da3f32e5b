'use strict';

// A VM's firecracker: booted cold from its own configuration file, and known by its process id and command line, so
// that no other process is ever taken for it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const network = require('./network');
const settings = require('./settings');

const TERM_MS = 3000;
const KILL_MS = 10000;

function configuration(vm) {
  const { boot_args: usual } = settings.golden();
  const words = [usual, 'root=/dev/vda rw', network.ipArgument(vm.address)];
  if (vm.type === 'cli') {
    words.push(...settings.desktopUnits.map((unit) => `systemd.mask=${unit}`));
  }
  return {
    'boot-source': {
      kernel_image_path: settings.kernel,
      initrd_path: settings.initrd,
      boot_args: words.join(' '),
    },
    drives: [{ drive_id: 'rootfs', path_on_host: vm.disk, is_root_device: false, is_read_only: false }],
    'machine-config': { vcpu_count: vm.vcpus, mem_size_mib: vm.memoryMib },
    'network-interfaces': [{ iface_id: vm.tap, host_dev_name: vm.tap, guest_mac: network.mac(vm.vmId) }],
    entropy: {},
  };
}

/** Start it, detached: it outlives this service. Resolves with its process id once it runs. */
async function start(vm) {
  const file = path.join(vm.folder, 'vm-config.json');
  await fs.writeFile(file, JSON.stringify(configuration(vm), null, 2));
  const out = await fs.open(path.join(vm.folder, 'console.log'), 'w');
  const error = await fs.open(path.join(vm.folder, 'firecracker-error.log'), 'w');
  try {
    const words = ['--api-sock', vm.socket, '--log-path', '/dev/null', '--level', 'Off', '--enable-pci'];
    const child = spawn('firecracker', [...words, '--config-file', file], {
      detached: true,
      stdio: ['ignore', out.fd, error.fd],
    });
    await once(child, 'spawn');
    child.unref();
    return child.pid;
  } finally {
    await out.close();
    await error.close();
  }
}

/** Whether that process is there, alive, and the VM's. */
async function isRunning(pid, vmId) {
  if (!pid) {
    return false;
  }
  try {
    const [words, stat] = await Promise.all([
      fs.readFile(`/proc/${pid}/cmdline`, 'utf8'),
      fs.readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    const [state] = stat.slice(stat.lastIndexOf(')') + 2);
    return words.includes(vmId) && !'ZX'.includes(state);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) {
      return false;
    }
    throw error;
  }
}

/** The process that was started for a VM, whether or not its row says so. */
async function find(vmId) {
  const pids = (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const theirs = await Promise.all(pids.map(async (pid) => (await isFirecracker(pid)) && isRunning(pid, vmId)));
  return pids.find((_, index) => theirs[index]) ?? null;
}

async function isFirecracker(pid) {
  try {
    return (await fs.readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'firecracker';
  } catch {
    return false;
  }
}

/** End it: SIGTERM, then SIGKILL. Nothing happens to a process that is not the VM's. */
async function stop(pid, vmId) {
  for (const [signal, patienceMs] of [['SIGTERM', TERM_MS], ['SIGKILL', KILL_MS]]) {
    const deadline = performance.now() + patienceMs;
    if (!(await isRunning(pid, vmId))) {
      return;
    }
    process.kill(pid, signal);
    while ((await isRunning(pid, vmId)) && performance.now() < deadline) {
      await sleep(50);
    }
  }
  if (await isRunning(pid, vmId)) {
    throw new Error(`process ${pid} of ${vmId} outlived SIGKILL by ${KILL_MS} ms`);
  }
}

module.exports = { configuration, find, isRunning, start, stop };
