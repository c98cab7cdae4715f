"""A stage as a child process: its command in, its answer out, its words passed on, its signals forwarded.

Knows nothing about what a stage does. One at a time: a child has exited and freed its memory before the next starts.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

import mgrd
from mgrd import locks
from mgrd.errors import EXIT_INTERRUPTED, EXIT_NOTHING_SURVIVED, EXIT_RETRIABLE, MgrdError, Stopped
from mgrd.progress import Story, signal_name, stderr, stop

LOCK_WAIT_S = 60.0
"""How long a rerun waits beyond its grace for a stage that a killed run left behind: it was told to stop, and saves."""

_FORWARDED = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGUSR1: signal.SIGUSR1,
    signal.SIGHUP: signal.SIGTERM,  # the terminal is gone: save and stop
}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OUTCOME = re.compile(r"\s*(?:Error|Interrupted): ")
_TAIL_BYTES = 4096


class Children:
    """A run's hold on its folder and on the child that works there: `with Children(out) as children`.

    The folder's lock is inherited by the children, so nobody else starts while one of them still writes. Signals are
    kept from the terminal's group and handed on once; the block sees them only between two children.
    """

    def __init__(self, folder: Path, story: Story | None = None, grace_s: float = 0.0) -> None:
        """`grace_s` is how long a stage that is told to stop may go on with what it has begun."""
        self.folder, self.story, self.grace_s = folder, story or Story(), grace_s
        self.child: subprocess.Popen[bytes] | None = None
        self.received: signal.Signals | None = None

    def __enter__(self) -> Children:
        self._before = {
            number: signal.signal(number, self._forward)
            for number in _FORWARDED
            if signal.getsignal(number) is not signal.SIG_IGN  # nohup
        }
        try:
            self._lock = locks.lock(self.folder, self.grace_s + LOCK_WAIT_S, self.story, self.check)
        except BaseException:
            self._restore_signals()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._restore_signals()
        locks.release(self._lock)

    def _restore_signals(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def call(self, command: Sequence[str], what: str) -> dict[str, Any]:
        """Run a stage to its end and return the object that it prints on stdout.

        `what` names it in errors. Raises Stopped or KeyboardInterrupt when it was stopped, MgrdError when it cannot go
        on. That nothing survived (exit code 3) is an answer.
        """
        self.check()
        with tempfile.TemporaryFile() as answer:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.PIPE,
                process_group=0,
                pass_fds=(self._lock.fileno(),),
                env=_environment(),
            )
            self.child = child
            if self.received:  # in the moment between the check and the start
                self._forward(self.received, None)
            assert child.stderr is not None
            words = _PassedOn(child.stderr)
            try:
                code = child.wait()
            finally:
                self.child = None
            # An error that ends up in ours is told once.
            last_line = words.last_line(tell=code in (0, EXIT_NOTHING_SURVIVED) or code < 0)
            answer.seek(0)
            text = answer.read().decode("utf-8", errors="replace")
        if code not in (0, EXIT_NOTHING_SURVIVED):
            self._raise(code, what, last_line)
        return _parsed(text, what)

    def check(self) -> None:
        """Raise what a signal asked for, between two children."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received or stop:
            name = self.received.name if self.received else stop.signal_name
            raise Stopped(f"stopped by {name}; what is done is saved in {self.folder}, the same command goes on")

    def _raise(self, code: int, what: str, last_line: str) -> None:
        if self.received and code != 1:
            self.check()
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        if code == EXIT_RETRIABLE:
            said, way_on = last_line or "stopped", "the same command goes on"
            raise Stopped(f"{what}: {said}" if way_on in said else f"{what}: {said}; {way_on}")
        if code < 0:
            name = signal_name(-code)
            hint = " (is there enough memory?)" if name == "SIGKILL" else ""
            raise MgrdError(f"{what}: was ended by {name}{hint}; what is done is saved, the same command goes on")
        raise MgrdError(f"{what}: {last_line or f'ended with exit code {code} and said nothing'}")

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        if self.child is not None:
            self.child.send_signal(_FORWARDED[self.received])


def mgrd_command(python: str) -> list[str]:
    """How `mgrd` is called with an interpreter; its arguments follow."""
    return [*python_command(python), "-m", "mgrd"]


def python_command(python: str) -> list[str]:
    """How an interpreter that is to import mgrd is called; its arguments follow.

    `-P` keeps a user's folder from shadowing packages, but for a checkout that is run from its own folder.
    """
    dash_p = [] if Path(mgrd.__file__).parents[1] == Path.cwd() else ["-P"]
    return [python, *dash_p]


class _PassedOn:
    """Copies a child's stderr to ours as it comes, and remembers its end.

    A line with the child's outcome is held back until another follows: the run tells it with its own error.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self.tail = b""
        self.held = ""
        self._thread = threading.Thread(target=self._copy, args=(source,), daemon=True)
        self._thread.start()

    def _copy(self, source: IO[bytes]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with source:
            while chunk := os.read(source.fileno(), 1 << 16):
                self.tail = (self.tail + chunk)[-_TAIL_BYTES:]
                text = self.held + decoder.decode(chunk)
                start = text.rstrip("\n").rfind("\n") + 1
                self.held = text[start:] if _OUTCOME.match(_ESCAPES.sub("", text[start:])) else ""
                _tell(text.removesuffix(self.held))

    def last_line(self, *, tell: bool) -> str:
        """The last words of a child that has exited, without control codes and without `Error:`.

        `tell` passes on what was held back of them.
        """
        self._thread.join(timeout=5)  # a grandchild may hold the pipe open
        if tell:
            _tell(self.held)
        text = _ESCAPES.sub("", self.tail.decode("utf-8", errors="replace")).replace("\r", "\n")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return re.sub(r"^error:\s*", "", lines[-1], flags=re.IGNORECASE) if lines else ""


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads ours: the child is read on, or it would wait for us
        sys.stderr.write(text)
        sys.stderr.flush()


def _environment() -> dict[str, str]:
    """Ours, with our process id (mgrd.__main__), and the terminal that the child's words end up on."""
    found = os.environ | {"MGRD_PARENT": str(os.getpid())}
    if stderr.is_terminal:
        found |= {"TTY_COMPATIBLE": "1", "COLUMNS": str(shutil.get_terminal_size().columns)}
    return found


def _parsed(text: str, what: str) -> dict[str, Any]:
    for start in (0, text.rfind("\n{") + 1):  # libraries print lines of their own before the answer
        try:
            answer = json.loads(text[start:])
        except ValueError:
            continue
        if isinstance(answer, dict):
            return answer
    raise MgrdError(f"{what}: ended well but printed no JSON object: {text.strip()[-200:]!r}")
