"""The lab's OpenID provider on loopback, and a person with a browser who logs in there."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from harness.wait import wait_until
from lab import npm
from tests.unit.peers.ports import free_port
from tests.unit.peers.small_suite import ROOT

PROVIDER = ROOT / "lab/provider"
USER = "acceptance@example.com"
PASSWORD = "correct horse"
WRONG = "battery staple"


@dataclass
class Provider:
    """A running provider: its address, and what it has logged."""

    issuer: str
    log_file: Path

    def log(self) -> str:
        """Everything on stdout and stderr so far."""
        return self.log_file.read_text()


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[Provider]:
    """Start a provider; it is gone afterwards."""
    packages = ROOT / "build" / f"provider-{npm.lock_digest(PROVIDER)[:16]}"
    npm.install(PROVIDER, packages)
    code = folder / "provider"
    code.mkdir()
    for file in ("package.json", *(file.name for file in PROVIDER.glob("*.js"))):
        (code / file).write_bytes((PROVIDER / file).read_bytes())
    (code / "node_modules").symlink_to(packages / "node_modules")
    found = Provider(f"http://127.0.0.1:{free_port()}", folder / "provider.log")
    settings = {"PROVIDER_ISSUER": found.issuer, "TEST_USER": USER, "TEST_USER_PASSWORD": PASSWORD}
    with found.log_file.open("wb") as output:
        words = [str(npm.node()), str(code / "server.js")]
        process = subprocess.Popen(
            words, env=settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        wait_until(
            lambda: "is open" in found.log() or process.poll() is not None,
            what="the provider to open",
            timeout_s=60,
        )
        assert process.poll() is None, found.log()
        yield found
    finally:
        process.kill()
        process.wait(timeout=60)


@dataclass
class Person:
    """Somebody with a browser of their own, whose cookies last as long as they do."""

    browser: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def opens(self, url: httpx.URL | str) -> httpx.Response:
        """Follow redirects to a page, or to where one leaves for a login tool on loopback."""
        return self._follow(self.browser.get(url))

    def logs_in(self, page: httpx.Response, password: str, *, name: str = USER) -> httpx.Response:
        """Fill in the login page."""
        return self._submit(page, {"login": name, "password": password})

    def decides(self, page: httpx.Response, decision: str) -> httpx.Response:
        """Press a button of the consent page."""
        return self._submit(page, {"decision": decision})

    def allowed(self, url: httpx.URL | str) -> httpx.URL:
        """All of it, well done; returns the redirect. Who has logged in before is only asked for consent."""
        page = self.opens(url)
        if 'name="password"' in page.text:
            page = self.logs_in(page, PASSWORD)
        return redirect(self.decides(page, "allow"))

    def _submit(self, page: httpx.Response, fields: dict[str, str]) -> httpx.Response:
        form = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert form, f"no form on the page: {page.status_code} {page.text[-500:]}"
        return self._follow(self.browser.post(page.url.join(form[1]), data=fields))

    def _follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.next_request is not None and answer.next_request.url.path != "/auth/callback":
            answer = self.browser.send(answer.next_request)
        return answer


def redirect(answer: httpx.Response) -> httpx.URL:
    """Where the provider sends the browser at the end."""
    assert answer.next_request is not None, f"no redirect: {answer.status_code} {answer.text[-500:]}"
    return answer.next_request.url


@contextlib.contextmanager
def person() -> Iterator[Person]:
    """Somebody who closes their browser at the end."""
    somebody = Person()
    with somebody.browser:
        yield somebody
