"""Survivors in, rows to train on out: read, resolved to files, checked, in an order that depends on ids alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, prompts, tables
from mgrd.errors import InputError, MgrdError
from mgrd.progress import Story
from mgrd.questions import resolve_audio
from mgrd.sources import noted_audio
from mgrd.traces import blocks, join

TABLE = "survivors.parquet"
_WORDS = ("trace_id", "question", "choices", "prompt", "think", "response")
_COLUMNS = (*_WORDS, "audio", "audio_sha", "control", "error", "passed")


def read(sources: Sequence[Path], audio_root: Path | None, also: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The survivors of filtered folders (or of their tables), by trace_id; `files` holds each clip's resolved path.

    `also` names columns of tables.JUDGED that are read beside those that training needs.
    Audio paths are relative to `audio_root`, else to the root that the folder's manifest keeps; embedded clips lie
    where the manifest says, else in the folder's own `audio`.
    """
    rows: list[dict[str, Any]] = []
    first_seen: dict[str, Path] = {}
    for source in sources:
        table = folders.find(source, TABLE)
        root, audio_out = audio_of(table.parent, audio_root)
        for row in tables.rows_of(tables.read_table(table, tables.JUDGED, [*_COLUMNS, *also])):
            _check(row, table)
            if (before := first_seen.setdefault(row["trace_id"], table)) is not table:
                raise InputError(f"trace {row['trace_id']} is in {before} and in {table}; name each round once")
            row["files"] = [resolve_audio(path, root, audio_out) for path in row["audio"]]
            rows.append(row)
    if not rows:
        raise MgrdError("no survivors to distill: no trace passed the filter; see what it objected to, or sample more")
    return sorted(rows, key=lambda row: str(row["trace_id"]))


def tell_later(sources: Sequence[Path], part: str, story: Story) -> None:
    """Note of which folders more was sampled or judged since their survivors were chosen: it is not trained on.

    `part` is what is read of `sources`, TABLE or `judged`.
    """
    for folder in dict.fromkeys(folders.find(source, part).parent for source in sources):
        if many := later(folder):
            story.note(
                f"{many:,} traces of {folder} were sampled or judged after its survivors were chosen; give "
                f"`mgrd filter {folder} -o {folder}` again to choose among them too"
            )


def later(folder: Path) -> int:
    """How many traces of a folder have been sampled or judged since its survivors were chosen."""
    made, whole = pl.col("error").is_null(), ["trace_id", "error"]
    sampled = tables.query(folder / "traces", tables.TRACES, whole, lambda rows: rows.filter(made))
    judged = tables.query(folder / "judged", tables.JUDGED, whole, lambda rows: rows)
    chosen_of = tables.query(folder / "selection.parquet", tables.SELECTION, ["trace_id"], lambda rows: rows)
    is_chosen_here = (folder / "selection.parquet").exists()
    unjudged = sampled.join(judged.filter(made), on="trace_id", how="anti") if judged.height else sampled.clear()
    unchosen = judged.join(chosen_of, on="trace_id", how="anti") if is_chosen_here else judged.clear()
    return int(pl.concat([unjudged["trace_id"], unchosen["trace_id"]]).n_unique())


def user_turn(row: dict[str, Any], train_prompt: str) -> str:
    """The words that a survivor answers: rebuilt from its question (`plain`), or those it was sampled with (`same`)."""
    if train_prompt == "plain":
        return prompts.render("plain", row["question"], row["choices"])
    if row["prompt"] is None:
        raise InputError(f"trace {row['trace_id']} does not say what it was sampled with; use --train-prompt plain")
    return str(row["prompt"])


def content_hash(rows: Sequence[dict[str, Any]]) -> str:
    """Hash of what is trained on: words and sounds, not paths; 32 hex digits."""
    whole = hashlib.sha256()
    for row in rows:
        heard = [sha or path for sha, path in zip(row["audio_sha"] or row["audio"], row["audio"], strict=True)]
        whole.update(json.dumps([[row[name] for name in _WORDS], heard]).encode() + b"\n")
    return whole.hexdigest()[:32]


def _check(row: dict[str, Any], table: Path) -> None:
    """Refuse a row that must not be trained on."""
    where = f"{table}: trace {row['trace_id']}"
    if not row["passed"]:
        raise InputError(f"{where} has not passed the filter; give the survivors, not the judged traces")
    if row["error"] is not None:
        raise InputError(f"{where} is a failed sample ({row['error']})")
    if row["control"] is not None:
        raise InputError(f"{where} was sampled under --control {row['control']}: it does not describe its audio")
    if not row["audio"]:
        raise InputError(f"{where} has no audio")
    if blocks(join(row["think"] or "", row["response"] or "")) != (1, 1):
        raise InputError(f"{where} has think tags inside its think part or its response; filter it out")
    if not (row["response"] or "").strip():
        raise InputError(f"{where} has no response; filter it out")


def audio_of(folder: Path, audio_root: Path | None) -> tuple[Path, Path]:
    """What audio paths are relative to, and where embedded clips were written."""
    manifest = folders.read_manifest(folder)
    noted, audio_out = noted_audio(folder, manifest.get("generate", {}) | manifest.get("filter", {}))
    base = audio_root or noted
    if base is None:
        raise InputError(f"{folder / folders.MANIFEST} does not say where the audio is; give --audio-root")
    return base, audio_out
