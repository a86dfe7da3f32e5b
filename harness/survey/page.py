"""A draft as a profile: TOML with where each value was seen, and what is left to be found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Interface
from pathlib import Path

from pydantic import ValidationError

from harness.mend import shell_line
from harness.outward import told
from harness.site.docs import toml_key, toml_value
from harness.site.kinds import Hidden, Untold, looks_secret, marked
from harness.site.profile import Section, Site
from harness.survey.answer import Answer, Answers, Draft, Found, Open
from harness.text import one_line

_WIDTH = 110
_LONGEST_SEEN = 160
_TOGETHER = (("state", "vms_dir"), ("state", "sockets_dir"), ("snapshot", "disk"))
"""Fields that are held to each other across tables."""
_NEEDS = {
    "vms_dir": ("jails_dir",),
    "sockets_dir": ("jails_dir",),
    "tap_id_characters": ("tap_prefix",),
}
"""Without which a field may not be none."""
_HEAD = """#:schema {schema}
# {name}, as `python -m harness site init` found it: it was looked at, and nothing there was changed.
#
# Behind each value is where it was seen. A line with `# ?` is left for you: until it is there, the value
# that it shows is in force. What is not here at all has the runbook's value: docs/site-profile.md.
# Times are the runbook's, too: a look tells none. No secrets in this file: it names where they are.
#
#   python -m harness site check {file}        does everything answer?
#   pytest -m acceptance --site={file}         the verdict
"""


def page(draft: Draft, *, name: str, file: Path, schema: Path) -> str:
    """The whole file."""
    tables = [_table(table, answers) for table, answers in draft.items() if answers]
    path = _comment(shell_line((str(file),)))
    head = _HEAD.format(name=_comment(name), file=path, schema=_comment(str(schema)))
    return "\n".join([head, f"name = {toml_value(one_line(name))}\n", *tables])


def left(draft: Draft) -> list[str]:
    """The fields that nothing told, each with what to look for."""
    return [
        f"{table}.{field}: {_comment(one.look)}"
        for table, answers in draft.items()
        for field, one in answers.items()
        if isinstance(one, Open)
    ]


def held_to_the_model(draft: Draft) -> Draft:
    """Values that no profile may have, opened again: the odd names of a host are not to spoil the rest."""
    kept: dict[str, dict[str, Answer]] = {table: dict(answers) for table, answers in draft.items()}
    for table, answers in kept.items():
        for field, one in answers.items():
            if isinstance(one, Found) and (why := _refusal(table, _with_what_it_needs(field, answers))):
                answers[field] = Open(f"{why}; seen: {one.seen}")
        if why := _refusal(table, _values(answers)):  # values that go with the runbook's, and not together
            for field in _named_in(why, answers):
                answers[field] = Open(why)
    _open_what_goes_not_together(kept)
    return kept


def _open_what_goes_not_together(kept: dict[str, dict[str, Answer]]) -> None:
    """Values of several tables: the first of them without which the others do, or all."""
    why = _refusal_of_all(kept)
    told = (
        [(t, f, one) for t, f in _TOGETHER if isinstance(one := kept.get(t, {}).get(f), Found)] if why else []
    )
    for table, field, one in told:
        kept[table][field] = Open(f"{why}; seen: {one.value} ({one.seen})")
        if not _refusal_of_all(kept):
            return
        kept[table][field] = one
    for table, field, one in told:
        kept[table][field] = Open(f"{why}; seen: {one.value} ({one.seen})")


def _refusal_of_all(kept: Draft) -> str:
    """What only the whole of a profile is held to."""
    try:
        Site.model_validate({"name": "x", **{table: _values(answers) for table, answers in kept.items()}})
    except ValidationError as error:
        return "; ".join(_words(one["msg"]) for one in error.errors(include_url=False) if not one["loc"])
    return ""


def _values(answers: Answers) -> dict[str, object]:
    return {field: one.value for field, one in answers.items() if isinstance(one, Found)}


def _with_what_it_needs(field: str, answers: Answers) -> dict[str, object]:
    """A value, and beside it what it may not be without."""
    names = (field, *_NEEDS.get(field, ()))
    return _values({name: answers[name] for name in names if name in answers})


def _refusal(table: str, values: Mapping[str, object]) -> str:
    """Why the model does not take these values of a table; nothing where it does."""
    model = _model(table)
    usual = {"first_vm", "last_vm", "bridge_address"}
    if len(values) == 1 and usual & values.keys():  # each is held to the others
        return "" if _is_address(next(iter(values.values()))) else "no IPv4 address"
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        return "; ".join(_words(one["msg"]) for one in error.errors(include_url=False))
    return ""


def _words(said: str) -> str:
    return said.removeprefix("Value error, ")


def _is_address(value: object) -> bool:
    try:
        IPv4Interface(str(value))
    except ValueError:
        return False
    return True


def _named_in(why: str, answers: Answers) -> list[str]:
    found = [field for field, one in answers.items() if isinstance(one, Found)]
    named = [field for field in found if re.search(rf"\b{field}\b", why)]
    return [field for field in named if "_" in field] or named or found  # "bridge" is a word, too


def _model(table: str) -> type[Section]:
    model: type[Section] = type(Site.model_fields[table].get_default())
    return model


def _table(table: str, answers: Answers) -> str:
    return "".join(
        [f"[{table}]\n", *(line for field, one in answers.items() for line in _lines(table, field, one))]
    )


def _lines(table: str, field: str, one: Answer) -> Iterator[str]:
    if isinstance(one, Open):
        yield from _commented(f"? {one.look}")
        yield f"# {field} = {_usual(table, field)}\n"
        return
    if _is_secret(table, field, one.value):
        yield from _commented("? it may be a secret, and is not shown")
        yield f"# {field} =\n"
        return
    line = f"{toml_key(field)} = {toml_value(one.value)}"
    comment = f"  # from: {_comment(one.seen)}"
    if len(line) + len(comment) <= _WIDTH:
        yield f"{line}{comment}\n"
    else:
        yield from _commented(f"from: {one.seen}")
        yield f"{line}\n"


def _commented(text: str) -> Iterator[str]:
    yield from (f"# {line}\n" for line in textwrap.wrap(_comment(text), _WIDTH - 2, break_on_hyphens=False))


def _comment(text: str) -> str:
    """A site's words within a comment: one line, plain, without secrets."""
    return one_line(told(text))[: _LONGEST_SEEN * 3]


def _usual(table: str, field: str) -> str:
    """The value in force as long as the profile says nothing."""
    value = _model(table).model_fields[field].get_default()
    return '"none"' if value is None else toml_value(value)


def _is_secret(table: str, field: str, value: object) -> bool:
    """Whether a text of a site's looks like one where any text may stand, or is changed by being told."""
    model = _model(table).model_fields[field]
    texts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    open_to_any = marked(model, Hidden) or marked(model, Untold)
    return any(told(str(one)) != str(one) or (open_to_any and looks_secret(str(one))) for one in texts)
