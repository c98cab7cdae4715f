"""What a person says of the filter's decisions: lines in `marks.jsonl` beside the judged table.

A mark is added as one whole line and synced before it counts, so a crash loses none; of several for one trace and check
the last holds, and `mark: null` takes one back. Knows nothing of how marks are shown or counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from mgrd.errors import MgrdError, first_line
from mgrd.terminal import many, safe

FILE = "marks.jsonl"

_TOLD = 3
"""Lines that are no marks which are named."""

Kind: TypeAlias = Literal["right", "kept_wrongly", "rejected_wrongly"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One person's word on what the filter did with a trace, or on one check's objection to it."""

    trace_id: str
    mark: Kind | None
    """`right`: what was done is right. `kept_wrongly`: it passed and should not have. `rejected_wrongly`: the
    objection is wrong. None takes an earlier mark back."""
    check: str | None = None
    """The check whose objection is meant, or that should have objected; None: the decision as a whole."""
    note: str | None = None
    passed: bool | None = None
    """Whether the trace passed when it was marked, so that `right` keeps its meaning when other settings judge it."""
    time: str = ""
    """When, UTC, ISO 8601; filled in by `add_mark`."""


def read_marks(folder: Path) -> list[Mark]:
    """The marks that hold in a round's or stage's folder, in the order in which they were made; [] without a file.

    What a crash cut off at the end, which was never confirmed to the user, is left out, and so is any other line that
    is no mark: `unread_marks` names those.
    """
    held: dict[tuple[str, str | None], Mark] = {}
    for _, mark, _ in _read(folder / FILE):
        if mark is None:
            continue
        held.pop((mark.trace_id, mark.check), None)
        if mark.mark is not None:
            held[mark.trace_id, mark.check] = mark
    return list(held.values())


def unread_marks(folder: Path) -> list[str]:
    """The lines of a folder's marks that are no marks, each with the file, its number and why; none of them counts."""
    path = folder / FILE
    return [f"{path}: line {number} is no mark ({why})" for number, mark, why in _read(path) if mark is None]


def unread_lines(unread: Sequence[str]) -> list[str]:
    """The same for people: the first few, then how many more."""
    more = len(unread) - _TOLD
    rest = [f"and {many(more, 'more line')} that {'is no mark' if more == 1 else 'are no marks'}"] if more > 0 else []
    return [f"Not counted: {safe(one)}; mend or remove that line" for one in unread[:_TOLD]] + rest


def add_mark(folder: Path, mark: Mark) -> Mark:
    """Add a mark and return it with its time; it is on the disk when this returns.

    Raises MgrdError when it cannot be written (a full disk, a folder of others).
    """
    path = folder / FILE
    timed = replace(mark, time=datetime.now(UTC).isoformat(timespec="seconds"))
    line = json.dumps(asdict(timed), ensure_ascii=False, sort_keys=True).encode() + b"\n"
    try:
        _mend(path)
        with path.open("ab", buffering=0) as handle:
            handle.write(line)
            os.fsync(handle.fileno())
    except OSError as error:
        raise MgrdError(f"{path}: the mark cannot be saved ({error.strerror})") from error
    return timed


def _read(path: Path) -> Iterator[tuple[int, Mark | None, str]]:
    """Each line with its number and its mark, or why it is none; what a crash cut off is no line."""
    for number, line, whole in _lines(path):
        try:
            yield number, _mark(json.loads(line)), ""
        except (ValueError, RecursionError) as error:  # the second of brackets that open thousands deep
            if whole:
                yield number, None, first_line(error)


def _mend(path: Path) -> None:
    """End the last line: it gets its line break, or goes when a crash cut it off."""
    for _, line, whole in _lines(path):
        if whole:
            continue
        with path.open("r+b") as handle:
            handle.seek(-len(line), os.SEEK_END)
            try:
                json.loads(line)
                handle.seek(0, os.SEEK_END)
                handle.write(b"\n")
            except ValueError:
                handle.truncate()


def _lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Each line that is not empty with its number, and whether its line break is there."""
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line, number < len(lines)


def _mark(value: Any) -> Mark:
    if not isinstance(value, dict) or not isinstance(value.get("trace_id"), str):
        raise ValueError("has no trace_id")
    if value.get("mark") is not None and value.get("mark") not in get_args(Kind):
        raise ValueError(f"mark is none of {', '.join(get_args(Kind))}")
    texts = {name: value.get(name) for name in ("check", "note", "time")}
    if any(text is not None and not isinstance(text, str) for text in texts.values()):
        raise ValueError("check, note or time is not text")
    passed = value.get("passed")
    if passed is not None and not isinstance(passed, bool):
        raise ValueError("passed is not true or false")
    return Mark(value["trace_id"], value.get("mark"), texts["check"], texts["note"], passed, texts["time"] or "")
