"""The clips of shown traces: what is known of their sound, where they lie, and what can play them.

Takes measurements from the tables that filter left, and measures a clip itself only when it is asked to. A clip that is
not there, or that no program here plays, is said so and stops nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgrd import folders, urls
from mgrd.errors import InputError
from mgrd.questions.clips import is_clip, resolve_audio
from mgrd.sources import noted_audio

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"),
    ("afplay",),
    ("mpv", "--no-video", "--really-quiet"),
    ("play", "-q"),
    ("paplay",),
    ("aplay", "-q"),
)
"""Programs that play a clip, the first that is there; the last two know few formats."""

UNMEASURED = "no measurements.parquet beside these traces has it, or only as another version of mgrd measured it"


@dataclass(frozen=True, slots=True)
class Clips:
    """Where the clips of a round or stage, and what was measured of them, may lie."""

    base: Path | None
    """What audio paths are relative to; None when nothing says so."""
    audio_out: Path
    tables: tuple[Path, ...]
    """The tables of measurements that are there."""


def open_clips(folder: Path, audio_root: Path | None = None) -> Clips:
    """The clips of a folder that has a judged table; looks at its manifest and for tables, opens no clip."""
    manifest = folders.read_manifest(folder)
    noted, audio_out = noted_audio(folder, manifest.get("generate", {}) | manifest.get("filter", {}))
    tables = [place / "measurements.parquet" for place in (folder, folder.resolve().parent)]
    return Clips(audio_root or noted, audio_out, tuple(table for table in tables if table.is_file()))


def file_of(clips: Clips, given: str) -> Path | str:
    """The file of a clip that a table names `given`, or why there is none."""
    if clips.base is None:
        return "nothing says where the audio is; give --audio-root"
    try:
        path = resolve_audio(given, clips.base, clips.audio_out)
    except InputError as error:
        return str(error)
    if urls.is_url(path):
        return f"{urls.text(path)}: lies at a URL, from which the viewer fetches nothing"
    return path if is_clip(path) else f"{path}: is not there; --audio-root names another folder"


def known(clips: Clips, shas: Collection[str]) -> dict[str, Measurements]:
    """Measurements of these sounds by audio_sha, as far as the tables have them."""
    from mgrd.audio.cache import read_cache

    found: dict[str, Measurements] = {}
    for table in clips.tables:
        if missing := set(shas) - found.keys():
            found |= read_cache(table, missing)
    return found


def sounds_of(row: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Each clip of a trace as the table has it: its path, and its audio_sha where it was decoded."""
    paths, shas = row["audio"] or [], row["audio_sha"] or []
    return [(path, shas[number] if number < len(shas) else None) for number, path in enumerate(paths)]


def readings(row: Mapping[str, Any], found: Mapping[str, Measurements]) -> list[Measurements | str]:
    """What is known of each clip of a trace, or why it cannot be drawn."""
    return [UNMEASURED if sha is None or sha not in found else found[sha] for _, sha in sounds_of(row)]


def measured(clips: Clips, sha: str | None, given: str) -> Measurements | str:
    """Measure the clip that a table names `given` and judged as `sha`, which takes seconds, or say why not."""
    from mgrd.audio.load import survey
    from mgrd.audio.measure import by_name, measure_file

    path = file_of(clips, given)
    if isinstance(path, str):
        return path
    try:
        with by_name(str(path)):
            found = survey(path)
            if sha not in (None, found.sha):
                return f"{path}: is not the clip that was judged: it changed"
            return measure_file(path, found)
    except InputError as error:
        return str(error)


def player() -> tuple[str, ...] | None:
    """The command that plays a file given as its last argument; None when there is no such program."""
    return next((command for command in PLAYERS if shutil.which(command[0])), None)
