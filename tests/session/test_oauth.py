"""The OAuth login of a session: its address, the provider, the login itself, and logins that must fail."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest

from fixtures.login import Logins
from harness.errors import ConsequenceError, HarnessError, SessionError
from harness.host.hypervisor import Hypervisor
from harness.login.course import LoginEnd
from harness.screen.picture import parse_colour
from harness.session.authorization import Authorization
from harness.session.inside import reach_from_vm
from harness.session.launch import Session
from harness.site.profile import Site
from harness.verdict.evidence import Evidence
from harness.window.dashboard import CONNECTED
from harness.window.sight import FORM_FILLS
from harness.window.tour import Tour

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("oauth"),
    pytest.mark.look(
        "curl {controller.url}/api/auth/session/<session id>/oauth-url",
        "curl {controller.url}/api/auth/session/<session id>/credentials/status",
    ),
]

ADDRESS = "session.login_has_an_address"
REACHES = "session.vm_reaches_the_provider"
WINDOW = "session.login_in_the_window_completes"
HANDED_ON = "session.callback_to_the_agent_completes"
_TRIED = pytest.mark.behind(ADDRESS, REACHES, "session.session_starts")
_NEEDED = pytest.mark.behind(ADDRESS, REACHES, explains=True)
_SESSION = pytest.mark.behind("session.session_starts")

_ADDRESS = pytest.mark.mend(
    step="troubleshooting", how="ask the VM's agent for /oauth-url, and read its journal"
)
_PROVIDER = pytest.mark.mend(
    step="troubleshooting", how="curl the provider from inside a VM; look at routes, names and the firewall"
)
_LOGIN = pytest.mark.mend(
    step=6, how="log in by hand in the dashboard's window, and read the journals of agent and controller"
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64url, RFC 7636
_SHORTEST_STATE = 16

REFUSED = tuple(
    pytest.param(name, marks=pytest.mark.needs_login(name))
    for name in ("wrong_password", "denied_consent", "replayed_callback", "wrong_state")
)


@_ADDRESS
@pytest.mark.behind("session.page_connects")
def test_login_has_an_address(tour: Tour) -> None:
    """A session whose VM is healthy has an address at which its user logs in."""
    if tour.authorization is None and not tour.no_address:
        raise ConsequenceError(tour.error, behind="session.page_connects")
    assert tour.authorization is not None, tour.no_address or tour.error


@_ADDRESS
def test_address_asks_for_a_code_with_pkce(authorization: Authorization) -> None:
    """The address asks for a code with an S256 challenge and a state, to be sent to loopback."""
    redirect = authorization.redirect
    holds = {
        "response_type=code": authorization.response_type == "code",
        "client_id": bool(authorization.client_id),
        "code_challenge_method=S256": authorization.challenge_method == "S256",
        "code_challenge of 43 characters": bool(_CHALLENGE.fullmatch(authorization.challenge)),
        f"state of {_SHORTEST_STATE} characters or more": len(authorization.state) >= _SHORTEST_STATE,
        "redirect_uri on loopback": redirect is not None
        and redirect.scheme == "http"
        and _is_loopback(redirect.host),
    }
    missing = [name for name, held in holds.items() if not held]
    assert not missing, f"the address to log in at lacks {', '.join(missing)}: {authorization.url}"


@_ADDRESS
def test_state_and_challenge_are_fresh(
    authorization: Authorization, other_authorization: Authorization
) -> None:
    """No two sessions have a state or a PKCE challenge in common."""
    for name in ("state", "challenge"):
        one, other = getattr(authorization, name), getattr(other_authorization, name)
        assert one, f"a session's address has no {name}"
        assert one != other, f"two sessions' addresses have the same {name}"


@_PROVIDER
def test_vm_reaches_the_provider(
    authorization: Authorization, session: Session, hypervisor: Hypervisor
) -> None:
    """The provider answers the session's VM over HTTP."""
    limit_s = hypervisor.site.session.window_s
    status, said = reach_from_vm(hypervisor, session, authorization.origin, timeout_s=limit_s)
    assert 100 <= status < 500, (
        f"{authorization.origin} from the VM of session {session.id}: {status or 'no answer'} {said}"
    )


@_PROVIDER
@pytest.mark.behind("session.page_connects")
@_NEEDED
def test_provider_page_is_in_the_window(tour: Tour, site: Site, evidence: Evidence) -> None:
    """The dashboard's canvas shows the provider's login page, opened by the VM's browser."""
    if "first" in tour.screenshots:
        evidence.bytes("provider-page.png", tour.screenshots["first"])
    assert tour.authorization is not None, tour.no_address or tour.error
    sight, colour = tour.at_first, site.session.login_colour
    if sight.picture is None and (tour.error or tour.state != CONNECTED):
        told = f"the page of session {tour.session}: {tour.error or tour.state}"
        raise ConsequenceError(told, behind="session.page_connects")
    assert sight.picture is not None, f"the canvas of session {tour.session}: {sight}"
    if colour is None:
        pytest.skip(
            "the site profile names no session.login_colour to tell the provider's login page by;"
            f" the canvas shows: {sight}"
        )
    assert sight.shows(parse_colour(colour), fills=FORM_FILLS), (
        f"the canvas of session {tour.session}: expected the login page's {colour}, got {sight}"
    )


@_LOGIN
@_SESSION
@_NEEDED
@pytest.mark.needs_login("window")
def test_login_in_the_window_completes(completed_login: LoginEnd, evidence: Evidence) -> None:
    """A login in the VM's browser window completes the session, and leaves credentials."""
    for name, picture in completed_login.screenshots.items():
        evidence.bytes(f"{name}.png", picture)
    _completed(completed_login)


@pytest.mark.behind(WINDOW, ADDRESS, REACHES, "session.session_starts")
@pytest.mark.mend(step=1, how="remove what is left of the VM as the runbook says")
@pytest.mark.needs_login("window")
def test_completed_sessions_vm_is_gone(completed_login: LoginEnd, site: Site) -> None:
    """The VM of a completed session is destroyed in time, on the host and in the database."""
    end = completed_login.vm_end
    if end is None:
        told = f"session {completed_login.session} did not end: {_how(completed_login)}"
        raise ConsequenceError(told, behind=WINDOW)
    if isinstance(end, HarnessError):
        raise end
    left = end.left(site.database)
    assert not left, "\n".join(
        [f"{site.session.end_s:g} s after session {completed_login.session} was over there is still:", *left]
    )


@pytest.mark.mend(
    step="troubleshooting",
    how="keep what is told of a session's credentials where no VM is needed",
)
@pytest.mark.behind("session.completed_sessions_vm_is_gone", WINDOW, "session.session_starts")
@pytest.mark.needs_login("window")
def test_credentials_outlive_the_vm(completed_login: LoginEnd) -> None:
    """Once a completed session's VM is gone, the API still tells of its credentials."""
    if completed_login.afterwards is None:
        raise SessionError(
            f"the VM of session {completed_login.session} was not seen to be gone: {_how(completed_login)}",
            hint="see session.completed_sessions_vm_is_gone",
            behind=("session.completed_sessions_vm_is_gone", WINDOW),
        )
    assert not completed_login.afterwards, (
        f"session {completed_login.session}, its VM being gone: {completed_login.afterwards}"
    )


@pytest.mark.mend(
    step="troubleshooting", how="have the agent start a login's tool without waiting for it (no execSync)"
)
@pytest.mark.behind(HANDED_ON, "session.session_starts")
@pytest.mark.needs_login("handed_on")
def test_health_passes_during_a_login(logins: Logins, site: Site) -> None:
    """While a login goes on, from its beginning to its end, the agent answers health requests in time."""
    ended, pulse = logins["handed_on"], logins["handed_on"].pulse
    if ended.callback is None or pulse is None or pulse.lost:
        why = (pulse and pulse.lost) or _how(ended)
        raise SessionError(f"no login was followed: {why}", hint=f"see {HANDED_ON}", behind=HANDED_ON)
    assert not pulse.missed, (
        f"session {ended.session}: of {pulse.asked} health requests during its login, these were not answered"
        f" 200 within {site.guest.request_s:g} s:\n  " + "\n  ".join(pulse.missed[:10])
    )


@_LOGIN
@_SESSION
@_NEEDED
@pytest.mark.needs_login("handed_on")
def test_callback_to_the_agent_completes(logins: Logins) -> None:
    """A provider's callback that is handed to the agent completes the session."""
    _completed(logins["handed_on"])


@_LOGIN
@pytest.mark.behind(HANDED_ON, "session.session_starts")
@pytest.mark.needs_login("replayed_callback")
def test_credentials_are_the_sessions_own(logins: Logins) -> None:
    """When one user's login completes, another user's session at the same time has no credentials."""
    source, other = logins["handed_on"], logins["replayed_callback"]
    if not source.authenticated:
        raise ConsequenceError(f"no login was completed: {_how(source)}", behind=HANDED_ON)
    assert not other.before, (
        f"session {other.session} has credentials, and it was session {source.session} that logged in"
    )


@_LOGIN
@_TRIED
@pytest.mark.parametrize("login", REFUSED)
def test_bad_login_fails_cleanly(login: str, logins: Logins, site: Site, evidence: Evidence) -> None:
    """A wrong password, a denied consent, a used code and a wrong state fail the session, with a reason."""
    ended = logins[login]
    for name, picture in ended.screenshots.items():
        evidence.bytes(f"{name}.png", picture)
    if ended.error:
        raise ConsequenceError(f"{login}: session {ended.session}: {ended.error}", behind=(ADDRESS, REACHES))
    assert ended.status == site.database.failed_session_status, f"{login}: {_how(ended)}; expected it to fail"
    assert ended.reason.strip(), f"{login}: session {ended.session} failed without a reason"


@_LOGIN
@_TRIED
@pytest.mark.parametrize("login", REFUSED)
def test_bad_login_leaves_no_credentials(login: str, logins: Logins) -> None:
    """After a login that must fail, nobody has credentials, and the agent did not say that all was well."""
    ended = logins[login]
    assert not ended.authenticated, f"{login}: session {ended.session} has credentials"
    if ended.callback is None:
        raise ConsequenceError(f"{login}: {_how(ended)}", behind=(ADDRESS, REACHES))
    assert ended.callback_status >= 400, (
        f"{login}: session {ended.session}: the agent answered {ended.callback_status or 'nothing'} to the"
        " callback; expected an error"
    )


def _completed(ended: LoginEnd) -> None:
    assert not ended.error, f"session {ended.session}: {ended.error}"
    assert ended.status == "completed", f"{_how(ended)}; expected 'completed'"
    if not ended.authenticated and ended.no_word:
        raise SessionError(
            f"session {ended.session} is completed, and whether it left credentials could not be asked any"
            f" more: {ended.no_word}",
            hint="does the controller ask for credentials before it completes a session?",
        )
    assert ended.authenticated, f"session {ended.session} is completed, and has no credentials"


def _how(ended: LoginEnd) -> str:
    reason = ended.error or ended.reason or "no reason"
    return f"session {ended.session} is {ended.status or 'not over'!r}: {reason}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
