"""Clips in any form that a trainer hands out, measured once in this process.

`mgrd filter` measures files into a table (mgrd.audio.cache). A trainer meets the same clips again and again, in several
threads and processes, so here measurements stay in memory, and a table is only read. Knows nothing about rewards.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgrd.errors import InputError
from mgrd.questions.clips import resolve_audio

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

CLIPS_HELD = 4096
"""Clips whose measurements stay in memory: some 30 kB for 10 seconds."""


def clips_of(audio: Any) -> list[Any]:
    """The clips of one sample; InputError when there are none, because nothing could be grounded in them."""
    if isinstance(audio, np.ndarray):  # a list as Parquet readers return it
        audio = list(audio)
    clips = list(audio) if isinstance(audio, list | tuple) else [] if audio is None else [audio]
    if not clips:
        raise InputError("the sample has no audio")
    return clips


_LOCK = threading.Lock()
"""verl rates in threads: one clip would be measured by several at once."""


def measured(clips: Sequence[Any], audio_root: Path | None, table: Path | None) -> list[Measurements]:
    """Measurements of clips in any form that mgrd.rewards.grounded takes, each sound measured once in this process.

    Raises InputError, for the first one that cannot be read.
    """
    found: list[Measurements] = []
    for clip in clips:
        with _LOCK:
            reading = _read(clip, audio_root, table)
        if isinstance(reading, str):
            raise InputError(reading)
        found.append(reading)
    return found


def _read(clip: Any, audio_root: Path | None, table: Path | None) -> Measurements | str:
    if isinstance(clip, Mapping) and clip.get("bytes") is None and clip.get("array") is None:
        clip = clip.get("path")
    if isinstance(clip, str | Path):
        try:
            path = Path(clip) if audio_root is None else resolve_audio(str(clip), audio_root)
            about = path.stat()
        except (InputError, OSError, ValueError) as error:
            return f"{clip}: {getattr(error, 'strerror', None) or error}"
        return _of_file(path, about.st_size, about.st_mtime_ns, table)
    if isinstance(clip, Mapping) and clip.get("bytes") is not None:
        return _of_bytes(bytes(clip["bytes"]), table)
    if isinstance(clip, Mapping):
        return _of_samples(np.asarray(clip["array"], np.float32), int(clip["sampling_rate"]), table)
    if hasattr(clip, "get_all_samples"):  # torchcodec's AudioDecoder, which `datasets` hands out
        decoded = clip.get_all_samples()
        return _of_samples(np.asarray(decoded.data, np.float32), int(decoded.sample_rate), table)
    return f"audio is {type(clip).__name__}: a path, bytes, samples or a decoder is wanted"


@lru_cache(maxsize=CLIPS_HELD)
def _of_file(path: Path, size: int, mtime_ns: int, table: Path | None) -> Measurements | str:
    """`size` and `mtime_ns` have a file that was replaced measured anew."""
    return _of_source(path, table)


@lru_cache(maxsize=CLIPS_HELD // 16)  # the encoded bytes are held too
def _of_bytes(encoded: bytes, table: Path | None) -> Measurements | str:
    return _of_source(encoded, table)


def _of_source(source: Path | bytes, table: Path | None) -> Measurements | str:
    from mgrd.audio.load import survey
    from mgrd.audio.measure import by_name, measure_file

    name = str(source) if isinstance(source, Path) else "embedded audio"
    try:
        with by_name(name):
            found = survey(source, name)
            return _known(found.sha, table) or measure_file(source, found, name)
    except InputError as error:
        return str(error)


def _of_samples(samples: Any, sr: int, table: Path | None) -> Measurements | str:
    from mgrd.audio.load import clip_of
    from mgrd.audio.measure import by_name, measure

    try:
        with by_name("samples"):
            clip = clip_of(samples, sr)
            if clip.sha not in _BY_SHA:
                if len(_BY_SHA) >= CLIPS_HELD:
                    _BY_SHA.pop(next(iter(_BY_SHA)))
                _BY_SHA[clip.sha] = _known(clip.sha, table) or measure(clip)
            return _BY_SHA[clip.sha]
    except InputError as error:
        return str(error)


_BY_SHA: dict[str, Measurements] = {}
"""Of decoded samples, which have no name to know them by."""


def _known(sha: str, table: Path | None) -> Measurements | None:
    from mgrd.audio.cache import read_cache

    return read_cache(table, {sha}).get(sha) if table else None


def check_table(table: Path) -> None:
    """Raise InputError when this is no table of measurements."""
    from mgrd.audio.cache import read_cache

    if not table.is_file():
        raise InputError(f"{table}: no such table of measurements; mgrd measure CLIPS -o DIR writes one")
    read_cache(table, set())
