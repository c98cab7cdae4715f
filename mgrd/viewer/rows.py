"""Which traces to look at: an index of a judged table in memory, and their rows read when they are shown.

The index holds what lists and filters need, some 100 bytes a trace, from one pass over a few columns; texts and claims
stay in their parts until a page, a search or a filter on claims asks for them. Draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from mgrd import folders, tables
from mgrd.errors import InputError, MisusedError
from mgrd.terminal import safe

STATES = ("rejected", "not selected", "kept")
"""What becomes of a trace, in the order in which pages show them."""

VERDICTS = ("contradicted", "supported", "unverifiable")

Show: TypeAlias = Literal["all", "rejected", "not selected", "kept"]
Sort: TypeAlias = Literal["state", "id", "question", "objections", "longest", "shortest"]
Row: TypeAlias = dict[str, Any]

_IN_BATCHES_OF = 64
"""Parts that a search reads at a time: some 16,000 texts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which traces to show, in what order; what is None asks for nothing."""

    show: Show = "all"
    """Rejected: with an objection. Not selected: it passed, and selection left it out. Kept: it passed and was kept."""
    rule: str | None = None
    check: str | None = None
    task: str | None = None
    question: str | None = None
    cue: str | None = None
    """`pitch.level`, or `pitch` for all of its family: traces with a claim of it."""
    verdict: str | None = None
    """Traces with a claim of this verdict; with a cue, one claim must have both."""
    search: str | None = None
    """Letters in the question, the think text or the response, whatever their case."""
    trace: str | None = None
    sort: Sort = "state"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged table, opened."""

    folder: Path
    """The round or stage that it is of."""
    parts: tuple[Path, ...]
    index: pl.DataFrame
    """One row a trace in the order of the table: trace_id, question_id, task, tokens, failed, state (an index into
    STATES), names (`rule.check` of each objection), part and row (where it lies)."""
    left_out: pl.DataFrame
    """trace_id and why, of traces that passed but were not selected."""


def open_judged(folder: Path) -> Judged:
    """Open the judged table of a run's last round, a round, or a folder that filter wrote.

    Raises InputError when there is none, and for a part that cannot be read, by its name.
    """
    path = folders.find(folder, "judged")
    beside = path.parent / "selection.parquet"
    if beside.exists():
        selected = tables.read_table(beside, tables.SELECTION, ["trace_id", "kept", "why"]).filter(~pl.col("kept"))
        left_out = selected.select("trace_id", pl.col("why").fill_null("not kept"))
    else:
        left_out = pl.DataFrame(schema={"trace_id": pl.String, "why": pl.String})
    parts = tables.parts(path)
    if not parts:
        raise InputError(f"{path}: holds no complete part; run `mgrd filter` again")
    return Judged(path.parent, tuple(parts), _index(path, parts, left_out), left_out)


def _index(path: Path, parts: list[Path], left_out: pl.DataFrame) -> pl.DataFrame:
    objection = pl.element().struct
    names = pl.col("objections").list.eval(
        pl.concat_str(objection.field("rule"), pl.lit("."), objection.field("check")).cast(pl.Categorical)
    )
    columns = {
        "trace_id": pl.col("trace_id"),
        "question_id": pl.col("question_id"),
        "task": pl.col("task").cast(pl.Categorical),
        "tokens": pl.col("completion_tokens"),
        "failed": pl.col("error").is_not_null(),
        "passed": pl.col("passed"),
        "names": names,
        "part": pl.col("_part").cast(pl.Enum([str(part) for part in parts])).to_physical(),
    }
    try:
        found = _scan(parts).select(**columns).collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError):
        for _ in tables.iter_parts(path, tables.JUDGED):  # names the part, and what is wrong with it
            pass
        raise
    dropped = pl.col("trace_id").is_in(left_out.get_column("trace_id").implode())
    state = pl.when(~pl.col("passed")).then(0).when(dropped).then(1).otherwise(2).cast(pl.UInt8)
    return _numbered(found.with_columns(state=state).drop("passed"))


def _scan(parts: list[Path]) -> pl.LazyFrame:
    """Parts as one table, with the path of each row's as `_part`; a column may be younger than some of them."""
    return pl.scan_parquet(
        parts,
        glob=False,
        hive_partitioning=False,
        include_file_paths="_part",
        missing_columns="insert",
        extra_columns="ignore",
    )


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """With the column `row`: the number of each row in its part."""
    counted = rows.with_row_index("row")
    return counted.with_columns(pl.col("row") - pl.col("row").first().over("part"))


def chosen(judged: Judged, wanted: Wanted) -> pl.Series:
    """Positions in the index of the wanted traces, in the order to show them; the limit is not applied.

    A search and a filter on claims read every part that has a trace which all other filters leave.
    Raises InputError for a name that occurs nowhere: that is a mistake, not an empty answer.
    """
    check_names(judged, wanted)
    keep = pl.lit(True)
    if wanted.show != "all":
        keep &= pl.col("state") == STATES.index(wanted.show)
    if wanted.rule is not None or wanted.check is not None:
        names = [name for name, _ in objection_counts(judged.index) if _is_of(name, wanted)]
        keep &= pl.any_horizontal(pl.lit(False), *(pl.col("names").list.contains(name) for name in names))
    for column, value in (("task", wanted.task), ("question_id", wanted.question), ("trace_id", wanted.trace)):
        if value is not None:
            keep &= pl.col(column).cast(pl.String) == value
    places = judged.index.lazy().with_row_index("at").filter(keep).select("at", "part", "row", *_SORTED_BY[wanted.sort])
    inside = _inside(wanted)
    found = places.collect() if inside is None else _with_text(judged, places.collect(), inside)
    by = [pl.col(name) for name in _SORTED_BY[wanted.sort]]
    if wanted.sort == "objections":
        by = [pl.col("names").list.len()]
    descending = wanted.sort in ("objections", "longest")
    return found.sort(by, descending=descending, maintain_order=True, nulls_last=True).get_column("at")


_SORTED_BY: dict[Sort, tuple[str, ...]] = {
    "state": ("state",),
    "id": ("trace_id",),
    "question": ("question_id", "state"),
    "objections": ("names",),
    "longest": ("tokens",),
    "shortest": ("tokens",),
}


def _is_of(name: str, wanted: Wanted) -> bool:
    """Whether a `rule.check` is of the wanted rule and check."""
    rule, _, check = name.partition(".")
    return wanted.rule in (None, rule) and wanted.check in (None, check)


def _inside(wanted: Wanted) -> pl.Expr | None:
    """What must hold of a row's texts and claims; None where nothing is asked of them."""
    asked: list[pl.Expr] = []
    if wanted.search is not None:
        found = [
            pl.col(name).str.to_lowercase().str.contains(wanted.search.lower(), literal=True).fill_null(value=False)
            for name in ("question", "think", "response")
        ]
        asked.append(pl.any_horizontal(found))
    if wanted.cue is not None or wanted.verdict is not None:
        claim = pl.element().struct
        fits = pl.lit(True)
        if wanted.cue is not None:
            cue = claim.field("cue")
            fits &= (cue == wanted.cue) | cue.str.starts_with(f"{wanted.cue}.")
        if wanted.verdict is not None:
            fits &= claim.field("verdict") == wanted.verdict
        asked.append(pl.col("claims").list.eval(fits.fill_null(value=False).any()).list.first().fill_null(value=False))
    return pl.all_horizontal(asked) if asked else None


def _with_text(judged: Judged, places: pl.DataFrame, inside: pl.Expr) -> pl.DataFrame:
    """Those of the places whose rows fit; reads the parts that they lie in, some at a time."""
    needed = sorted(set(places.get_column("part")))
    hits = [pl.DataFrame(schema={"part": pl.UInt32, "row": pl.UInt32})]
    for start in range(0, len(needed), _IN_BATCHES_OF):
        batch = needed[start : start + _IN_BATCHES_OF]
        paths = [judged.parts[number] for number in batch]
        number = pl.col("_part").replace_strict([str(path) for path in paths], batch, return_dtype=pl.UInt32)
        fits = _scan(paths).select(part=number, fits=inside).collect(engine="streaming")
        hits.append(_numbered(fits).filter("fits").select("part", "row"))
    places = places.with_columns(pl.col("part").cast(pl.UInt32))
    return places.join(pl.concat(hits), on=["part", "row"], how="semi", maintain_order="left")


def rows_at(judged: Judged, places: Sequence[int]) -> list[Row]:
    """The rows at these positions of the index, in this order, with `state` and selection's reason `not_kept`.

    Raises InputError for a part that is there no more, by its name.
    """
    found: dict[int, Row] = {}
    ids = judged.index[list(places)].get_column("trace_id")
    why = dict(judged.left_out.filter(pl.col("trace_id").is_in(ids.implode())).iter_rows())
    index = judged.index.select("part", "row", "state")
    where = sorted((*index.row(at), at) for at in set(places))
    for part, group in groupby(where, lambda one: one[0]):
        wanted = list(group)
        table = tables.read_table(judged.parts[part], tables.JUDGED)
        for row, (_, _, state, at) in zip(table[[one[1] for one in wanted]].iter_rows(named=True), wanted, strict=True):
            found[at] = row | {"state": STATES[state], "not_kept": why.get(row["trace_id"])}
    return [found[at] for at in places]


def siblings(judged: Judged, at: int) -> list[int]:
    """Positions of the other traces of a question: first those that fared otherwise, kept ones before others."""
    question, own = (judged.index.item(at, name) for name in ("question_id", "state"))
    same = judged.index.with_row_index("at").filter(pl.col("question_id") == question, pl.col("at") != at)
    alike = (pl.col("state") > 0) == (own > 0)
    return same.sort(alike, -pl.col("state").cast(pl.Int8), maintain_order=True).get_column("at").to_list()


def objection_counts(index: pl.DataFrame) -> list[tuple[str, int]]:
    """How many traces of an index, or of some of its rows, each `rule.check` objects to, most first."""
    names = index.lazy().select(name="names").filter(pl.col("name").list.len() > 0)
    counts = names.select(pl.col("name").list.unique().explode()).group_by("name").agg(n=pl.len()).collect()
    found = counts.with_columns(pl.col("name").cast(pl.String))
    return list(found.sort(["n", "name"], descending=[True, False]).iter_rows())


def state_counts(index: pl.DataFrame) -> dict[str, int]:
    """How many traces there are, how many of them in each state, and how many could not be sampled (`failed`)."""
    counted = dict(index.group_by("state").len().iter_rows())
    states = {state: counted.get(number, 0) for number, state in enumerate(STATES)}
    return {"traces": index.height, **states, "failed": int(index.get_column("failed").sum())}


def check_names(judged: Judged, wanted: Wanted) -> None:
    """Raise InputError for a rule, check, task, question or trace that is not there; a check may have found nothing.

    Raises MisusedError for a cue of no vocabulary: those are the same whatever was judged.
    """
    if wanted.cue is not None:
        from mgrd.claims.layout import CUES

        families = {cue.partition(".")[0] for cue in CUES}
        if wanted.cue not in CUES | families:
            whole = _listed(set(CUES))
            raise MisusedError(f"--cue {wanted.cue}: no such cue; there are {whole}, and by family {_listed(families)}")
    if wanted.check is not None or wanted.rule is not None:
        asked = folders.read_manifest(judged.folder).get("filter", {}).get("identity", {}).get("checks", [])
        known = {*asked, *(name for name, _ in objection_counts(judged.index))}
        checks = {name.rpartition(".")[2] for name in known}
        rules = {name.partition(".")[0] for name in known}
        if wanted.check is not None and wanted.check not in checks:
            raise InputError(f"{judged.folder}: no check {wanted.check} judged it; there are {_listed(checks)}")
        if wanted.rule is not None and wanted.rule not in rules:
            raise InputError(f"{judged.folder}: no rule {wanted.rule} judged it; there are {_listed(rules)}")
    if wanted.task is not None:
        tasks = set(judged.index.get_column("task").cast(pl.String).unique().drop_nulls())
        if wanted.task not in tasks:
            raise InputError(f"{judged.folder}: has no task {wanted.task}; there are {_listed(tasks)}")
    for column, name in (("question_id", wanted.question), ("trace_id", wanted.trace)):
        if name is not None and not (judged.index.get_column(column) == name).any():
            near = _near(name, judged.index.get_column(column).unique(maintain_order=True))
            told = (
                f"; the nearest are {', '.join(near)}"
                if near
                else f"; mgrd inspect {judged.folder} lists those that it has"
            )
            raise InputError(f"{judged.folder}: has no {column.removesuffix('_id')} {name}{told}")


def _near(name: str, names: pl.Series) -> list[str]:
    """Up to three names, in order: those that begin as it does for longest, half of it at least, or that hold it."""
    begun = (names.filter(names.str.starts_with(name[:n])) for n in range(len(name), len(name) // 2, -1))
    found = next((some for some in begun if len(some)), names.filter(names.str.contains(name, literal=True)))
    return [safe(one) for one in found.head(3)]


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
