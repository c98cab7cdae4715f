"""`python -m mgrd`: the `mgrd` command, and how `mgrd run` starts its stages.

A stage must not outlive its run: with MGRD_PARENT in the environment, the death of that process ends this one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with(parent: int) -> None:
    """Ask the kernel for a SIGTERM when `parent` ends; other systems than Linux have no such wish to grant."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the wish was made
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if parent := os.environ.pop("MGRD_PARENT", None):
        _end_with(int(parent))
    from mgrd.cli import main

    main()
