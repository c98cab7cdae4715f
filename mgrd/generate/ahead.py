"""Clips decoded and resampled ahead, in processes of their own, so that the engine never waits for a file.

A bounded look-ahead: a few questions a process, in the order in which they are asked; until the processes have
started, this one decodes what is asked for. A clip that kills the process which decodes it (a damaged file can, in the
codec's own code) is a clip that cannot be heard, and no more. Knows nothing of engines, nor of what `Clips.of` finds.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from mgrd.engines import Engine
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.generate.clips import Clips
from mgrd.generate.job import Job
from mgrd.progress import stop
from mgrd.workers import LostError, Submits, cores, pool

MOST = 4
"""Processes; each decodes sixty MP3s of 10 s in a second, and no model asks for so many."""
A_PROCESS = 128
"""Questions for which starting one, a second of CPU, is worth it: so many MP3s of 10 s take two to decode."""
DEPTH = 4
"""Questions a process that are decoded or being decoded, and not asked yet."""
_LOOK_S = 0.2
"""How often one that waits looks whether to stop."""
_CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL)}
"""How a process ends that a clip kills: in the codec's own code, or for the memory that it takes."""

Row = dict[str, Any]
Hear = Callable[[], Any]
"""What `Clips.of` would return for a question, or raise; to be called once."""


@dataclass(frozen=True)
class _Ear:
    """What a clip is decoded for: all that a process needs to know of the engine."""

    sr: int
    window_s: float


def hearings(clips: Clips, rows: Iterable[Row], total: int, processes: int | None = None) -> Iterator[Hear]:
    """For each of `total` questions, in order, what gives its clips as `clips.of` does; `clips.shas` learns of them."""
    count = min(MOST, max(cores() - 1, 1), total // A_PROCESS) if processes is None else processes
    if not count:
        for row in rows:
            yield lambda row=row: clips.of(row)  # type: ignore[misc]
        return
    with _Workers(count, clips) as workers:
        queue: Iterator[Row] = iter(rows)
        for row in queue:
            if workers.are_ready():
                queue = itertools.chain([row], queue)
                break
            yield lambda row=row: clips.of(row)  # type: ignore[misc]
        waiting: deque[tuple[Row, _Begun]] = deque()
        while True:
            for row in itertools.islice(queue, DEPTH * count - len(waiting)):
                waiting.append((row, workers.begin(row)))
            if not waiting:
                return
            row, begun = waiting.popleft()
            if _is_lost(begun.found):
                begun = workers.alone(row, begun.process)
                waiting = deque(
                    (other, workers.begin(other) if one.process == begun.process and _is_lost(one.found) else one)
                    for other, one in waiting
                )
            yield lambda row=row, found=begun.found: _heard(clips, row, found)  # type: ignore[misc]


def _is_lost(found: Future[Any]) -> bool:
    """Whether the process that was to find it was lost; waits until that is known, or a signal asks to stop."""
    while not stop:
        with contextlib.suppress(TimeoutError):
            return isinstance(found.exception(_LOOK_S), BrokenProcessPool)
    return False  # nothing more is asked then


def _heard(clips: Clips, row: Row, found: Future[Any]) -> Any:
    """Raises InputError for a clip that kills its process, and MgrdError when another cause did."""
    lost = found.exception() if found.done() else None
    if stop and (isinstance(lost, BrokenProcessPool) or not found.done()):
        raise Stopped(f"stopped by {stop.signal_name}; what was sampled is saved, the same command goes on")
    if isinstance(lost, LostError) and lost.exitcode in _CRASHES:
        raise InputError(f"{', '.join(row['audio'])}: decoding it kills the process that does; convert it to WAV")
    if isinstance(lost, BrokenProcessPool):
        raise MgrdError(
            f"{', '.join(row['audio'])}: the process that was to decode it {lost}; what was sampled is saved, the same "
            "command goes on"
        )
    heard, shas = found.result()
    if any(clips.shas.setdefault(path, sha) != sha for path, sha in shas.items()):
        return clips.of(row)  # changed since another process heard it: raises that
    if isinstance(heard, InputError):
        raise heard
    return heard


@dataclass(frozen=True)
class _Begun:
    """A question's clips that a process is to decode."""

    found: Future[Any]
    process: int


class _Workers:
    """Processes that decode, each replaced when it is killed; each a pool of its own, so that it breaks no other."""

    def __init__(self, count: int, clips: Clips) -> None:
        self.clips = clips
        self.stacks = [ExitStack() for _ in range(count)]
        self.pools = [self._opened(stack) for stack in self.stacks]
        self.turns = itertools.cycle(range(count))
        self._first = [_asked(one, _nothing) for one in self.pools]

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *raised: Any) -> None:
        every = ExitStack()
        for stack in self.stacks:
            every.push(stack)
        every.__exit__(*raised)

    def are_ready(self) -> bool:
        """Whether all have started, which takes a second or two."""
        return all(one.done() for one in self._first)

    def begin(self, row: Row) -> _Begun:
        """Have a question's clips decoded."""
        process = next(self.turns)
        return _Begun(self._submit(row, process), process)

    def alone(self, row: Row, process: int) -> _Begun:
        """Replace a lost process and have it decode these clips only; afterwards there is one again in any case.

        Raises MgrdError when no process starts: that is no clip's fault.
        """
        self._replace(process)
        if _is_lost(_asked(self.pools[process], _nothing)):
            raise MgrdError(
                "the processes that decode clips are lost as soon as they start; is there enough memory? "
                "What was sampled is saved, the same command goes on"
            )
        found = self._submit(row, process)
        if _is_lost(found):
            self._replace(process)
        return _Begun(found, process)

    def _submit(self, row: Row, process: int) -> Future[Any]:
        others = self.clips.swapped.get(row["id"], [])
        known = {path: self.clips.shas[path] for path in (*row["audio"], *others) if path in self.clips.shas}
        return _asked(self.pools[process], _decode, row, known, {row["id"]: others} if others else {})

    def _replace(self, process: int) -> None:
        self.stacks[process].close()
        self.pools[process] = self._opened(self.stacks[process])

    def _opened(self, stack: ExitStack) -> Submits:
        ear = _Ear(self.clips.engine.sr, self.clips.engine.window_s)
        return stack.enter_context(pool(1, _start, self.clips.job, ear))


def _asked(process: Submits, work: Callable[..., Any], *given: Any) -> Future[Any]:
    """As `submit`, but a process that was lost before, or cannot be started, is told by the future too."""
    try:
        return process.submit(work, *given)
    except BrokenProcessPool as error:
        found: Future[Any] = Future()
        found.set_exception(error)
        return found


_of: tuple[Job, Engine]


def _start(job: Job, ear: _Ear) -> None:
    global _of  # noqa: PLW0603  (a process decodes for one job)
    _of = job, cast(Engine, ear)


def _nothing() -> None:
    """What a process does first."""


def _decode(row: Row, known: dict[str, str], swapped: dict[str, list[str]]) -> tuple[Any, dict[str, str]]:
    """In a process: what the question's clips are, or why not, and the content hashes of those that were opened."""
    clips = Clips(*_of, known, swapped)
    try:
        return clips.of(row), clips.shas
    except InputError as error:  # what was opened before is known all the same
        return error, clips.shas
