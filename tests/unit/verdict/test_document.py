"""verdict.json as a model: what it says of a run, its schema, and how others are refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UnreadableError
from harness.verdict.about import About, HostPart, Profile, SnapshotFile, SnapshotPart, Suite
from harness.verdict.document import document_of, read_document, schema
from harness.verdict.known import NOT_ASKED, Known
from tests.unit.peers.small_suite import ROOT
from tests.unit.peers.small_suite import Suite as SmallSuite
from tests.unit.peers.verdicts import about, passed

pytest_plugins = ["pytester"]


def known() -> Known:
    return Known(
        Suite(version="1", checks_sha256="c" * 64),
        Profile(file="site.toml", sha256="d" * 64),
        HostPart(address="192.0.2.1"),
    )


def test_the_schema_is_the_models() -> None:
    assert (ROOT / "docs" / "verdict.schema.json").read_text("utf-8") == schema(), (
        "python -m harness verdict schema > docs/verdict.schema.json"
    )


def test_what_is_not_known_says_why() -> None:
    asked = known()
    asked.host = HostPart(address="192.0.2.1", name="minipc")
    asked.snapshot = SnapshotPart(disk=SnapshotFile(path="/g/disk", size=7))
    asked.why = {"host": "lost", "host.vmm": "no answer", "snapshot.disk.sha256": "it changed"}
    unknown = asked.about().unknown
    assert {place: unknown[place] for place in ("host.vmm", "host.kernel", "snapshot.disk.sha256")} == {
        "host.vmm": "no answer",
        "host.kernel": "lost",
        "snapshot.disk.sha256": "it changed",
    }
    assert unknown["agent.sha256"] == NOT_ASKED
    assert "host.name" not in unknown
    assert "snapshot.disk.size" not in unknown


def test_a_document_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "verdict.json"
    file.write_text(json.dumps(passed()))
    read = read_document(file)
    assert read.model_dump(mode="json") == passed()
    assert About.model_validate({name: getattr(read, name) for name in About.model_fields}) == about()


REFUSED: dict[str, tuple[Any, str, str]] = {
    "format 1": ({"format": 1, "outcome": "PASS"}, "of format 1", "run the suite again"),
    "a later format": ({**passed(), "format": 3}, "of format 3", "use the suite that wrote it"),
    "no format": ({"outcome": "PASS"}, "no verdict", "run the suite again"),
    "no object": ([], "no verdict", "run the suite again"),
    "another key": (passed(more=1), "no verdict: more", "run the suite again"),
    "a short digest": (
        passed(suite={"version": "1", "checks_sha256": "abc"}),
        "suite.checks_sha256",
        "run the suite again",
    ),
    "a time without a zone": (passed(began="2026-01-31T12:00:00"), "began", "run the suite again"),
    "an outcome of its own": (passed(outcome="GREEN"), "outcome", "run the suite again"),
}


@pytest.mark.parametrize(("content", "why", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_none_is_refused(content: Any, why: str, hint: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        document_of(content, whose="verdict.json")
    assert why in refused.value.message
    assert hint in refused.value.hint


def test_a_run_says_who_asked_and_when(suite: SmallSuite) -> None:
    """Of a host that was not asked nothing is known, and that is said."""
    suite.write("@check()\ndef test_it(): pass\n")
    said = document_of(suite.run().verdict, whose="verdict.json")
    assert said.began < said.ended
    assert (said.profile.file, said.host.address) == (str(suite.root / "site.toml"), "192.0.2.1")
    assert said.busy.suite is not None
    assert said.snapshot.files == {}
    assert said.unknown["host.kernel"] == said.unknown["snapshot.disk"] == NOT_ASKED


def test_what_is_filled_in_later_goes_by_the_door_out() -> None:
    """A host is asked piece by piece, and what it says is a site's text."""
    host = HostPart(address="192.0.2.1")
    host.vmm = "Firecracker v1.\x1b[31m\u202e"
    assert host.vmm == "Firecracker v1.\\x1b[31m\\u202e"


def test_a_pipe_in_its_place_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "verdict.json")
    with pytest.raises(UnreadableError, match=r"verdict\.json: no file"):
        read_document(tmp_path / "verdict.json")


def test_a_link_that_was_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text(json.dumps(passed()))
    (tmp_path / "verdict.json").symlink_to("real.json")
    assert read_document(tmp_path / "verdict.json").run == "0a1b2c"
