"""Survivors, or preference pairs, in the form that another trainer reads: a folder that `datasets` loads.

Clips are copied, still encoded and named by their content, never linked: a folder that is moved, uploaded or kept needs
nothing outside it, and a clip that several traces are about is there once. The README.md, a dataset card, is written
last: where it is, the export is whole. Loads no model and needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mgrd import folders, locks, tables
from mgrd.audio.load import survey
from mgrd.distill import pairs
from mgrd.distill.pairs import Made
from mgrd.distill.survivors import TABLE, content_hash, read, tell_later, user_turn
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError, Stopped
from mgrd.exports import card, hub
from mgrd.exports.forms import FORMS, Form, stands_in
from mgrd.exports.preferences import PAIR_FORMS
from mgrd.options import Distill, Export
from mgrd.progress import Story, stop
from mgrd.questions.clips import is_clip, write_embedded
from mgrd.settings import fields
from mgrd.terminal import json_line

TOLD = 5
"""Traces that are named on stderr when they are left out."""

OF_PAIRS = ("objective", "rejected_for", "pairs_per_question", "seed")
"""Options that say which pairs there are."""

_ALSO = ("question_id", "answer", "task", "language", "model", "predicted", "claims")
_OF_PAIR = (
    "reason",
    "why",
    *(f"{side}_{name}" for side in ("chosen", "rejected") for name in ("id", "think", "response")),
)
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")


def export(
    survivors: Sequence[Path],
    out: Path,
    options: Export,
    training: Distill,
    *,
    audio_root: Path | None = None,
    overwrite: bool = False,
    story: Story | None = None,
) -> dict[str, Any]:
    """Write the survivors in each of `survivors` (a filtered folder or its table) to `out`; upload it if asked to.

    With `training.objective` dpo, the pairs that would be trained on. Of `training` what says which rows there are
    counts (OF_PAIRS, `train_prompt`); another option that is not at its default is misused. Returns figures: format,
    traces (or questions, where rows are questions; or those of mgrd.distill.pairs.Made), left_out, clips, and pushed_to
    where it was uploaded. The same judged traces give the same bytes. Raises MgrdError when there is nothing to export
    or the upload fails, InputError for a trace or a clip that is not as it should be, SettingsError where `out` holds
    something else, and Stopped after SIGTERM: the same command goes on.
    """
    story = story or Story()
    _check_options(options, training)
    figures = _export(survivors, out, options, training, audio_root, overwrite, story)
    if options.push_to_hub is not None:
        figures["pushed_to"] = hub.push(out, options.push_to_hub, story)
    return figures


def _export(
    survivors: Sequence[Path],
    out: Path,
    options: Export,
    training: Distill,
    audio_root: Path | None,
    overwrite: bool,
    story: Story,
) -> dict[str, Any]:
    assert options.export is not None
    tell_later(survivors, TABLE, story)
    rows = read(survivors, audio_root, _ALSO)
    made = pairs.make(survivors, rows, training) if training.objective == "dpo" else None
    form = (PAIR_FORMS if made else FORMS)[options.export]
    for row in rows:
        row["turn"] = user_turn(row, training.train_prompt)
        row["model"] = row["model"] and card.model_name(row["model"])
    if made:
        rows = _paired(rows, made)
    kept, left_out = _exported(rows, form)
    for name, why in left_out[:TOLD]:
        story.note(f"{'the pair of ' if made else ''}trace {name} is left out: {why}")
    if not kept:
        what = "pairs" if made else "survivors"
        raise MgrdError(f"no {what} to export: all {len(rows)} are left out, e.g. {left_out[0][1]}")
    clips = _clips(kept)
    figures: dict[str, Any] = {"format": options.export, **(made.counts if made else {form.holds: len(kept)})}
    figures |= {"left_out": len(left_out), "clips": len(set(clips.values()))}
    facts = [card.facts(folders.find(source, TABLE).parent) for source in survivors]
    identity = {
        "export": options.export,
        "survivors": content_hash(kept),
        **({"pairs": pairs.content_hash(made.pairs)} if made else {}),
        "train_prompt": training.train_prompt,
        "license": options.license,
        "card": hashlib.sha256(json_line([facts, figures]).encode()).hexdigest()[:16],
    }
    _check_alone(out)
    folders.open_stage(out, "export", identity, overwrite=overwrite, story=story)
    if (out / card.NAME).exists():
        story.note(f"{out} is complete")
        return figures
    seconds, named = _checked_clips(kept, clips, None if form.embeds else out / "audio", story)
    _write(kept, named, form, out, story)
    if form.beside is not None:
        tables.write_json(form.beside, out / "dataset_info.json")
    text = card.page(form, facts, figures, kept, seconds, options.license)
    with tables.atomic(out / card.NAME) as partial:
        partial.write_text(text, encoding="utf-8")
    return figures


def _check_options(options: Export, training: Distill) -> None:
    default = Distill()
    allowed = {"train_prompt", *(OF_PAIRS if training.objective == "dpo" else ())}
    for field in fields(Distill):
        if field.name not in allowed and getattr(training, field.name) != getattr(default, field.name):
            raise MisusedError(f"--{field.name.replace('_', '-')}: says how to train, and --export trains nothing")
    if training.objective == "dpo":
        pairs.reasons(training.rejected_for)
        if options.export not in PAIR_FORMS:
            raise MisusedError(
                f"--export {options.export}: it learns from rewards and reads no pairs; give {', '.join(PAIR_FORMS)}"
            )
    if options.push_to_hub is not None:
        hub.check_name(options.push_to_hub)
    if not _LICENCE.fullmatch(options.license):
        raise MisusedError(
            f"--license {options.license}: write an identifier of the Hugging Face hub, such as cc-by-4.0"
        )


def _paired(rows: Sequence[dict[str, Any]], made: Made) -> list[dict[str, Any]]:
    """A row a pair: its survivor's, with what the pair says of the rejected trace."""
    by_id = {row["trace_id"]: row for row in rows}
    return [
        by_id[pair.chosen.lesson_id] | {name: pair.row[name] for name in _OF_PAIR} | {"rejected": pair.rejected.target}
        for pair in made.pairs
    ]


def _exported(rows: list[dict[str, Any]], form: Form) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The rows that the form can hold, and the others with the reason; of a question that is asked, the first row.

    A pair is named by its rejected trace, which is of no other.
    """
    asks = form.holds == "questions"
    kept, left_out, asked = [], [], set()
    for row in rows:
        mark = stands_in(row, form)
        name = row["rejected_id"] if form.holds == "pairs" else row["trace_id"]
        question = json.dumps([row["question_id"], row["turn"], row["audio"]])
        if mark is not None:
            left_out.append((name, f"its words hold {mark}, which {form.reads} takes for a placeholder"))
        elif asks and row["answer"] is None:
            left_out.append((name, f"its question has no answer, without which {form.reads} has no reward"))
        elif not asks or question not in asked:
            kept.append(row)
        asked.add(question)
    return kept, left_out


def _clips(rows: Sequence[Mapping[str, Any]]) -> dict[Path, str]:
    """The sound of each clip, by its file: its audio_sha, or the path as given where nobody recorded one."""
    sounds: dict[Path, str] = {}
    missing: dict[Path, str] = {}
    for row in rows:
        for file, given, sha in zip(row["files"], row["audio"], row["audio_sha"] or row["audio"], strict=True):
            sounds.setdefault(file, sha or given)
            if file not in missing and not is_clip(file):
                missing[file] = given
    if missing:
        file, given = next(iter(missing.items()))
        count = f"{len(missing):,} of {len(sounds):,} clips are not there"
        raise InputError(f"{count}, e.g. {given} at {file}; name their folder with --audio-root")
    return sounds


def _check_alone(out: Path) -> None:
    """An export has its folder to itself: what is moved or uploaded is that folder."""
    ours = {*folders.PARTS["export"], folders.MANIFEST, locks.LOCK}
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if path.name not in ours and not re.search(r"\.old-\d+$|\.partial$", path.name):
            raise SettingsError(f"{out} holds {path.name}, which is not of an export; give a folder of its own with -o")


def _checked_clips(
    rows: Sequence[Mapping[str, Any]], clips: Mapping[Path, str], audio_out: Path | None, story: Story
) -> tuple[float, dict[Path, str]]:
    """Decode every clip once, and copy it where `audio_out` is given; the seconds of all, and their names in rows."""
    sampled = {file: sha for row in rows for file, sha in zip(row["files"], row["audio_sha"] or [], strict=False)}
    seconds: dict[str, float] = {}
    named: dict[Path, str] = {}
    with story.steps("Clips", len(clips), "clips") as step:
        for file, sound in clips.items():
            _check_stop()
            encoded = file.read_bytes()
            heard = survey(encoded, str(file))
            if sampled.get(file) not in (None, heard.sha):
                raise InputError(
                    f"{file}: the clip has changed since the trace was sampled; restore it, or sample again"
                )
            seconds[sound] = heard.samples / heard.sr
            if audio_out is not None:
                named[file] = write_embedded(encoded, audio_out)
                if named[file].endswith(".bin"):
                    raise InputError(f"{file}: its format is one that trainers do not know; convert it to WAV or FLAC")
            step()
    return sum(seconds.values()), named


def _check_stop() -> None:
    if stop:
        raise Stopped(f"stopped by {stop.signal_name}; the same command goes on")


def _write(rows: Sequence[Mapping[str, Any]], named: Mapping[Path, str], form: Form, out: Path, story: Story) -> None:
    with story.steps("Writing", len(rows), "rows") as step:
        written = _rows(rows, named, form, step)
        if form.features is None:
            with tables.atomic(out / form.table) as partial, partial.open("w", encoding="utf-8") as handle:
                handle.writelines(json_line(row) + "\n" for row in written)
        else:
            from mgrd.exports import parquet

            several = any(len(row["files"]) > 1 for row in rows)
            parquet.write(written, parquet.schema(form.features, several), out, form.table)


def _rows(
    rows: Iterable[Mapping[str, Any]], named: Mapping[Path, str], form: Form, step: Callable[[], object]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        _check_stop()
        clips = [_embedded(file) if form.embeds else named[file] for file in row["files"]]
        yield form.row({**row, "clips": clips})
        step()


@lru_cache(maxsize=4)
def _embedded(file: Path) -> dict[str, Any]:
    """A clip as a column of Audio holds it; traces of one question follow each other, so few are kept."""
    encoded = file.read_bytes()
    return {"bytes": encoded, "path": f"{hashlib.sha256(encoded).hexdigest()[:32]}{file.suffix.lower()}"}
