"""Programs of a host that harm whoever runs them."""

from __future__ import annotations

PROGRAMS = {
    # Prints for ever, listens, and answers every request with a byte now and then.
    "firecracker": """#!/usr/bin/env python3
import os, socket, sys, threading
if "--version" in sys.argv:
    print("Firecracker v1.\\x1b[31m\\u202e\\x1b]52;c;aGk=\\x07"), sys.exit(0)
def flood():
    while True:
        os.write(1, b"\\x1b]52;c;aGk=\\x07 yes\\n" * 4096)
if "--api-sock" not in sys.argv:
    flood()
threading.Thread(target=flood, daemon=True).start()
def drip(peer):
    for byte in b"HTTP/1.1 204 " + b"x" * 10**6:
        try:
            peer.send(bytes([byte]))
        except OSError:
            return
        threading.Event().wait(0.3)
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[sys.argv.index("--api-sock") + 1])
listening.listen()
while True:
    threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()
""",
    "systemctl": r"""#!/bin/sh
printf 'ActiveState=\033]52;c;aGk=\007\nMainPID=99999999999999999999\n\377\n'
""",
    "journalctl": "#!/bin/sh\nexec yes \"$(printf 'ERROR \\033]52;c;aGk=\\007 \\377')\"\n",
    "nft": "#!/bin/sh\nprintf '%0100000d' 0 | tr 0 '['\n",
    "iptables-save": "#!/bin/sh\nprintf -- '-A FORWARD -m comment --comment \"\\033[31m\\377\" -j DROP\\n'\n",
}
