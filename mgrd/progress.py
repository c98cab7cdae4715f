"""The story of a job on stderr: a bar on a terminal, a plain line at most every 30 s elsewhere; and its stop signals.

stdout is the answer's and is never written here.
"""

from __future__ import annotations

import atexit
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def signal_name(number: int) -> str:
    """`SIGTERM` for 15; `signal 35` for one without a name: most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


HEARTBEAT_S = 30.0
WIDE = 132
"""Columns of a terminal that has room for a bar beside what `tell` says."""


class _Stderr(Console):
    """A console whose reader may die, as that of a stage does when its `mgrd run` is killed: the work is then saved."""

    def on_broken_pipe(self) -> None:
        """Instead of rich's way, which is to exit on the spot."""
        _tell_nobody()


def _tell_nobody() -> None:
    """Send what anyone writes to stderr from here on nowhere; a write to a pipe without a reader would raise."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


stderr = _Stderr(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class Story:
    """What a stage tells while it works; silent when `quiet`."""

    quiet: bool = False

    def note(self, text: str) -> None:
        """One line about what happens."""
        if not self.quiet:
            stderr.print(text, markup=False)

    @contextmanager
    def steps(self, what: str, total: int, unit: str = "", tell: Callable[[], str] | None = None) -> Iterator[Steps]:
        """Progress over `total` steps: `with story.steps("Sampling", n) as done: done(1)`.

        `tell` says what there is to say of it, in place of steps per second and the time left.
        """
        if stderr.is_terminal and not self.quiet:
            told = [_Live(tell)] if tell else [TextColumn("{task.fields[rate]}"), TimeRemainingColumn()]
            room = [BarColumn()] if tell is None or stderr.width >= WIDE else []
            columns = (TextColumn("{task.description}"), *room, MofNCompleteColumn(), *told)
            with Progress(*columns, console=stderr, transient=True) as bar:
                task = bar.add_task(what, total=total, rate="")

                def draw(done: int, rate: str) -> None:
                    bar.update(task, completed=done, rate=rate)

                yield Steps(total, unit, draw)
        else:
            yield Steps(total, unit, _Heartbeat(what, total, self, tell, time.monotonic()))


class _Live(ProgressColumn):
    """Text that is asked for whenever the bar is drawn."""

    def __init__(self, tell: Callable[[], str]) -> None:
        super().__init__()
        self.tell = tell

    def render(self, task: Task) -> Text:
        """What there is to say now, whatever the bar's own task says."""
        return Text(self.tell())


class Steps:
    """Counts steps and knows their rate."""

    def __init__(self, total: int, unit: str, show: Callable[[int, str], None]) -> None:
        self.total, self.done, self.unit = total, 0, unit
        self._show, self._since = show, time.monotonic()

    def __call__(self, n: int = 1) -> None:
        """`n` more steps are done."""
        self.done += n
        elapsed = max(time.monotonic() - self._since, 1e-6)
        self._show(
            self.done, f"{self.done / elapsed:.1f} {self.unit}/s" if self.unit else f"{self.done / elapsed:.1f}/s"
        )


@dataclass
class _Heartbeat:
    what: str
    total: int
    story: Story
    tell: Callable[[], str] | None
    since: float

    def __call__(self, done: int, rate: str) -> None:
        if time.monotonic() - self.since >= HEARTBEAT_S and done < self.total:
            self.since = time.monotonic()
            self.story.note(f"{self.what}: {done:,} of {self.total:,}, {self.tell() if self.tell else rate}")


class StopFlag:
    """Set by SIGTERM and SIGUSR1, a scheduler's warning: a stage looks at it between units of work, saves and stops.

    Where work takes long (sampling), it stops in two steps: from the signal on nothing more is begun, and what runs may
    end; when `grace_s` have passed, `is_over` says that what still runs is to be given up. A second signal changes
    nothing: a cluster's step and its script often both hand one on.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self.grace_s = 0.0
        self._since: float | None = None

    def __bool__(self) -> bool:
        return self.signal_name is not None

    def __call__(self) -> bool:
        """Whether a signal asked to stop."""
        return bool(self)

    def is_over(self) -> bool:
        """Whether a signal asked to stop and the time for what was running has passed."""
        if not self:
            return False
        if self._since is None:
            self._since = time.monotonic()
        return time.monotonic() - self._since >= self.grace_s

    def listen(self) -> None:
        """Take over SIGTERM and SIGUSR1 for this process, to its very end."""
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._handle)
        atexit.register(_ignore_signals)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Inside, a first Ctrl-C sets the flag too, and a second interrupts at once, whatever is lost."""
        before = signal.signal(signal.SIGINT, self._handle_first)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _handle_first(self, number: int, frame: object) -> None:
        signal.signal(number, signal.default_int_handler)
        self._handle(number, frame)

    def _handle(self, number: int, _frame: object) -> None:
        if self:  # told before
            return
        if self._since is None:
            self._since = time.monotonic()
        self.signal_name = signal.Signals(number).name
        # Not print: a handler may run in the middle of a print to the same stream, which raises.
        try:
            os.write(2, f"{self.signal_name}: saving what is done, then stopping\n".encode())
        except OSError:
            _tell_nobody()


def _ignore_signals() -> None:
    """Python's own end gives signals back to the kernel, which would end the process with another exit code."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


stop = StopFlag()
"""The process's one stop flag: stages read it, `cli` makes it listen."""
