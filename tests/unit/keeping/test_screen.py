"""The screen of a VM on loopback: the page shows what is there now, to who knows its address."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from harness.errors import TransportError
from harness.keeping.screen import _page


def test_the_page_shows_a_picture_that_is_taken_each_time() -> None:
    taken: list[bytes] = []

    def look() -> bytes:
        taken.append(b"picture %d" % len(taken))
        return taken[-1]

    with _page("acc-000000-1", look) as address:
        page = httpx.get(address)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "acc-000000-1" in page.text
        assert 'src="screen.png"' in page.text
        pictures = [httpx.get(f"{address}screen.png") for _ in range(2)]
        assert [one.content for one in pictures] == [b"picture 0", b"picture 1"]
        assert pictures[0].headers["content-type"] == "image/png"
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_nobody_sees_it_who_only_knows_the_port() -> None:
    with _page("acc-000000-1", bytes) as address:
        root = address.rsplit("/", 2)[0]
        assert [httpx.get(root + path).status_code for path in ("/", "/screen.png", "/x/")] == [404] * 3


def test_a_screen_that_is_gone_for_a_moment_ends_no_page() -> None:
    answers: Iterator[bytes | TransportError] = iter([TransportError("gone"), b"there"])

    def look() -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with _page("acc-000000-1", look) as address:
        assert [httpx.get(f"{address}screen.png").status_code for _ in range(2)] == [404, 200]
