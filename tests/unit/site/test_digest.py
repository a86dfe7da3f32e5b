"""The digest of a profile: the same for the same deployment, however it is written; no secret is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.site.digest import profile_digest
from harness.site.load import load_site

BASE = """
name = "here"
[host]
address = "192.0.2.1"
user = "nobody"
"""
SAME = {
    "a default is written out": BASE + "port = 22\n",
    "another order": 'name = "here"\n[vmm]\nversion = "1."\n[host]\nuser = "nobody"\naddress = "192.0.2.1"\n',
    "a remark": f"# {BASE}".replace("\n", "\n# ") + BASE,
    "what may be a secret": BASE + '[agent.environment]\nTOKEN = "s3cret"\n',
    "a waiver": BASE
    + '[[waivers]]\ncheck = "host.x"\nreason = "r"\nowner = "o"\nticket = "t"\nuntil = 2026-12-24\n',
    "a check that is advisory": BASE.replace("[host]", 'advisory = ["host.x"]\n[host]'),
    "where a secret lies": BASE + '[database]\nurl_env = "ANOTHER_VARIABLE"\n',
}
OTHER = {
    "another host": BASE.replace("192.0.2.1", "192.0.2.2"),
    "another limit": BASE + "clock_skew_s = 3\n",
    "another snapshot": BASE + '[snapshot]\ndisk = "/srv/golden/disk.ext4"\n',
    "a check left out": BASE + '[not_applicable]\n"host.bridge_up" = "there is none"\n',
}


def digest(folder: Path, text: str) -> str:
    file = folder / "site.toml"
    file.write_text(text)
    return profile_digest(load_site(file))


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_the_same_deployment(tmp_path: Path, text: str) -> None:
    assert digest(tmp_path, text) == digest(tmp_path, BASE)


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER.keys())
def test_another_deployment(tmp_path: Path, text: str) -> None:
    assert digest(tmp_path, text) != digest(tmp_path, BASE)
