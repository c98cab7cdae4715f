"""Traces as plain text, counts first, then a page for each; and as JSON. For pipes, small screens, screen readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mgrd.terminal import json_line, safe
from mgrd.viewer import clips as sounds
from mgrd.viewer import rows
from mgrd.viewer.marks import Mark, read_marks, unread_lines, unread_marks
from mgrd.viewer.rows import Judged, Wanted
from mgrd.viewer.texts import SIGNS, STYLES, console, show

BAR_CELLS = 30
_AT_A_TIME = 20
"""Pages whose rows and measurements are read together."""


def print_pages(judged: Judged, clips: sounds.Clips, wanted: Wanted) -> None:
    """Print the counts and the pages of the wanted traces on stdout."""
    for one in pages(judged, clips, wanted):
        show(one)


def print_json(judged: Judged, wanted: Wanted) -> None:
    """Print one object on stdout: the folder, how many traces match, and the wanted rows."""
    places = rows.chosen(judged, wanted)
    marks = marks_by_trace(judged)
    found = [
        row | {"kept": row["state"] == "kept", "marks": [_as_json(one) for one in marks.get(row["trace_id"], [])]}
        for row in rows.rows_at(judged, places.head(_most(wanted, len(places))).to_list())
    ]
    answer = {
        "folder": str(judged.folder),
        "matching": len(places),
        "traces": found,
        "unread_marks": unread_marks(judged.folder),
    }
    console().out(json_line(answer), highlight=False)


def print_stats(judged: Judged, wanted: Wanted, *, as_json: bool) -> None:
    """Print how many traces match, by state, objection and task, and their marks; which lines of marks are none."""
    places = rows.chosen(judged, wanted)
    here = judged.index if len(places) == judged.index.height else judged.index[places]
    found = stats(judged, here)
    if as_json:
        console().out(json_line({"folder": str(judged.folder), **found}), highlight=False)
        return
    show(summary(here))
    for name in ("tasks", "marks"):
        if found[name]:
            show(Text(f"{name.title()}: " + ", ".join(f"{safe(k)} {n:,}" for k, n in found[name].items())))
    for line in unread_lines(found["unread_marks"]):
        show(Text(line))


def stats(judged: Judged, here: pl.DataFrame) -> dict[str, Any]:
    """Counts of the traces of some rows of the index."""
    counts = rows.state_counts(here)
    tasks = here.select(pl.col("task").cast(pl.String)).drop_nulls().group_by("task").len().sort("task")
    ids = set(here.get_column("trace_id")) if (marked := marks_by_trace(judged)) else set()
    kinds = Counter(one.mark for trace, marks in marked.items() if trace in ids for one in marks)
    return {
        "matching": here.height,
        **{name.replace(" ", "_"): n for name, n in counts.items()},
        "objections": dict(rows.objection_counts(here)),
        "tasks": dict(tasks.iter_rows()),
        "marks": {str(kind): kinds[kind] for kind in sorted(kinds, key=str)},
        "unread_marks": unread_marks(judged.folder),
    }


def pages(judged: Judged, clips: sounds.Clips, wanted: Wanted) -> Iterator[RenderableType]:
    """The counts of objections of the whole table, then one page a wanted trace."""
    from mgrd.viewer import page  # numpy, which counts alone do not need

    places = rows.chosen(judged, wanted)
    yield summary(judged.index)
    most = _most(wanted, len(places))
    more = "" if most == len(places) else " (-n shows more)"
    told = f"{most:,} of {len(places):,} shown{more}" if len(places) else "none of them fits these filters"
    yield Text(f"{told}, of {safe(str(judged.folder))}", style="bold")
    for line in unread_lines(unread_marks(judged.folder)):
        yield Text(line)
    marks = marks_by_trace(judged)
    number = 0
    for start in range(0, most, _AT_A_TIME):
        batch = places[start : min(start + _AT_A_TIME, most)].to_list()
        found = rows.rows_at(judged, batch)
        measured = sounds.known(clips, {sha for row in found for _, sha in sounds.sounds_of(row) if sha})
        for at, row in zip(batch, found, strict=True):
            number += 1
            others = rows.rows_at(judged, rows.siblings(judged, at)[: 2 * page.SIBLINGS])
            heard = sounds.readings(row, measured)
            top, think, rest = page.parts(row, heard, others, marks.get(row["trace_id"], ()), number=number)
            yield Group(Rule(style="dim", characters="-"), *top, *think, *rest)


def summary(here: pl.DataFrame) -> RenderableType:
    """How many traces of an index passed and were kept, and a bar for each check that objected."""
    counts = rows.state_counts(here)
    passed = counts["not selected"] + counts["kept"]
    head = (
        f"{counts['traces']:,} traces, {passed:,} passed, {counts['kept']:,} kept, "
        f"{counts['failed']:,} could not be sampled"
    )
    legend = Text("Claims: ")
    for verdict, sign in SIGNS.items():
        legend.append(f"[{sign}] {verdict}  ", style=STYLES[verdict])
    return Group(Rule(style="dim", characters="="), Text(head, style="bold"), bars(rows.objection_counts(here)), legend)


def bars(counts: Iterable[tuple[str, int]], cells: int = BAR_CELLS) -> RenderableType:
    """A bar for each `rule.check` and its count."""
    counts = list(counts)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    most = max((n for _, n in counts), default=1)
    for name, n in counts:
        bar = Text("#" * max(1, round(cells * n / most)), style="red")
        table.add_row(f"{n:,}", bar, Text(safe(name)))
    return table


def marks_by_trace(judged: Judged) -> dict[str, list[Mark]]:
    """The marks of each marked trace."""
    found: dict[str, list[Mark]] = {}
    for one in read_marks(judged.folder):
        found.setdefault(one.trace_id, []).append(one)
    return found


def _most(wanted: Wanted, matching: int) -> int:
    return matching if wanted.limit is None else min(wanted.limit, matching)


def _as_json(mark: Mark) -> dict[str, str | bool | None]:
    return {name: value for name, value in asdict(mark).items() if name != "trace_id"}
