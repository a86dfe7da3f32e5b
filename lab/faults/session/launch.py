"""A session's launch: what the controller answers, does and says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.controller import Defect, defective, on
from lab.faults.fault import behind, fault
from lab.faults.firewall import unreachable
from lab.faults.patient import Patient

NEEDS_A_SESSION = {
    f"session.{check}"
    for check in (
        *("start_answer_is_complete", "session_is_ready", "health_passes_from_the_host"),
        *("launch_markers_come_in_order", "launch_markers_come_in_time"),
        *("vm_row_is_complete", "session_row_is_complete", "vm_is_on_the_host", "sessions_share_nothing"),
        "users_vms_are_their_own",
        *("cancel_is_answered_in_time", "nothing_of_the_vm_is_left", "cancelled_vm_is_destroyed"),
        *("cancelled_session_is_over", "second_cancel_is_a_json_409", "host_is_as_before"),
        *("golden_snapshot_is_untouched", "bridge_is_as_before", "firewall_is_as_before"),
        *("other_rows_are_as_before", "other_session_goes_on"),
        "heartbeats_move",
    )
}


@fault(
    reds={"session.session_starts"},
    behind=behind("session.session_starts", {"session.second_session_starts", *NEEDS_A_SESSION}),
)
def no_health(patient: Patient) -> AbstractContextManager[None]:
    """No VM is ever found healthy, so no session starts: the controller gives up at once."""
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller import health
            async def never(settings, vm):
                raise health.NotHealthyError("VM health check timeout after 0 s")
            health.wait_ready = never
            """,
            node="""
            own('agents').ready = async () => {
              throw new Error('VM health check timeout after 0 s');
            };
            """,
        ),
    )


@fault(reds={"session.start_answer_is_complete"})
def start_answer_incomplete(patient: Patient) -> AbstractContextManager[None]:
    """The answer to a request for a session is not as documented.

    It names no whole URL, and `success` is a number.
    """
    python = 'answer.text = json.dumps({**body, "success": 1, "novncURL": "/novnc"})'
    node = "return { ...body, success: 1, novncURL: '/novnc' };"
    return defective(patient, on("POST", "/api/auth/start", python, node))


@fault(reds={"session.session_starts", "session.session_is_ready", "session.other_session_goes_on"})
@contextmanager
def session_seems_started(patient: Patient) -> Iterator[None]:
    """A session whose VM is healthy is said to be only started: the API has another status than the row.

    It is waited for as long as a launch may take, which need not be long here.
    """
    python = """
        if "session" in body and body["session"]["status"] != "cancelled":
            answer.text = json.dumps({"session": {**body["session"], "status": "started"}})
        """
    node = """
        if (body.session && body.session.status !== 'cancelled') {
          return { session: { ...body.session, status: 'started' } };
        }
        """
    with patient.profile(session={"launch_s": 40}), defective(patient, on("GET", "", python, node)):
        yield


@fault(reds={"session.health_passes_from_the_host"})
@contextmanager
def agent_out_of_reach(patient: Patient) -> Iterator[None]:
    """The agents of VMs can be reached by the controller, and by nobody else on the host.

    A rule rejects what users other than root send to port 8080. It has as long as a launch may take.
    """
    with patient.profile(session={"launch_s": 120}), unreachable(patient, 8080):
        yield


@fault(
    reds={"session.launch_markers_come_in_order"},
    behind={"session.launch_markers_come_in_time": "session.launch_markers_come_in_order"},
)
def marker_missing(patient: Patient) -> AbstractContextManager[None]:
    """A step of the launch is not in the controller's journal: no attempt at a health check is logged."""
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller import journal
            say = journal.info
            journal.info = lambda text, **more: None if "Attempting health" in text else say(text, **more)
            """,
            node="""
            const log = own('log');
            const say = log.info.bind(log);
            log.info = (text, more) => (text.includes('Attempting health') ? log : say(text, more));
            """,
        ),
    )


_STARTING_IS_TOLD_LATE = Defect(
    python="""
        import time
        from lab.controller import journal
        say = journal.info
        def say_late(text, **more):
            if "Starting Browser VM" in text:
                time.sleep(2)
            say(text, **more)
        journal.info = say_late
        """,
    node="""
        const log = own('log');
        const say = log.info.bind(log);
        log.info = (text, more) => {
          if (text.includes('Starting Browser VM')) {
            execFileSync('sleep', ['2']);
          }
          return say(text, more);
        };
        """,
)


@fault(reds={"session.launch_markers_come_in_time"})
@contextmanager
def marker_late(patient: Patient) -> Iterator[None]:
    """A step of the launch is in the controller's journal too late.

    It says that it starts a VM two seconds after it was asked; here one second is allowed.
    """
    _, *others = patient.settings.session.marker_s
    with patient.profile(session={"marker_s": [1, *others]}), defective(patient, _STARTING_IS_TOLD_LATE):
        yield


@fault(
    reds={
        "session.bad_start_is_a_json_400",
        "session.unknown_session_is_a_json_404",
        "session.second_cancel_is_a_json_409",
    }
)
def refusals_wrong(patient: Patient) -> AbstractContextManager[None]:
    """What must be refused is refused otherwise than documented, and not in JSON: every refusal is a 200.

    Whatever a second request to cancel is answered, it is answered so.
    """
    return defective(
        patient,
        Defect(
            python="""
            async def defect(request, handler):
                try:
                    return await handler(request)
                except web.HTTPException as refusal:
                    return web.Response(text="no")
            """,
            node="""
            const { live } = own('sessions');
            defect = (request, response, next) => {
              const [, id] = /session\\/([^/]+)\\/cancel$/.exec(request.path) ?? [];
              const over = id && !live.has(id);
              const say = response.json.bind(response);
              response.json = (body) =>
                over || response.statusCode >= 400 ? response.status(200).type('text').send('no') : say(body);
              next();
            };
            """,
        ),
    )


_REFUSED_AND_KEPT = Defect(
    python="""
        from uuid import UUID, uuid4
        from lab.controller.service import SERVICE
        async def defect(request, handler):
            try:
                return await handler(request)
            except web.HTTPBadRequest:
                asked = json.loads(await request.text() or "{}")
                if request.path.endswith("/api/auth/start") and "userId" in asked:
                    rows = request.app[SERVICE].rows
                    await rows.insert_session(uuid4(), UUID(asked["userId"]), "codex", 1800)
                raise
        """,
    node="""
        const { randomUUID } = require('node:crypto');
        defect = (request, response, next) => {
          const say = response.json.bind(response);
          const { userId } = request.body ?? {};
          response.json = (body) => {
            const kept = response.statusCode === 400 && request.path.endsWith('/api/auth/start') && userId;
            const startedAt = new Date().toISOString();
            const session = { sessionId: randomUUID(), userId, provider: 'codex', startedAt };
            Promise.resolve(kept && own('rows').insertSession(session, 1800000)).then(() => say(body));
            return response;
          };
          next();
        };
        """,
)


@fault(reds={"session.failed_launch_leaves_nothing"})
@contextmanager
def refused_launch_is_kept(patient: Patient) -> Iterator[None]:
    """A request for a session that is refused leaves a session that is started, and never goes on.

    The controller writes its row before it looks at what it was asked for.
    """
    left = "DELETE FROM auth_sessions WHERE status = 'started' AND user_id::text LIKE '5b0f3c1e-%'"
    with patient.rows(insert="SELECT 1", remove=left), defective(patient, _REFUSED_AND_KEPT):
        yield
