'use strict';

// What is to be done until it is: looked at every few seconds, since a host or a database may be away for a moment.

const log = require('./log');
const settings = require('./settings');

const due = new Map();
const standing = [];
let timer = null;
let looking = null;

/** Do it now, and again at every look until it succeeds. */
async function untilDone(name, task) {
  due.set(name, task);
  await attempt(name, task);
}

/** Do it at every look. */
const atEveryLook = (name, task) => standing.push([name, task]);

async function attempt(name, task) {
  try {
    await task();
    due.delete(name);
  } catch (error) {
    log.error('[TASKS] Failed, to be tried again', { task: name, reason: error.message });
  }
}

async function look() {
  for (const [name, task] of [...due, ...standing]) {
    await attempt(name, task);
  }
}

function begin() {
  timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = null;
    });
  }, settings.tasksMs);
}

async function end() {
  clearInterval(timer);
  await looking;
}

module.exports = { atEveryLook, begin, end, untilDone };
