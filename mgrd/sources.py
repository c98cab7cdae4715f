"""Traces to be judged: what `generate` wrote, or a file made elsewhere, as the same named parts of the same table.

Knows where a trace's clips lie and which question it belongs to. Opens no clip, judges nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables, urls
from mgrd.errors import InputError
from mgrd.questions.clips import resolve_audio
from mgrd.questions.published import layout_of
from mgrd.questions.readers import open_source
from mgrd.questions.rows import Wrong, question_of, short
from mgrd.traces import split

PART_ROWS = 256
"""Rows of a foreign file that are judged and written together."""

Frames = Iterator[tuple[str, pl.DataFrame]]


@dataclass(frozen=True, slots=True)
class Source:
    """Traces in parts; `frames()` reads them anew, one part in memory at a time."""

    base: Path
    """What audio paths are relative to."""
    audio_out: Path
    """Where embedded clips were written."""
    identity: str
    """Changes when these are other traces; not when `generate` added some."""
    frames: Callable[[], Frames]

    def clip(self, given: str) -> Path:
        """The file of a clip, by its path as given; raises InputError for one outside `base`."""
        return resolve_audio(given, self.base, self.audio_out)


def open_traces(path: Path, audio_root: Path | None = None, *, audio_out: Path) -> Source:
    """Open a run, round or stage folder, one of its Parquet files, or JSONL (JSON, CSV, Parquet) made elsewhere.

    A foreign file is checked whole: InputError names the lines that are wrong before any clip is touched. The clips
    that are embedded in it are written to `audio_out`.
    """
    if path.is_dir() or (path.suffix == ".parquet" and tables.holds_traces(path)):
        return _generated(path, audio_root)
    return _foreign(path, audio_root, audio_out)


def audio_notes(folder: Path, base: Path, audio_out: Path) -> dict[str, str]:
    """What the manifest of `folder` keeps of where audio lies: relative to it, so that both may move together."""
    here = folder.resolve()
    # not resolved itself: the `audio` of a round is a link into its run
    embedded = audio_out.parent.resolve() / audio_out.name
    root = urls.text(base) if urls.is_url(base) else os.path.relpath(base.resolve(), here)
    return {"audio_root": root, "audio_out": os.path.relpath(embedded, here)}


def noted_audio(folder: Path, entry: Mapping[str, Any]) -> tuple[Path | None, Path]:
    """What audio paths are relative to (None: not noted), and where embedded clips lie, as `audio_notes` noted it."""
    here = folder.resolve()
    noted = Path(entry["audio_root"]) if "audio_root" in entry else None
    base = noted if noted is None or urls.is_url(noted) else Path(os.path.normpath(here / noted))
    return base, Path(os.path.normpath(here / entry.get("audio_out", "audio")))


def _generated(path: Path, audio_root: Path | None) -> Source:
    found = folders.find(path, "traces")
    stage = found.parent if found.is_dir() or found.parent.name != "traces" else found.parent.parent
    made = folders.read_manifest(stage).get("generate", {})
    noted, audio_out = noted_audio(stage, made)
    names = tables.parts(found)
    if not names:
        if made:
            raise InputError(folders.unfinished(stage))
        raise InputError(f"{found}: holds no complete part of traces; run `mgrd generate` first")
    identity = _hash(json.dumps(made.get("identity", found.name), sort_keys=True, ensure_ascii=False).encode())
    return Source(audio_root or noted or stage, audio_out, identity, partial(_own_frames, found))


def _own_frames(found: Path) -> Frames:
    for part in tables.parts(found):
        yield part.name, tables.read_table(part, tables.TRACES)


def _foreign(path: Path, audio_root: Path | None, audio_out: Path) -> Source:
    base = audio_root or path.parent
    problems: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for number, row in _rows(path, audio_out):
        if isinstance(row, str):
            problems.append((number, row))
        elif (first := seen.setdefault(row["trace_id"], number)) != number:
            problems.append((number, f"repeats the id {short(row['trace_id'])} of line {first}"))
        else:
            reasons = (_outside(given, base, audio_root, audio_out) for given in row["audio"])
            problems += [(number, why) for why in reasons if why]
    if problems and not seen:
        _check_is_traces(path)
    if problems:
        told = "; ".join(f"line {number}: {text}" for number, text in problems[:3])
        more = f"; and {len(problems) - 3:,} more lines" if len(problems) > 3 else ""
        raise InputError(f"{path}: {told}{more}")
    if not seen:
        raise InputError(f"{path}: holds no traces")
    with path.open("rb") as handle:
        identity = hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    return Source(base, audio_out, identity, partial(_foreign_frames, path, audio_out))


def _check_is_traces(path: Path) -> None:
    """Raise InputError for a file of questions, which nobody has answered yet."""
    opened = open_source(str(path), _WANTED)
    next(iter(opened.rows), None)
    layout = layout_of(opened.columns)
    if "question" in opened.columns and "completion" not in opened.columns:
        name = f" ({layout.name})" if layout else ""
        raise InputError(f"{path}: this is a file of questions{name}; filter reads traces, mgrd generate samples them")


def _outside(given: str, base: Path, audio_root: Path | None, audio_out: Path) -> str | None:
    if audio_root is None and Path(given).is_absolute():
        return f"audio {short(given)} is an absolute path; give an --audio-root that contains it"
    try:
        resolve_audio(given, base, audio_out)
    except InputError as error:
        return str(error)
    return None


def _foreign_frames(path: Path, audio_out: Path) -> Frames:
    counts: Counter[str] = Counter()
    for part, rows in enumerate(_batched(row for _, row in _rows(path, audio_out) if isinstance(row, dict))):
        for row in rows:
            row["sample"] = counts[row["question_id"]]
            counts[row["question_id"]] += 1
        yield f"part-{part:05d}.parquet", pl.DataFrame(rows, schema=tables.TRACES, orient="row", strict=False)


def _batched(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == PART_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


_ASKED = ("audio", "question", "choices", "answer", "task", "language")
_GIVEN = ("completion", "model", "engine", "prompt", "finish_reason", "error")
_WANTED = {"id", "question_id", "heard_s", *_ASKED, *_GIVEN}


def _rows(path: Path, audio_out: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Rows of tables.TRACES with the line each came from, or in its place what is wrong with it."""
    for number, raw in open_source(str(path), _WANTED).rows:
        if isinstance(raw, str):
            yield number, raw
            continue
        try:
            yield number, _row(raw, audio_out)
        except Wrong as problem:
            yield number, str(problem)


def _row(raw: Mapping[str, Any], audio_out: Path) -> dict[str, Any]:
    asked = question_of({name: raw.get(name) for name in _ASKED} | {"id": raw.get("question_id")}, audio_out)
    given = {name: raw.get(name) for name in _GIVEN}
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise Wrong(f"{name} is not text")
    if given["completion"] is None and given["error"] is None:
        raise Wrong("has no completion")
    if raw.get("id") is None:
        raise Wrong("has no id")
    if raw.get("question_id") is None:
        content = json.dumps([asked["audio"], asked["question"]], ensure_ascii=False)
        asked["id"] = f"q-{_hash(content.encode())}"
    think, response = split(given["completion"] or "")
    row: dict[str, Any] = dict.fromkeys(tables.TRACES)
    row |= given | {name: asked[name] for name in _ASKED}
    return row | {
        "trace_id": str(raw["id"]),
        "question_id": asked["id"],
        "round": 0,
        "think": think,
        "response": response,
        "heard_s": raw.get("heard_s"),
    }


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
