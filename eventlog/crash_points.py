"""Named lines at which a test may end or stop this very process; otherwise they do nothing.

`BACKSTOCK_CRASH_AT=relay.after_publish:3` ends the process, as `kill -9` would, when it comes by
for the third time; `BACKSTOCK_STOP_AT=...` stops it there (SIGSTOP) until somebody sends SIGCONT.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

CRASH_VARIABLE = "BACKSTOCK_CRASH_AT"
STOP_VARIABLE = "BACKSTOCK_STOP_AT"
CRASH_EXIT_CODE = 137

_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """End or stop here, when the environment of this process asked for it at its start."""
    if _ARMED:
        _passed[name] += 1
        if (name, _passed[name]) == _CRASH_AT:
            os._exit(CRASH_EXIT_CODE)
        if (name, _passed[name]) == _STOP_AT:
            os.kill(os.getpid(), signal.SIGSTOP)


def _armed_at(variable: str) -> tuple[str, int] | None:
    name, _, time = os.environ.get(variable, "").partition(":")
    return (name, int(time or 1)) if name else None


_CRASH_AT = _armed_at(CRASH_VARIABLE)
_STOP_AT = _armed_at(STOP_VARIABLE)
_ARMED = _CRASH_AT is not None or _STOP_AT is not None
