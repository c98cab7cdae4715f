"""Evaluations for people: lines, the table of a run's rounds, and where `mgrd eval` writes. Counts nothing itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


def default_folder(questions: str, model: Path | str) -> Path:
    """Where `mgrd eval` writes when it is not told: eval-QUESTIONS-MODEL; a round's `model` goes by its round."""
    path = Path(model).absolute()
    made_by = path.parent.name if path.name == "model" else path.name
    asked = Path(questions).stem if Path(questions).is_file() else questions.strip("./")
    return Path(re.sub(r"[^\w.-]+", "-", f"eval-{asked}-{made_by}"))


def lines(result: Row) -> list[str]:
    """One evaluation for people, a figure a line."""
    known = {name: value for name, value in result["intervals"].items() if value is not None}
    shown = [
        f"{name:>20}  {number(value)}{bounds(known.get(name))}"
        for name, value in result.items()
        if name != "benchmark" and (value is None or isinstance(value, int | float))
    ]
    shown += [f"{f'pass@{k}':>20}  {number(value)}" for k, value in result["pass_at"].items()]
    shown += [
        f"{'accuracy, ' + task:>20}  {number(one['accuracy'])}{bounds(one['interval'])}"
        for task, one in result["by_task"].items()
    ]
    return shown + [f"{count:>20,}  objections of {name}" for name, count in result["objections"].items()]


def number(value: float | None) -> str:
    """A count with separators, a share with three places, `-` for what is not known."""
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def bounds(found: Sequence[float] | None) -> str:
    """An interval behind a figure, or nothing."""
    return "" if found is None else f"  (95 %: {found[0]:.3f} to {found[1]:.3f})"


def rounds_table(rows: Sequence[Row]) -> Table:
    """The rounds of a run (`metrics.json` of each), one a line: what `mgrd run` ends with."""
    title, columns, cells = _rounds(rows)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    return table


def rounds_lines(rows: Sequence[Row]) -> list[str]:
    """The same table as plain lines of less than 80 columns."""
    title, columns, cells = _rounds(rows)
    heads = [[column.rpartition("\n")[part] for column in columns] for part in (0, 2)]
    table = [*heads, *cells]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    drawn = (" ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return [title, *(line.rstrip() for line in drawn)]


def print_rounds(rows: Sequence[Row]) -> None:
    """Print the table on stdout: drawn on a terminal, plain lines elsewhere."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.is_terminal:
        console.print(rounds_table(rows))
    else:
        console.print("\n".join(rounds_lines(rows)))


_SHARES = {
    "accuracy": "accuracy",
    "cites\nsound": "cites_sound",
    "cues\ntrue": "claims_supported",
    "fully\ngrounded": "fully_grounded",
    "passed": "passed",
}
_RULES = {"acoustic": "acoustic", "logic": "logic", "correct-\nness": "correctness"}


def _rounds(rows: Sequence[Row]) -> tuple[str, list[str], list[list[str]]]:
    """Title, column names and cells: shares of traces (of claims: cues true), and by rule the share it objects to.

    All rows tell of the same thing, held-out traces or else the round's own; but `kept` is how many were trained on.
    """
    held_out = any(row["eval"] for row in rows)
    if held_out:
        title = "Held-out questions; round 0 is the model before training"
    else:
        title = "Each round's own samples, as no held-out questions were given"
    cells = []
    for row in rows:
        found = (row["eval"] if held_out else row["filter"]) or {}
        objections = found.get("objections", {})
        words = found.get("think_words")
        survivors = (row["filter"] or {}).get("survivors")
        cells.append(
            [
                str(row["round"]),
                *(_percent(found.get(name)) for name in _SHARES.values()),
                "-" if words is None else f"{words:.1f}",
                *(
                    _percent(objections.get(rule, 0) / found["n_traces"] if found.get("n_traces") else None)
                    for rule in _RULES.values()
                ),
                "-" if survivors is None else f"{survivors:,}",
            ]
        )
    return title, ["round", *_SHARES, "think\nwords", *_RULES, "kept"], cells


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
