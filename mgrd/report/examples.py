"""Which traces a report shows, and the sound of their clips as players can play it.

Chosen by hashes of trace ids, so the same run shows the same ones. Decodes the start of a few dozen clips, and encodes
it as MP3: every browser plays that, and libsndfile writes the same bytes each time (its Ogg has random serial numbers).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mgrd import tables
from mgrd.audio.load import Samples, channel_alone, downmix, open_stream, resample
from mgrd.audio.measure import Measurements
from mgrd.errors import InputError
from mgrd.report.facts import Judged, Round, sample
from mgrd.viewer.clips import Clips, file_of, known, open_clips
from mgrd.viewer.drawing import span_of

KEPT, PER_CHECK = 4, 2
"""Traces that are shown."""
PLAYED_S = 15.0
"""Of a clip; the rest is left out, and that is said."""
PLAYED_HZ = 22050
SOUND_BYTES = 8_000_000
"""Encoded sound of all players together."""

_COLUMNS = (
    "trace_id", "audio", "audio_sha", "question", "choices", "answer", "task", "think", "response", "error",
    "predicted", "correct", "objections", "passed", "claims",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip for a page."""

    path: str
    """As the table has it."""
    uri: str | None
    """None: `missing` says why."""
    missing: str | None
    duration_s: float | None
    """Of the whole clip, where it was measured."""
    measured: Measurements | None


@dataclass(frozen=True, slots=True)
class Example:
    """A trace to show, and why it was chosen."""

    group: str
    """`kept`, or the `rule.check` that objected."""
    row: Mapping[str, Any]
    sounds: Sequence[Sound]


def choose(rounds: Sequence[Round]) -> list[tuple[str, Round, str]]:
    """What to show: (group, round, trace id); of each check the latest round that has objections of it."""
    chosen: list[tuple[str, Round, str]] = []
    seen: set[str] = set()
    judged = [(one, one.own) for one in reversed(rounds) if one.own]
    for one, own in judged[:1]:
        passed = own.rows.filter(pl.col("passed") & pl.col("made"))
        kept = passed.filter(pl.col("question_id").is_in(list(one.selection.by_question))) if one.selection else passed
        chosen += [("kept", one, trace) for trace in _spread(kept, KEPT, seen)]
    checks = sorted({named for _, own in judged for named in own.objections}, key=_order)
    for rule, check in checks:
        one, own = next((one, own) for one, own in judged if (rule, check) in own.objections)
        chosen += [(f"{rule}.{check}", one, trace) for trace in _spread(_objected(own, rule, check), PER_CHECK, seen)]
    return chosen


def load(chosen: Sequence[tuple[str, Round, str]], audio_root: Path | None) -> list[Example]:
    """The chosen traces with their sounds; a clip that cannot be read is there without sound, and says why."""
    rows: dict[tuple[Path, str], Mapping[str, Any]] = {}
    for folder in dict.fromkeys(one.folder for _, one, _ in chosen):
        ids = [trace for _, one, trace in chosen if one.folder == folder]
        found = tables.query(folder / "judged", tables.JUDGED, _COLUMNS, lambda table, ids=ids: _of(table, ids))  # type: ignore[misc]
        rows |= {(folder, row["trace_id"]): row for row in tables.rows_of(found)}
    places = {folder: open_clips(folder, audio_root) for folder, _ in rows}
    shas = {sha for row in rows.values() for sha in row["audio_sha"] or ()}
    tracks = {sha: found for place in places.values() for sha, found in known(place, shas).items()}
    examples, left = [], SOUND_BYTES
    for group, one, trace in chosen:
        row, sounds = rows[one.folder, trace], []
        for path, sha in zip(row["audio"] or (), row["audio_sha"] or (None,) * len(row["audio"] or ()), strict=False):
            sound = _sound(places[one.folder], path, tracks.get(sha), left)
            left -= len(sound.uri or "")
            sounds.append(sound)
        examples.append(Example(group, row, sounds))
    return examples


def spans(claims: Sequence[Mapping[str, Any]], clip: Measurements) -> list[tuple[float, float, str]]:
    """From when to when each judged claim about a part of a clip is meant, and its verdict."""
    found = [(*span, claim["verdict"]) for claim in claims if claim["verdict"] and (span := span_of(claim, clip))]
    return sorted(set(found))


def encode(samples: Samples, sr: int) -> bytes:
    """Mono samples as MP3, or as 16-bit WAV where libsndfile was built without MP3."""
    import soundfile

    kind, subtype = ("MP3", "MPEG_LAYER_III") if "MP3" in soundfile.available_formats() else ("WAV", "PCM_16")
    encoded = io.BytesIO()
    soundfile.write(encoded, np.clip(samples, -1, 1), sr, format=kind, subtype=subtype)
    return encoded.getvalue()


def _order(named: tuple[str, str]) -> tuple[int, str]:
    rules = ("acoustic", "logic", "correctness")
    return (rules.index(named[0]) if named[0] in rules else len(rules), named[1])


def _spread(rows: pl.DataFrame, most: int, seen: set[str]) -> Iterator[str]:
    """So many trace ids, of questions not yet shown where there are such; fewest objections first."""
    questions = dict(rows.select("trace_id", "question_id").iter_rows())
    objections = dict(rows.select("trace_id", "objections").iter_rows())
    order = sample(list(questions), len(questions))
    place = {trace: i for i, trace in enumerate(order)}
    for _ in range(min(most, len(order))):
        best = min(place, key=lambda trace: (questions[trace] in seen, objections[trace], place[trace]))
        seen.add(questions[best])
        del place[best]
        yield best


def _objected(own: Judged, rule: str, check: str) -> pl.DataFrame:
    def ask(table: pl.LazyFrame) -> pl.LazyFrame:
        named = pl.col("objections").list.eval(
            (pl.element().struct.field("rule") == rule) & (pl.element().struct.field("check") == check)
        )
        return table.filter(named.list.any()).select("trace_id")

    ids = tables.query(own.folder / "judged", tables.JUDGED, ["trace_id", "objections"], ask)
    return own.rows.join(ids, on="trace_id", how="semi")


def _of(table: pl.LazyFrame, ids: Sequence[str]) -> pl.LazyFrame:
    wanted = pl.LazyFrame({"trace_id": ids}, schema={"trace_id": pl.String})
    return table.join(wanted, on="trace_id", how="semi")


def _sound(clips: Clips, path: str, measured: Measurements | None, left: int) -> Sound:
    length_s = measured.duration_s if measured else None
    file = file_of(clips, path)
    if isinstance(file, str):
        return Sound(path, None, file, length_s, measured)
    try:
        sound = encode(*_start(file))
    except InputError as error:
        return Sound(path, None, str(error), length_s, measured)
    uri = f"data:audio/{'mpeg' if sound[:4] != b'RIFF' else 'wav'};base64,{base64.b64encode(sound).decode()}"
    if len(uri) > left:
        return Sound(path, None, f"the players of a page hold {SOUND_BYTES / 1e6:g} MB of sound", length_s, measured)
    return Sound(path, uri, None, length_s, measured)


def _start(file: Path) -> tuple[Samples, int]:
    """The first PLAYED_S seconds as one channel."""
    blocks: list[Samples] = []
    with open_stream(file) as stream:
        wanted = int(PLAYED_S * stream.sr)
        for block in stream.blocks:
            blocks.append(block)
            if sum(map(len, blocks)) >= wanted:
                break
        samples = np.concatenate(blocks)[:wanted].T if blocks else np.zeros((1, 1), dtype=np.float32)
        mono = downmix(samples, channel_alone(samples))
        return resample(mono, stream.sr, PLAYED_HZ), PLAYED_HZ
