"""A profile that extends another: what holds, and what is said of chains that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check_names import ITEM_KEYS
from harness.errors import SiteError
from harness.site.load import load_site
from harness.verdict.checklist import ITEMS

BASE = """name = "base"
[host]
address = "a"
user = "u"
port = 2222
[session]
markers = ["one more"]
marker_s = [1]
"""


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / f"{next(iter(texts))}.toml"


def refusal(path: Path) -> str:
    with pytest.raises(SiteError) as caught:
        load_site(path)
    return str(caught.value)


def test_what_is_left_out_is_as_in_the_one_below(tmp_path: Path) -> None:
    """Field by field, through as many as there are."""
    path = write(
        tmp_path,
        top='extends = "middle.toml"\n[host]\naddress = "c"\n',
        middle='extends = "base.toml"\nname = "middle"\n[host]\naddress = "b"\nuser = "v"\n',
        base=BASE,
    )
    site = load_site(path)
    assert (site.name, site.host.address, site.host.user, site.host.port) == ("middle", "c", "v", 2222)


def test_a_list_is_replaced_whole(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top='extends = "base.toml"\n[session]\nmarkers = ["two more", "and three"]\nmarker_s = [1, 2]\n',
        base=BASE,
    )
    assert len(load_site(path).session.markers) == 2


def test_none_is_said_over_a_value(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top='extends = "base.toml"\n[snapshot]\nmanifest = "none"\n',
        base=BASE + '[snapshot]\nmanifest = "/m"\n',
    )
    assert load_site(path).snapshot.manifest is None


def test_a_relative_path_begins_at_the_file_that_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where the command was started; a link is followed to nowhere else."""
    (tmp_path / "own").mkdir()
    write(tmp_path, base=BASE)
    path = write(tmp_path / "own", top='extends = "../base.toml"\n')
    monkeypatch.chdir("/")
    assert load_site(path).host.port == 2222


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"top": 'extends = "top.toml"\n'}, "top.toml: extends itself"),
        ({"top": 'extends = "b.toml"\n', "b": 'extends = "top.toml"\n'}, "top.toml: extends itself"),
        ({"top": 'extends = "b.toml"\n'}, "b.toml: No such file or directory"),
        ({"top": 'extends = "b.toml"\n'}, "a relative path begins at that file"),
        ({"top": "extends = 1\n"}, "top.toml: extends: expected the path of another profile"),
        ({"top": 'extends = ""\n'}, "top.toml: extends: expected the path of another profile"),
        ({"top": 'extends = "~nosuchuser/x"\n'}, "top.toml: extends: expected the path"),
        ({"top": 'extends = "a\\u0000b"\n'}, "not a path"),
        ({"top": 'extends = "/dev/zero"\n'}, "a device, not a file"),
        ({"top": 'extends = "b.toml"\n', "b": "name = \n"}, "b.toml: not TOML"),
        ({"top": '[host]\nextends = "b.toml"\n'}, "host.extends: no such field"),
    ],
)
def test_a_chain_that_cannot_be_is_one_message(tmp_path: Path, texts: dict[str, str], said: str) -> None:
    assert said in refusal(write(tmp_path, **texts))


def test_a_chain_has_an_end(tmp_path: Path) -> None:
    chain = {f"p{number}": f'extends = "p{number + 1}.toml"\n' for number in range(20)}
    assert "p0.toml: extends more than 7 others\n" in refusal(write(tmp_path, **chain))


def test_a_fault_below_is_told_with_its_file(tmp_path: Path) -> None:
    """A name that may be a secret is not shown; where it stands is."""
    strange = "Xk9-!vv7z"
    path = write(
        tmp_path, top='extends = "base.toml"\n', base=BASE + f'[hots]\n"{strange}" = 1\n"{strange}2" = 2\n'
    )
    said = refusal(path)
    assert "hots: no such field" in said
    path = write(
        tmp_path, top='extends = "base.toml"\n', base=BASE + f'[not_applicable]\n"{strange}" = "x"\n'
    )
    said = refusal(path)
    assert f"in line 10 of {tmp_path}/base.toml" in said
    assert strange not in said


def test_own_checks_lie_beside_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the run begins, and whichever profile extends that file."""
    (tmp_path / "below").mkdir()
    write(tmp_path / "below", base='checks = ["own", "/srv/own", "~/own"]\n' + BASE)
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.chdir(tmp_path)
    write(tmp_path, top='extends = "below/base.toml"\n')
    found = load_site(Path("top.toml")).checks
    assert found == (tmp_path / "below" / "own", Path("/srv/own"), Path("/home/x/own"))


def test_a_line_of_the_checklist_is_nobody_elses(tmp_path: Path) -> None:
    """Neither one of the runbook's, nor another of the profile."""
    line = '[[items]]\nkey = "{}"\ntitle = "T"\nwhy = "W"\n'
    for keys in (["health"], ["mine", "mine"]):
        path = write(tmp_path, top=BASE + "".join(map(line.format, keys)))
        assert "items: a key is taken" in refusal(path)
    assert len(load_site(write(tmp_path, top=BASE + line.format("mine"))).items) == 1


def test_the_runbooks_keys_are_known_to_profiles() -> None:
    """They stand where profiles are read, too, which know nothing of verdicts."""
    assert tuple(ITEMS) == ITEM_KEYS
