"""A controller with a defect: the lab's own, with some Python run in it before it starts."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.patient import Patient

_PROGRAM = "/run/fa017-controller.py"
_DROP_IN = "/run/systemd/system/master-controller.service.d/fa017.conf"
_LOAD = f"""
[Service]
ExecStart=
ExecStart=/usr/bin/python3 -IS {_PROGRAM}
"""
_START = """
import asyncio, json, os, pathlib, subprocess, sys
sys.path[:0] = ["/opt/acceptance-lab/current", "/opt/acceptance-lab/current/python"]
from aiohttp import ClientSession, web

defect = None
{defect}
if defect is not None:
    begin = web.Application.__init__
    def begin_with_defect(self, *words, middlewares=(), **options):
        begin(self, *words, middlewares=[web.middleware(defect), *middlewares], **options)
    web.Application.__init__ = begin_with_defect

from lab.controller.__main__ import main
sys.exit(main())
"""


@contextmanager
def defective(patient: Patient, defect: str) -> Iterator[None]:
    """The controller runs with ``defect``, and then without it.

    :param defect: Python that changes what it likes of ``lab.controller``; it may be indented as a whole. An
        async function in it called ``defect(request, handler)`` stands between every request and what
        ``handler(request)`` answers.
    """
    files = {_PROGRAM: _START.replace("{defect}", textwrap.dedent(defect)), _DROP_IN: _LOAD}
    written = "".join(
        f"mkdir -p {path.rpartition('/')[0]}; printf %s {shlex.quote(text)} > {path}\n"
        for path, text in files.items()
    )
    again = "systemctl daemon-reload; systemctl restart master-controller"
    with patient.on_host(do=written + again, undo=f"rm -f {_PROGRAM} {_DROP_IN}; {again}"):
        yield


def on(method: str, end: str, what: str) -> str:
    """A defect of the answers to one kind of request; refusals, which are raised, are none of them.

    :param end: what the path ends with.
    :param what: statements that may change ``answer``; ``body`` is its JSON, where it has some.
    """
    lines = "".join(f"    {line}\n" for line in textwrap.dedent(what).strip().splitlines())
    return f"""
async def defect(request, handler):
    answer = await handler(request)
    if request.method != {method!r} or not request.path.endswith({end!r}):
        return answer
    body = json.loads(answer.text) if getattr(answer, "text", None) else {{}}
{lines}    return answer
"""


def refused(patient: Patient, end: str, error: str) -> AbstractContextManager[None]:
    """The controller refuses every request for one path, with an error of aiohttp's.

    :param end: what the path ends with.
    """
    return defective(
        patient,
        f"""
        async def defect(request, handler):
            if request.path.endswith({end!r}):
                raise web.{error}(text="{{}}")
            return await handler(request)
        """,
    )


def rewritten(
    patient: Patient, table: str, *, when: str, what: str, undo: str = ""
) -> AbstractContextManager[None]:
    """The database changes rows of the suite's users as they are written.

    :param what: PL/pgSQL, on ``NEW``.
    :param undo: SQL that removes what stays of that when nothing is changed any more.
    """
    users = "NEW.user_id::text LIKE '5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a0_'"
    make = f"""
CREATE OR REPLACE FUNCTION fa017() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {users} AND {when} THEN
        {what}
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fa017 BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fa017()"""
    drop = f"DROP TRIGGER IF EXISTS fa017 ON {table}; DROP FUNCTION IF EXISTS fa017() CASCADE"
    return patient.rows(insert=make, remove=f"{drop}; {undo}" if undo else drop)


def stopped_for_destroyed(patient: Patient) -> AbstractContextManager[None]:
    """The database makes a stopped VM of every one that is destroyed."""
    what = "NEW.status := 'stopped'; NEW.destroyed_at := NULL;"
    return rewritten(patient, "vms", when="NEW.status = 'destroyed'", what=what)
