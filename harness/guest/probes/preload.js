'use strict';

// Loaded before a program's first line (NODE_OPTIONS=--require), to note what it does and to try its handlers.
//
// Beside this file lie settings.json and folders that the program's user may write to: records/, where each process
// leaves a line of JSON for each thing that it does; rows/, where one that listens on the port takes the next thing to
// be thrown, and throws it; alive/, which says what ended nothing, and crowds/, where more errors than one were handled. Syntax of ES2015, since Node.js 10 is to load it,
// too. The program is to notice nothing: what is wrapped does what it did, no listener is added, and nothing here
// keeps it alive.

(function () {
  const fs = require('fs');
  const net = require('net');
  const path = require('path');

  const EVENTS = ['uncaughtException', 'unhandledRejection'];
  const REGISTER = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'];
  const REMOVE = ['off', 'removeListener', 'removeAllListeners'];
  const MANY = ['registered', 'removed', 'handled', 'listening']; // what a program may do without end
  const FRAMES = 50;
  const FLUSH_MS = 100; // a third error comes so long after the first: a handler may be writing its log yet
  const PATIENCE_MS = 2000; // for an answer to the request whose connection is then held
  const GIVEN_UP = 2; // so many of a kind that ended nothing: the rest of them would only take as long

  // The program may put others in their places.
  const apply = Reflect.apply;
  const pid = process.pid;
  const clock = process.hrtime;
  const kill = process.kill;
  const soon = setImmediate;
  const later = setTimeout;
  const never = clearTimeout;
  const NativePromise = Promise;

  const settings = JSON.parse(fs.readFileSync(path.join(__dirname, 'settings.json'), 'utf8'));
  const thread = threadNumber();
  let file = -1;
  let notesLeft = 300;

  function threadNumber() {
    try {
      return require('worker_threads').threadId;
    } catch (_error) {
      return 0; // there are none
    }
  }

  /** Leave a record; one that cannot be left is not the program's trouble. */
  function note(kind, told) {
    if (MANY.includes(kind) && notesLeft-- <= 0) {
      return;
    }
    const [seconds, nanoseconds] = clock();
    const line = Object.assign({ kind, pid, thread, at: seconds + nanoseconds / 1e9 }, told);
    try {
      if (file < 0) {
        file = fs.openSync(path.join(__dirname, 'records', `${pid}.jsonl`), 'a', 0o644);
      }
      fs.writeSync(file, `${JSON.stringify(line)}\n`);
    } catch (_error) {
      notesLeft = 0;
    }
  }

  /** Where in the program we were called from: not in Node.js, and in a library only where it is nowhere else. */
  function place() {
    const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    const limit = Error.stackTraceLimit;
    try {
      Error.stackTraceLimit = FRAMES;
      Error.prepareStackTrace = (_error, sites) => sites;
      const holder = {};
      Error.captureStackTrace(holder, place);
      const found = holder.stack.map(siteOf).filter(Boolean);
      return found.find((one) => !one.file.includes('/node_modules/')) || found[0] || null;
    } catch (_error) {
      return null;
    } finally {
      Error.stackTraceLimit = limit;
      if (before) {
        Object.defineProperty(Error, 'prepareStackTrace', before);
      } else {
        delete Error.prepareStackTrace;
      }
    }
  }

  function siteOf(site) {
    const name = site.getFileName();
    const isNodes = !name || /^(node:|internal\/|[\w-]+\.js$)/.test(name);
    return isNodes || name === __filename
      ? null
      : { file: String(name).slice(0, 1000), line: site.getLineNumber(), column: site.getColumnNumber() };
  }

  /** Put `own(original, self, words)` in the place of a method; it looks the same to whoever lists the object. */
  function wrap(target, name, own) {
    const original = target[name];
    if (typeof original !== 'function') {
      return;
    }
    const wrapper = function () {
      return own(original, this, arguments);
    };
    ['name', 'length'].forEach((key) =>
      Object.defineProperty(wrapper, key, { value: original[key], configurable: true })
    );
    const was = Object.getOwnPropertyDescriptor(target, name);
    const enumerable = Boolean(was && was.enumerable);
    Object.defineProperty(target, name, { value: wrapper, writable: true, configurable: true, enumerable });
  }

  function handlers() {
    const captures = process.hasUncaughtExceptionCaptureCallback;
    return {
      uncaughtException: process.listenerCount('uncaughtException') + (captures && captures.call(process) ? 1 : 0),
      unhandledRejection: process.listenerCount('unhandledRejection'),
    };
  }

  let depth = 0; // of a method that calls another one for its work

  function outermost(original, self, words, tell) {
    depth += 1;
    try {
      return apply(original, self, words);
    } finally {
      depth -= 1;
      if (depth === 0) {
        tell();
      }
    }
  }

  function watchHandlers() {
    const told = (kind) => (original, self, words) =>
      outermost(original, self, words, () => {
        const isOurs = EVENTS.includes(words[0]) || (kind === 'removed' && words[0] === undefined);
        if (self === process && isOurs) {
          note(kind, { event: words[0] || null, place: place() });
        }
      });
    REGISTER.forEach((name) => wrap(process, name, told('registered')));
    REMOVE.forEach((name) => wrap(process, name, told('removed')));
    wrap(process, 'setUncaughtExceptionCaptureCallback', (original, self, words) => {
      const result = apply(original, self, words);
      note(words[0] ? 'registered' : 'removed', { event: EVENTS[0], place: place() });
      return result;
    });
  }

  function watchEnd() {
    const shown = (code) => (code === undefined ? null : String(code).slice(0, 100));
    wrap(process, 'exit', (original, self, words) => {
      note('exit', { code: shown(words[0]), place: place() });
      return apply(original, self, words);
    });
    wrap(process, 'reallyExit', (original, self, words) => {
      note('ends', { code: shown(words[0]) });
      return apply(original, self, words);
    });
    wrap(process, 'abort', (original, self, words) => {
      note('abort', { place: place() });
      return apply(original, self, words);
    });
    wrap(process, 'kill', (original, self, words) => {
      if (words[0] === pid) {
        note('kill', { code: shown(words[1]), place: place() });
      }
      return apply(original, self, words);
    });
    wrap(process, 'emit', (original, self, words) => {
      if (words[0] === 'exit') {
        note('leaves', { code: shown(words[1]) });
      } else if (EVENTS.includes(words[0])) {
        note('handled', { event: words[0], handlers: handlers() });
      }
      return apply(original, self, words);
    });
  }

  const opened = new WeakMap(); // server -> where it was told to listen, and which handlers there were
  const placed = new WeakMap(); // listener of a server's error -> where it was registered

  function watchServers() {
    const servers = net.Server.prototype;
    REGISTER.forEach((name) =>
      wrap(servers, name, (original, self, words) => {
        if (words[0] === 'error' && typeof words[1] === 'function' && !placed.has(words[1])) {
          placed.set(words[1], place());
        }
        return apply(original, self, words);
      })
    );
    wrap(servers, 'listen', (original, self, words) => {
      opened.set(self, { place: place(), before: handlers() });
      return apply(original, self, words);
    });
    wrap(servers, 'emit', (original, self, words) => {
      const listens = words[0] === 'listening' && opened.has(self);
      if (listens) {
        noteListening(self);
      }
      const result = apply(original, self, words);
      if (listens) {
        tryNext(self);
      }
      return result;
    });
  }

  function noteListening(server) {
    const errors = server.listeners('error').map((one) => placed.get(one) || null);
    const address = server.address();
    const told = address && typeof address === 'object' ? address : { address: String(address), port: 0 };
    const { place: from, before } = opened.get(server);
    note('listening', { address: told.address, port: told.port, place: from, before, handlers: handlers(), errors });
  }

  const VALUES = {
    Error: (words) => new Error(words),
    string: (words) => words,
    undefined: () => undefined,
    null: () => null,
    object: (words) => ({ reason: words }),
    'Error with a code': (words) => Object.assign(new Error(words), { code: 'ECONNRESET', syscall: 'read' }),
    AggregateError: (words) =>
      typeof AggregateError === 'function'
        ? new AggregateError([new Error(words)], words)
        : Object.assign(new Error(words), { name: 'AggregateError', errors: [new Error(words)] }),
  };

  const WAYS = {
    thrown: (value) => {
      throw value;
    },
    rejected: (value) => {
      NativePromise.reject(value);
    },
  };

  /** Take the next row, if the port is ours to try, and this server the program's own. */
  function tryNext(server) {
    const address = server.address();
    if (!address || address.port !== settings.port || opened.get(server).place === null) {
      return;
    }
    const row = taken();
    if (row) {
      const start = () => later(() => carryOut(row, server), 0);
      if (row.held) {
        holdConnection(address, start);
      } else {
        start();
      }
    }
  }

  /**
   * The first row that no process has taken; once several of a way ended nothing, that way is given up. Whoever takes
   * the last one, or finds none, says so: no other process is to be waited for.
   */
  function taken() {
    const folder = path.join(__dirname, 'rows');
    const alive = fs.readdirSync(path.join(__dirname, 'alive'));
    const givenUp = (way) => alive.filter((name) => name.startsWith(`${way} `)).length >= GIVEN_UP;
    const isLeft = (row) => !givenUp(row.way) && !fs.existsSync(path.join(folder, nameOf(row))) && !isImplied(row);
    const left = settings.rows.filter(isLeft);
    const row = left.find((one) => {
      try {
        fs.writeFileSync(path.join(folder, nameOf(one)), `${pid}\n`, { flag: 'wx' });
        return true;
      } catch (_error) {
        return false; // another process was quicker
      }
    });
    if (left.length <= 1) {
      fs.writeFileSync(path.join(__dirname, 'alive', 'last'), `${row ? pid : 0}\n`);
    }
    return row;
  }

  /** Whether what a row throws was thrown with others to come after it, and ended the process before they did. */
  function isImplied(row) {
    const isCrowd = (one) => one.crowd && one.way === row.way && one.value === row.value;
    return (
      !row.crowd && settings.rows.some(isCrowd) && !fs.existsSync(path.join(__dirname, 'crowds', row.way))
    );
  }

  function nameOf(row) {
    return `${row.way} ${row.what}`;
  }

  /** What others do to a server in use: one request, whose connection stays open. */
  function holdConnection(address, then) {
    const host = { '0.0.0.0': '127.0.0.1', '::': '127.0.0.1' }[address.address] || address.address;
    const socket = net.connect({ host, port: address.port });
    const goOn = () => {
      never(timer);
      socket.unref();
      socket.removeListener('data', goOn);
      if (then) {
        const next = then;
        then = null;
        next();
      }
    };
    const timer = later(goOn, PATIENCE_MS);
    socket.on('error', goOn).on('data', goOn).resume();
    socket.write(`GET ${settings.path} HTTP/1.1\r\nHost: ${host}:${address.port}\r\n\r\n`);
  }

  function carryOut(row, server) {
    const name = nameOf(row);
    const words = `${settings.words}: ${name}`;
    later(() => {
      note('alive', { row: name });
      fs.writeFileSync(path.join(__dirname, 'alive', name), '');
      kill.call(process, pid, 'SIGKILL');
    }, settings.within_ms).unref();
    note('tried', { row: name, handlers: handlers(), errors: server.listenerCount('error') });
    if (row.way === 'emitted') {
      server.emit('error', Object.assign(new Error(words), { code: 'EADDRINUSE', syscall: 'listen' }));
      return;
    }
    if (row.crowd) {
      soon(() => {
        note('crowded', { row: name });
        fs.writeFileSync(path.join(__dirname, 'crowds', row.way), '');
        WAYS[row.way](new Error(`${words}, the second one`));
      });
      later(() => WAYS[row.way](new Error(`${words}, the third one`)), FLUSH_MS).unref();
    }
    WAYS[row.way](VALUES[row.value](words));
  }

  note('start', { ppid: process.ppid || 0, version: process.version, program: String(process.argv[1]).slice(0, 500) });
  watchHandlers();
  watchEnd();
  watchServers();
})();
