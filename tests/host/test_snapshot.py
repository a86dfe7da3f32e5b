"""The golden snapshot's files. What counts is the booted guest (tests/guest); these say why it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future

import pytest

from harness.clocks import utc_text
from harness.errors import ConsequenceError, HarnessError
from harness.findings import Finding, report
from harness.host.facts import HostFacts
from harness.host.golden.door import UNFINISHED
from harness.host.golden.files import DiskFile, GoldenSnapshot
from harness.host.golden.judge import (
    built_at,
    declared_content,
    missing_files,
    newer_inputs,
    unlike_manifest,
    wrong_content,
    wrong_memory_size,
)
from harness.host.golden.promotion import FINISH
from harness.mend import Words
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("snapshot-rebuilt"),
    pytest.mark.look("ls -l {snapshot.vmstate} {snapshot.memory} {snapshot.disk}"),
]
DAY_S = 86_400
PRESENT = pytest.mark.behind("host.snapshot_present")


@pytest.mark.smoke
@pytest.mark.mend(
    step=5, how="rebuild the golden snapshot: ./scripts/build-golden-snapshot-complete.sh browser"
)
def test_snapshot_present(snapshot: GoldenSnapshot, site: Site) -> None:
    """Every file of the golden snapshot is there and not empty, and no promotion of it was cut short."""
    found = missing_files(snapshot.files())
    if snapshot.unfinished():
        found.append(Finding("promotion", site.snapshot.disk, UNFINISHED, (Words(FINISH),)))
    assert not found, report(found, "files of the golden snapshot")


@PRESENT
@pytest.mark.mend(
    step=5, how="rebuild the golden snapshot: ./scripts/build-golden-snapshot-complete.sh browser"
)
def test_snapshot_whole(
    snapshot: GoldenSnapshot,
    site: Site,
    golden_digests: Future[dict[str, str]],
    advice: Callable[[str], None],
) -> None:
    """The golden snapshot's files are the ones that were built: sizes and digests are the manifest's."""
    files, manifest = snapshot.files(), snapshot.manifest()
    found = wrong_memory_size(files, site.snapshot.memory_mib)
    if manifest is None:
        advice("the profile names no manifest, so only the memory file's size could be compared")
    else:
        found += unlike_manifest(files, manifest, golden_digests.result())
    told = report(found, "files of the golden snapshot that are not as built")
    if found and {one.key for one in found} <= {one.key for one in missing_files(files)}:
        raise ConsequenceError(told, behind="host.snapshot_present")
    assert not found, told


@pytest.mark.mend(step=5, how="rebuild the golden snapshot from the present inputs")
def test_snapshot_not_older_than_inputs(
    snapshot: GoldenSnapshot, site: Site, golden_digests: Future[dict[str, str]], host_facts: HostFacts
) -> None:
    """The golden snapshot was built from the inputs as they are on the host now."""
    inputs, manifest = snapshot.inputs(), snapshot.manifest()
    if not inputs and site.snapshot.max_age_days is None:
        pytest.skip("the profile's snapshot.inputs is empty: nothing on the host to compare with")
    lost = [path for path, fact in inputs.items() if not fact.exists]
    if lost:
        raise HarnessError(
            f"not on the host: {', '.join(lost)}", hint="correct snapshot.inputs in the profile"
        )
    made = built_at(snapshot.files(), manifest)
    assert made <= host_facts.now + site.host.clock_skew_s, (
        f"the golden snapshot is of {utc_text(made)}, and on the host it is {utc_text(host_facts.now)}: "
        "a time in the future proves nothing"
    )
    found = newer_inputs(inputs, made, manifest, golden_digests.result())
    assert not found, report(found, "inputs that the golden snapshot was not built from")
    limit = site.snapshot.max_age_days
    age = (host_facts.now - made) / DAY_S
    assert limit is None or age <= limit, f"the golden snapshot is {age:.1f} days old; the limit is {limit:g}"


@PRESENT
@pytest.mark.mend(
    step=5, how="rebuild the golden snapshot; its disk must hold the agent and unit of steps 3 and 4"
)
def test_disk_holds_agent_and_unit(
    snapshot: GoldenSnapshot,
    site: Site,
    disk_content: Future[Mapping[str, DiskFile]],
    golden_digests: Future[dict[str, str]],
) -> None:
    """The golden disk holds exactly the agent and the unit that it was built with."""
    disk = snapshot.files()["disk"]
    if not disk.exists or not disk.size:
        check = "host.snapshot_present"
        raise HarnessError(f"there is no disk {disk.path} to look into", hint=f"see {check}", behind=check)
    declared = declared_content(site, snapshot.manifest(), golden_digests.result())
    found = wrong_content(disk.path, declared, disk_content.result())
    assert not found, report(found, "files on the golden disk")
    undeclared = {site.agent.entry, site.agent.unit_file} - set(declared)
    if undeclared:
        pytest.skip(
            f"present, but nothing says what they must be: {', '.join(sorted(undeclared))} "
            "(name a manifest with guest_path, or snapshot.disk_files, in the profile)"
        )
