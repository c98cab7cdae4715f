"""Measurements for the eye: a page for a clip when there are few, a line for each when there are many.

Has clips measured (mgrd.listen) and draws what was found. Names come from tables that others made: made safe to print.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mgrd import listen, locks, tables
from mgrd.audio.praat import check_installed, voice_figures
from mgrd.claims.calibration import FILE, LEAST
from mgrd.claims.readings import shown as with_unit
from mgrd.errors import InputError, MisusedError
from mgrd.listen import Stretch
from mgrd.progress import Story
from mgrd.terminal import json_line, safe
from mgrd.viewer import console, show

if TYPE_CHECKING:
    from mgrd.audio.measure import Figure, Measurements, Segment

PAGES = 5
"""More clips than this get a line each."""

SEGMENTS = 60
"""Segments that a page lists; what is left out is counted."""

TOLD = 5
"""Skipped files that are named; the others are counted, and `--json` names them."""

UNITS = {
    "_st_s": "st/s", "_lufs": "LUFS", "_dbfs": "dBFS", "_db": "dB", "_bpm": "BPM", "_hz": "Hz", "_st": "st", "_s": "s",
    "_percent": "%",
}  # fmt: skip
"""By the end of a figure's name; the first that fits."""

WORDS = {"key": ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"), "mode": ("minor", "major")}
"""Figures whose number stands for a word."""

Column: TypeAlias = tuple[str, str, int, int]
"""Figure, heading, width and decimals."""

LINE: tuple[Column, ...] = (
    ("duration_s", "seconds", 9, 2),
    ("loudness_lufs", "LUFS", 6, 1),
    ("f0_median_hz", "F0 Hz", 6, 1),
    ("f0_sd_st", "SD st", 5, 1),
    ("syllable_rate_hz", "syll/s", 6, 1),
    ("tempo_bpm", "BPM", 5, 0),
    ("event_count", "events", 6, 0),
    ("pause_count", "pauses", 6, 0),
)
"""The columns of a line; the clip's name is the last."""

VOICE: tuple[Column, ...] = (
    ("jitter_percent", "jitter %", 8, 2),
    ("shimmer_percent", "shimmer %", 9, 1),
    ("hnr_db", "HNR dB", 6, 1),
    ("cpps_db", "CPPS dB", 7, 1),
)
"""Those that Praat adds before it."""

Shown: TypeAlias = "tuple[str, Measurements, Mapping[str, Figure]]"
"""A clip's name, its measurements, and figures of the stretch besides."""


def measure(
    given: Sequence[Path],
    out: Path | None,
    stretch: Stretch,
    *,
    workers: int | None,
    mapping: Mapping[str, str],
    audio_root: Path | None,
    as_json: bool,
    calibrate: bool,
    praat: bool,
    story: Story,
) -> None:
    """Measure what the user points at and print it, or with `as_json` one object, on stdout.

    With `out` the measurements stay in `out/measurements.parquet`, and those that are there are not made again;
    `calibrate` adds `out/calibration.json`, `praat` what Praat says of voices, which is not kept. Raises
    InputError when no clip could be measured, MgrdError when Praat is not there.
    """
    if praat:
        check_installed()
    if calibrate and (out is None or not stretch.is_whole):
        raise MisusedError("--calibrate is of whole clips and needs a folder: give -o DIR, and neither --from nor --to")
    with _place(out) as place:
        found = listen.find(given, place / "audio", audio_root=audio_root, mapping=mapping)
        if found.skipped:
            story.note(safe(_skipped(found.skipped)))
        table = place / "measurements.parquet"
        shas, failed = listen.measure(found, table, workers, story, kept=out is not None)
        clips = (
            (found.clips[path], clip, voice_figures(path, clip, stretch.t0_s, stretch.t1_s) if praat else {})
            for path, clip in listen.readings(shas, table)
        )
        if as_json:
            _print_json(clips, stretch, failed, found.skipped)
        elif shas or len(failed) > 1:
            _print(clips, stretch, len(shas), failed, LINE + VOICE if praat else LINE)
    if not shas:
        raise InputError("no clip could be measured" if len(failed) != 1 else ": ".join(failed[0]))
    if out is not None and calibrate:
        made = listen.calibrate(found, shas, table)
        tables.write_json(made, out / FILE)
        for said in calibrated(made):
            story.note(safe(said))
        story.note(f"Kept in {out / FILE}")
    if out is not None:
        story.note(f"Kept in {table}")


@contextmanager
def _place(out: Path | None) -> Iterator[Path]:
    """The folder to measure into: the user's, locked, or one that is gone afterwards."""
    if out is not None:
        locks.keep(out)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="mgrd-") as folder:
        yield Path(folder)


def _skipped(skipped: Sequence[str]) -> str:
    more = f" and {len(skipped) - TOLD:,} more" if len(skipped) > TOLD else ""
    return f"Skipped, not taken for clips: {', '.join(skipped[:TOLD])}{more}"


def _print_json(
    clips: Iterator[Shown],
    stretch: Stretch,
    failed: Sequence[tuple[str, str]],
    skipped: Sequence[str],
) -> None:
    """One object, clip by clip: that of all clips of a corpus would not fit into memory."""
    write = sys.stdout.write
    write('{"clips": [')
    for number, (name, clip, more) in enumerate(clips):
        write((", " if number else "") + json_line(listen.as_json(name, clip, stretch, more)))
    rest = json_line({"failed": [{"path": name, "why": why} for name, why in failed], "skipped": list(skipped)})
    write("], " + rest.removeprefix("{") + "\n")


def _print(
    clips: Iterator[Shown], stretch: Stretch, count: int, failed: Sequence[tuple[str, str]], columns: Sequence[Column]
) -> None:
    shown = console()
    if count > PAGES:
        shown.out(heading(columns), highlight=False)
    for name, clip, more in clips:
        if count > PAGES:
            shown.out(line(name, clip, stretch, more, columns), highlight=False)
        else:
            show(page(name, clip, stretch, more))
    for said in ending(count, failed):
        shown.out(said, highlight=False)


def page(
    name: str, clip: Measurements, stretch: Stretch, more: Mapping[str, Figure] = MappingProxyType({})
) -> RenderableType:
    """One clip: every figure, `more` last, with its error or the reason why there is none, then its segments."""
    about = f"{clip.duration_s:.2f} s at {clip.sr} Hz"
    if not stretch.is_whole:
        about += f"; figures from {stretch.t0_s or 0:g} s to {_until(stretch.t1_s, clip.duration_s)}"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("error", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    for one, figure in (
        {one: clip.figure(one, stretch.t0_s, stretch.t1_s) for one in clip.figures} | dict(more)
    ).items():
        value, error = _cells(one, figure)
        style = "dim" if figure.value is None else ""
        table.add_row(one, value, error, safe(figure.why), style=style)
    return Group(Text.assemble((safe(name), "bold"), f"  {about}"), table, *_segments(stretch.segments(clip)), "")


def _until(t1_s: float | None, duration_s: float) -> str:
    if t1_s is None:
        return "end"
    return f"{t1_s:g} s" if t1_s <= duration_s else f"end, for --to {t1_s:g} s lies beyond it"


def heading(columns: Sequence[Column] = LINE) -> str:
    """The line above `line`s."""
    return "  ".join([*(title.rjust(width) for _, title, width, _ in columns), "clip"])


def line(
    name: str,
    clip: Measurements,
    stretch: Stretch,
    more: Mapping[str, Figure] = MappingProxyType({}),
    columns: Sequence[Column] = LINE,
) -> str:
    """One clip in one line; `-` for a figure that is absent."""
    cells = []
    for figure_name, _, width, decimals in columns:
        figure = more[figure_name] if figure_name in more else clip.figure(figure_name, stretch.t0_s, stretch.t1_s)
        value = figure.value
        cells.append(("-" if value is None else fixed(value, decimals)).rjust(width))
    return "  ".join([*cells, " ".join(safe(name).split("\n"))])


def calibrated(made: Mapping[str, Any]) -> Iterator[str]:
    """Each group of a calibration with the middle third of each of its figures, and what was too rare for one.

    Where that is everything, the last line says that the calibration changes nothing.
    """
    for group in made["groups"]:
        yield f"{group['content']}, {group['language']}: {group['n']:,} clip{'' if group['n'] == 1 else 's'}"
        for name, found in group["figures"].items():
            if edges := found.get("percentiles"):
                yield f"  {name}: {with_unit(name, edges['33'])} to {with_unit(name, edges['67'])} (of {found['n']:,})"
        if rare := [f"{name} {found['n']}" for name, found in group["figures"].items() if "why" in found]:
            yield f"  fewer than {LEAST}: {', '.join(rare)}"
    if not any("percentiles" in found for group in made["groups"] for found in group["figures"].values()):
        yield f"This calibration changes no verdict: no figure has the {LEAST} clips of one content that it takes"


def ending(count: int, failed: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What could not be measured and why, and the counts."""
    for name, why in failed:
        yield safe(f"cannot be measured: {name}: {why}")
    unmeasured = f", {len(failed):,} could not be" if failed else ""
    yield f"{count:,} clip{'' if count == 1 else 's'} measured{unmeasured}"


def fixed(value: float, decimals: int) -> str:
    """A value with so many decimals; zero has no sign."""
    text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def _cells(name: str, figure: Figure) -> tuple[str, str]:
    """Value and error, both to the second digit of the error; a count to the nearest whole."""
    if figure.value is None:
        return "-", ""
    if name in WORDS:
        return WORDS[name][int(figure.value)], ""
    unit = next((f" {unit}" for ending, unit in UNITS.items() if name.endswith(ending)), "")
    decimals = min(max(1 - math.floor(math.log10(figure.sigma)), 0), 6) if figure.sigma else 3
    error = f"± {fixed(figure.sigma, decimals)}" if figure.sigma else ""
    return fixed(figure.value, 0 if name.endswith("_count") else decimals) + unit, error


def _segments(segments: Sequence[Segment]) -> Iterator[RenderableType]:
    if not segments:
        yield Text("No event, no speech and no pause in it.", style="dim")
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("segment", no_wrap=True)
    for heading in ("from s", "to s", "F0 Hz", "dBFS"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in segments[:SEGMENTS]:
        f0 = "-" if one.f0_hz is None else f"{one.f0_hz:.1f}"
        table.add_row(one.kind, f"{one.t0_s:.2f}", f"{one.t1_s:.2f}", f0, f"{one.level_db:.1f}")
    yield table
    if len(segments) > SEGMENTS:
        yield Text(f"and {len(segments) - SEGMENTS:,} more segments; --json has them all")
