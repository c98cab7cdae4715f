"""Worker processes of a stage: they leave signals to it, end with it, and their loss is told in one line.

Each is connected to the stage by a pipe of its own. Whichever of the two is killed, at any moment, the other reads the
pipe's end, and nobody else waits for what it held: processes that share queues, as those of concurrent.futures do, can
wait without end for a message that one of them began. Knows nothing about what they work on.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from mgrd.errors import MgrdError, Stopped
from mgrd.progress import signal_name, stop


def cores() -> int:
    """The cores that this process may use."""
    # what a scheduler or `taskset` allows is known on Linux alone
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_CLIPS_A_PROCESS = 16
"""A process takes seconds to start, a clip a fraction of one."""


def to_measure(clips: int, workers: int | None) -> int:
    """How many processes measure so many clips: `workers`, else a core for each 16; never more than there are clips."""
    return min(workers or min(cores(), clips // _CLIPS_A_PROCESS + 1), max(clips, 1))


_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP}
"""A terminal, or a scheduler, sends them to the whole group; the stage decides."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_S = 0.2
"""How often one that waits looks whether to stop."""
_END_S = 10.0
"""How long a process that has closed its pipe may take to end."""


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


class LostError(BrokenProcessPool):
    """A process ended that should not; `exitcode` is below 0 where a signal did it, None where nobody knows."""

    def __init__(self, exitcode: int | None) -> None:
        self.exitcode = exitcode
        if exitcode is None:
            super().__init__("ended")
        elif exitcode < 0:
            super().__init__(f"ended by {signal_name(-exitcode)}")
        else:
            super().__init__(f"ended with exit code {exitcode}")


@contextmanager
def pool(count: int, start: Callable[..., None], *given: Any) -> Iterator[Submits]:
    """`count` processes, each of which calls `start(*given)` first; what waits when the block ends is not begun.

    They are started as work comes. A lost one ends the others, and all futures that are open raise BrokenProcessPool.
    What is begun when the block ends is waited for, unless an error ends it or a signal's time to stop is over: then
    the processes are killed, for nobody asks for what they hold.
    Raises Stopped when a process was lost after a signal asked to stop, and MgrdError when it was lost otherwise.
    """
    workers = _Workers(count, pickle.dumps((start, given)))
    try:
        yield workers
        workers.end()
    except BrokenProcessPool as error:
        if stop:  # a scheduler may kill what it has warned
            raise Stopped(
                f"stopped by {stop.signal_name}; what is finished is saved, the same command goes on"
            ) from error
        raise MgrdError(
            f"a worker process was lost ({error}); is there enough memory? What is finished is saved: rerun with fewer "
            "--workers"
        ) from error
    finally:
        workers.kill()


def finished(future: Future[Any]) -> bool:
    """Wait for a piece of work; False when a signal asks to stop before it is done."""
    while not future.done() and not stop:
        wait([future], _LOOK_S)
    return future.done()


def awaited(future: Future[Any]) -> Any:
    """What a process found, or what it raised; raises Stopped when a signal asks to stop before that is there."""
    if not finished(future):
        raise Stopped(f"stopped by {stop.signal_name}; what is finished is saved, the same command goes on")
    return future.result()


def chosen_pool(ray: str | None, workers: int | None) -> tuple[Pool, int | None]:
    """Where processes are had, and how many: on this machine, or on the Ray cluster at an address, by default all."""
    if ray is None:
        return pool, workers
    from mgrd.cluster import tasks

    return tasks.pool_of(ray), workers or tasks.cores(ray)


@dataclass
class _Workers:
    """Processes and, for each, a thread here that hands it one piece of work after the other."""

    count: int
    first: bytes
    """What each starts with."""
    processes: list[SpawnProcess] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    waiting: queue.SimpleQueue[tuple[Future[Any], bytes] | None] = field(default_factory=queue.SimpleQueue)
    closed: bool = False
    lost: LostError | None = None
    """How the first process that was lost ended."""
    _open: int = 0
    """Pieces of work that are not done."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, work: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have `work(*given)` done; raises BrokenProcessPool when a process was lost before, or none can be started."""
        future: Future[Any] = Future()
        content = pickle.dumps((work, given), protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self.closed:
                raise RuntimeError("work is submitted to processes that are ended")
            if self.lost is not None:
                raise LostError(self.lost.exitcode)
            if len(self.threads) < min(self.count, self._open + 1):
                try:
                    self._hire()
                except OSError as error:
                    raise BrokenProcessPool(f"none could be started: {error}") from error
            self._open += 1
            self.waiting.put((future, content))
        return future

    def end(self) -> None:
        """Let the processes end what they have begun, and then themselves, or until there is no time left for it."""
        self._close()
        for thread in self.threads:
            while thread.is_alive() and not stop.is_over():
                thread.join(_LOOK_S)

    def kill(self) -> None:
        """End the processes, whatever they do."""
        self._close()
        self._kill()
        for thread in self.threads:
            thread.join()

    def _close(self) -> None:
        with self._lock:
            self.closed = True
        self._drop(None)

    def _kill(self) -> None:
        with self._lock:
            for process in self.processes:
                process.kill()  # they ignore what asks

    def _hire(self) -> None:
        """Start a process; it imports for seconds before it can ignore signals, so it inherits them held back."""
        is_bound = threading.current_thread() is threading.main_thread()
        resource_tracker.ensure_running()  # starting it lets signals through again
        ours, theirs = multiprocessing.Pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            # spawn: a forked child would inherit the locks of polars' threads
            process = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs, is_bound))
            with theirs:
                process.start()
            thread = threading.Thread(target=self._hand, args=(process, ours), daemon=True)
            thread.start()
            self.processes.append(process)
            self.threads.append(thread)
        except BaseException:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _hand(self, process: SpawnProcess, pipe: Connection) -> None:
        future: Future[Any] | None = None
        with pipe:
            try:
                pipe.send_bytes(self.first)
                while (one := self.waiting.get()) is not None:
                    future, content = one
                    answer = None
                    if future.set_running_or_notify_cancel():
                        pipe.send_bytes(content)
                        answer = pipe.recv_bytes()
                    with self._lock:
                        self._open -= 1
                    if answer is not None:
                        _answer(future, answer)
            except (EOFError, OSError):
                self._lose(process, future)
                return
        _see_end(process)

    def _lose(self, process: SpawnProcess, future: Future[Any] | None) -> None:
        _see_end(process)
        with self._lock:
            self.lost = self.lost or LostError(process.exitcode)
        self._kill()
        self._drop(self.lost)
        if future is not None and not future.done():
            future.set_exception(self.lost)

    def _drop(self, error: LostError | None) -> None:
        """What waits is not begun: it is cancelled, or ends with an error. No thread takes more."""
        with contextlib.suppress(queue.Empty):
            while True:
                if (one := self.waiting.get_nowait()) is not None:
                    if error is None:
                        one[0].cancel()
                    if one[0].set_running_or_notify_cancel():
                        one[0].set_exception(error)
        for _ in self.threads:
            self.waiting.put(None)


def _see_end(process: SpawnProcess) -> None:
    process.join(_END_S)
    process.kill()
    process.join()


class _There(Exception):
    """The traceback in the process that an error comes from."""


def _answer(future: Future[Any], content: bytes) -> None:
    try:
        value, error, told = pickle.loads(content)  # what our own process made
    except Exception as wrong:  # whatever unpickling raises is its answer
        future.set_exception(wrong)
        return
    if error is None:
        future.set_result(value)
    else:
        error.__cause__ = _There(f"\n{told}")
        future.set_exception(error)


def _work(pipe: Connection, is_bound: bool) -> None:
    """In a process: do what comes through the pipe until it ends; `is_bound` to the thread that started it."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _end_with_parent(is_bound=is_bound)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        refusal = _started(pipe.recv_bytes())
        while True:
            content = pipe.recv_bytes()
            pipe.send_bytes(refusal or _done(content))


def _started(first: bytes) -> bytes | None:
    """Start as the stage says; what that raises is the answer to all that is asked."""
    try:
        start, given = pickle.loads(first)  # what our own stage made
        start(*given)
    except Exception as error:  # whatever it is, is raised by the futures
        return _told(error)
    return None


def _done(content: bytes) -> bytes:
    """The answer to a piece of work: its value, or its error with the traceback."""
    try:
        work, given = pickle.loads(content)  # what our own stage made
        return pickle.dumps((work(*given), None, None), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # whatever it is, is raised by the future
        return _told(error)


def _told(error: Exception) -> bytes:
    told = "".join(traceback.format_exception(error))
    try:
        answer = pickle.dumps((None, error, told))
        pickle.loads(answer)  # what our own process made
    except Exception:  # it holds what cannot be sent, or is made of other things than it holds
        answer = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}"), told))
    return answer


def _end_with_parent(*, is_bound: bool) -> None:
    """A worker whose stage was killed would go on until it has an answer.

    On Linux the kernel kills it at once, when the thread that started it ends: only where that is the stage's main one.
    Elsewhere a thread waits for the stage's end, and is late where the work lets no other thread run.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux" and is_bound:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # it ended before
            os._exit(1)

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
