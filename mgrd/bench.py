"""The benchmarks that come with mgrd: found, listed, and run as a process of their own.

Knows nothing of what a benchmark measures: each is a script under benchmarks/ with options of its own.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import mgrd
from mgrd.errors import EXIT_INTERRUPTED, MgrdError, MisusedError

PACKAGE = Path(mgrd.__file__).parent
IN_CHECKOUT = frozenset({"loop", "times"})
"""Benchmarks of what a wheel does not hold: the quickstart's model and questions, `make`."""

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What Ctrl-C interrupts ends with its exit code and without a traceback; `__main__` stays the script's own.
_RUN = """
import runpy, sys
script = sys.argv[1]
sys.argv[:] = sys.argv[1:]
sys.path[:1] = {paths!r}
try:
    runpy.run_path(script, run_name="__main__")
except KeyboardInterrupt:
    sys.exit({interrupted})
"""


def folder() -> Path:
    """The folder of the benchmarks: inside the package in a wheel, beside it in a checkout."""
    for found in (PACKAGE / "_benchmarks", PACKAGE.parent / "benchmarks"):
        if found.is_dir():
            return found
    raise MgrdError(f"{PACKAGE}: the benchmarks that come with mgrd are missing; install mgrd again")


def _in_wheel() -> bool:
    return folder().name == "_benchmarks"


def listed() -> dict[str, str]:
    """What each benchmark is for, in one line, by name: the scripts that have a main."""
    found = {}
    for path in sorted(folder().glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if '\nif __name__ == "__main__":' in text:
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a benchmark to its end with this Python and return its exit code; signals are handed on to it.

    Raises MisusedError for a name that is none, and MgrdError for a benchmark that only a checkout can run.
    """
    known = listed()
    if name not in known:
        raise MisusedError(f"there is no benchmark {name}; there are {', '.join(known)}")
    if name in IN_CHECKOUT and _in_wheel():
        raise MgrdError(
            f"{name}: needs a checkout of mgrd, for it runs the quickstart; this mgrd is an installed wheel"
        )
    script = folder() / f"{name}.py"
    # its neighbours, and the mgrd that was called, installed or not
    paths = [str(script.parent), *([] if _in_wheel() else [str(PACKAGE.parent)])]
    code = _RUN.format(paths=paths, interrupted=EXIT_INTERRUPTED)
    child: subprocess.Popen[bytes] | None = None
    received: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if child is not None and child.poll() is None:
            os.killpg(child.pid, number)

    handled = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
    before = {number: signal.signal(number, forward) for number in handled}
    try:
        # a group of its own: a signal reaches it once, from here, and all that it started with it
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(script), *arguments], stdin=subprocess.DEVNULL, process_group=0
        )
        for number in received[:1]:  # while it was being started
            forward(number, None)
        ended = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ended if ended >= 0 else 128 - ended
