"""What the complete parts of a traces folder already hold. Knows nothing of engines or clips.

Parts are read by column and all at once: a million samples take seconds, and none of them becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mgrd import tables
from mgrd.errors import SettingsError
from mgrd.questions import WORDS, changed


@dataclass(frozen=True)
class Ledger:
    """What the complete parts of a folder already hold of the questions that are asked."""

    samples: pl.DataFrame
    """id, samples: of each question the indices of those that are there."""
    count: int
    shas: dict[str, str]
    """Content hash of each clip, by its path as given, from when it was first decoded."""


def read_ledger(folder: Path, asked: pl.DataFrame, *, without_failed: bool = False) -> Ledger:
    """Of a folder of parts, which need not exist, and of the questions in `asked`.

    `without_failed` leaves out the samples that `forget_failed` would take away.
    Raises SettingsError for a question whose id is known with other words: its samples would be mixed.
    """
    ids = asked.select("id").lazy()

    def of_asked(columns: list[str], ask: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        return tables.query(
            folder,
            tables.TRACES,
            ["question_id", *columns],
            lambda rows: ask(rows.rename({"question_id": "id"}).join(ids, on="id", how="semi")),
        )

    before = of_asked([*WORDS], lambda rows: rows.unique("id", keep="any"))
    if (told := changed(asked, before)) is not None:
        raise SettingsError(
            f"{told}; its samples are of the other one: give it another id, another -o, or --overwrite to set the old "
            "work aside"
        )
    counts = pl.col("error").is_null() if without_failed else pl.lit(value=True)
    samples = of_asked(["sample", "error"], lambda rows: rows.filter(counts).group_by("id").agg(samples="sample"))
    clips = of_asked(
        ["audio", "audio_sha"],
        lambda rows: (
            rows.select("audio", sha="audio_sha").explode("audio", "sha").drop_nulls().unique("audio", keep="any")
        ),
    )
    count = int(samples.get_column("samples").list.len().sum())
    return Ledger(samples, count, dict(clips.iter_rows()))


def forget_failed(folder: Path, asked: pl.DataFrame) -> None:
    """Take the failed samples of these questions out of the parts, so that they are wanted again."""
    for path in tables.parts(folder):
        failed = pl.col("error").is_not_null() & pl.col("question_id").is_in(asked.get_column("id").implode())
        few = tables.read_table(path, tables.TRACES, ["question_id", "error"])
        if few.select(failed.any()).item():
            rows = tables.read_table(path, tables.TRACES)
            tables.write_table(rows.filter(~failed), path, tables.TRACES)
