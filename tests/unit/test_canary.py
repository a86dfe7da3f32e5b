"""A canary for each kind of secret, sung into everything the suite can write: none is heard outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from tests.unit.peers.small_guest import site_of
from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("forgetful")

CANARIES = (
    *("p4ssw0rd", "c0de-canary", "st4te-canary", "t0ken-canary", "ver1fier-canary"),
    *("k3y-canary", "0ld-key-canary", "n1p"),
)
"""The password, and what a guest's unit sets in its environment, are remembered where they are read; the
others are known by where they stand."""

CHECKS = """
import logging, sys, warnings
from pathlib import Path
from harness.errors import BrowserError, HarnessError
from harness.guest.look import look_at
from harness.redact import remember
sys.modules.pop("tests", None)  # pytest's own, which knows of no other folder than this suite's
from tests.unit.peers.small_guest import SmallGuest, lay_down

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

def laid_down(site):
    folder = Path(site.agent.directory).parent
    escaped = KEY.replace("$", "\\\\$")
    lay_down(folder, environment=f'NODE_ENV=production "KEY={escaped}" PIN=' + "n1" + "p LEVEL=info",
             journal=f"started with {KEY}", verify=f"Invalid environment assignment: {OLD_KEY}",
             unit_file=f"[Service]\\nEnvironment=KEY={OLD_KEY} \\\\\\n  LEVEL=info\\n")
    return folder

@pytest.fixture(scope="session")
def clone(site):
    vm = SmallGuest(laid_down(site), site)
    yield vm
    vm.hang_up()

@check("unit-network")
def test_unit(guest, site, evidence):
    unit = guest.unit(site.agent.unit)
    evidence.json("unit.json", dict(unit.properties))
    print(unit.properties)
    assert unit.properties == {}, f"LEVEL is info: {unit.journal(40)} {unit.verify().text} {KEY}"

@check("unit-network")
def test_unit_is_cut(site):
    folder = laid_down(site)
    (folder / "bin/tail").unlink()
    vm = SmallGuest(folder, site)
    look_at(vm.guest(remembers=True), site, born_at=vm.restored_at)

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


@pytest.mark.parametrize("style", ["auto", "long", "native", "line"])
def test_no_canary_is_heard(suite: Suite, style: str) -> None:
    """Not on the terminal, nor in a report, the log file, verdict.json, the evidence or its names."""
    suite.write(CHECKS)
    suite.profile(tomli_w.dumps(site_of(suite.root / "machine")))
    report, log, page = (suite.root / name for name in ("junit.xml", "run.log", "page.html"))
    words = (
        f"--junitxml={report}",
        f"--html={page}",
        f"--log-file={log}",
        "--log-file-level=INFO",
        "-o",
        "log_cli=true",
    )
    ended = suite.run(*words, f"--tb={style}", "-v", "-l", "-rA", apart=True)
    assert ended.status == 1
    evidence = [path for path in (suite.root / "evidence").rglob("*") if path.is_file()]
    written: dict[str, str] = {
        "terminal": ended.output,
        **{str(path): path.read_bytes().decode() for path in (report, log, page, *evidence)},
        "names": "\n".join(str(path.relative_to(suite.root)) for path in evidence),
    }
    heard = {where: [c for c in CANARIES if c in text] for where, text in written.items()}
    assert {where: canaries for where, canaries in heard.items() if canaries} == {}
    assert "seen: ‹secret›" in written[str(report)]
    assert "seen: ‹secret›" in written[str(page)]
    assert "code=‹secret›&state=‹secret›" in written[str(log)]
    assert "LEVEL is info: started with ‹secret›" in written[str(report)]
    (facts,) = (text for name, text in written.items() if name.endswith("host.unit[golden]/commands.json"))
    assert "NODE_ENV=production KEY=‹secret› PIN=‹secret› LEVEL=‹secret›" in facts
    assert {Path(name).name for name in written} >= {"seen.txt", "seen.json", "verdict.json", "run.json"}
