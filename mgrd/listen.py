"""What a user points at in, its clips measured: files, folders of files, and the clips of tables and runs.

Finds and names clips and has them measured (mgrd.audio); judges nothing and prints nothing. A clip that cannot be
measured is kept with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mgrd import folders, tables
from mgrd.errors import InputError, MisusedError, Stopped
from mgrd.progress import Story, stop
from mgrd.questions.clips import resolve_audio
from mgrd.questions.readers import Source, open_source
from mgrd.questions.rows import Wrong, question_of, short
from mgrd.sources import open_traces
from mgrd.workers import to_measure

if TYPE_CHECKING:
    from mgrd.audio.measure import Figure, Measurements, Segment

AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".w64", ".rf64", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".snd",
    ".caf", ".sph", ".m4a", ".aac", ".mp4", ".webm", ".wma", ".amr",
})  # fmt: skip
"""Files of a folder that are taken for clips; the last six are refused when opened, with what to convert them to."""

TABLE_SUFFIXES = frozenset({".jsonl", ".json", ".csv", ".parquet"})

HELD = 4096
"""Clips whose measurements are held at a time; each such stretch is one pass over the table."""


@dataclass(frozen=True, slots=True)
class Found:
    """The clips that a user's arguments mean."""

    clips: dict[Path, str] = field(default_factory=dict)
    """The name as given, by file, in order: a path, or what a table calls it."""
    languages: dict[Path, set[str]] = field(default_factory=dict)
    """By file, as far as tables say."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Names of which there is no clip, and why."""
    skipped: list[str] = field(default_factory=list)
    """Files of a folder that are no audio by their names, and folders in it that are links or hidden, each as such."""


def find(
    given: Sequence[Path], audio_out: Path, *, audio_root: Path | None = None, mapping: Mapping[str, str] | None = None
) -> Found:
    """The clips of audio files, folders (all below them, sorted), tables with a column `audio`, and runs.

    A table is JSONL, JSON, CSV or Parquet, as `generate` and `filter` read them; embedded clips are written to
    `audio_out`. `mapping` names its column for one of ours. Raises MisusedError for a path that does not exist and
    InputError for a table that cannot be read; what is wrong with one row is in `failed`.
    """
    mapping = mapping or {}
    if unknown := sorted(mapping.keys() - tables.QUESTIONS.keys()):
        raise MisusedError(f"--map {unknown[0]}=...: there is no such column; there are {', '.join(tables.QUESTIONS)}")
    for path in given:
        if not path.exists():
            raise MisusedError(f"{path}: no such file or folder")
    found = Found()
    for path in given:
        if _is_made_by_mgrd(path):
            _add_traces(found, path, audio_root, audio_out)
        elif path.is_dir():
            _add_folder(found, path)
        elif path.suffix.lower() in TABLE_SUFFIXES:
            _add_table(found, path, audio_root, audio_out, mapping)
        else:
            found.clips.setdefault(path, str(path))
    return found


def _is_made_by_mgrd(path: Path) -> bool:
    """Whether `path` is a run, a round or a stage's folder with traces, or a part of them."""
    if path.is_dir():
        rounds = (path / f"round-{number:02d}" for number in folders.rounds_of(path))
        return any((folder / "traces").is_dir() for folder in (path, *rounds))
    return path.suffix == ".parquet" and tables.holds_traces(path)


def _add_traces(found: Found, path: Path, audio_root: Path | None, audio_out: Path) -> None:
    source = open_traces(path, audio_root, audio_out=audio_out)
    for _, frame in source.frames():
        clips = frame.select("audio", "language").explode("audio").drop_nulls("audio").unique(maintain_order=True)
        for given, language in clips.iter_rows():
            _add(found, given, source.base, source.audio_out, language)


def _add_folder(found: Found, folder: Path) -> None:
    files: list[Path] = []
    for top, below, names in os.walk(folder, onerror=lambda error: found.failed.append(_unread(error))):
        files += [Path(top) / name for name in names]
        # a link to a folder may lead back to one above it, and what is hidden was not put there to be heard
        left_out = {name: _left_out(Path(top) / name) for name in sorted(below)}
        found.skipped.extend(f"{Path(top) / name} ({why})" for name, why in left_out.items() if why)
        below[:] = [name for name, why in left_out.items() if not why]
    files.sort()
    clips = [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")]
    if not clips:
        found.failed.append((str(folder), "holds no audio files"))
    for path in clips:
        found.clips.setdefault(path, str(path))
    taken = set(clips)
    found.skipped.extend(str(path) for path in files if path not in taken)


def _left_out(folder: Path) -> str | None:
    """Why nothing in a folder is looked at, None where all of it is."""
    if folder.is_symlink():
        return "a linked folder"
    return "a hidden folder" if folder.name.startswith(".") else None


def _unread(error: OSError) -> tuple[str, str]:
    return str(error.filename), f"cannot be read ({error.strerror})"


def _add_table(found: Found, path: Path, audio_root: Path | None, audio_out: Path, mapping: Mapping[str, str]) -> None:
    column, spoken = mapping.get("audio", "audio"), mapping.get("language", "language")
    source = open_source(str(path), {column, spoken})
    base, count = audio_root or source.base, 0
    for number, raw in source.rows:
        count += 1
        try:
            if isinstance(raw, str):
                raise Wrong(raw)
            clips, language = _clips_of(raw.get(column), raw.get(spoken), audio_out)
            for given in clips:
                if audio_root is None and Path(given).is_absolute():
                    found.failed.append((given, "is an absolute path; give an --audio-root that contains it"))
                else:
                    _add(found, given, base, audio_out, language)
        except Wrong as problem:
            found.failed.append((f"{path}, {source.unit} {number}", str(problem)))
    _check_column(source, column, count)


def _clips_of(cell: Any, language: Any, audio_out: Path) -> tuple[list[str], str | None]:
    # a row is read as one of generate's, so that a cell means here what it means there; only its clips are wanted
    cells = dict.fromkeys(tables.QUESTIONS) | {"question": "-", "audio": cell, "language": language}
    row = question_of(cells, audio_out)
    return row["audio"], row["language"]


def _check_column(source: Source, column: str, count: int) -> None:
    if not count:
        raise InputError(f"{source.name}: holds no rows")
    if source.columns and column not in source.columns:
        raise InputError(
            f"{source.name}: has no column {column}; it has {short(', '.join(sorted(source.columns)), 300)}; "
            "name the right one with --map audio=COLUMN"
        )


def _add(found: Found, given: str, base: Path, audio_out: Path, language: str | None) -> None:
    try:
        path = resolve_audio(given, base, audio_out)
    except InputError as error:
        found.failed.append((given, str(error)))
        return
    found.clips.setdefault(path, given)
    if language is not None:
        found.languages.setdefault(path, set()).add(language)


def measure(
    found: Found, table: Path, workers: int | None, story: Story, *, kept: bool = True
) -> tuple[dict[Path, str], list[tuple[str, str]]]:
    """Measure the clips into `table`, those of known sounds excepted.

    Returns the audio_sha of each file that was measured, in order, and the names of those that could not be, each with
    its reason. Raises Stopped after a signal asked to stop; `kept` says whether the table outlives this process.
    """
    from mgrd.audio.cache import measure_files

    files = list(found.clips)
    shas: dict[Path, str] = {}
    failed = list(dict.fromkeys(found.failed))  # rows share clips
    with story.steps("Measuring", len(files), "clips") as done:
        for path, sound in measure_files(files, table, workers=to_measure(len(files), workers)):
            _check_stop(table, kept)
            if isinstance(sound, str):
                shas[path] = sound
            else:
                failed.append((found.clips[path], str(sound).removeprefix(f"{path}: ")))
            done(1)
        _check_stop(table, kept)  # it may have ended for that
    return shas, failed


def _check_stop(table: Path, kept: bool) -> None:
    if stop:
        raise Stopped(
            f"stopped; what is measured is saved in {table}, the same command goes on"
            if kept
            else "stopped; nothing was saved, -o DIR keeps what is measured"
        )


def readings(shas: Mapping[Path, str], table: Path) -> Iterator[tuple[Path, Measurements]]:
    """The measurements of each file, in order; a stretch of files is held at a time."""
    from mgrd.audio.cache import read_cache

    files = iter(shas)
    while some := list(islice(files, HELD)):
        known = read_cache(table, {shas[path] for path in some})
        for path in some:
            yield path, known[shas[path]]


def calibrate(found: Found, shas: Mapping[Path, str], table: Path) -> dict[str, Any]:
    """What mgrd.claims.calibration makes of the measured clips and the languages that tables gave them."""
    from mgrd.audio.cache import read_figures
    from mgrd.claims.calibration import calibrate

    languages: dict[str, set[str]] = {}
    for path, sha in shas.items():
        languages.setdefault(sha, set()).update(found.languages.get(path, ()))
    return calibrate(read_figures(table, set(shas.values())), languages)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of each clip that figures are wanted of, in seconds; None is the clip's edge."""

    t0_s: float | None = None
    t1_s: float | None = None

    def __post_init__(self) -> None:
        start = 0.0 if self.t0_s is None else self.t0_s
        if not start >= 0:
            raise MisusedError(f"--from {start:g}: must be at least 0")
        if self.t1_s is not None and not self.t1_s > start:
            raise MisusedError(f"--to {self.t1_s:g}: must be later than --from {start:g}")

    @property
    def is_whole(self) -> bool:
        """Whether no stretch was asked for."""
        return self.t0_s is None and self.t1_s is None

    def segments(self, clip: Measurements) -> list[Segment]:
        """The clip's segments that touch the stretch, cut to it."""
        from mgrd.audio.segments import cut

        return cut(clip.segments, self.t0_s or 0.0, clip.duration_s if self.t1_s is None else self.t1_s)


def as_json(
    name: str, clip: Measurements, stretch: Stretch, more: Mapping[str, Figure] = MappingProxyType({})
) -> dict[str, Any]:
    """One clip of `mgrd measure --json`; figures, `more` among them, and segments are those of the stretch."""
    figures = {one: clip.figure(one, stretch.t0_s, stretch.t1_s) for one in clip.figures} | dict(more)
    return {
        "path": name,
        "audio_sha": clip.audio_sha,
        "duration_s": clip.duration_s,
        "sr": clip.sr,
        "figures": {one: asdict(figures[one]) for one in sorted(figures)},
        "segments": [asdict(segment) for segment in stretch.segments(clip)],
    }
