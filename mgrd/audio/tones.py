"""The period of a frame, found again: a second opinion on the pitch, from the waveform's own repetition.

swift-f0 learned from voices; sines, beeps and whistles are where it errs. Knows nothing about a clip as a whole: which
frames follow the second opinion is for `pitch.decide`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import Bools, Floats
from mgrd.audio.load import Samples
from mgrd.audio.spectra import HOP, N_FFT, VOICE_SR

Floats32: TypeAlias = NDArray[np.float32]

YIN_HZ = (45.0, 7500.0)
LONGEST_LAG = 364
"""Samples: the period of 44 Hz."""
SHORTEST_LAG = 32
"""Samples: what repeats at all has a period or a multiple of one between this and LONGEST_LAG."""
REPEATS = 0.8
"""Autocorrelation somewhere in that range, under which a frame is noise and yin is not asked."""
QUARTER_TONE = 0.0145
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
    spectra: NDArray[np.float32], below: Floats32, repeats: Floats32, voice: Samples, own: Floats, voicing: Floats
) -> Floats:
    """A second opinion on a pitch of periodicity `own`: frequency in Hz, (frames,), 0 where there is none.

    yin is asked where swift-f0 hears no voice, where its pitch is not the period of the waveform (it takes the fifth
    harmonic of square-like tones), and where one spectral peak holds the frame (it folds tones above its range); not
    where the waveform does not repeat at all. Its answer counts when the waveform does repeat with it and next to
    nothing lies below it.
    """
    total = np.maximum(below[:, -1], 1e-20)
    rows, low = np.arange(len(spectra)), int(YIN_HZ[0] * N_FFT / VOICE_SR)
    peak = low + np.argmax(spectra[:, low:-3], axis=1)
    lone = spectra[rows[:, None], peak[:, None] + np.arange(-2, 3)].sum(axis=1) / total >= LONE_SHARE
    doubtful = ((voicing < 0.5) | (own < DOUBTFUL) | lone) & (total > max(1e-10, total.max() * FAINT))
    asked = np.flatnonzero(doubtful & (repeats[:, SHORTEST_LAG:].max(axis=1) >= REPEATS))
    hz = np.zeros(len(spectra))
    hz[asked] = sharpened(spectra[asked], _yin(voice, asked))
    hz, found = unfolded(spectra, below, hz, periodicity(spectra, hz), (2, 3, 5, 7))
    hz[asked] = sharpened(spectra[asked], hz[asked])
    agreed = (
        (found >= PERIODIC)
        & _is_lowest(below, hz)
        & ((voicing < 0.5) | (lone & (hz > VOICE_TOP_HZ)) | (found > own + 0.2))
    )
    return np.where(agreed, hz, 0.0)


def unfolded(
    spectra: NDArray[np.float32], below: Floats32, hz: Floats, found: Floats, multiples: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Frequencies raised to a multiple with which the frame repeats as well, and the periodicity found with them."""
    for multiple in multiples:
        higher = np.where(multiple * hz <= YIN_HZ[1], multiple * hz, 0.0)
        higher[~_is_lowest(below, higher)] = 0.0
        if not higher.any():
            continue
        repeats = periodicity(spectra, higher)
        folded = (higher > 0) & (repeats >= found - FOLDED)
        hz, found = np.where(folded, higher, hz), np.where(folded, repeats, found)
    return hz, found


def _is_lowest(below: Floats32, hz: Floats) -> Bools:
    """Whether at most a tenth of the power lies under half of `hz`; with all of it there any high pitch repeats."""
    under = (0.5 * hz * N_FFT / VOICE_SR).astype(int)
    return np.asarray(below[np.arange(len(below)), under] <= 0.1 * below[:, -1])


def repetition(spectra: NDArray[np.float32]) -> Floats32:
    """Autocorrelation of each frame over the window's own at lags of 0 to 1 / 44 s in samples, (frames, lags)."""
    from scipy.fft import irfft

    found = np.empty((len(spectra), LONGEST_LAG + 1), dtype=np.float32)
    weights = (1 / _window_autocorrelation(np.arange(found.shape[1], dtype=np.float64))).astype(np.float32)
    for i in range(0, len(spectra), 256):
        raw = irfft(spectra[i : i + 256], N_FFT, axis=1)
        np.multiply(raw[:, : found.shape[1]], weights / np.maximum(raw[:, :1], 1e-20), out=found[i : i + 256])
    return found


def best_repetition(spectra: NDArray[np.float32], repeats: Floats32, hz: Floats) -> Floats:
    """The highest of the autocorrelation within a quarter tone of the period of `hz`, (frames,), 0 where `hz` is 0."""
    best = np.zeros(len(repeats))
    rows = np.flatnonzero(hz > VOICE_SR / (LONGEST_LAG - 1))
    lag = VOICE_SR / hz[rows]
    reach = np.maximum(1, np.round(QUARTER_TONE * lag)).astype(int)
    offsets = np.arange(-reach.max(initial=1), reach.max(initial=1) + 1)
    at = np.clip(np.round(lag).astype(int)[:, None] + offsets, 1, repeats.shape[1] - 2)
    near = np.where(np.abs(offsets) <= reach[:, None], repeats[rows[:, None], at], -1.0)
    top = at[np.arange(len(rows)), np.argmax(near, axis=1)]
    before, here, after = (repeats[rows, top + i].astype(np.float64) for i in (-1, 0, 1))
    bend = np.where((here >= before) & (here >= after), np.minimum(before - 2 * here + after, -1e-9), -np.inf)
    between = periodicity(spectra[rows], VOICE_SR / (top + 0.5 * (before - after) / bend))
    best[rows] = np.clip(np.maximum(here, between), 0.0, 1.0)
    return best


def _window_autocorrelation(lag: Floats) -> Floats:
    """That of the Hann window of N_FFT samples, 1 at lag 0 (Boersma 1993, equation 8)."""
    x = lag / N_FFT
    return (1 - x) * (2 / 3 + np.cos(2 * np.pi * x) / 3) + np.sin(2 * np.pi * x) / (2 * np.pi)


def periodicity(spectra: NDArray[np.float32], hz: Floats) -> Floats:
    """Autocorrelation of each frame at the period of `hz`, over the window's own; 0 where `hz` is 0.

    1 for a periodic frame, near 0 for noise; the ratio of harmonics to noise is r / (1 - r). After Boersma (Proceedings
    of the Institute of Phonetic Sciences 17, Amsterdam, 1993), computed from the power spectrum.
    """
    found = np.zeros(len(spectra))
    rows = np.flatnonzero(hz > 2 * VOICE_SR / N_FFT)  # at least two periods in the window
    if not len(rows):
        return found
    lag = VOICE_SR / hz[rows]
    some = spectra[rows]
    turns = np.cos(np.multiply.outer(lag, 2 * np.pi / N_FFT * np.arange(some.shape[1])).astype(np.float32))
    weights = np.full(some.shape[1], 2.0, dtype=np.float32)
    weights[[0, -1]] = 1.0
    raw = np.einsum("ij,ij,j->i", some, turns, weights) / np.maximum(some @ weights, 1e-20)
    found[rows] = np.clip(raw / _window_autocorrelation(lag), 0.0, 1.0)
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


def _yin(voice: Samples, frames: NDArray[np.intp]) -> Floats:
    """F0 of these frames by librosa's yin, over 64 ms centred on each."""
    import librosa

    if not len(frames):
        return np.zeros(0)
    reach = N_FFT // 2
    views = np.lib.stride_tricks.sliding_window_view(np.pad(voice, reach), N_FFT)
    pieces = views[frames * HOP + HOP // 2]  # all frames in one call, as channels of one window each
    found = librosa.yin(
        pieces, fmin=YIN_HZ[0], fmax=YIN_HZ[1], sr=VOICE_SR, frame_length=N_FFT, hop_length=HOP, center=False
    )
    return np.asarray(found[:, 0], dtype=np.float64)
