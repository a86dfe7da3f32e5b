"""What a launch writes is written into a clone of ours: as the session's VM has it, or as the host does."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import HarnessError, TransportError, WaitTimeoutError
from harness.guest.facts import facts_of
from harness.guest.overlay import given, write
from harness.host.hypervisor import Hypervisor
from harness.run import run
from harness.site.profile import Site
from harness.text import encoded
from tests.unit.peers.launched_guest import (
    UNIT,
    Deployment,
    Launch,
    new_agent,
    other_modules,
    proxy_and_secrets,
)


def removing(its: Deployment) -> None:
    """A launch that also removes a file of the agent."""
    proxy_and_secrets(its)
    new_agent(its)
    (its.agent / "package.json").unlink()
    (its.agent / "latest.js").symlink_to("server.js")


def test_an_overlay_makes_a_clone_as_the_sessions_vm_is(
    deployment: Deployment, launched: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File by file: what was added, changed, linked and removed."""
    seen = launched(removing)
    deployment.lay_down()
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", lambda _timeout_s: None)
    write(vm, seen.overlay)
    deployment.set_unit()
    clone = deployment.look()
    now = facts_of(clone.guest, deployment.site)
    assert (now.files, now.carried) == (seen.facts[1].files, seen.facts[1].carried)
    vm.hang_up()


def test_an_agent_that_does_not_come_up_with_an_overlay_is_told(
    deployment: Deployment, launched: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no finding of the experiment that was to come."""

    def never(_timeout_s: float) -> None:
        raise WaitTimeoutError("not healthy")

    overlay = launched(new_agent).overlay
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", never)
    with pytest.raises(
        HarnessError, match="as the session's VM has them, its agent does not come up"
    ) as caught:
        write(vm, overlay)
    assert "launch.overlay" in caught.value.hint
    vm.hang_up()


def on_host(site: Site) -> Hypervisor:
    """This machine in the place of the host."""
    output = lambda argv, *, timeout_s: encoded(run(argv, timeout_s=timeout_s).stdout)  # noqa: E731
    return cast(Hypervisor, SimpleNamespace(site=site, output=output))


def test_files_that_the_profile_names_are_taken_from_the_host(
    deployment: Deployment, launched: Launch, tmp_path: Path
) -> None:
    """A file, and a whole folder; and then no libraries are left over that lie in it."""
    seen = launched(other_modules)
    on_its_host, unit = tmp_path / "host", tmp_path / "host.service"
    run(["cp", "-a", deployment.agent, on_its_host], timeout_s=60)
    unit.write_bytes((deployment.folder / UNIT).read_bytes())
    named = {
        str(deployment.agent): str(on_its_host),
        str(deployment.folder / UNIT): str(unit),
        "/etc/proxy.conf": str(unit),
    }
    site = deployment.site.model_copy(
        update={"launch": deployment.site.launch.model_copy(update={"overlay": named})}
    )
    overlay = given(on_host(site))
    assert seen.left_over(overlay) == []
    assert f"{deployment.agent}/node_modules/jose/index.js" in overlay.digests
    (on_its_host / "server.js").write_text("another\n")
    assert seen.left_over(given(on_host(site))) == ["server.js"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_copied_over_another_stays_its_owners(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an agent that is not root's could not read its settings; what is new is root's."""
    host = tmp_path / "host"
    host.mkdir()
    for name in ("server.js", "new.js"):
        (host / name).write_text("// as the host has it\n")
        os.chown(host / name, 4321, 4321)
    deployment.lay_down()
    os.chown(deployment.agent / "server.js", 1234, 1235)
    named = {str(deployment.agent): str(host)}
    launch = deployment.site.launch.model_copy(update={"overlay": named})
    site = deployment.site.model_copy(update={"launch": launch})
    vm = deployment.vm()
    monkeypatch.setattr(vm, "wait_healthy", lambda _timeout_s: None)
    write(vm, given(on_host(site)))
    owners = [
        ((deployment.agent / name).stat().st_uid, (deployment.agent / name).stat().st_gid)
        for name in ("server.js", "new.js")
    ]
    assert owners == [(1234, 1235), (0, 0)]
    assert (deployment.agent / "server.js").read_text() == "// as the host has it\n"
    vm.hang_up()


def test_a_file_that_is_not_on_the_host_is_our_trouble(deployment: Deployment, tmp_path: Path) -> None:
    launch = deployment.site.launch.model_copy(update={"overlay": {"/a": str(tmp_path / "gone")}})
    site = deployment.site.model_copy(update={"launch": launch})
    with pytest.raises(TransportError, match=r"launch\.overlay: the files cannot be read on the host"):
        given(on_host(site))


def test_a_folder_that_holds_no_file_is_our_trouble(deployment: Deployment, tmp_path: Path) -> None:
    """Beside another that holds one: what is taken for written there would not be."""
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    overlay = {"/opt/a": str(tmp_path / "file"), "/opt/agent": str(tmp_path / "empty")}
    launch = deployment.site.launch.model_copy(update={"overlay": overlay})
    site = deployment.site.model_copy(update={"launch": launch})
    with pytest.raises(TransportError, match=r"launch\.overlay: .*/empty, for /opt/agent, holds no file"):
        given(on_host(site))
