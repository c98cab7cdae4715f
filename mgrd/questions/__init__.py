"""Users' questions in, the table of questions out, or one error that says what is wrong with them and where.

Everything is checked before a model is loaded; no clip is decoded. Public benchmarks' own files are recognised by their
columns. Knows nothing of prompts or how a response is matched with the gold answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from mgrd.errors import InputError, MisusedError
from mgrd.questions.clips import is_clip, resolve_audio
from mgrd.questions.published import columns, layout_of
from mgrd.questions.readers import Source, base_of, open_source
from mgrd.questions.rows import Wrong, no_choice, question_of, short
from mgrd.tables import QUESTIONS, rows_of

__all__ = ["WORDS", "audio_base", "changed", "fingerprint", "read_questions", "resolve_audio"]

_TOLD = 3  # problems that an error lists; the others are counted


def read_questions(
    source: str,
    *,
    audio_root: Path | None = None,
    mapping: Mapping[str, str] | None = None,
    audio_out: Path | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Read questions from a file, a data set folder or `name[@config][:split]` of the hub; columns of tables.QUESTIONS.

    `mapping` names the source's column for a column of ours ({"question": "prompt"}), also over what a recognised
    benchmark's own layout says (mgrd.questions.published). Embedded clips are written to
    `audio_out`. A gold answer that is a letter or an index becomes its choice's text. `limit` reads only the first N.
    Raises InputError, in one line with row numbers, for everything that is wrong with what was read.
    """
    mapping = dict(mapping or {})
    if unknown := sorted(mapping.keys() - QUESTIONS.keys()):
        raise MisusedError(f"--map {unknown[0]}=...: there is no such column; there are {', '.join(QUESTIONS)}")
    names = {name: mapping.get(name, name) for name in QUESTIONS}
    opened = open_source(source, {*names.values(), "file_name", *columns()})
    if opened.is_audiofolder and "audio" not in mapping:
        names["audio"] = "file_name"
    rows: list[tuple[int, dict[str, Any]]] = []
    problems: list[tuple[int, str]] = []
    present: set[str] = set()  # many questions share a clip, and a file system may be slow
    missing: dict[str, int] = {}
    for number, raw in islice(opened.rows, limit):
        try:
            if isinstance(raw, str):
                raise Wrong(raw)
            layout = layout_of(raw)
            cells = {name: raw.get(column) for name, column in names.items()}
            if layout is not None:
                cells = layout.read(raw) | {name: cells[name] for name in mapping}
            row = question_of(cells, audio_out)
            for given in row["audio"]:
                if given in present:
                    continue
                if is_clip(_clip_path(given, opened, audio_root, audio_out)):
                    present.add(given)
                else:
                    missing.setdefault(given, number)
            rows.append((number, row))
        except Wrong as problem:
            problems.append((number, str(problem)))
    _check_columns(opened, names, mapping, is_known=layout_of(opened.columns) is not None)
    problems += _resolve_indices(rows)
    problems += _repeated_ids(rows, opened.unit)
    if problems or missing:
        raise InputError(f"{opened.name}: {_told(opened, problems, missing, audio_root)}")
    if not rows:
        raise InputError(f"{opened.name}: holds no questions")
    return pl.DataFrame([row for _, row in rows], schema=QUESTIONS, orient="row")


def count_questions(source: str, mapping: Mapping[str, str] | None = None) -> int:
    """How many rows a source has, good or not; no clip that is embedded is read where the source allows it."""
    column = (mapping or {}).get("question", "question")
    return sum(1 for _ in open_source(source, {column, *columns()} - {"audio"}).rows)


def audio_base(source: str, audio_root: Path | None = None) -> Path:
    """The folder that a source's audio paths are relative to: `audio_root`, else the source's own folder.

    What resolve_audio wants as `base`. A data set of the hub has no folder: its paths are relative to the working one.
    """
    return audio_root or base_of(source)


def fingerprint(questions: pl.DataFrame) -> str:
    """A hash of what is asked, for manifests: every column of every row, in order; of a clip only its path."""
    digest = hashlib.blake2b(digest_size=16)
    for row in rows_of(questions.select(QUESTIONS.keys())):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


WORDS = ("question", "choices", "answer", "audio")
"""What may not change of a question while it keeps its id."""


def changed(asked: pl.DataFrame, before: pl.DataFrame) -> str | None:
    """The first question, in the order of `asked`, that has other WORDS than under the same id `before`, and which.

    `before` has the columns id and WORDS; None when none has changed. How many others have is counted.
    """
    both = asked.select("id", *WORDS).join(before, on="id", suffix="_before", maintain_order="left")
    differs = {
        # a question without choices has null or an empty list of them
        name: pl.col(name).fill_null([]).ne_missing(pl.col(f"{name}_before").fill_null([]))
        if name == "choices"
        else pl.col(name).ne_missing(pl.col(f"{name}_before"))
        for name in WORDS
    }
    others = both.filter(pl.any_horizontal(differs.values()))
    if not others.height:
        return None
    row, told = others.row(0, named=True), others.head(1).select(**differs).row(0, named=True)
    words = [f"{name} {_shown(row[name])}, before {_shown(row[f'{name}_before'])}" for name in WORDS if told[name]]
    more = f"; so have {others.height - 1:,} more" if others.height > 1 else ""
    return f"question {row['id']} has another {', another '.join(words)}{more}"


def _shown(value: Any) -> str:
    return short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 60)


def _resolve_indices(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[tuple[int, str]]:
    """Put the choice's text for an index where the rows show that all answers are indices, and from 0 or from 1.

    They show it when no answer is text, and either a 0 or the number of choices occurs, but not both.
    """
    answered = [(number, row) for number, row in rows if row["choices"] and row["answer"] is not None]
    pending = [(number, row) for number, row in answered if row["answer"] not in row["choices"]]
    from_zero = any(int(row["answer"]) == 0 for _, row in pending)
    from_one = any(int(row["answer"]) == len(row["choices"]) for _, row in pending)
    is_clear = len(pending) == len(answered) and from_zero != from_one
    problems = []
    for number, row in pending:
        place = int(row["answer"]) - from_one
        if is_clear and place < len(row["choices"]):
            row["answer"] = row["choices"][place]
        else:
            problems.append((number, no_choice(row["answer"], row["choices"])))
    return problems


def _clip_path(given: str, opened: Source, audio_root: Path | None, audio_out: Path | None) -> Path:
    if audio_root is None and Path(given).is_absolute():
        raise Wrong(f"audio {short(given)} is an absolute path; give an --audio-root that contains it")
    try:
        return resolve_audio(given, audio_root or opened.base, audio_out)
    except InputError as error:
        raise Wrong(str(error)) from error


def _check_columns(opened: Source, names: Mapping[str, str], mapping: Mapping[str, str], *, is_known: bool) -> None:
    needed = () if is_known else ("audio", "question")
    wanted = {name: column for name, column in names.items() if name in needed or name in mapping}
    absent = [name for name, column in wanted.items() if column not in opened.columns]
    if opened.columns and absent:
        raise InputError(
            f"{opened.name}: has no column {', '.join(wanted[name] for name in absent)}; it has "
            f"{short(', '.join(sorted(opened.columns)), 300)}; name the right one with --map {absent[0]}=COLUMN"
        )


def _repeated_ids(rows: Sequence[tuple[int, dict[str, Any]]], unit: str) -> list[tuple[int, str]]:
    first: dict[str, tuple[int, dict[str, Any]]] = {}
    problems = []
    for number, row in rows:
        known, other = first.setdefault(row["id"], (number, row))
        if other is not row:
            how = "the same question" if row == other else "another question"
            problems.append((number, f"repeats the id {short(row['id'])} of {unit} {known}, {how}"))
    return problems


def _told(opened: Source, problems: list[tuple[int, str]], missing: Mapping[str, int], audio_root: Path | None) -> str:
    """The problems in one line: the first few of the rows, then the clips that are not there."""
    parts = [f"{opened.unit} {number}: {text}" for number, text in sorted(problems)[:_TOLD]]
    if len(problems) > _TOLD:
        parts.append(f"and {len(problems) - _TOLD:,} more rows")
    if missing:
        named = [f"{short(given)} ({opened.unit} {number})" for given, number in list(missing.items())[:_TOLD]]
        more = f" and {len(missing) - _TOLD:,} more" if len(missing) > _TOLD else ""
        count = "1 clip is" if len(missing) == 1 else f"{len(missing):,} clips are"
        hint = "" if audio_root else "; --audio-root DIR names another folder"
        parts.append(f"{count} not there: {', '.join(named)}{more}; looked in {audio_root or opened.base}{hint}")
    return "; ".join(parts)
