"""Measurements on disk, and measuring many clips: each distinct sound once, whatever its path.

`measurements.parquet` has one row per sound and extractor version; tracks are little-endian float16. Knows nothing
about questions, traces or claims.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from mgrd.audio.load import survey
from mgrd.audio.measure import EXTRACTOR, Figure, Measurements, Segment, measure_file
from mgrd.errors import InputError
from mgrd.tables import read_table, rows_of, write_table

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

SAVE_EVERY = 500
"""Clips between two saves: what an interruption can cost is some minutes of measuring."""

Answer: TypeAlias = Measurements | InputError


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


def read_cache(path: Path) -> dict[str, Measurements]:
    """Measurements by audio_sha, of this extractor only; none when there is no file yet."""
    return {row["audio_sha"]: from_row(row) for row in rows_of(_current(path))}


def add_to_cache(path: Path, measured: Iterable[Measurements]) -> None:
    """Add rows for sounds that have none; the file is replaced whole. Rows of other extractors go."""
    new = pl.DataFrame([to_row(m) for m in measured], schema=MEASUREMENTS, orient="row")
    table = pl.concat([_current(path), new]).unique("audio_sha", keep="first").sort("audio_sha")
    write_table(table, path, MEASUREMENTS)


def measure_files(paths: Iterable[Path], cache_path: Path, workers: int = 1) -> Iterator[tuple[Path, Answer]]:
    """Measure clips, those in the cache excepted, and yield (path, measurements) in the order of the paths.

    A clip that cannot be read is its InputError, not an exception. `workers` processes of one thread each; with 1 the
    work is done in this process. What is new is saved every so often and at the end, also when the caller stops early.
    """
    known = read_cache(cache_path)
    fresh: list[Measurements] = []
    try:
        for path, answer in _answers(paths, frozenset(known), workers):
            if isinstance(answer, str):
                yield path, known[answer]
                continue
            if isinstance(answer, Measurements) and answer.audio_sha not in known:
                known[answer.audio_sha] = answer
                fresh.append(answer)
            yield path, answer
            if len(fresh) >= SAVE_EVERY:
                add_to_cache(cache_path, fresh)
                fresh = []
    finally:
        if fresh:
            add_to_cache(cache_path, fresh)


def _current(path: Path) -> pl.DataFrame:
    if not path.exists():
        return pl.DataFrame(schema=MEASUREMENTS)
    return read_table(path, MEASUREMENTS).filter(pl.col("extractor") == EXTRACTOR)


def _answers(paths: Iterable[Path], known: frozenset[str], workers: int) -> Iterator[tuple[Path, Answer | str]]:
    """Each path with its measurements, its error, or the sha under which it is known."""
    if workers <= 1:
        yield from ((path, _answer(path, known)) for path in paths)
        return
    context = multiprocessing.get_context("spawn")
    waiting: deque[tuple[Path, Future[Answer | str]]] = deque()
    with _one_thread_each(), ProcessPoolExecutor(workers, context, _start, (known,)) as pool:
        try:
            for path in paths:
                waiting.append((path, pool.submit(_answer_known, path)))
                if len(waiting) >= 4 * workers:  # enough to keep all busy, few enough that results do not pile up
                    yield waiting[0][0], waiting.popleft()[1].result()
            while waiting:
                yield waiting[0][0], waiting.popleft()[1].result()
        finally:
            for _, future in waiting:
                future.cancel()


def _answer(path: Path, known: frozenset[str]) -> Answer | str:
    try:
        found = survey(path)
        return found.sha if found.sha in known else measure_file(path, found)
    except InputError as error:
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
