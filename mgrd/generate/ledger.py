"""What the complete parts of a traces folder already hold. Knows nothing of engines or clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import tables
from mgrd.errors import SettingsError


@dataclass
class Ledger:
    """What the complete parts of a folder already hold."""

    samples: dict[str, set[int]] = field(default_factory=dict)
    asked: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)
    """Content hash of each clip, by its path as given, from when it was first decoded."""
    count: int = 0

    _COLUMNS = ("question_id", "sample", "question", "choices", "answer", "audio", "audio_sha", "error")

    @classmethod
    def read(cls, folder: Path) -> Ledger:
        """Of a folder of parts, which need not exist."""
        ledger = cls()
        if folder.exists():
            for part in tables.iter_parts(folder, tables.TRACES, cls._COLUMNS):
                for row in tables.rows_of(part):
                    ledger.samples.setdefault(row["question_id"], set()).add(row["sample"])
                    ledger.asked.setdefault(row["question_id"], _words(row))
                    ledger.shas.update(
                        {path: sha for path, sha in zip(row["audio"], row["audio_sha"], strict=True) if sha}
                    )
                    ledger.count += 1
        return ledger

    def forget_failed(self, folder: Path) -> None:
        """Take failed samples out of the parts, so that they are wanted again."""
        for path in tables.parts(folder):
            rows = tables.read_table(path, tables.TRACES)
            failed = rows.filter(pl.col("error").is_not_null())
            if failed.height:
                for question_id, sample in failed.select("question_id", "sample").iter_rows():
                    self.samples[question_id].discard(sample)
                self.count -= failed.height
                tables.write_table(rows.filter(pl.col("error").is_null()), path, tables.TRACES)

    def check_unchanged(self, asked: pl.DataFrame) -> None:
        """Refuse questions whose id is known with other words: their samples would be mixed."""
        for row in tables.rows_of(asked):
            before = self.asked.get(row["id"])
            if before is not None and before != _words(row):
                raise SettingsError(
                    f"question {row['id']} was sampled with other words, choices, answer or audio; "
                    "give it another id, another -o, or --overwrite to set the old work aside"
                )


def _words(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["question"], tuple(row["choices"] or ()), row["answer"], tuple(row["audio"])
