"""The period of a frame, found again: a second opinion on the pitch, from the waveform's own repetition.

swift-f0 learned from voices; sines, beeps and whistles are where it errs. Knows nothing about a clip as a whole: which
frames follow the second opinion is for `pitch.decide`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import Bools, Floats, fit, runs
from mgrd.audio.load import Samples
from mgrd.audio.spectra import HOP, N_FFT, VOICE_SR

YIN_HZ = (45.0, 7500.0)
PERIODIC = 0.85
"""Periodicity from which a second opinion counts: harmonics 7.5 dB over the rest."""
YIN_REACH = 15
"""Bins: 3 % of the highest pitch, by which yin errs near the top of its range."""
DOUBTFUL = 0.6
FAINT = 1e-4
"""Power of a frame against the loudest, under which nobody asks for its pitch."""
CLEAN = 0.97
FOLDED = 0.01
"""Loss of periodicity at which a multiple of a frequency is as good: the harmonics in between hold 1 % of the power."""
VOICE_TOP_HZ = 1000.0
LONE_SHARE = 0.98
"""Above 1 kHz, a frame with all but 2 % of its power in one peak is a whistle or a beep, not a voice."""


def second_opinion(
    spectra: NDArray[np.float32], voice: Samples, f0_hz: Floats, voicing: Floats
) -> tuple[Floats, Floats, Floats]:
    """A second opinion on the pitch: frequency in Hz (0 where there is none), its periodicity, and that of `f0_hz`.

    yin is asked where swift-f0 hears no voice, where its pitch is not the period of the waveform (it takes the fifth
    harmonic of square-like tones), and where one spectral peak holds the frame (it folds tones above its range).
    Its answer counts when the waveform does repeat with it and next to nothing lies below it.
    """
    total = np.maximum(spectra.sum(axis=1), 1e-20)
    own = periodicity(spectra, np.where(voicing >= 0.5, f0_hz, 0.0))
    rows, low = np.arange(len(spectra)), int(YIN_HZ[0] * N_FFT / VOICE_SR)
    peak = low + np.argmax(spectra[:, low:-3], axis=1)
    lone = spectra[rows[:, None], peak[:, None] + np.arange(-2, 3)].sum(axis=1) / total >= LONE_SHARE
    doubtful = ((voicing < 0.5) | (own < DOUBTFUL) | lone) & (total > max(1e-10, total.max() * FAINT))
    hz = np.zeros(len(spectra))
    for a, b in runs(doubtful):
        hz[a:b] = _yin(voice, a, b)
    hz = np.where(doubtful, sharpened(spectra, hz), 0.0)
    hz, found = unfolded(spectra, hz, (2, 3, 5, 7))
    agreed = (
        doubtful
        & (found >= PERIODIC)
        & _is_lowest(spectra, hz)
        & ((voicing < 0.5) | (lone & (hz > VOICE_TOP_HZ)) | (found > own + 0.2))
    )
    return np.where(agreed, hz, 0.0), np.where(agreed, found, 0.0), own


def unfolded(spectra: NDArray[np.float32], hz: Floats, multiples: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Frequencies raised to a multiple with which the frame repeats as well, and the periodicity found with them."""
    found = periodicity(spectra, hz)
    for multiple in multiples:
        higher = np.where(multiple * hz <= YIN_HZ[1], multiple * hz, 0.0)
        repeats = periodicity(spectra, higher)
        folded = (higher > 0) & (repeats >= found - FOLDED) & _is_lowest(spectra, higher)
        hz, found = np.where(folded, higher, hz), np.where(folded, repeats, found)
    return hz, found


def _is_lowest(spectra: NDArray[np.float32], hz: Floats) -> Bools:
    """Whether at most a tenth of the power lies under half of `hz`; with all of it there any high pitch repeats."""
    rows, under = np.arange(len(spectra)), (0.5 * hz * N_FFT / VOICE_SR).astype(int)
    sums = np.cumsum(spectra, axis=1)
    return np.asarray(sums[rows, under] <= 0.1 * sums[:, -1])


def periodicity(spectra: NDArray[np.float32], hz: Floats) -> Floats:
    """Autocorrelation of each frame at the period of `hz`, over the window's own; 0 where `hz` is 0.

    1 for a periodic frame, near 0 for noise; the ratio of harmonics to noise is r / (1 - r). After Boersma (Proceedings
    of the Institute of Phonetic Sciences 17, Amsterdam, 1993), computed from the power spectrum.
    """
    found = np.zeros(len(spectra))
    rows = np.flatnonzero(hz > 2 * VOICE_SR / N_FFT)  # at least two periods in the window
    lag = VOICE_SR / hz[rows]
    some = spectra[rows]
    turns = np.cos(np.multiply.outer(lag, 2 * np.pi / N_FFT * np.arange(some.shape[1])).astype(np.float32))
    weights = np.full(some.shape[1], 2.0, dtype=np.float32)
    weights[[0, -1]] = 1.0
    raw = np.einsum("ij,ij,j->i", some, turns, weights) / np.maximum(some @ weights, 1e-20)
    x = lag / N_FFT
    window = (1 - x) * (2 / 3 + np.cos(2 * np.pi * x) / 3) + np.sin(2 * np.pi * x) / (2 * np.pi)
    found[rows] = np.clip(raw / window, 0.0, 1.0)
    return found


def sharpened(spectra: NDArray[np.float32], hz: Floats) -> Floats:
    """Frequencies moved to the spectral peak within a quarter tone, if there is one.

    Grandke's interpolation for the Hann window, exact for a lone sinusoid (IEEE Trans. Instrum. Meas. 32, 1983).
    """
    rows, bin_hz = np.arange(len(spectra)), VOICE_SR / N_FFT
    centre = (hz / bin_hz).round().astype(int)
    offsets = np.arange(-YIN_REACH, YIN_REACH + 1)
    near = np.clip(centre[:, None] + offsets, 1, spectra.shape[1] - 2)
    outside = np.abs(offsets) > np.maximum(2, 0.03 * centre)[:, None]
    at = near[rows, np.argmax(np.where(outside, 0.0, spectra[rows[:, None], near]), axis=1)]
    left, right = spectra[rows, at - 1], spectra[rows, at + 1]
    alpha = np.sqrt(np.maximum(left, right) / np.maximum(spectra[rows, at], 1e-30))
    sharp = (at + np.where(right > left, 1, -1) * (2 * alpha - 1) / (alpha + 1)) * bin_hz
    is_peak = (alpha <= 1) & (np.abs(12 * np.log2(np.maximum(sharp, 1) / np.maximum(hz, 1))) < 0.5)
    return np.where(is_peak, sharp, hz)


def _yin(voice: Samples, a: int, b: int) -> Floats:
    """F0 of frames a to b by librosa's yin, over 64 ms centred on each."""
    import librosa

    reach = N_FFT // 2
    centre = HOP // 2
    piece = np.pad(voice, reach)[a * HOP + centre : (b - 1) * HOP + centre + 2 * reach]
    found = librosa.yin(
        piece, fmin=YIN_HZ[0], fmax=YIN_HZ[1], sr=VOICE_SR, frame_length=N_FFT, hop_length=HOP, center=False
    )
    return fit(np.asarray(found, dtype=np.float64), b - a)
