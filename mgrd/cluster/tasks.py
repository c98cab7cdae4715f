"""Work of a stage as tasks on a cluster, where it would have processes on one machine: the same calls, the same order.

A task that is lost with its node is done again by Ray. Knows nothing about what the work is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import mgrd
from mgrd.cluster import cause, connected, shares
from mgrd.errors import InputError, Stopped
from mgrd.workers import Pool, Submits

LOSSES = 3
"""How often a lost task is done again."""


def cores(address: str) -> int:
    """The cores of the cluster, of all its nodes."""
    with connected(address) as ray:
        return shares(ray.cluster_resources(), 0)[0]


def pool_of(address: str) -> Pool:
    """What has processes on the cluster at `address`, as mgrd.workers.pool has them on this machine."""

    def pool(count: int, start: Callable[..., None], *given: Any) -> AbstractContextManager[Submits]:
        return _tasks(address, start, *given)

    return pool


@contextmanager
def _tasks(address: str, start: Callable[..., None], *given: Any) -> Iterator[Submits]:
    """Raises Stopped when a task was lost LOSSES times more; what waits when the block ends is not begun."""
    with connected(address) as ray:
        tasks = _Tasks(ray, start, given)
        try:
            yield tasks
        except ray.exceptions.RayTaskError as error:
            raise cause(error) from None
        except ray.exceptions.RayError as error:
            raise Stopped(
                f"--ray: a worker was lost {LOSSES + 1} times over the same work ({type(error).__name__}); is there "
                "enough memory? What is finished is saved, the same command goes on"
            ) from error
        finally:
            for one in list(tasks.running):
                ray.cancel(one)


class _Tasks:
    """Submits work to a cluster; each of its processes is started once for it."""

    def __init__(self, ray: Any, start: Callable[..., None], given: tuple[Any, ...]) -> None:
        self.begin = ray.put((mgrd.__version__, start, given))
        self.name = self.begin.hex()
        self.remote = ray.remote(num_cpus=1, max_retries=LOSSES)(_work)
        self.running: set[Any] = set()

    def submit(self, work: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a process of the cluster do it."""
        reference = self.remote.remote(self.name, self.begin, work, *given)
        self.running.add(reference)
        future: Future[Any] = reference.future()
        future.add_done_callback(lambda _: self.running.discard(reference))
        return future


_started: set[str] = set()
"""For what this process of the cluster was started already."""


def _work(
    name: str, begin: tuple[str, Callable[..., None], tuple[Any, ...]], work: Callable[..., Any], *given: Any
) -> Any:
    version, start, started_with = begin
    if version != mgrd.__version__:
        raise InputError(f"a node has mgrd {mgrd.__version__}, not {version}; install the same on every node")
    if name not in _started:
        start(*started_with)
        _started.add(name)
    return work(*given)
