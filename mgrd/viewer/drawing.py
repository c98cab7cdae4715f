"""Pitch and level over time, drawn with characters, and the same in words for where drawings cannot be read.

Takes measurements, opens no clip. Braille characters carry two by four dots each, blocks eight heights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from mgrd.claims.readings import ORDINALS, THIRDS
from mgrd.viewer.texts import STYLES, label

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

BLOCKS = " ▁▂▃▄▅▆▇█"
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille character by column and row, the top row first (Unicode 16, chapter 21)."""

GUTTER = 9
PITCH_ROWS, LEVEL_ROWS = 4, 2
DYNAMIC_DB = 50.0
"""What lies further below the loudest cell is drawn as silence."""
LEAST_ST = 6.0
"""The pitch axis spans at least half an octave, so that a monotone is drawn flat."""
SPANS = 6
"""Claims of a part of the clip that are drawn; the others are counted."""
STEPS = 10


def drawn(clip: Measurements, claims: Sequence[Mapping[str, Any]], width: int) -> Text:
    """Pitch above level over a time axis, and below it the stretch of each judged claim that is about a part."""
    columns = max(width - GUTTER, 10)
    lines = [*_pitch_lines(clip, columns), *_level_lines(clip, columns), _axis(clip.duration_s, columns)]
    return Text("\n").join([*lines, *_span_lines(clip, claims, columns)])


def span_of(claim: Mapping[str, Any], clip: Measurements) -> tuple[float, float] | None:
    """From when to when a claim is meant, in seconds; None for the whole clip and where nothing places it."""
    if claim["t0_s"] is not None or claim["t1_s"] is not None:
        t0_s, t1_s = claim["t0_s"] or 0.0, clip.duration_s if claim["t1_s"] is None else claim["t1_s"]
        return (min(t0_s, clip.duration_s), min(t1_s, clip.duration_s))
    if claim["scope"] in THIRDS:
        low, high = THIRDS[claim["scope"]]
        return low * clip.duration_s, high * clip.duration_s
    if claim["scope"] in ("first_half", "second_half"):
        middle = clip.duration_s / 2
        return (0.0, middle) if claim["scope"] == "first_half" else (middle, clip.duration_s)
    if claim["scope"] in ORDINALS:
        events = [one for one in clip.segments if one.kind == "event"]
        place = ORDINALS[claim["scope"]]
        return (events[place].t0_s, events[place].t1_s) if -len(events) <= place < len(events) else None
    return None


def in_words(clip: Measurements) -> list[str]:
    """Pitch and level of each tenth of the clip as numbers, `-` where nothing is voiced: two lines."""
    f0 = [_median(part) for part in _cells(clip, "f0_hz", STEPS)]
    level = [_mean_db(part) for part in _cells(clip, "level_db", STEPS)]
    step = f"{clip.duration_s / STEPS:.2g} s"
    return [
        f"Pitch, Hz, every {step}: {' '.join('-' if math.isnan(one) else f'{one:.0f}' for one in f0)}",
        f"Level, dBFS, every {step}: {' '.join(f'{one:.0f}' for one in level)}",
    ]


def _cells(clip: Measurements, track: str, count: int) -> list[Any]:
    """A track cut into so many stretches; a clip of fewer frames has some twice."""
    values = np.asarray(clip.tracks.get(track, []), dtype=np.float64)
    edges = [round(n * len(values) / count) for n in range(count + 1)]
    last = max(len(values) - 1, 0)
    return [values[min(a, last) : max(b, a + 1)] for a, b in pairwise(edges)]


def _median(values: Any) -> float:
    voiced = values[np.isfinite(values)]
    return float(np.median(voiced)) if len(voiced) else math.nan


def _mean_db(values: Any) -> float:
    return float(10 * np.log10(np.mean(10 ** (values / 10)))) if len(values) else -120.0


def _gutter(words: str) -> str:
    return words[: GUTTER - 1].rjust(GUTTER - 1) + " "


def _pitch_lines(clip: Measurements, columns: int) -> list[Text]:
    values = np.array([_median(part) for part in _cells(clip, "f0_hz", 2 * columns)])
    heard = values[np.isfinite(values)]
    if not len(heard):
        return [Text(_gutter("pitch") + "no pitch was found in it", style="dim")]
    octaves = np.log2(heard)
    low, high = np.percentile(octaves, [2, 98])
    spare = max(LEAST_ST / 12 - (high - low), 0.0) / 2
    low, high = low - spare, high + spare
    dots = PITCH_ROWS * 4
    cells = np.zeros((PITCH_ROWS, columns), dtype=np.int64)
    for x, value in enumerate(values):
        if math.isfinite(value):
            share = (math.log2(value) - low) / (high - low)
            y = min(max(round((1 - share) * (dots - 1)), 0), dots - 1)
            cells[y // 4, x // 2] |= DOTS[x % 2][y % 4]
    labels = {0: f"{2**high:.0f} Hz", PITCH_ROWS - 1: f"{2**low:.0f} Hz", 1: "pitch"}
    rows = ("".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells)
    return [Text.assemble((_gutter(labels.get(number, "")), "dim"), (row, "cyan")) for number, row in enumerate(rows)]


def _level_lines(clip: Measurements, columns: int) -> list[Text]:
    values = np.array([_mean_db(part) for part in _cells(clip, "level_db", columns)])
    top = float(values.max())
    steps = np.clip((values - (top - DYNAMIC_DB)) / DYNAMIC_DB, 0.0, 1.0) * LEVEL_ROWS * 8
    lines = []
    for row in reversed(range(LEVEL_ROWS)):
        filled = "".join(BLOCKS[min(max(round(step) - row * 8, 0), 8)] for step in steps)
        words = f"{top:.0f} dB" if row == LEVEL_ROWS - 1 else "level"
        lines.append(Text.assemble((_gutter(words), "dim"), (filled, "blue")))
    return lines


def _axis(duration_s: float, columns: int) -> Text:
    """Seconds below the columns that they belong to: quarters where there is room, else the two ends."""
    count = 4 if columns >= 40 else 1
    line = [" "] * (GUTTER + columns)
    for n in range(count + 1):
        words = f"{duration_s * n / count:.{1 if duration_s < 100 else 0}f}"
        words += " s" if n == count else ""
        place = GUTTER + round(n * (columns - 1) / count)
        start = min(place, len(line) - len(words))
        line[start : start + len(words)] = words
    return Text("".join(line), style="dim")


def _span_lines(clip: Measurements, claims: Sequence[Mapping[str, Any]], columns: int) -> list[Text]:
    judged = [(number, claim) for number, claim in enumerate(claims, 1) if claim["verdict"] in STYLES]
    placed = [(number, claim, span_of(claim, clip)) for number, claim in judged]
    lines = []
    for number, claim, span in [one for one in placed if one[2] is not None][:SPANS]:
        t0_s, t1_s = span or (0.0, 0.0)
        scale = columns / max(clip.duration_s, 1e-9)
        start = min(int(t0_s * scale), columns - 1)
        length = max(min(round((t1_s - t0_s) * scale), columns - start), 1)
        bar = " " * start + ("├" + "─" * (length - 2) + "┤" if length > 1 else "│")
        lines.append(Text(_gutter(label(number, claim)) + bar, style=STYLES[claim["verdict"]]))
    if (more := sum(span is not None for *_, span in placed) - SPANS) > 0:
        lines.append(Text(f"and {more:,} more claims of a part of the clip", style="dim"))
    whole = [label(number, claim) for number, claim, span in placed if span is None]
    if whole:
        lines.append(Text(f"Of the whole clip, or of parts against each other: {' '.join(whole)}", style="dim"))
    return lines
