# ruff: noqa: E501, S104 -- small programs read best with their lines unbroken
"""Small agents in many styles, each with the claims of the runbook that it breaks, and run by a real Node.js."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

FIRST_EXCEPTION, FIRST_REJECTION = "first uncaughtException", "first unhandledRejection"
EXCEPTION_EXITS, REJECTION_EXITS = "exits uncaughtException", "exits unhandledRejection"
SERVER, ADDRESS = "server's error", "address"
FIRST, EXITS = {FIRST_EXCEPTION, FIRST_REJECTION}, {EXCEPTION_EXITS, REJECTION_EXITS}

EXCEPTION = "process.on('uncaughtException', (e) => { console.error('[FATAL]', e); process.exit(1); });\n"
REJECTION = "process.on('unhandledRejection', (e) => { console.error('[FATAL]', e); process.exit(1); });\n"
HANDLERS = EXCEPTION + REJECTION
CREATE = "const server = require('http').createServer((_, answer) => answer.end('{}'));\n"
ERROR = "server.on('error', (e) => { console.error('[SERVER-ERROR]', e); process.exit(1); });\n"
LISTEN = "server.listen(process.env.PORT, '0.0.0.0');\n"
SERVE = CREATE + ERROR + LISTEN


@dataclass(frozen=True)
class Agent:
    """A program.

    :param breaks: the claims that it breaks.
    :param sticks: whether nothing in it ends it, or goes on with the next row: whoever tries it has to.
    :param words: what follows ``node``; or a whole command, where it is not node that is started.
    """

    files: Mapping[str, str | Callable[[], str]]
    breaks: set[str] = field(default_factory=set)
    words: tuple[str, ...] = ("server.js",)
    supervised: bool = False
    sticks: bool = False

    def lay_down(self, folder: Path) -> None:
        """Write its files."""
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text if isinstance(text, str) else text())


def one(text: str, *breaks: str) -> Agent:
    """A program of one file."""
    return Agent({"server.js": text}, set(breaks))


def both(handler: str, *breaks: str) -> Agent:
    """One in which this is the handler of both events."""
    events = "for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, {});\n"
    return one(events.format(handler) + SERVE, *breaks)


def _bundle() -> str:
    """What a bundler makes of it: one file of a megabyte, one line of it long."""
    module = "function m{0}(e,t){{t.a=function(r){{return r*{0}+(e?t.a(r-1):0)}};}}"
    modules = "".join(module.format(number) for number in range(15_000))
    return f"(()=>{{{modules}{HANDLERS}{SERVE}}})();".replace("\n", "")


ESM = """import http from 'node:http';
import process from 'node:process';
process.on('uncaughtException', (e) => { console.error(e); process.exit(1); });
process.on('unhandledRejection', (e) => { console.error(e); process.exit(1); });
const server = http.createServer((_, answer) => answer.end('{}'));
server.on('error', () => process.exit(1));
server.listen(process.env.PORT, '0.0.0.0');
"""
CLASSES = """class Agent {
  #server = require('http').createServer((_, answer) => answer.end('{}'));
  constructor() {
    for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, this.#fatal.bind(this, event));
    this.#server.on('error', (error) => this.#fatal('server', error));
  }
  #fatal(what, error) { console.error('[FATAL]', what, error); process.exit(1); }
  start() { return new Promise((resolve) => this.#server.listen(process.env.PORT, '0.0.0.0', resolve)); }
}
new Agent().start();
"""
TSC = """"use strict";
var __awaiter = (this && this.__awaiter) || function (thisArg, _arguments, P, generator) {
    return new (P || (P = Promise))(function (resolve, reject) {
        function step(result) { result.done ? resolve(result.value) : Promise.resolve(result.value).then((value) => step(generator.next(value)), reject); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
var __importDefault = (this && this.__importDefault) || function (mod) { return (mod && mod.__esModule) ? mod : { "default": mod }; };
Object.defineProperty(exports, "__esModule", { value: true });
const http_1 = __importDefault(require("http"));
const fatal_1 = require("./fatal");
(0, fatal_1.install)();
function main() {
    return __awaiter(this, void 0, void 0, function* () {
        const server = http_1.default.createServer((_, answer) => answer.end('{}'));
        server.on('error', fatal_1.die);
        yield new Promise((resolve) => server.listen(Number(process.env.PORT), '0.0.0.0', () => resolve()));
    });
}
main();
//# sourceMappingURL=server.js.map
"""
FATAL = """"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.install = exports.die = void 0;
const die = (error) => { console.error('[FATAL]', error); process.exit(1); };
exports.die = die;
function install() { process.on('uncaughtException', exports.die); process.on('unhandledRejection', exports.die); }
exports.install = install;
"""
FRAMEWORK = """const http = require('http');
module.exports = function framework() {
  const routes = {};
  const app = (request, answer) => (routes[request.url] || ((_, a) => a.end('{}')))(request, answer);
  app.get = (path, then) => { routes[path] = then; return app; };
  app.listen = function listen(...words) { const server = http.createServer(app); return server.listen(...words); };
  return app;
};
"""
CLUSTER = """const cluster = require('cluster');
if (cluster.isMaster || cluster.isPrimary) {
  cluster.fork();
  cluster.on('exit', (_, code) => { %s });
} else {
  %s
}
"""
GOOD = {
    "CommonJS": one(HANDLERS + SERVE),
    "minified": one((HANDLERS + SERVE).replace("\n", "").replace(" => ", "=>")),
    "an ES module": Agent({"server.mjs": ESM}, words=("server.mjs",)),
    "an ES module by its package": Agent({"server.js": ESM, "package.json": '{"type": "module"}'}),
    "classes": one(CLASSES),
    "what tsc makes": Agent({"server.js": TSC, "fatal.js": FATAL}),
    "a bundle": Agent({"server.js": _bundle}),
    "a dynamic import": Agent({"server.js": HANDLERS + "import('./up.mjs');", "up.mjs": ESM.replace("process.on(", "process.once(")}),
    "handlers in another module": Agent({"server.js": "require('./fatal').install();\n" + SERVE, "fatal.js": FATAL}),
    "handlers of a library": Agent({"server.js": "require('fatal').install();\n" + SERVE, "node_modules/fatal/index.js": FATAL}),
    "once": one(HANDLERS.replace("process.on", "process.once") + SERVE),
    "in front": one(HANDLERS.replace("process.on", "process.prependListener") + SERVE),
    "a capture callback": one("process.setUncaughtExceptionCaptureCallback(() => process.exit(1));\n" + REJECTION + SERVE),
    "a code of -1": both("() => process.exit(-1)"),
    "a code of '1'": both("() => process.exit('1')"),
    "a code that was set before": both("() => { process.exitCode = 4; process.exit(); }"),
    "an abort": both("() => process.abort()"),
    "its own signal": both("() => process.kill(process.pid, 'SIGKILL')"),
    "a handler that fails itself": both("(e) => { console.error(e.stack.split('x')[99].length); }"),
    "a log that is flushed": both("async () => { await new Promise((then) => setTimeout(then, 250)); process.exit(1); }"),
    "a last resort": one("let server;\n" + HANDLERS.replace("process.exit(1)", "setTimeout(() => process.exit(1), 300); server.close()") + SERVE.replace("const server", "server")),
    "exit in try and finally": both("(e) => { try { e.none.there; } finally { process.exit(1); } }"),
    "express's way": Agent({"server.js": HANDLERS + "const app = require('framework')();\nconst server = app.get('/x', () => {}).listen(process.env.PORT, '0.0.0.0');\n" + ERROR, "node_modules/framework/index.js": FRAMEWORK}),
    "SIGUSR1 is taken": one("process.on('SIGUSR1', () => {});\n" + HANDLERS + SERVE),
    "an own stack trace": one("Error.prepareStackTrace = () => 'nothing';\nError.stackTraceLimit = 0;\n" + HANDLERS + SERVE),
    "mocked timers": one("global.setTimeout = global.setImmediate = () => {};\nglobal.Promise = class {};\n" + HANDLERS + SERVE),
    "listens once it is ready": one(HANDLERS + CREATE + ERROR + "setTimeout(() => { " + LISTEN + " }, 100);"),
    "a child of sh": Agent({"server.js": HANDLERS + SERVE}, words=("sh", "-c", "node server.js; exit $?"), supervised=True),
    "a loop around it": Agent({"server.js": HANDLERS + SERVE}, words=("sh", "-c", "for n in 1 2 3 4 5 6 7 8; do node server.js; done"), supervised=True),
    "a cluster that ends with its worker": Agent({"server.js": CLUSTER % ("process.exit(code || 1)", HANDLERS + SERVE)}, supervised=True),
    "a cluster that goes on": Agent({"server.js": CLUSTER % ("cluster.fork()", HANDLERS + SERVE)}, supervised=True),
    "many other servers": one(HANDLERS + "require('net').createServer().listen(0);\nrequire('http').createServer().listen(0, '127.0.0.1');\n" + SERVE),
}  # fmt: skip
BAD = {
    "nothing": one(CREATE + LISTEN, *FIRST, *EXITS, SERVER),
    "another emitter": one("const e = new (require('events'))();\n" + HANDLERS.replace("process.on", "e.on") + SERVE, *FIRST, *EXITS),
    "a comment": one("".join(f"// {line}\n" for line in HANDLERS.splitlines()) + SERVE, *FIRST, *EXITS),
    "a function that nobody calls": one("function install() { " + HANDLERS + " }\n" + SERVE, *FIRST, *EXITS),
    "too late": one(SERVE + HANDLERS, *FIRST),
    "once it listens": one(CREATE + ERROR + "server.listen(process.env.PORT, '0.0.0.0', () => { " + HANDLERS + " });", *FIRST),
    "removed": one(HANDLERS + "process.removeAllListeners('uncaughtException');\n" + SERVE, FIRST_EXCEPTION, EXCEPTION_EXITS),
    "all removed": one(HANDLERS + "process.removeAllListeners();\n" + SERVE, *FIRST, *EXITS),
    "removed later": one(HANDLERS + SERVE + "server.on('listening', () => process.removeAllListeners('unhandledRejection'));", FIRST_REJECTION, REJECTION_EXITS),
    "logs and goes on": both("(e) => console.error(e)", *EXITS),
    "goes on with strings": both("(e) => { if (e instanceof Error) process.exit(1); }", *EXITS),
    "a code of 0": both("() => process.exit(0)", *EXITS),
    "no code": both("() => process.exit()", *EXITS),
    "a code of 256": both("() => process.exit(256)", *EXITS),
    "a code that is only set": both("() => { process.exitCode = 1; }", *EXITS),
    "waits for ever": both("async () => { await new Promise(() => {}); process.exit(1); }", *EXITS),
    "closes first, which never ends": one("require('http').Server.prototype.closeIdleConnections = () => {};\n" + HANDLERS.replace("process.exit(1)", "server.close(() => process.exit(1))") + "let server;\n" + SERVE.replace("const server", "server"), *EXITS),
    "closes, and exits with 0": one(HANDLERS.replace("process.exit(1)", "server.closeAllConnections && server.closeAllConnections(), server.close(() => process.exit(0))") + "let server;\n" + SERVE.replace("const server", "server"), *EXITS),
    "a timer that nobody waits for": one("let server;\n" + HANDLERS.replace("process.exit(1)", "setTimeout(() => process.exit(1), 100).unref(); server.close(); server.closeAllConnections()") + SERVE.replace("const server", "server"), *EXITS),
    "ends by itself": one("let server;\n" + HANDLERS.replace("process.exit(1)", "server.closeAllConnections(); server.close()") + SERVE.replace("const server", "server"), *EXITS),
    "caught exit": both("() => { const exit = process.exit; process.exit = () => { throw 1; }; try { process.exit(1); } catch { process.exit = exit; } }", *EXITS),
    "counts to two": one("let seen = 0;\n" + HANDLERS.replace("process.exit(1)", "if (++seen > 1) process.exit(1)") + SERVE, *EXITS),
    "hangs": replace(both("() => { for (;;); }", *EXITS), sticks=True),
    "no handler of the server's": one(HANDLERS + CREATE + LISTEN, SERVER),
    "the server's goes on": one(HANDLERS + CREATE + "server.on('error', (e) => console.error(e));\n" + LISTEN, SERVER),
    "the server's retries": one(HANDLERS + CREATE + "server.on('error', () => setTimeout(() => server.listen(1), 9e5));\n" + LISTEN, SERVER),
    "loopback alone": one((HANDLERS + SERVE).replace("0.0.0.0", "127.0.0.1"), ADDRESS),
    "a cluster that does not go on": Agent({"server.js": CLUSTER % ("setInterval(() => {}, 1e6)", HANDLERS + SERVE)}, {SERVER, *EXITS}, supervised=True, sticks=True),
    "a thread": Agent({"server.js": "const w = require('worker_threads');\nif (w.isMainThread) new w.Worker(__filename); else {\n" + HANDLERS + SERVE + "}\nsetInterval(() => {}, 1e6);"}, {SERVER, *EXITS}, sticks=True),
}  # fmt: skip
