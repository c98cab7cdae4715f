"""The tables that stages meet in: their columns, and files that are either complete or absent.

A table is a Parquet file or a folder of `part-*.parquet`. A part is written as `.partial`, synced, then renamed, so a
part that exists is whole, and what a killed process left behind is only a `.partial` that nobody reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mgrd.errors import InputError, MgrdError, first_line

QUESTIONS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "audio": pl.List(pl.String),
    "question": pl.String(),
    "choices": pl.List(pl.String),
    "answer": pl.String(),
    "task": pl.String(),
    "language": pl.String(),
}

TRACES: dict[str, pl.DataType] = {
    "trace_id": pl.String(),
    "question_id": pl.String(),
    "round": pl.Int32(),
    "sample": pl.Int32(),
    "audio": pl.List(pl.String),
    "audio_sha": pl.List(pl.String),
    "question": pl.String(),
    "choices": pl.List(pl.String),
    "answer": pl.String(),
    "task": pl.String(),
    "language": pl.String(),
    "model": pl.String(),
    "engine": pl.String(),
    "control": pl.String(),
    "prompt": pl.String(),
    "completion": pl.String(),
    "think": pl.String(),
    "response": pl.String(),
    "finish_reason": pl.String(),
    "error": pl.String(),
    "prompt_tokens": pl.Int32(),
    "completion_tokens": pl.Int32(),
    "logprob": pl.Float64(),
    "seed": pl.UInt32(),
    "heard_s": pl.List(pl.Float32),
    "think_forced": pl.Boolean(),
    "heard": pl.List(pl.String),
}

LATER = {"think_forced", "heard"}
"""Columns that tables of earlier versions lack; they are read as null."""

OBJECTIONS = pl.List(pl.Struct({"rule": pl.String, "check": pl.String, "reason": pl.String}))

CLAIMS = pl.List(
    pl.Struct(
        {
            "start": pl.Int32,
            "end": pl.Int32,
            "text": pl.String,
            "cue": pl.String,
            "kind": pl.String,
            "scope": pl.String,
            "t0_s": pl.Float32,
            "t1_s": pl.Float32,
            "polarity": pl.Int8,
            "modality": pl.String,
            "asserts": pl.String,
            "claimed": pl.String,
            "claimed_value": pl.Float64,
            "measured": pl.Float64,
            "unit": pl.String,
            "z": pl.Float32,
            "verdict": pl.String,
            "why": pl.String,
            "confidence": pl.Float32,
        }
    )
)

JUDGED: dict[str, pl.DataType] = TRACES | {
    "predicted": pl.String(),
    "correct": pl.Boolean(),
    "objections": OBJECTIONS,
    "passed": pl.Boolean(),
    "claims": CLAIMS,
}

VERDICTS: dict[str, pl.DataType] = {
    "trace_id": pl.String(),
    "check": pl.String(),
    "value": pl.String(),
    "score": pl.Float64(),
    "votes": pl.List(pl.Float64),
    "words": pl.List(pl.String),
    "why": pl.String(),
}

SELECTION: dict[str, pl.DataType] = {
    "trace_id": pl.String(),
    "question_id": pl.String(),
    "kept": pl.Boolean(),
    "why": pl.String(),
    "majority": pl.String(),
    "vote_share": pl.Float64(),
}

OUTCOMES: dict[str, pl.DataType] = {
    "question_id": pl.String(),
    "task": pl.String(),
    "samples": pl.Int32(),
    "passed": pl.Int32(),
    "survivors": pl.Int32(),
    "outcome": pl.String(),
    "majority": pl.String(),
    "vote_share": pl.Float64(),
}


def write_table(
    rows: pl.DataFrame | Sequence[Mapping[str, Any]], path: Path, schema: Mapping[str, pl.DataType]
) -> None:
    """Write rows with exactly the columns of `schema`; the file appears whole or not at all.

    The bytes depend on the rows alone: fixed compression, no statistics that vary, no time stamps.
    """
    if not isinstance(rows, pl.DataFrame):
        rows = pl.DataFrame(list(rows), schema=dict(schema), orient="row", strict=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as partial:
        rows.select(schema.keys()).cast(dict(schema)).write_parquet(partial, compression="zstd", compression_level=3)  # type: ignore[arg-type]


def parts(path: Path) -> list[Path]:
    """The complete parts of a table, in name order: the file itself, or the `part-*.parquet` of a folder."""
    if path.is_file():
        return [path]
    return sorted(path.glob("part-*.parquet"))


PART_ROWS, PART_S = 256, 60.0
"""A part is written when it has this many rows, or its first is this old: a killed job loses at most that."""


class Parts:
    """Collects rows and writes them as parts of a folder; on the way out, also after an error, the last is written.

    A thread writes a part that has become old while no row came: the next may be an hour away.
    `writer` is in the names of its parts: writers of different names may write into one folder at once.
    """

    def __init__(self, folder: Path, schema: Mapping[str, pl.DataType], writer: str = "") -> None:
        self.folder, self.schema = folder, schema
        self.prefix = f"part-{writer}-" if writer else "part-"
        self.rows: list[dict[str, Any]] = []
        self.lock = threading.RLock()
        self.timer: threading.Timer | None = None
        self._is_late = False
        numbers = (path.stem.removeprefix(self.prefix) for path in folder.glob(f"{self.prefix}*.parquet"))
        self.number = max((int(number) for number in numbers if number.isdigit()), default=-1) + 1

    def add(self, row: dict[str, Any]) -> None:
        """Take one more row; a full part is written."""
        with self.lock:
            self.rows.append(row)
            if len(self.rows) >= PART_ROWS or self._is_late:
                self.write()
            elif self.timer is None:
                self.timer = threading.Timer(PART_S, self._write_late)
                self.timer.daemon = True
                self.timer.start()

    def write(self) -> None:
        """Write what was taken since the last part, if anything."""
        with self.lock:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            if self.rows:
                write_table(self.rows, self.folder / f"{self.prefix}{self.number:06d}.parquet", self.schema)
                self.rows = []  # first: an interrupt between these two lines must not write the rows again
                self.number += 1
            self._is_late = False

    def _write_late(self) -> None:
        """In the timer's thread, where an error would be lost: the next row, or the end, writes again and raises it."""
        with self.lock:
            self._is_late = True
            with contextlib.suppress(MgrdError):
                self.write()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self.write()


def read_table(path: Path, schema: Mapping[str, pl.DataType], columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a table whole, with the columns of `schema` (or some of them); a missing column is an error by name."""
    frames = list(iter_parts(path, schema, columns))
    if frames:
        return pl.concat(frames)
    wanted = {name: schema[name] for name in columns or schema}
    return pl.DataFrame(schema=wanted)


def holds_traces(path: Path) -> bool:
    """Whether a Parquet file has the columns of TRACES; raises InputError for one that cannot be read."""
    try:
        # a path may hold [ ]
        return TRACES.keys() - LATER <= set(pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot be read as Parquet; is it whole?") from error


_WRITERS = {
    "traces": "mgrd generate",
    "judged": "mgrd filter",
    "selection.parquet": "mgrd filter",
    "outcomes.parquet": "mgrd filter",
    "survivors.parquet": "mgrd filter",
}
"""By the name of a table, or the folder of its parts, the command that writes it."""


def _renewed_by(part: Path) -> str:
    """What to do once a broken part or table is removed, by the command that writes it."""
    name = _WRITERS.get(part.name) or _WRITERS.get(part.parent.name)
    return f"run the same `{name}` again" if name else "run the stage again that writes it"


def iter_parts(
    path: Path, schema: Mapping[str, pl.DataType], columns: Sequence[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Read a table part by part, so that memory stays that of one part."""
    if not path.exists():
        raise InputError(f"{path}: no such table; run the stage that writes it first")
    names = list(columns or schema)
    for part in parts(path):
        try:
            table = _scan(part, schema)
            present = table.collect_schema()
            if missing := [name for name in names if name not in present]:
                raise InputError(f"{part}: is not the expected table, it has no column {', '.join(missing)}")
            frame = table.select(names).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            why = f"cannot be read as Parquet ({first_line(error)})"
            raise InputError(f"{part}: {why}; remove it and {_renewed_by(part)}") from error
        yield frame


def _scan(part: Path, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    table = pl.scan_parquet(part, glob=False, hive_partitioning=False)  # a path may hold [ ]
    lacking = (LATER & schema.keys()) - set(table.collect_schema())
    return table.with_columns(pl.lit(None, dtype=schema[name]).alias(name) for name in sorted(lacking))


def query(
    path: Path,
    schema: Mapping[str, pl.DataType],
    columns: Sequence[str],
    ask: Callable[[pl.LazyFrame], pl.LazyFrame],
) -> pl.DataFrame:
    """What `ask` makes of some columns of a table, all parts at once: many small parts take a tenth of the time so.

    A table that is not there has no rows. Parts may have other columns besides, or lack those of LATER, which must not
    be among `columns`. Raises InputError naming the first part that cannot be read or lacks one of `columns`.
    """
    found = parts(path)
    if not found:
        return ask(pl.LazyFrame(schema={name: schema[name] for name in columns})).collect()
    try:
        rows = pl.scan_parquet(
            found,
            glob=False,
            hive_partitioning=False,
            schema={name: schema[name] for name in columns},
            extra_columns="ignore",
        )
        return ask(rows).collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError):
        for _ in iter_parts(path, schema, columns):  # tells which part it is
            pass
        raise


ROW_GROUP = 256
"""Several are in flight when a table is streamed: of 10,000 long texts, 4,096 took 1.2 GiB where 256 take a fifth."""


def write_rows_of(table: Path, trace_ids: pl.Series, path: Path, schema: Mapping[str, pl.DataType]) -> None:
    """Write the rows of a table with these ids, in their order; a few row groups are held at a time.

    The bytes depend on the rows alone, not on the parts that they lie in.
    """
    found = parts(table)
    rows = [_scan(part, schema).select(schema.keys()) for part in found] or [pl.LazyFrame(schema=dict(schema))]
    wanted = trace_ids.to_frame("trace_id").lazy()
    with atomic(path) as partial:
        pl.concat(rows).join(wanted, on="trace_id", how="semi", maintain_order="left").sink_parquet(
            partial, compression="zstd", compression_level=3, row_group_size=ROW_GROUP
        )


class atomic:  # noqa: N801  (reads as a verb: `with atomic(path) as partial`)
    """A path to write to that replaces `path` only when the block ends without an error.

    Raises MgrdError, naming `path`, when the system does not let it be written: a full disk, no permission.
    """

    def __init__(self, path: Path, *, writer: str = "") -> None:
        """`writer` tells apart processes that may write the same file at once."""
        self.path = path
        self.partial = path.with_name(f"{path.name}{writer}.partial")

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.partial

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                with self.partial.open("rb") as handle:
                    os.fsync(handle.fileno())
                self.partial.replace(self.path)
                return
        except OSError as late:  # some file systems tell of a full disk only here
            error = late
        self.partial.unlink(missing_ok=True)
        if isinstance(error, OSError | pl.exceptions.PolarsError):
            raise MgrdError(
                f"{self.path}: cannot be written ({_cause(error)}); what was finished is saved, mend it and rerun"
            ) from error


def write_json(value: Any, path: Path, *, writer: str = "") -> None:
    """Write indented JSON with sorted keys, whole or not at all; `writer` as in `atomic`."""
    with atomic(path, writer=writer) as partial:
        partial.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file that an earlier command wrote."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; is this a folder that mgrd wrote?") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({first_line(error)})") from error


def rows_of(frame: pl.DataFrame) -> Iterable[dict[str, Any]]:
    """The rows as dictionaries."""
    return frame.iter_rows(named=True)


def _cause(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{first_line(error)}; is the disk full?"  # polars does not say what the system told it
