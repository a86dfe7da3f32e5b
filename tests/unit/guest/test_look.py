"""What a guest that was looked at sends: its files, and what asks for them."""

from __future__ import annotations

import base64
import io
import tarfile

import pytest

from harness.errors import TransportError
from harness.guest.look import unpacked


def archive(files: dict[str, bytes]) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode()


def test_files_come_back_by_their_absolute_path() -> None:
    files = unpacked(archive({"/root/server.js": b"x", "etc/machine-id": b"y"}))
    assert files == {"/root/server.js": b"x", "/etc/machine-id": b"y"}


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"no tar at all").decode()])
def test_files_that_cannot_be_unpacked_are_our_trouble(text: str) -> None:
    with pytest.raises(TransportError, match="cannot be unpacked"):
        unpacked(text)
