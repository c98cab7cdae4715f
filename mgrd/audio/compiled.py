"""One process at a time compiles what librosa compiles on first use.

librosa's inner loops are numba's, compiled when they are first called and kept on disk beside librosa. Two processes
that do so at once can leave a pair of files that do not belong together, and then every later process of that
environment crashes in them. Knows nothing about sound.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from importlib.util import find_spec

_done = False


def alone_the_first_time(work: Callable[[], object]) -> None:
    """Call `work` once in this process, while no other process of this environment does so."""
    global _done  # noqa: PLW0603  (what a process has compiled is the process's)
    if _done:
        return
    _done = True  # before: `work` measures, and so comes here again
    spec = find_spec("librosa")
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, "rb") as handle:  # noqa: PTH123  (one file that all processes of an environment share)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: as likely to go well as without this module
            return
        work()
