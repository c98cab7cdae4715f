"""Traces for the eye: full screen on a terminal, the same pages as plain text elsewhere.

Draws what the filter wrote and keeps what a person says of it; judges nothing.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from mgrd.errors import MisusedError
from mgrd.viewer import plain
from mgrd.viewer.clips import open_clips
from mgrd.viewer.marks import Mark, read_marks
from mgrd.viewer.rows import Judged, Wanted, check_names, open_judged
from mgrd.viewer.texts import SIGNS, claims_table, console, marked, show

__all__ = [
    "SIGNS", "Judged", "Mark", "Wanted", "claims_table", "console", "inspect", "marked", "open_judged", "read_marks",
    "show",
]  # fmt: skip


def inspect(
    folder: Path,
    wanted: Wanted,
    *,
    text_only: bool = False,
    stats: bool = False,
    as_json: bool = False,
    audio_root: Path | None = None,
) -> None:
    """Show the traces of a run's last round, a round or a stage folder that are wanted.

    Full screen where stdin and stdout are a terminal, unless `text_only`; else pages on stdout, with `as_json` one
    object, with `stats` only counts. Raises InputError when there is nothing judged, or a name is nowhere.
    """
    if folder.is_file() and folder.suffix != ".parquet":
        raise MisusedError(f"{folder}: is not a folder of mgrd; give a run, a round, or a folder that filter wrote")
    if stats:
        plain.print_stats(open_judged(folder), wanted, as_json=as_json)
    elif as_json:
        plain.print_json(open_judged(folder), wanted)
    elif text_only or not _full_screen():
        judged = open_judged(folder)
        plain.print_pages(judged, open_clips(judged.folder, audio_root), wanted)
    else:
        _look(folder, wanted, audio_root)


def _full_screen() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _look(folder: Path, wanted: Wanted, audio_root: Path | None) -> None:
    """Open the viewer; the table is read while its code is imported."""
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(open_judged, folder)
        from mgrd.viewer.app import Viewer
        from mgrd.viewer.driver import OnStdout

        judged = opening.result()
    check_names(judged, wanted)
    viewer = Viewer(judged, open_clips(judged.folder, audio_root), replace(wanted, limit=None), OnStdout)
    viewer.run()
    if viewer.return_code:  # textual has printed the traceback of a bug
        raise SystemExit(viewer.return_code)
