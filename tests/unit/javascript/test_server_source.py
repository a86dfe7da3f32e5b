# ruff: noqa: E501, S104 -- a table of one-line programs reads best unbroken, and 0.0.0.0 is what they name
"""server.js as the parser sees it: what counts as a handler that exits, and what only looks like one."""

from __future__ import annotations

import pytest

from harness.javascript.claims import ServerSource
from harness.javascript.syntax import load_program

EVENT = "uncaughtException"
LISTEN = "const server = require('http').createServer();\nserver.listen(8080, '0.0.0.0');\n"


def source(text: str, **files: str) -> ServerSource:
    local = {f"/agent/{name}.js": body for name, body in files.items()}
    return ServerSource(load_program("/agent/server.js", {"/agent/server.js": text, **local}))


GOOD_HANDLERS = {
    "runbook": "process.on('uncaughtException', (error) => { console.error(error); process.exit(1); });",
    "function": "process.on('uncaughtException', function (e) { process.exit(1) })",
    "named": "function die(e) { console.error(e); process.exit(1); }\nprocess.on('uncaughtException', die);",
    "named-later": "process.on('uncaughtException', die);\nfunction die(e) { process.exit(1); }",
    "constant": "const die = (e) => { process.exit(1); };\nprocess.on('uncaughtException', die);",
    "once": "process.once('uncaughtException', () => process.exit(1));",
    "add-listener": "process.addListener('uncaughtException', () => process.exit(1));",
    "minified": "process.on('uncaughtException',e=>{console.error(e),process.exit(1)});",
    "bang": "!function(){process.on('uncaughtException',e=>process.exit(1))}();",
    "template": "process.on(`uncaughtException`, () => process.exit(1));",
    "concatenated-file": "'use strict';\nrequire('./fatal');",
    "chained": "process.on('exit', () => {}).on('uncaughtException', () => { process.exit(1); });",
    "subscript": "process['on']('uncaughtException', () => process['exit'](1));",
    "required-process": "const p = require('node:process');\np.on('uncaughtException', () => p.exit(1));",
    "global": "globalThis.process.on('uncaughtException', () => global.process.exit(1));",
    "destructured": "const { exit } = process;\nprocess.on('uncaughtException', () => exit(2));",
    "constant-code": "const FAILED = 1;\nprocess.on('uncaughtException', () => process.exit(FAILED));",
    "constant-event": "const EVENT = 'uncaughtException';\nprocess.on(EVENT, () => process.exit(1));",
    "fallback-code": "process.on('uncaughtException', (e) => process.exit(e.code || 1));",
    "exit-code-set": "process.on('uncaughtException', () => { process.exitCode = 1; process.exit(); });",
    "helper": "const die = (code) => { process.exit(code); };\nprocess.on('uncaughtException', () => die(1));",
    "factory": "const fatal = (w) => (e) => { console.error(w, e); process.exit(1); };\n"
    "process.on('uncaughtException', fatal('x'));",
    "bound": "function fatal(w, e) { process.exit(1); }\nprocess.on('uncaughtException', fatal.bind(null, 'x'));",
    "both-branches": "process.on('uncaughtException', (e) => { if (e.code) process.exit(2); else process.exit(1); });",
    "early-return-exits": "process.on('uncaughtException', (e) => { if (e) { return process.exit(1); } process.exit(2); });",
    "try-finally": "process.on('uncaughtException', (e) => { try { log(e); } finally { process.exit(1); } });",
    "timer": "process.on('uncaughtException', async (e) => { setTimeout(() => process.exit(1), 1000); await flush(); });",
    "iife": "(() => { process.on('uncaughtException', () => process.exit(1)); })();",
    "installer": "function install() { process.on('uncaughtException', () => process.exit(1)); }\ninstall();",
    "loop": "for (const e of ['uncaughtException', 'x']) { process.on(e, () => process.exit(1)); }",
    "for-each": "['uncaughtException', 'x'].forEach((e) => process.on(e, () => process.exit(1)));",
    "if-true": "if (true) { process.on('uncaughtException', () => process.exit(1)); }",
    "main-module": "if (require.main === module) { process.on('uncaughtException', () => process.exit(1)); }",
    "logs-then-exits": "process.on('uncaughtException', (e) => console.error(e));\n"
    "process.on('uncaughtException', () => process.exit(1));",
    "switch": "process.on('uncaughtException', (e) => { switch (e.code) { case 'A': log(); default: process.exit(1); } });",
    "bounded-await": "const withTimeout = (p, ms) => Promise.race([p, new Promise((_, no) => setTimeout(no, ms))]);\n"
    "process.on('uncaughtException', async () => { try { await withTimeout(flush(), 9); } finally { process.exit(1); } });",
    "bounded-by-helper": "const late = (ms) => new Promise((_, no) => setTimeout(no, ms));\n"
    "const limit = (p, ms) => Promise.race([p, late(ms)]);\n"
    "process.on('uncaughtException', async () => { try { await limit(flush(), 9); } catch { } process.exit(1); });",
    "comment-inside": "process.on('uncaughtException', (e) => { /* process.exit(0) */ process.exit(1); });",
}


@pytest.mark.parametrize("text", GOOD_HANDLERS.values(), ids=GOOD_HANDLERS)
def test_good_handler_is_accepted(text: str) -> None:
    fatal = "process.on('uncaughtException', () => process.exit(1));"
    seen = source(f"{text}\n{LISTEN}", fatal=fatal)
    assert (seen.handler_is_first(EVENT), seen.handler_exits(EVENT)) == ([], [])


NOT_REGISTERED = {
    "absent": "",
    "comment": "// process.on('uncaughtException', () => process.exit(1));",
    "block-comment": "/* process.on('uncaughtException', () => process.exit(1)); */",
    "string": "const doc = \"process.on('uncaughtException', () => process.exit(1))\";",
    "template-text": "log(`process.on('uncaughtException', () => process.exit(1))`);",
    "if-false": "if (false) { process.on('uncaughtException', () => process.exit(1)); }",
    "and-false": "false && process.on('uncaughtException', () => process.exit(1));",
    "uncalled-function": "function install() { process.on('uncaughtException', () => process.exit(1)); }",
    "conditional": "if (process.env.STRICT) process.on('uncaughtException', () => process.exit(1));",
    "in-callback": "app.get('/', () => { process.on('uncaughtException', () => process.exit(1)); });",
    "after-await": "(async () => { await ready(); process.on('uncaughtException', () => process.exit(1)); })();",
    "other-emitter": "emitter.on('uncaughtException', () => process.exit(1));",
    "shadowed": "{ const process = fake(); process.on('uncaughtException', () => process.exit(1)); }",
    "other-event": "process.on('uncaughtExceptionMonitor', () => process.exit(1));",
    "misspelt": "process.on('uncaughtexception', () => process.exit(1));",
    "after-exit": "process.exit(0); process.on('uncaughtException', () => process.exit(1));",
    "removed": "process.on('uncaughtException', () => process.exit(1));\nprocess.removeAllListeners('uncaughtException');",
    "all-removed": "process.on('uncaughtException', () => process.exit(1));\nprocess.removeAllListeners();",
}


@pytest.mark.parametrize("text", NOT_REGISTERED.values(), ids=NOT_REGISTERED)
def test_handler_that_is_not_registered_is_refused(text: str) -> None:
    assert source(f"{text}\n{LISTEN}").handler_is_first(EVENT)


LATE = {
    "after-listen": f"{LISTEN}process.on('uncaughtException', () => process.exit(1));",
    "listen-in-function": "function up() { require('http').createServer().listen(80); }\nup();\n"
    "process.on('uncaughtException', () => process.exit(1));",
    "listen-maybe": "if (process.env.X) app.listen(80);\nprocess.on('uncaughtException', () => process.exit(1));",
    "listen-in-file": "require('./up');\nprocess.on('uncaughtException', () => process.exit(1));",
    "import-is-hoisted": "process.on('uncaughtException', () => process.exit(1));\nimport './up.js';",
}


@pytest.mark.parametrize("text", LATE.values(), ids=LATE)
def test_handler_after_listen_is_refused(text: str) -> None:
    problems = source(text, up=LISTEN).handler_is_first(EVENT)
    assert "comes after the server listens" in problems[0]


def test_listen_in_a_callback_comes_later() -> None:
    text = "db.ready().then(() => app.listen(80));\nprocess.on('uncaughtException', () => process.exit(1));"
    assert source(text).handler_is_first(EVENT) == []


NOT_EXITING = {
    "only-logs": "(e) => { console.error('[FATAL]', e); }",
    "exit-zero": "() => process.exit(0)",
    "exit-without-code": "() => process.exit()",
    "exit-256": "() => process.exit(256)",
    "unknown-code": "(e) => process.exit(e.code)",
    "exit-code-only": "() => { process.exitCode = 1; }",
    "comment": "() => { /* process.exit(1) */ }",
    "string": "() => { console.log('process.exit(1)'); }",
    "never-branch": "() => { if (false) process.exit(1); }",
    "maybe-branch": "(e) => { if (e.fatal) process.exit(1); }",
    "and": "(e) => { e.fatal && process.exit(1); }",
    "after-return": "() => { return; process.exit(1); }",
    "early-return": "(e) => { if (e.minor) return; process.exit(1); }",
    "after-throw": "(e) => { throw e; process.exit(1); }",
    "in-inner-function": "() => { const later = () => process.exit(1); }",
    "in-unknown-callback": "() => { server.close(() => process.exit(1)); }",
    "after-await": "async () => { await flush(); process.exit(1); }",
    "after-await-in-try": "async () => { try { await flush(); } finally { process.exit(1); } }",
    "after-exit-zero-in-try": "() => { try { process.exit(0); } finally { process.exit(1); } }",
    "after-then": "() => { flush().then(() => process.exit(1)); }",
    "far-timer": "() => { setTimeout(() => process.exit(1), 3600000); }",
    "while": "() => { while (busy()) { process.exit(1); } }",
    "other-exit": "() => { program.exit(1); }",
    "shadowed": "(e) => { const process = e; process.exit(1); }",
    "caught-throw": "() => { try { throw 1; } catch { } }",
    "switch-without-default": "(e) => { switch (e.code) { case 'A': process.exit(1); } }",
    "unresolved": "handlers.fatal",
    "generator": "function* () { process.exit(1); }",
    "abort": "() => { process.abort(); }",
}


@pytest.mark.parametrize("handler", NOT_EXITING.values(), ids=NOT_EXITING)
def test_handler_that_may_not_exit_is_refused(handler: str) -> None:
    seen = source(f"process.on('uncaughtException', {handler});\n{LISTEN}")
    assert seen.handler_exits(EVENT)


def test_first_of_two_handlers_decides_when_it_exits_clean() -> None:
    text = "process.on('uncaughtException', () => process.exit(0));\n"
    assert source(text + text.replace("0", "1") + LISTEN).handler_exits(EVENT)


def test_problem_names_file_and_line() -> None:
    assert "server.js:2" in source("\nprocess.on('uncaughtException', () => {});").handler_exits(EVENT)[0]


IMPORTED = {
    "require": ("const { die } = require('./fatal');", "module.exports = { die };"),
    "require-member": ("const { die } = require('./fatal.js');", "exports.die = die;"),
    "require-default": ("const die = require('./fatal');", "module.exports = die;"),
    "import": ("import { die } from './fatal.js';", "export { die };"),
    "import-renamed": ("import { quit as die } from './fatal.js';", "export const quit = die;"),
    "import-default": ("import die from './fatal.js';", "export default die;"),
}


@pytest.mark.parametrize(("line", "export"), IMPORTED.values(), ids=IMPORTED)
def test_handler_from_a_local_file_is_followed(line: str, export: str) -> None:
    text = f"{line}\nprocess.on('uncaughtException', die);\n{LISTEN}"
    assert source(text, fatal=f"function die() {{ process.exit(1); }}\n{export}").handler_exits(EVENT) == []
    assert source(text, fatal=f"function die() {{ log(1); }}\n{export}").handler_exits(EVENT)


EXIT = "() => { process.exit(1); }"
GOOD_SERVERS = {
    "runbook": f"const server = app.listen(8080, '0.0.0.0', () => {{}});\nserver.on('error', {EXIT});",
    "create": f"const server = http.createServer(f);\nserver.on('error', {EXIT});\nserver.listen(8080, '0.0.0.0');",
    "chain": f"http.createServer(f).listen(8080, '0.0.0.0').on('error', {EXIT});",
    "create-chain": f"http.createServer(f).on('error', {EXIT}).listen(8080, '0.0.0.0');",
    "options": f"const s = http.createServer();\ns.once('error', {EXIT});\ns.listen({{ port: 1, host: '0.0.0.0' }});",
    "constant": f"const HOST = process.env.HOST || '0.0.0.0';\nconst s = app.listen(1, HOST);\ns.on('error', {EXIT});",
    "in-main": f"async function main() {{ const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }}\nmain();",
    "after-await": f"(async () => {{ await init(); const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }})();",
    "top-level-await": f"await init();\nconst s = app.listen(1, '0.0.0.0');\ns.on('error', {EXIT});",
    "handler-then-await": f"const s = http.createServer();\ns.on('error', {EXIT});\nawait init();\ns.listen(1, '0.0.0.0');",
    "in-then": f"init().then(() => {{ const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }});",
    "in-callback": f"init((e) => {{ if (e) process.exit(1); const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }});",
    "in-function-after-await": f"function up() {{ const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }}\n"
    "async function main() { try { await init(); } catch (e) { process.exit(1); } up(); }\nmain();",
    "attached-after-await": f"const guard = (s) => s.on('error', {EXIT});\nawait init();\nguard(app.listen(1, '0.0.0.0'));",
    "under-one-if": f"if (process.env.UP) {{ const s = app.listen(1, '0.0.0.0'); s.on('error', {EXIT}); }}",
    "one-of-two": f"let s;\nif (process.env.TLS) {{ const a = https.createServer(); a.on('error', {EXIT}); a.listen(1, '0.0.0.0'); }}\n"
    f"else {{ const b = http.createServer(); b.on('error', {EXIT}); b.listen(1, '0.0.0.0'); }}",
    "another-beside-it": f"await init();\nconst s = app.listen(1, '0.0.0.0');\ns.on('error', {EXIT});\n"
    "metrics.listen(9);\napp.post('/', () => net.createServer().listen(0));",
    "handler-whatever-listens": f"const s = http.createServer();\ns.on('error', {EXIT});\n"
    "init().then(() => s.listen(1, '0.0.0.0'));\napp.post('/', () => net.createServer().listen(0));",
    "assigned": f"let s;\ns = app.listen(1, '0.0.0.0');\ns.on('error', {EXIT});",
}


@pytest.mark.parametrize("text", GOOD_SERVERS.values(), ids=GOOD_SERVERS)
def test_good_server_is_accepted(text: str) -> None:
    seen = source(text)
    assert (seen.server_error_exits(), seen.listens_on("0.0.0.0")) == ([], [])


BAD_SERVERS = {
    "none": "const server = app.listen(8080, '0.0.0.0');",
    "only-logs": "const s = app.listen(1, '0.0.0.0');\ns.on('error', (e) => { console.error(e); });",
    "application": f"const app = express();\napp.on('error', {EXIT});\napp.listen(1, '0.0.0.0');",
    "other-server": f"const a = http.createServer();\nconst b = http.createServer();\nb.on('error', {EXIT});\na.listen(1);",
    "client-error": f"const s = app.listen(1, '0.0.0.0');\ns.on('clientError', {EXIT});",
    "in-callback": f"const s = app.listen(1, '0.0.0.0', () => {{ s.on('error', {EXIT}); }});",
    "in-callback-after-await": f"await init();\nconst s = app.listen(1, () => {{ s.on('error', {EXIT}); }});",
    "await-before-handler": f"await init();\nconst s = app.listen(1);\nawait warm();\ns.on('error', {EXIT});",
    "handler-in-if": f"await init();\nconst s = app.listen(1);\nif (process.env.STRICT) s.on('error', {EXIT});",
    "handler-in-and": f"await init();\nconst s = app.listen(1);\nprocess.env.STRICT && s.on('error', {EXIT});",
    "handler-after-return": f"(async () => {{ await init(); const s = app.listen(1); if (quiet) return; s.on('error', {EXIT}); }})();",
    "handler-in-catch": f"const s = http.createServer();\ntry {{ await init(); s.listen(1); }} catch {{ s.on('error', {EXIT}); }}",
    "handler-in-other-branch": f"const s = http.createServer();\nif (tls) {{ s.on('error', {EXIT}); }} else {{ s.listen(1); }}",
    "handler-in-other-case": f"const s = http.createServer();\nswitch (mode) {{ case 'a': s.on('error', {EXIT}); case 'b': s.listen(1); }}",
    "handler-in-other-callback": f"const s = http.createServer();\na.then(() => s.on('error', {EXIT}));\nb.then(() => s.listen(1));",
    "handler-in-function-never-called": f"await init();\nconst s = app.listen(1);\nfunction guard() {{ s.on('error', {EXIT}); }}",
    "other-server-after-await": f"await init();\nconst s = app.listen(1);\nconst t = http.createServer();\nt.on('error', {EXIT});",
    "application-after-await": f"const app = express();\nawait init();\napp.listen(1);\napp.on('error', {EXIT});",
    "only-logs-after-await": "await init();\nconst s = app.listen(1);\ns.on('error', (e) => { console.error(e); });",
    "one-of-two": f"if (process.env.TLS) {{ const a = https.createServer(); a.on('error', {EXIT}); a.listen(1); }}\n"
    "else { app.listen(1); }",
    "other-of-two": f"const a = https.createServer(), b = http.createServer();\na.on('error', {EXIT});\n"
    "if (tls) a.listen(443); else b.listen(80);",
    "instead-on-failure": f"main().catch(() => {{ app.listen(1); }});\n"
    f"async function main() {{ await init(); const s = http.createServer(); s.on('error', {EXIT}); s.listen(1); }}",
    "process-error": f"app.listen(1, '0.0.0.0');\nprocess.on('error', {EXIT});",
    "no-listen": f"const s = http.createServer();\ns.on('error', {EXIT});",
}


@pytest.mark.parametrize("text", BAD_SERVERS.values(), ids=BAD_SERVERS)
def test_server_without_error_handler_is_refused(text: str) -> None:
    assert source(text).server_error_exits()


@pytest.mark.parametrize("call", ["(8080)", "(8080, '127.0.0.1')", "(8080, () => {})", "({ port: 1 })"])
def test_listening_elsewhere_is_refused(call: str) -> None:
    assert source(f"const s = app.listen{call};").listens_on("0.0.0.0")


@pytest.mark.parametrize("text", ["process.on('x', () => {", "const = 1;", "function ( {}", "if (a { }"])
def test_what_cannot_be_parsed_is_a_fault_with_its_position(text: str) -> None:
    faults = source(f"\n{text}\n").program.faults
    assert faults
    assert faults[0].startswith("/agent/server.js:")


def test_hashbang_and_modern_syntax_are_no_faults() -> None:
    text = "#!/usr/bin/env node\nconst a = b?.c ?? d; class X { #p = 1; static { f(); } }\nfor await (const x of y) {}\n"
    assert source(text).program.faults == ()
