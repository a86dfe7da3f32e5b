"""A canary for each kind of secret, sung into everything the suite can write: none is heard outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import redact
from tests.unit.small_suite import Suite

pytest_plugins = ["pytester"]

CANARIES = (
    *("p4ssw0rd", "c0de-canary", "st4te-canary", "t0ken-canary", "ver1fier-canary"),
    *("k3y-canary", "0ld-key-canary", "n1p"),
)
"""The password, and what a guest's unit sets in its environment, are remembered where they are read; the
others are known by where they stand."""

CHECKS = """
import base64, io, logging, shlex, tarfile, warnings
from harness.errors import BrowserError, HarnessError
from harness.guest.facts import ask_guest
from harness.redact import remember
from harness.run import Result

PASSWORD = remember("/".join(["p4ssw0rd", "canary"]))
CALLBACK = "http://localhost:1455/auth/callback?code=" + "c0de-" + "canary&state=" + "st4te-" + "canary"
TOKENS = '{"access_token": "' + "t0ken-" + 'canary", "code_verifier": "' + "ver1fier-" + 'canary"}'
ALL = f"{PASSWORD} {CALLBACK} {TOKENS}"

@pytest.fixture
def trouble(evidence_sources):
    evidence_sources.add(fixture="trouble", name=f"source-{PASSWORD}", collect=lambda: ALL)
    evidence_sources.add(fixture="trouble", name="broken", collect=lambda: 1 / len(ALL[:0]) or ALL)

@check("oauth")
def test_fails(evidence, advice, trouble):
    evidence.text("seen.txt", ALL)
    evidence.json("seen.json", {"url": CALLBACK, "password": PASSWORD})
    evidence.bytes(f"shot-{PASSWORD}.png", ALL.encode())
    evidence.text(f"{CALLBACK}.txt", "named badly")
    advice(f"advice {ALL}")
    logging.getLogger("httpx").warning("HTTP Request: GET %s %s", CALLBACK, TOKENS)
    try:
        raise ValueError(ALL)
    except ValueError:
        logging.getLogger("x").exception("while %s", PASSWORD)
    print(ALL)
    assert ALL == "", f"seen: {ALL}"

KEY, OLD_KEY = "k3y-" + "canary/$1", "0ld-key-" + "canary"
FRAGMENT = "/etc/systemd/system/browser-vm-auth.service"

def packed():
    content = f"[Service]\\nEnvironment=KEY={OLD_KEY} \\\\\\n  LEVEL=info\\n".encode()
    member, stream = tarfile.TarInfo(FRAGMENT), io.BytesIO()
    member.size = len(content)
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode()

class Clone:
    name, restored_at = "acc-abcdef-1", 0.0
    cut = False

    def script(self, text, *, timeout_s):
        escaped = KEY.replace("$", "\\\\$")
        show = f'Id=browser-vm-auth.service\\nFragmentPath={FRAGMENT}\\n'
        show += f'Environment=NODE_ENV=production "KEY={escaped}" PIN=' + "n1" + 'p LEVEL=info\\n'
        said = {"verify_status": "0", "uptime": "1", "boot_id": "b", "clock": "1", "show": show, "failed": "",
                "ports": "", "interfaces": "", "journal": f"started with {KEY}", "files": packed(),
                "verify": f"Invalid environment assignment: {OLD_KEY}", "memory": "", "limits": "", "end": ""}
        if self.cut:
            said.pop("end")
        mark = shlex.split(text.partition("\\n")[0])[0].partition("=")[2]
        return Result((), 1, "".join(f"\\n{mark} {name}\\n{text}" for name, text in said.items()), "")

@pytest.fixture(scope="session")
def clone(): return Clone()

@check("unit-network")
def test_unit(guest_facts, evidence):
    evidence.json("unit.json", guest_facts.unit)
    print(guest_facts)
    assert guest_facts.unit == {}, f"LEVEL is info: {guest_facts.journal} {guest_facts.verify} {KEY}"

@check("unit-network")
def test_unit_is_cut(site):
    clone = Clone()
    clone.cut = True
    ask_guest(clone, site)

@check("oauth")
def test_plain_assert(): assert ALL == "short"

@check("oauth")
def test_breaks(): raise BrowserError(f"fill({PASSWORD}) at {CALLBACK}", hint=f"not {TOKENS}")

@check("oauth")
def test_strange(): raise RuntimeError(ALL)

@check("oauth")
def test_skips(): pytest.skip(ALL)

@check("oauth")
def test_warns(): warnings.warn(ALL)

@pytest.fixture
def broken(): raise HarnessError(ALL)

@check("oauth")
def test_setup(broken): pass
"""


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test remembers is forgotten after it."""
    monkeypatch.setattr(redact, "_known", set())


@pytest.mark.parametrize("style", ["auto", "long", "native", "line"])
def test_no_canary_is_heard(suite: Suite, style: str) -> None:
    """Not on the terminal, nor in JUnit's file, the log file, verdict.json, the evidence or its names."""
    suite.write(CHECKS)
    report, log = suite.root / "junit.xml", suite.root / "run.log"
    words = (f"--junitxml={report}", f"--log-file={log}", "--log-file-level=INFO", "-o", "log_cli=true")
    ended = suite.run(*words, f"--tb={style}", "-v", "-l", "-rA", apart=True)
    assert ended.status == 1
    evidence = [path for path in (suite.root / "evidence").rglob("*") if path.is_file()]
    written: dict[str, str] = {
        "terminal": ended.output,
        **{str(path): path.read_bytes().decode() for path in (report, log, *evidence)},
        "names": "\n".join(str(path.relative_to(suite.root)) for path in evidence),
    }
    heard = {where: [c for c in CANARIES if c in text] for where, text in written.items()}
    assert {where: canaries for where, canaries in heard.items() if canaries} == {}
    assert "seen: ‹secret›" in written[str(report)]
    assert "code=‹secret›&state=‹secret›" in written[str(log)]
    assert "LEVEL is info: started with ‹secret›" in written[str(report)]
    (facts,) = (text for name, text in written.items() if name.endswith("host.unit/facts.json"))
    assert "NODE_ENV=production KEY=‹secret› PIN=‹secret› LEVEL=‹secret›" in facts
    assert {Path(name).name for name in written} >= {"seen.txt", "seen.json", "verdict.json", "run.json"}
