"""Measurements on disk, and measuring many clips: each distinct sound once, whatever its path.

`measurements.parquet` has one row per sound, in the order of measuring; tracks are little-endian float16. While clips
are measured, new rows go to numbered parts beside it, which are appended in one pass at the end: memory holds one part,
and the table is rewritten once a run. Knows nothing about questions, traces or claims.
"""

from __future__ import annotations

import logging
import os
import shutil
import traceback
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from mgrd.audio.load import survey
from mgrd.audio.measure import EXTRACTOR, Figure, Measurements, Segment, by_name, measure_file
from mgrd.errors import InputError
from mgrd.tables import atomic, parts, rows_of, write_table
from mgrd.workers import Pool, finished, pool

MEASUREMENTS: dict[str, pl.DataType] = {
    "audio_sha": pl.String(),
    "extractor": pl.String(),
    "duration_s": pl.Float64(),
    "sr": pl.Int32(),
    "hop_s": pl.Float64(),
    "figures": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64, "sigma": pl.Float64, "why": pl.String})),
    "segments": pl.List(
        pl.Struct(
            {"kind": pl.String, "t0_s": pl.Float64, "t1_s": pl.Float64, "f0_hz": pl.Float64, "level_db": pl.Float64}
        )
    ),
    "tracks": pl.List(pl.Struct({"name": pl.String, "values": pl.Binary})),
}

_log = logging.getLogger(__name__)

SAVE_EVERY = 500
"""Rows of a part: what a kill can cost is some minutes of measuring."""

Answer: TypeAlias = Measurements | InputError
Sound: TypeAlias = str | InputError
"""The audio_sha that a clip is measured under, or why it cannot be measured."""


def to_row(measured: Measurements) -> dict[str, Any]:
    """Measurements as a row of the table."""
    return {
        "audio_sha": measured.audio_sha,
        "extractor": measured.extractor,
        "duration_s": measured.duration_s,
        "sr": measured.sr,
        "hop_s": measured.hop_s,
        "figures": [{"name": name, **asdict(value)} for name, value in measured.figures.items()],
        "segments": [asdict(segment) for segment in measured.segments],
        "tracks": [{"name": name, "values": track.astype("<f2").tobytes()} for name, track in measured.tracks.items()],
    }


def from_row(row: Mapping[str, Any]) -> Measurements:
    """A row of the table as measurements."""
    return Measurements(
        audio_sha=row["audio_sha"],
        extractor=row["extractor"],
        duration_s=row["duration_s"],
        sr=row["sr"],
        figures={f["name"]: Figure(f["value"], f["sigma"], f["why"]) for f in row["figures"]},
        tracks={t["name"]: np.frombuffer(t["values"], dtype="<f2").astype(np.float16) for t in row["tracks"]},
        hop_s=row["hop_s"],
        segments=[Segment(**segment) for segment in row["segments"]],
    )


def read_cache(path: Path, shas: Collection[str]) -> dict[str, Measurements]:
    """Measurements of these sounds by audio_sha; one pass over the table, of which only their rows are held."""
    rows = _scan([path]).filter(pl.col("audio_sha").is_in(sorted(shas))).collect()
    return {row["audio_sha"]: from_row(row) for row in rows_of(rows)}


def read_figures(path: Path, shas: Collection[str]) -> Iterator[Measurements]:
    """Measurements of these sounds in the order of the table, without their tracks: some 2 kB a sound are held."""
    rows = _scan([path]).filter(pl.col("audio_sha").is_in(sorted(shas))).drop("tracks").collect()
    return (from_row(row | {"tracks": []}) for row in rows_of(rows))


def measure_files(
    paths: Iterable[Path], table: Path, workers: int = 1, processes: Pool = pool
) -> Iterator[tuple[Path, Sound]]:
    """Measure clips, those in the table excepted, and yield (path, audio_sha) in the order of the paths.

    A clip that cannot be read or measured is its InputError, not an exception; where the code failed on it is logged.
    `workers` processes of one thread each, had from `processes`; with 1 the work is done in this process. With several
    it ends when a signal asks to stop while it waits: the caller is to look, as it is between two clips. The table is
    complete when the iterator ends or is closed; what a killed process had measured is found again. Rows of other
    extractors go when something is added.
    """
    spill = table.with_suffix(".parts")
    _append(spill, table)
    known = _shas(table)
    fresh: list[Measurements] = []
    try:
        for path, answer in _answers(paths, frozenset(known), workers, processes):
            if not isinstance(answer, Measurements):
                for note in getattr(answer, "__notes__", ()):
                    _log.info("%s\n%s", answer, note)
                yield path, answer
                continue
            if answer.audio_sha not in known:
                known.add(answer.audio_sha)
                fresh.append(answer)
            if len(fresh) == SAVE_EVERY:
                _save(fresh, spill)
                fresh = []
            yield path, answer.audio_sha
    finally:
        if fresh:
            _save(fresh, spill)
        _append(spill, table)


def _save(fresh: Sequence[Measurements], spill: Path) -> None:
    write_table([to_row(one) for one in fresh], spill / f"part-{len(parts(spill)):06d}.parquet", MEASUREMENTS)


def _append(spill: Path, table: Path) -> None:
    """Append the parts to the table, which is replaced whole, row group by row group; then remove them."""
    if found := parts(spill):
        # what was killed after replacing the table left parts that are in it
        new = _scan(found).filter(~pl.col("audio_sha").is_in(sorted(_shas(table))))
        with atomic(table) as partial:
            pl.concat([_scan([table]), new]).sink_parquet(
                partial, compression="zstd", compression_level=3, row_group_size=SAVE_EVERY
            )
        for part in found:
            part.unlink()
    if spill.is_dir():
        shutil.rmtree(spill)


def _shas(table: Path) -> set[str]:
    return set(_scan([table]).select("audio_sha").collect()["audio_sha"])


_WAY_OUT = "and clips are measured again where they are needed"


def _scan(found: Sequence[Path]) -> pl.LazyFrame:
    """The rows of this extractor in files of MEASUREMENTS, in order; none of a file that is not there yet."""
    frames = [pl.LazyFrame(schema=MEASUREMENTS)]
    for path in found:
        if not path.exists():
            continue
        try:
            frame = pl.scan_parquet(path, glob=False)
            columns = frame.collect_schema()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"{path}: cannot be read as Parquet; remove it, {_WAY_OUT}") from error
        if columns != pl.Schema(MEASUREMENTS):
            raise InputError(f"{path}: is not a table of measurements; remove it, {_WAY_OUT}")
        frames.append(frame)
    return pl.concat(frames).filter(pl.col("extractor") == EXTRACTOR)


def _answers(
    paths: Iterable[Path], known: frozenset[str], workers: int, processes: Pool
) -> Iterator[tuple[Path, Answer | str]]:
    """Each path with its measurements, its error, or the sha under which it is known."""
    if workers <= 1:
        yield from ((path, _answer(path, known)) for path in paths)
        return
    waiting: deque[tuple[Path, Future[Answer | str]]] = deque()
    with _one_thread_each(), processes(workers, _start, known) as running:
        for path in paths:
            waiting.append((path, running.submit(_answer_known, path)))
            if len(waiting) >= 4 * workers:  # enough to keep all busy, few enough that results do not pile up
                if not finished(waiting[0][1]):
                    return
                yield waiting[0][0], waiting.popleft()[1].result()
        while waiting and finished(waiting[0][1]):
            yield waiting[0][0], waiting.popleft()[1].result()


def _answer(path: Path, known: frozenset[str]) -> Answer | str:
    try:
        with by_name(str(path)):
            found = survey(path)
            return found.sha if found.sha in known else measure_file(path, found)
    except InputError as error:
        if error.__cause__ is not None:  # which is lost between processes
            error.add_note("".join(traceback.format_exception(error.__cause__)).rstrip())
        return error


_known: frozenset[str] = frozenset()


def _start(known: frozenset[str]) -> None:
    global _known  # noqa: PLW0603  (a worker's only state, set once before its first clip)
    _known = known


def _answer_known(path: Path) -> Answer | str:
    return _answer(path, _known)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Children started inside run BLAS on one thread: it reads the environment when it is loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
