"""Worker processes of a stage: they leave signals to it, end with it, and their loss is told in one line.

Knows nothing about what they work on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from mgrd.errors import MgrdError, Stopped
from mgrd.progress import stop


def cores() -> int:
    """The cores that this process may use."""
    # what a scheduler or `taskset` allows is known on Linux alone
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CLIPS_A_PROCESS = 16
"""A process takes seconds to start, a clip a fraction of one."""


def to_measure(clips: int, workers: int | None) -> int:
    """How many processes measure so many clips: `workers`, else a core for each 16; never more than there are clips."""
    return min(workers or min(cores(), clips // _CLIPS_A_PROCESS + 1), max(clips, 1))


_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
"""A terminal, or a scheduler, sends them to the whole group; the stage decides."""


class _Processes(ProcessPoolExecutor):
    """Starts its processes, as tasks come, with the signals held back: they import for seconds before they can ignore.

    A child inherits what its parent's thread holds back.
    """

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            return super().submit(work, *given, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Submits(Protocol):
    """What takes work for a process: an executor of this machine, or a cluster (mgrd.cluster.tasks)."""

    def submit(self, work: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have `work(*given)` done; what it raises is raised by the future's `result()`."""
        ...


class Pool(Protocol):
    """How processes are had: `pool` of this module, or a cluster's."""

    def __call__(self, count: int, start: Callable[..., None], *given: Any) -> AbstractContextManager[Submits]:
        """`count` processes, each of which calls `start(*given)` first."""
        ...


@contextmanager
def pool(count: int, start: Callable[..., None], *given: Any) -> Iterator[ProcessPoolExecutor]:
    """`count` processes, each of which calls `start(*given)` first; what waits when the block ends is not begun.

    Raises Stopped when a process was lost after a signal asked to stop, and MgrdError when it was lost otherwise.
    """
    # spawn: a forked child would inherit the locks of polars' threads
    found = _Processes(count, multiprocessing.get_context("spawn"), _start, (start, given))
    try:
        yield found
    except BrokenProcessPool as error:
        if stop:  # a scheduler may kill what it has warned
            raise Stopped(
                f"stopped by {stop.signal_name}; what is finished is saved, the same command goes on"
            ) from error
        raise MgrdError(
            "a worker process was lost; is there enough memory? What is finished is saved: rerun with fewer --workers"
        ) from error
    finally:
        found.shutdown(wait=True, cancel_futures=True)


def chosen_pool(ray: str | None, workers: int | None) -> tuple[Pool, int | None]:
    """Where processes are had, and how many: on this machine, or on the Ray cluster at an address, by default all."""
    if ray is None:
        return pool, workers
    from mgrd.cluster import tasks

    return tasks.pool_of(ray), workers or tasks.cores(ray)


def _start(start: Callable[..., None], given: tuple[Any, ...]) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(*given)


def _end_with_parent() -> None:
    """A worker whose stage was killed would wait for work forever: it holds both ends of the queue itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
