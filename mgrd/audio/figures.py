"""A measured number with its error, and a stretch of time: what the measuring modules hand to each other.

Knows nothing about sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

HOP_S = 0.016
"""Time between frames of every track: 256 samples at 16 kHz, the frame of swift-f0."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, or the reason why there is none."""

    value: float | None
    """In the unit of its name."""
    sigma: float | None
    """Standard error of the measurement, same unit: measured where a study was made, else a conservative guess."""
    why: str | None = None
    """Why there is no value; beside a value, what to know about it (the other candidates of a tempo)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the clip."""

    kind: str
    """`event` (sound between silences), `speech` (voice activity) or `pause` (silence between two sounds)."""
    t0_s: float
    t1_s: float
    f0_hz: float | None
    """Median pitch, None when nothing in it is voiced."""
    level_db: float
    """RMS, dBFS."""


def absent(why: str) -> Figure:
    """A figure that could not be measured."""
    return Figure(None, None, why)


def figure(value: float, sigma: float, why: str | None = None) -> Figure:
    """A figure from numpy or Python numbers."""
    return Figure(float(value), float(sigma), why)


def runs(mask: Bools) -> list[tuple[int, int]]:
    """The stretches of True, as half-open index pairs in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def fit(track: NDArray[np.generic], count: int) -> Floats:
    """Exactly `count` values, the last one repeated or the rest cut off."""
    track = np.asarray(track, dtype=np.float64)[:count]
    return np.pad(track, (0, count - len(track)), mode="edge")


def mean_db(level_db: Floats) -> float:
    """Level of the mean power of frames given in dB; -120 when there are none."""
    return float(10 * np.log10(np.mean(10 ** (level_db / 10)))) if len(level_db) else -120.0


@dataclass(frozen=True, slots=True)
class Scope:
    """The tracks of a stretch of a clip, all of shape (frames,), from which most figures are computed."""

    f0_hz: Floats
    """NaN where unvoiced."""
    tone: Bools
    """The pitch is that of a pure tone, not of a voice."""
    level_db: Floats
    active: Bools
    """Not silent."""
    speech: Bools
    nuclei: Bools
    """Frames at which a syllable peaks."""
    onset: Floats
    centroid_hz: Floats
    bandwidth_hz: Floats
    flatness: Floats
    bright_db: Floats
    """Power from 3 to 8 kHz over that from 0.1 to 3 kHz."""
    harmonicity_db: Floats
    """Harmonics over noise; of voiced frames only."""
    segments: list[Segment]
    """Those that touch the stretch, cut to it."""
    duration_s: float
    noisy: bool
    """The silences of the clip are less than 20 dB under its sounds, so that they are only known by voice activity."""

    @property
    def voiced(self) -> Bools:
        """Frames that have a pitch."""
        return np.isfinite(self.f0_hz)
