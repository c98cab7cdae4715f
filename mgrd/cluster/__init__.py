"""Work on a Ray cluster: connect to it, see what it has, and tell of its errors as of one's own.

Every node has the same Python and the same mgrd, and sees model, clips and rules under the same paths (docs/ray.md).
Knows nothing of samples or traces.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mgrd.errors import MgrdError, MisusedError, first_line

CONNECT_S = 10.0
"""How long the head of a cluster may take to answer."""


def load_ray() -> Any:
    """Ray, or MgrdError with the extra that brings it."""
    try:
        import ray
    except ImportError as error:
        raise MgrdError("--ray: ray is not installed here; pip install 'mgrd[ray]' on every node") from error
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster at `address` (auto, or HOST:PORT); a connection that is there already is used.

    Raises MisusedError for an address that cannot be one, and MgrdError when no cluster answers there.
    """
    if "://" in address:
        raise MisusedError(f"--ray {address}: give auto or HOST:PORT, and start mgrd on a machine of the cluster")
    ray = load_ray()
    _check_answers(address)
    if ray.is_initialized():
        yield ray
        return
    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, namespace="mgrd")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise MgrdError(
            f"--ray {address}: no Ray cluster answers there ({first_line(error)}); is it started?"
        ) from error
    finally:
        for number, handler in before.items():  # ray takes SIGTERM over, and would end without saving
            signal.signal(number, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself waits many minutes for a head that is not there."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise MisusedError(f"--ray {address}: give auto or HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise MgrdError(f"--ray {address}: no Ray cluster answers there ({error}); is its head started?") from error


def shares(resources: dict[str, float], gpus: float | None) -> tuple[int, dict[str, float]]:
    """How many workers a cluster holds, and what each of them takes: `gpus` GPUs and a core.

    By default a GPU each, and none where the cluster has none. Raises MgrdError when not one worker fits.
    """
    there = resources.get("GPU", 0.0)
    each = min(there, 1.0) if gpus is None else gpus
    cores = resources.get("CPU", 0.0)
    count = int(min(cores, there / each) if each else cores)
    if not count:
        raise MgrdError(
            f"--ray: the cluster has {cores:g} cores and {there:g} GPUs, too few for a worker of {each:g} GPUs"
        )
    return count, {"num_cpus": 1, "num_gpus": each}


def cause(error: BaseException) -> BaseException:
    """What a remote function raised: an error for the user as it was there, a bug with the traceback from there."""
    inner = getattr(error, "cause", None)
    return inner if isinstance(inner, MgrdError) else error
