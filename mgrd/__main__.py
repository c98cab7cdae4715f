"""`python -m mgrd`: the `mgrd` command, and how `mgrd run` starts its stages.

A stage must not outlive its run: with MGRD_PARENT=PID in the environment the death of that process asks this one to
stop, with PID:9 it ends it at once, as the parts of a killed job must.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with(parent: int, number: int = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when `parent` ends; other systems than Linux have no such wish to grant."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before the wish was made
            os.kill(os.getpid(), number)


if __name__ == "__main__":
    if parent := os.environ.pop("MGRD_PARENT", None):
        _end_with(*map(int, parent.split(":")))
    from mgrd.cli import main

    main()
