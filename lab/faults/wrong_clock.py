"""A pytest plugin for a suite with a wrong clock; the lab has one kernel, and so one clock, for everybody."""

from __future__ import annotations

import time

AHEAD_S = 10.0
_right = time.time
time.time = lambda: _right() + AHEAD_S
