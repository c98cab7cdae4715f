"""Where the full-screen viewer draws: on stdout, which is the terminal wherever the viewer opens.

textual draws on stderr, and a log that takes that (`2> log`) would leave the screen black. Knows nothing of traces.
"""

from __future__ import annotations

import sys
from typing import Any

from textual.drivers.linux_driver import LinuxDriver


class OnStdout(LinuxDriver):
    """textual's driver of Linux and macOS, with the other stream."""

    def __init__(self, app: Any, **given: Any) -> None:
        super().__init__(app, **given)
        self._file = sys.__stdout__
