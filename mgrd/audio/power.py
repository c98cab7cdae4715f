"""Power over time: the samples without their offset, their level per frame, and the gating blocks of BS.1770.

Everything here runs at the native rate on every channel, so each pass over the samples is one filter or one sum.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import HOP_S, Floats
from mgrd.audio.load import Samples, resample

SILENT_DB = -120.0
OFFSET_HZ = 10.0
GATING_S, STEPS = 0.4, 4
"""A gating block lasts 0.4 s and begins every quarter of it."""
WEIGHTS = np.array([1.0, 1.0, 1.0, 1.41, 1.41])
"""Of left, right, centre and the two surrounds (BS.1770-4, table 3)."""
LFE = 3
"""The channel of low effects among the six of 5.1, in the order of WAV and FLAC; the standard leaves it out."""
LEAST_SR, LOUDNESS_SR = 8000, 16000
"""Below 8 kHz the shelf of the K-weighting meets the Nyquist frequency, and silences everything at 2 kHz."""


def edge(frame: int, sr: int) -> int:
    """The sample that a frame begins at."""
    return round(frame * HOP_S * sr)


def without_offset(samples: Samples, sr: int) -> Samples:
    """The samples above 10 Hz: a constant offset is not sound, and neither is its beginning."""
    return _filtered(*_high_pass(sr), samples).astype(np.float32)


def frame_levels_db(samples: Samples, sr: int, count: int) -> Floats:
    """RMS of all channels (channels, n) in each of the first `count` frames, dBFS, -120 at least."""
    edges = np.array([edge(i, sr) for i in range(count + 1)])
    power = _sums(samples, edges, np.ones(len(samples))) / np.maximum(np.diff(edges), 1) / len(samples)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10))))


def gating_blocks_lufs(samples: Samples, sr: int) -> Floats:
    """Loudness of each 0.4 s gating block (ITU-R BS.1770-4, equations 3 and 4); of less than 0.4 s, of the whole.

    Six channels are taken for 5.1; of more there are no blocks. A clip comes here a minute at a time: the weighting
    starts anew with each, and blocks which cross a minute's edge are dropped.
    """
    channels = np.delete(samples, LFE, axis=0) if len(samples) == LFE + 3 else samples
    if len(channels) > len(WEIGHTS):
        return np.empty(0)
    if sr < LEAST_SR:
        channels, sr = np.stack([resample(channel, sr, LOUDNESS_SR) for channel in channels]), LOUDNESS_SR
    weighted = _filtered(*_k_weighting(sr), channels)
    step = min(GATING_S, channels.shape[1] / sr) * sr / STEPS
    edges = (np.arange(int(channels.shape[1] / step + 1e-6) + 1) * step).astype(int)
    steps = _sums(weighted, edges, WEIGHTS[: len(channels)])
    power = np.convolve(steps, np.ones(STEPS), mode="valid") / (STEPS * step)
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)))


def _filtered(sections: Floats, settled: Floats, samples: Samples) -> Floats:
    """Each channel through the filter, which starts as if its first sample had lasted; two channels in one pass."""
    from scipy.signal import sosfilt

    found = np.empty(samples.shape)
    for i in range(0, len(samples), 2):
        # the filter is real, so a pair of channels passes as real and imaginary part, in the time of one
        some = samples[i] if i + 1 == len(samples) else samples[i] + 1j * samples[i + 1]
        done = sosfilt(sections, some, zi=settled * some[0])[0]
        found[i : i + 2] = done if i + 1 == len(samples) else (done.real, done.imag)
    return found


def _sums(samples: NDArray[np.floating[Any]], edges: NDArray[np.int_], weights: Floats) -> Floats:
    """Energy of (channels, n) between consecutive edges, channels weighted; samples beyond the end are zeros."""
    inside = np.minimum(edges[:-1], samples.shape[1] - 1)
    energy = np.zeros(len(edges) - 1)
    for channel, weight in zip(samples[:, : edges[-1]], weights, strict=True):
        energy += weight * np.add.reduceat(np.square(channel, dtype=np.float64), inside)
    energy[edges[:-1] >= samples.shape[1]] = 0.0
    return energy


@cache
def _high_pass(sr: int) -> tuple[Floats, Floats]:
    """The filter, and its state once a constant 1 has settled, (sections, 2)."""
    from scipy.signal import butter, sosfilt_zi

    sections = butter(2, OFFSET_HZ, "high", fs=sr, output="sos")
    return np.asarray(sections), np.asarray(sosfilt_zi(sections))


@cache
def _k_weighting(sr: int) -> tuple[Floats, Floats]:
    """The two filters of BS.1770-4, annex 1, as pyloudnorm makes them for any rate, at rest."""
    from pyloudnorm import IIRfilter

    shelf, high_pass = IIRfilter(4.0, 0.5**0.5, 1500.0, sr, "high_shelf"), IIRfilter(0.0, 0.5, 38.0, sr, "high_pass")
    return np.array([[*one.b, *one.a] for one in (shelf, high_pass)]), np.zeros((2, 2))
