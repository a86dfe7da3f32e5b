"""``python -m harness check new``: what it writes keeps the rules, and is red until it is filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.__main__ import main
from harness.check_names import LAYERS
from tests.unit.peers.small_suite import ROOT, Suite, Theirs

pytest_plugins = ["pytester"]


def test_what_it_writes_keeps_the_rules(
    suite: Suite, theirs: Theirs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says of each layer what to fill in; the run that asks it is not green."""
    theirs.own.mkdir()
    monkeypatch.chdir(theirs.own)
    for layer in LAYERS:
        assert main(["check", "new", f"of_{layer}", f"--layer={layer}", "--item=backup"]) == 0
        assert "TODO" in Path(layer, f"test_of_{layer}.py").read_text()
    assert f"--checks={theirs.own} -m own" in capsys.readouterr().out
    monkeypatch.chdir(suite.root)
    ended = suite.run("-m", "own", "--collect-only", theirs.site, site=False)
    assert ended.status == 0, ended.output
    path = theirs.own / "host" / "test_of_host.py"
    path.write_text(path.read_text().replace("(host: Host)", "()"))
    ended = suite.run("-m", "own", "-k", "of_host", theirs.site, site=False)
    assert (ended.status, ended.outcome("host.of_host")) == (3, "BROKEN")
    assert "host.of_host is not written yet" in ended.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Bad-Name", "--layer=host"], "names no check"),
        (["bridge_up", "--layer=host"], "host.bridge_up is taken, in "),
        (["mine", "--layer=host", "-o", "guest/test_mine.py"], "a check lives in host/test_*.py"),
        (["mine", "--layer=host", "-o", "host/mine.py"], "a check lives in host/test_*.py"),
        (["mine", "--layer=host"], "test_mine.py: File exists"),
        (["other", "--layer=host", "-o", "host/test_more.py"], "host.other is taken, in "),
        (["mine", "--layer=host", "-o", f"{ROOT}/host/test_mine.py"], "lie outside of the suite"),
        (["mine", "--layer=host", "-o", f"{ROOT}/lab/host/test_mine.py"], "lie outside of the suite"),
        (["other_one", "--layer=host", '--item=x", y="'], "no key of a line"),
        (["mine", "--layer=hosts"], "invalid choice: 'hosts'"),
    ],
)
def test_what_would_be_refused_is_not_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    """Exit status 4, one message, and what was there stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "test_mine.py").write_text("def test_other(): pass\n")
    try:
        status = main(["check", "new", *words])
    except SystemExit as error:  # argparse's own
        status = int(str(error))
    assert (status, said in capsys.readouterr().err) == (4, True)
    assert [path.name for path in tmp_path.rglob("*.py")] == ["test_mine.py"]
    assert (tmp_path / "host" / "test_mine.py").read_text() == "def test_other(): pass\n"
