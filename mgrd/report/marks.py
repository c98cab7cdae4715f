"""What people's marks say of each check: how often its objections are right, and how much of what is wrong it finds.

Reads what `mgrd inspect` wrote beside the judged tables. Traces that somebody looked for are no random sample; the
figures are true of what was marked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mgrd import tables
from mgrd.evaluate.intervals import wilson
from mgrd.report.facts import Judged, Round
from mgrd.viewer.marks import Mark, read_marks, unread_marks

WHOLE = "the filter as a whole"


@dataclass(frozen=True, slots=True)
class Score:
    """Marked traces that a check decides about, counted."""

    name: str
    rightly: int
    """Objections that are right."""
    wrongly: int
    """Objections that are wrong."""
    missed: int
    """Traces that it should have objected to."""

    @property
    def precision(self) -> tuple[float, float, float] | None:
        """Rightly / (rightly + wrongly), with its interval."""
        return _share(self.rightly, self.rightly + self.wrongly)

    @property
    def recall(self) -> tuple[float, float, float] | None:
        """Rightly / (rightly + missed), with its interval."""
        return _share(self.rightly, self.rightly + self.missed)


def scores(rounds: Sequence[Round]) -> list[Score]:
    """The filter as a whole, then each check that marks tell of; nothing without marks.

    A mark without a check is of the decision as a whole. A trace that passes rightly, or was rejected wrongly, is one
    that no check should object to; one rejected rightly is right of its objection where that is the only one, and with
    several of none in particular. What a mark says is due is held against what the filter says now, so that another
    setting shows: a check that objected rightly and no longer does has missed the trace.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for judged in _judged(rounds):
        held: dict[str, dict[str | None, Mark]] = {}
        for mark in read_marks(judged.folder):
            held.setdefault(mark.trace_id, {})[mark.check] = mark
        if not held:
            continue
        ids = pl.Series(sorted(held)).implode()
        rows = tables.query(
            judged.folder / "judged",
            tables.JUDGED,
            ["trace_id", "passed", "objections"],
            lambda table, ids=ids: table.filter(pl.col("trace_id").is_in(ids)),  # type: ignore[misc]
        )
        for row in tables.rows_of(rows.sort("trace_id")):
            counts.update(_outcomes(held[row["trace_id"]], {one["check"] for one in row["objections"] or ()}))
    names = sorted({name for name, _ in counts}, key=lambda name: (name != WHOLE, name))
    return [Score(name, *(counts[name, kind] for kind in ("rightly", "wrongly", "missed"))) for name in names]


def unread(rounds: Sequence[Round]) -> list[str]:
    """The lines of people's marks that are none, by file and number: they count nowhere."""
    return [line for judged in _judged(rounds) for line in unread_marks(judged.folder)]


def _judged(rounds: Sequence[Round]) -> list[Judged]:
    return [one for both in rounds for one in (both.own, both.held_out) if one]


def _outcomes(marks: Mapping[str | None, Mark], objected: set[str]) -> Iterable[tuple[str, str]]:
    """What the marks of one trace say of the filter and of each check: (name, rightly, wrongly or missed)."""
    wrong = _is_wrong(marks, objected)
    if wrong is not None and (objected or wrong):
        yield WHOLE, ("rightly" if wrong else "wrongly") if objected else "missed"
    should: dict[str, bool] = dict.fromkeys(objected, False) if wrong is False else {}
    if wrong and len(objected) == 1:
        should[next(iter(objected))] = True
    for check, one in marks.items():
        if check is not None:
            should[check] = one.mark in ("right", "kept_wrongly")
    for check, is_due in sorted(should.items()):
        if check in objected:
            yield check, "rightly" if is_due else "wrongly"
        elif is_due:
            yield check, "missed"


def _is_wrong(marks: Mapping[str | None, Mark], objected: set[str]) -> bool | None:
    """Whether a trace should be rejected; None where its marks do not say."""
    if any(one.mark == "kept_wrongly" for one in marks.values()):
        return True
    whole = marks.get(None)
    if whole is not None:
        passed = not objected if whole.passed is None else whole.passed  # unsaid in lines that people wrote
        return whole.mark == "right" and not passed
    if any(one.mark == "right" for one in marks.values()):  # of a check: its objection
        return True
    wrong = {check for check, one in marks.items() if one.mark == "rejected_wrongly"}
    return False if objected and objected <= wrong else None


def _share(hits: int, of: int) -> tuple[float, float, float] | None:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return None
    low, high = wilson(hits, of)
    return hits / of, low, high
