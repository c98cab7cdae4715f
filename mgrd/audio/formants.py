"""Formants of a voice: where its spectral envelope peaks above 1.7 kHz, which tells how long the vocal tract is.

The lower two formants say which vowel it is, the higher ones whose throat it is. Follows none of them over time: only
where they lie on the average of a clip is known.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import Bools, Figure, Floats, absent, figure

FORMANT_SR = 16000
ORDER = 16
"""A pair of coefficients for each kHz of the band: Markel & Gray, Linear Prediction of Speech, 1976."""
PRE_EMPHASIS, WIDENED_HZ, GRID = 0.94, 60.0, 512
EVERY = 2
"""Of the frames that qualify."""
LOWEST_HZ, HIGHEST_HZ = 1700.0, 5200.0
FOURTH_HZ = (3100.0, 4400.0)
"""Where the fourth formant of adults is: above the third of women, below the fifth of men (Hillenbrand et al. 1995)."""
SPACINGS_HZ = np.arange(820.0, 1420.0, 5.0)
BINS_HZ = np.arange(LOWEST_HZ, HIGHEST_HZ + 1, 10.0)
ORDERS = np.array([2.5, 3.5, 4.5])
SPREAD = 0.12
LEAST_PEAKS = 30
REACH_DB = 20.0


def qualifying(voiced: Bools, speech: Floats, level_db: Floats) -> Bools:
    """Frames of loud voiced speech, within 20 dB of the loudest of them, (frames,)."""
    spoken = voiced & (speech >= 0.5)
    return np.asarray(spoken & (level_db > level_db.max(where=spoken, initial=-np.inf) - REACH_DB))


def peaks_hz(repeats: NDArray[np.float32]) -> Floats:
    """Peaks between 1.7 and 5.2 kHz of the envelopes of frames given by their autocorrelation at 16 kHz, in one row.

    Linear prediction after Makhoul (Proceedings of the IEEE 63, 1975), by the autocorrelation method.
    """
    frames = repeats[::EVERY, : ORDER + 2].astype(np.float64)
    if not len(frames):
        return np.zeros(0)
    before = np.concatenate([frames[:, 1:2], frames[:, :ORDER]], axis=1)
    flat = (1 + PRE_EMPHASIS**2) * frames[:, :-1] - PRE_EMPHASIS * (before + frames[:, 1:])
    lags = np.arange(ORDER + 1)
    flat *= np.exp(-0.5 * (2 * np.pi * WIDENED_HZ / FORMANT_SR * lags) ** 2)
    flat[:, 0] *= 1.0001
    toeplitz = flat[:, np.abs(lags[:-1, None] - lags[None, :-1])]
    coefficients = np.linalg.solve(toeplitz, flat[:, 1:, None])[:, :, 0]
    inverse = np.fft.rfft(np.concatenate([np.ones((len(frames), 1)), -coefficients], axis=1), GRID, axis=1)
    envelope_db = -10 * np.log10(np.maximum(inverse.real**2 + inverse.imag**2, 1e-12))
    inner = envelope_db[:, 1:-1]
    row, column = np.nonzero((inner > envelope_db[:, :-2]) & (inner >= envelope_db[:, 2:]))
    low, here, high = (envelope_db[row, column + i] for i in range(3))
    found = (column + 1 + 0.5 * (low - high) / (low - 2 * here + high)) * FORMANT_SR / GRID
    return np.asarray(found[(found > LOWEST_HZ) & (found < HIGHEST_HZ)])


def figures(found_hz: Floats, sr: int) -> dict[str, Figure]:
    """`formant_spacing_hz` and `formant4_hz` from the peaks of a clip of rate `sr`.

    The spacing is that of a tube closed at one end, whose third to fifth resonances, at 2.5, 3.5 and 4.5 spacings, fit
    the peaks best (Fant, Acoustic Theory of Speech Production, 1960); `formant4_hz` is the median peak where
    those of adults lie. Over the sentences of one speaker they vary by 4 % (SD).
    """
    if sr < FORMANT_SR:
        why = f"narrow band: sampled at {sr} Hz, {FORMANT_SR} are needed"
        return dict.fromkeys(FIGURES, absent(why))
    if len(found_hz) < LEAST_PEAKS:
        return dict.fromkeys(FIGURES, absent("too little voiced speech"))
    counts = np.histogram(found_hz, BINS_HZ)[0]
    spacing_hz = float(SPACINGS_HZ[np.argmax(counts @ _fits())])
    fourth = found_hz[(found_hz > FOURTH_HZ[0]) & (found_hz < FOURTH_HZ[1])]
    median_hz = float(np.median(fourth)) if len(fourth) else None
    return {
        "formant_spacing_hz": figure(spacing_hz, 0.04 * spacing_hz),
        "formant4_hz": absent("no peak where fourth formants are") if median_hz is None
        else figure(median_hz, 0.04 * median_hz),
    }  # fmt: skip


FIGURES = ("formant_spacing_hz", "formant4_hz")


@cache
def _fits() -> Floats:
    """How well a peak of each bin fits each spacing, (bins, spacings)."""
    middles_hz = (BINS_HZ[1:] + BINS_HZ[:-1]) / 2
    off = np.abs(middles_hz[:, None, None] / SPACINGS_HZ[None, :, None] - ORDERS).min(axis=2)
    return np.asarray(np.exp(-0.5 * (off / SPREAD) ** 2))
