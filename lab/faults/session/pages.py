"""The pages that a VM is told to open, and that its window is to show."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import Defect, defective
from lab.faults.fault import behind, fault
from lab.faults.firewall import ruled
from lab.faults.patient import Patient

WINDOW = ("session/test_window.py",)
OPENS = "session.vm_opens_the_page_it_is_told_to"
OPENED = {
    OPENS,
    "session.two_sessions_at_once_have_their_own_addresses",
    "session.window_shows_the_page_opened",
    "session.window_is_not_frozen",
    "session.two_windows_at_once_show_their_own_vms",
    "session.hop_shows_the_page",
}
"""Checks that need a page of the suite's own in the VM's browser."""


def _opening(node: str) -> str:
    """JavaScript by which so much is done before an agent is asked to open a page."""
    return f"""
    const agents = own('agents');
    const {{ ask }} = agents;
    agents.ask = async (vm, method, path, more) => {{
      if (path === '/open-url') {{
        {node}
      }}
      return ask(vm, method, path, more);
    }};
    """


@fault(reds={OPENS}, behind=behind(OPENS, OPENED - {OPENS}), asks=WINDOW)
def window_pages_lost(patient: Patient) -> AbstractContextManager[None]:
    """The controller says of every page that it was opened, and opens none: no VM ever asks for one."""
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller.agents import Agents
            async def never(self, machine, url):
                return {"success": True}
            Agents.open_url = never
            """,
            node=_opening("return { success: true };"),
        ),
    )


@fault(reds={"session.window_is_not_frozen"}, asks=WINDOW)
def window_second_page_lost(patient: Patient) -> AbstractContextManager[None]:
    """The controller says of every page but a VM's first that it was opened, and opens none.

    For whoever looks on, the window is frozen.
    """
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller.agents import Agents
            opened, begin = set(), Agents.open_url
            async def once(self, machine, url):
                if machine.vm_id in opened:
                    return {"success": True}
                opened.add(machine.vm_id)
                return await begin(self, machine, url)
            Agents.open_url = once
            """,
            node=_opening("if (vm.opened) return { success: true }; vm.opened = true;"),
        ),
    )


@fault(
    reds={
        "session.vm_opens_the_page_it_is_told_to",
        "session.two_sessions_at_once_have_their_own_addresses",
    },
    asks=WINDOW,
)
def window_pages_previewed(patient: Patient) -> AbstractContextManager[None]:
    """The controller itself fetches every page that it has a VM open.

    Pages are asked for by more than the VM that is to show them.
    """
    return defective(
        patient,
        Defect(
            python="""
            from lab.controller.agents import Agents
            begin = Agents.open_url
            async def previewed(self, machine, url):
                async with ClientSession() as client, client.get(url):
                    return await begin(self, machine, url)
            Agents.open_url = previewed
            """,
            node=_opening("await (await fetch(more.body.url)).text();"),
        ),
    )


@fault(broken=OPENED, asks=WINDOW)
def suite_page_out_of_reach(patient: Patient) -> AbstractContextManager[None]:
    """The host's firewall drops what VMs send to ports that it does not know.

    A host may: that the suite's own pages cannot be opened says nothing of the site.
    """
    new = "tcp dport 32768-60999 tcp flags & (syn|ack) == syn"
    return ruled(patient, "input", f"iifname fcbr0 {new} drop")
