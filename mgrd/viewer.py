"""Traces for the eye: first what was objected to and how often, then a page for each trace.

Draws what the filter wrote; judges nothing and opens no audio. Text of a trace is shown, never interpreted: neither
its brackets as markup nor its control characters.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mgrd import folders, tables
from mgrd.claims import music
from mgrd.errors import InputError, MisusedError
from mgrd.terminal import json_line, safe

SIGNS = {"supported": "+", "contradicted": "-", "unverifiable": "?"}
STYLES = {"supported": "green", "contradicted": "bold red", "unverifiable": "yellow"}
"""Colour never carries a meaning alone: the sign says the same."""

STATES = ("rejected", "not selected", "kept")
"""What becomes of a trace, in the order in which pages show them."""

_BAR_CELLS = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which traces to show: rejected ones have an objection; kept ones passed, and selection kept them."""

    show: Literal["rejected", "kept", "all"] = "all"
    """`all` shows the rejected ones first, then those that passed but were not selected, then the kept ones."""
    check: str | None = None
    question: str | None = None
    trace: str | None = None
    limit: int | None = None


def inspect(
    folder: Path,
    *,
    rejected: bool,
    kept: bool,
    check: str | None,
    question: str | None,
    trace_id: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the pages, or with `as_json` one object, of the run, round or stage `folder` on stdout."""
    if rejected and kept:
        raise MisusedError("--rejected and --kept exclude each other; leave both out to see all traces")
    if folder.is_file() and folder.suffix != ".parquet":
        raise MisusedError(f"{folder}: is not a folder of mgrd; give a run, a round, or a folder that filter wrote")
    wanted = Wanted("rejected" if rejected else "kept" if kept else "all", check, question, trace_id, limit)
    judged = folders.find(folder, "judged")
    beside = judged.parent / "selection.parquet"
    selection = beside if beside.exists() else None
    if as_json:
        rows = list(json_rows(judged, selection, wanted))
        answer = {"folder": str(judged.parent), "matching": _matching(judged, selection, wanted), "traces": rows}
        console().out(json_line(answer), highlight=False)
        return
    for page in pages(judged, selection, wanted):
        console().print(page)


def console() -> Console:
    """Stdout, on which nothing in a text is markup."""
    return Console(highlight=False, markup=False, emoji=False)


def pages(judged: Path, selection: Path | None, wanted: Wanted) -> Iterator[RenderableType]:
    """The counts of objections, then one page a wanted trace; reads part by part."""
    _check_exists(judged, wanted)
    yield _summary(judged, selection)
    matching = _matching(judged, selection, wanted)
    shown = matching if wanted.limit is None else min(wanted.limit, matching)
    more = "" if shown == matching else " (-n shows more)"
    yield Text(f"{shown:,} of {matching:,} shown{more}, of {safe(str(judged.parent))}", style="bold")
    for number, (row, why) in enumerate(_rows(judged, selection, wanted), 1):
        yield _page(row, why, number)


def json_rows(judged: Path, selection: Path | None, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The wanted rows of the judged table, with `kept` and selection's reason `not_kept` added."""
    _check_exists(judged, wanted)
    for row, why in _rows(judged, selection, wanted):
        yield row | {"kept": row["passed"] and why is None, "not_kept": why}


def _rows(judged: Path, selection: Path | None, wanted: Wanted) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The wanted rows, each with the reason why selection dropped it although it passed."""
    dropped = _dropped(selection)
    orders = STATES if wanted.show == "all" else (wanted.show,)

    def found() -> Iterator[tuple[dict[str, Any], str | None]]:
        for show in orders:
            for part in tables.iter_parts(judged, tables.JUDGED):
                for row in tables.rows_of(part.filter(_chosen(wanted, show, dropped))):
                    yield row, dropped.get(row["trace_id"])

    return islice(found(), wanted.limit)


def _matching(judged: Path, selection: Path | None, wanted: Wanted) -> int:
    """How many traces are wanted, were there no limit."""
    dropped = _dropped(selection)
    orders = STATES if wanted.show == "all" else (wanted.show,)
    columns = ["trace_id", "question_id", "passed", "objections"]
    return sum(
        part.filter(_chosen(wanted, show, dropped)).height
        for part in tables.iter_parts(judged, tables.JUDGED, columns)
        for show in orders
    )


def _chosen(wanted: Wanted, show: str, dropped: Mapping[str, str]) -> pl.Expr:
    """Rows in one state that are of the wanted question, trace and check."""
    selected = ~pl.col("trace_id").is_in(list(dropped))
    passed = pl.col("passed")
    chosen = {"rejected": ~passed, "not selected": passed & ~selected, "kept": passed & selected}[show]
    if wanted.question is not None:
        chosen &= pl.col("question_id") == wanted.question
    if wanted.trace is not None:
        chosen &= pl.col("trace_id") == wanted.trace
    if wanted.check is not None:
        chosen &= _checks().list.contains(wanted.check)
    return chosen


def _dropped(selection: Path | None) -> dict[str, str]:
    """What passed but was not kept, and why."""
    if selection is None:
        return {}
    rows = tables.read_table(selection, tables.SELECTION).filter(~pl.col("kept"))
    return {trace_id: why or "not kept" for trace_id, why in rows.select("trace_id", "why").iter_rows()}


def _checks() -> pl.Expr:
    return pl.col("objections").list.eval(pl.element().struct.field("check"))


def _check_exists(judged: Path, wanted: Wanted) -> None:
    """A name that occurs nowhere is a mistake, not an empty answer; a check may have found nothing to object to."""
    if wanted.check is not None:
        asked = folders.read_manifest(judged.parent).get("filter", {}).get("identity", {}).get("checks", [])
        objected = tables.read_table(judged, tables.JUDGED, ["objections"]).select(_checks().explode().unique())
        known = {name.rpartition(".")[2] for name in asked} | set(objected.to_series().drop_nulls())
        if wanted.check not in known:
            raise InputError(f"{judged}: no check {wanted.check} judged it; there are {', '.join(sorted(known))}")
    looked_up = {"question_id": wanted.question, "trace_id": wanted.trace}
    for column, name in looked_up.items():
        if name is not None and name not in tables.read_table(judged, tables.JUDGED, [column]).get_column(column):
            raise InputError(f"{judged}: has no {column.replace('_id', '')} {name}")


def _summary(judged: Path, selection: Path | None) -> RenderableType:
    """How many traces passed and were kept, and a bar for each check that objected."""
    rows = tables.read_table(judged, tables.JUDGED, ["trace_id", "passed", "error", "objections"])
    dropped = _dropped(selection)
    passed = int(rows.get_column("passed").sum())
    unselected = rows.filter(pl.col("passed") & pl.col("trace_id").is_in(list(dropped))).height
    failed = rows.height - rows.get_column("error").null_count()
    head = f"{rows.height:,} traces, {passed:,} passed, {passed - unselected:,} kept, {failed:,} could not be sampled"
    counts = (
        rows.explode("objections")
        .unnest("objections")
        .filter(pl.col("check").is_not_null())
        .group_by("rule", "check")
        .agg(pl.len().alias("n"))
        .sort("n", "rule", "check", descending=[True, False, False])
    )
    bars = Table(box=None, show_header=False, pad_edge=False)
    bars.add_column(justify="right")
    bars.add_column(no_wrap=True)
    bars.add_column(no_wrap=True)
    most = counts.get_column("n").max() if counts.height else 1
    for rule, check, n in counts.iter_rows():
        bars.add_row(f"{n:,}", Text("#" * max(1, round(_BAR_CELLS * n / most)), style="red"), f"{rule}.{check}")
    legend = Text("Claims: ")
    for verdict, sign in SIGNS.items():
        legend.append(f"[{sign}] {verdict}  ", style=STYLES[verdict])
    return Group(Rule(style="dim", characters="="), Text(head, style="bold"), bars, legend)


def _page(row: Mapping[str, Any], why: str | None, number: int) -> RenderableType:
    state = (
        ("REJECTED", "bold red") if not row["passed"] else ("KEPT", "green") if why is None else ("NOT SELECTED", "")
    )
    title = Text.assemble((f"{number}. {safe(row['trace_id'])}  ", "bold"), state)
    lines: list[RenderableType] = [Rule(style="dim", characters="-"), title, _facts(row)]
    if row["error"] is None:  # else an objection says why there is no text
        lines += [Text("Think", style="bold"), Padding(marked(row["think"], row["claims"]), (0, 0, 0, 2))]
        lines += [Text("Response", style="bold"), Padding(Text(safe(row["response"]) or "(none)"), (0, 0, 0, 2))]
    for objection in row["objections"]:
        name = f"{objection['rule']}.{objection['check']}"
        lines.append(Text.assemble(("Objection ", "bold red"), (name, "bold"), f": {safe(objection['reason'])}"))
    if why is not None and row["passed"]:
        lines.append(Text.assemble(("Passed, but not selected", "bold"), f": {safe(why)}"))
    if row["claims"]:
        lines.append(claims_table(row["claims"]))
    return Group(*lines)


def _facts(row: Mapping[str, Any]) -> RenderableType:
    """What was asked, what should have been answered, and what was."""
    heard = [f"{seconds:.1f} s" for seconds in row["heard_s"] or ()]
    clips = [safe(path) for path in row["audio"] or ()]
    shown = [f"{path} ({heard[i]})" if i < len(heard) else path for i, path in enumerate(clips)]
    verdict = {True: "  (right)", False: "  (wrong)", None: ""}[row["correct"]]
    facts = {
        "Audio": ", ".join(shown) or "(none)",
        "Question": safe(row["question"]),
        "Choices": " | ".join(map(safe, row["choices"] or ())),
        "Gold": safe(row["answer"]) or "(none)",
        "Answer": (safe(row["predicted"]) or "(could not be resolved)") + verdict,
        "Control": safe(row["control"]),
        "Finish": "" if row["finish_reason"] in (None, "stop") else row["finish_reason"],
    }
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            grid.add_row(name, Text(value))
    return grid


def marked(think: str | None, claims: Sequence[Mapping[str, Any]] | None) -> Text:
    """The think text with each claim that has a verdict in brackets, sign and number first: `[-2 the pitch rises]`.

    Numbers are those of the table of claims. Spans may nest or overlap; `start` and `end` index the text.
    """
    text = safe(think)
    insertions: list[tuple[int, int, str]] = []
    spans = []
    for number, claim in enumerate(claims or (), 1):
        sign = SIGNS.get(claim["verdict"])
        start, end = max(claim["start"], 0), min(claim["end"], len(text))
        if sign is not None and start < end:
            insertions += [(end, 0, "]"), (start, 1, f"[{sign}{number} ")]  # where one ends another may begin
            spans.append((start, end, STYLES[claim["verdict"]]))
    insertions.sort(key=lambda insertion: insertion[:2])
    pieces, place, added = [], 0, [0]
    for at, _, words in insertions:
        pieces += [text[place:at], words]
        place = at
        added.append(added[-1] + len(words))
    result = Text("".join([*pieces, text[place:]]))
    places = [insertion[:2] for insertion in insertions]
    for start, end, style in spans:
        before, after = added[bisect_left(places, (start, 1))], added[bisect_right(places, (end, 0))]
        result.stylize(style, start + before, end + after)
    return result


def claims_table(claims: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Every claim: what is claimed, what was measured, and why that decides it or not."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("cue", overflow="fold")
    table.add_column("claimed", overflow="fold")
    table.add_column("measured", overflow="fold")
    table.add_column("z", no_wrap=True, justify="right")
    table.add_column("why", overflow="fold", ratio=1)
    for number, claim in enumerate(claims, 1):
        verdict = claim["verdict"]
        sign = f"[{SIGNS[verdict]}{number}]" if verdict in SIGNS else f"[ {number}]"
        claimed = f"not {claim['claimed']}" if claim["polarity"] == -1 else claim["claimed"]
        z = "-" if claim["z"] is None else f"{claim['z']:+.1f}"
        why = claim["why"] if verdict in SIGNS else f"{claim['modality']}: asserts nothing about this clip"
        cells = (claim["cue"], claimed, _measured(claim), z, why)
        table.add_row(Text(sign, style=STYLES.get(verdict, "dim")), *(Text(safe(cell)) for cell in cells))
    return table


def _measured(claim: Mapping[str, Any]) -> str:
    """What was measured, with its unit; keys and modes by their names."""
    value = claim["measured"]
    if value is None:
        return "-"
    if claim["cue"] == "music.key":
        return music.NAMES[int(value)]
    if claim["cue"] == "music.mode":
        return music.MODES[int(value)]
    return f"{value:.4g} {claim['unit'] or ''}".strip()
