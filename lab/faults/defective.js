// Loaded before the controller: what is wrong in it.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

const LAB = '/opt/acceptance-lab/current/lab/coldboot';
const own = (name) => require(`${LAB}/${name}`);
const express = own('node_modules/express');

/** Change what one kind of request is answered in JSON, where it is no refusal. */
const on = (method, end, change) => (request, response, next) => {
  if (request.method === method && request.path.endsWith(end)) {
    const say = response.json.bind(response);
    response.json = (body) => {
      const changed = response.statusCode < 400 ? change(body, request, response) : undefined;
      Promise.resolve(changed).then((other) => say(other ?? body));
      return response;
    };
  }
  next();
};

let defect = null;
/** Whether a WebSocket is served at a path. */
let upgraded = null;
/* defect */
if (defect) {
  const api = own('api');
  const { application } = api;
  const parse = express.json();
  api.application = () => {
    const outer = express();
    outer.use((request, response, next) => parse(request, response, () => next()));
    outer.use(defect);
    outer.use(application());
    return outer;
  };
}
if (upgraded) {
  const windows = own('window');
  const { install } = windows;
  windows.install = (server) => {
    const on_ = server.on.bind(server);
    server.on = (name, listener) =>
      on_(name, name !== 'upgrade' ? listener : (request, socket, head) => {
        if (upgraded(request.url)) {
          listener(request, socket, head);
        } else {
          socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        }
      });
    return install(server);
  };
}
