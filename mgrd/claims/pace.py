"""How fast a stretch of speech goes: the syllable count with a second opinion from the course of the level.

On clips of 2 s the count of syllables errs by a quarter, and falls further behind the faster the speech. How often the
level rises and falls, counted as peaks and as the mean frequency of its modulation, errs by an eighth. The figures
are per second of sound; knows no claim.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import runs
from mgrd.claims.memo import once

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

LEAST_S = 0.8
"""Of sound; in less there are too few syllables to speak of a pace."""
LEAST_SNR_DB, MOST_REVERB_S = 15.0, 0.8
"""At 10 dB of noise the reading is 12 % low, and a reverberation of 1 s takes a quarter off; at 20 dB nothing."""
PAUSE_S = 0.3
REACH_DB = 40.0
PROMINENCE_DB = 2.0
BAND_HZ = (1.5, 20.0)
USUAL_HZ, USUAL_PEAKS_HZ, USUAL_MODULATION_HZ = 5.0, 5.9, 5.7
"""Medians of 150 recordings of read German: syllables, peaks of the level, mean frequency of the modulation."""
RESPONSE = 0.65
"""By how much peaks and modulation move when speech is stretched, as a power: 1.5 times slower makes 1.3."""
COUNT_SHARE, COUNT_SIGMA = 0.25, 0.15
"""Weight of the syllable count beside the other two, and its error as a share where there is nothing beside it."""
SIGMA_2_S = 0.065
"""Error of a reading over 2 s, as a share: of one text as it is and stretched, two readings scatter by 9 to 12 %."""


@once
def pace_hz(clip: Measurements, t0_s: float | None = None, t1_s: float | None = None) -> tuple[float, float] | str:
    """Syllables per second of sound and their standard error, over a clip or from t0_s to t1_s, or why there are none.

    The modulation spectrum as a measure of rate: Morgan, Fosler & Mirghafori, Eurospeech 1997 (`enrate`).
    """
    whole = clip.figures.get("syllable_rate_hz")
    if not {"level_db", "active"} <= clip.tracks.keys():
        if whole is None or whole.value is None:
            return (whole.why if whole is not None else None) or "syllable_rate_hz was not measured"
        return whole.value, COUNT_SIGMA * whole.value
    if (doubt := _doubt(clip)) is not None:
        return doubt
    level_db, sounding_s = _sounding(clip, t0_s or 0.0, clip.duration_s if t1_s is None else t1_s)
    if sounding_s < LEAST_S:
        return f"too short: {sounding_s:.1f} s of sound, {LEAST_S} s are needed for a pace"
    peaks_hz, modulation_hz = _peaks(level_db) / sounding_s, _modulation_hz(level_db, clip.hop_s)
    if not (peaks_hz > 0 and modulation_hz > 0):
        return "the level neither rises nor falls, as it does from syllable to syllable"
    second = 0.5 * (math.log(peaks_hz / USUAL_PEAKS_HZ) + math.log(modulation_hz / USUAL_MODULATION_HZ)) / RESPONSE
    second += math.log(USUAL_HZ)
    count = clip.figure("syllable_rate_hz", t0_s, t1_s).value
    pooled = second if not count else COUNT_SHARE * math.log(count) + (1 - COUNT_SHARE) * second
    value = math.exp(pooled)
    return value, value * SIGMA_2_S * max(0.7, math.sqrt(2.0 / sounding_s))


def _doubt(clip: Measurements) -> str | None:
    """Why the level of this clip does not follow its syllables."""
    snr, reverb = clip.figures.get("snr_db"), clip.figures.get("reverb_s")
    if snr is not None and snr.value is not None and snr.value < LEAST_SNR_DB:
        return f"too noisy for a pace: {snr.value:.0f} dB over the background, {LEAST_SNR_DB:.0f} are needed"
    if reverb is not None and reverb.value is not None and reverb.value > MOST_REVERB_S:
        return f"too reverberant for a pace: {reverb.value:.1f} s"
    return None


def _sounding(clip: Measurements, t0_s: float, t1_s: float) -> tuple[NDArray[np.float64], float]:
    """The level of a stretch from its first to its last sound, pauses left out, and how long that is."""
    a, b = round(t0_s / clip.hop_s), round(t1_s / clip.hop_s)
    level_db = clip.tracks["level_db"][a:b].astype(np.float64)
    active = clip.tracks["active"][a:b] > 0
    at = np.flatnonzero(active)
    if not len(at):
        return level_db[:0], 0.0
    kept = np.ones(len(active), dtype=bool)
    kept[: at[0]] = kept[at[-1] + 1 :] = False
    for c, d in runs(~active & kept):
        kept[c:d] = (d - c) * clip.hop_s < PAUSE_S
    heard_db = level_db[kept]
    return np.maximum(heard_db, heard_db.max() - REACH_DB), len(heard_db) * clip.hop_s


def _peaks(level_db: NDArray[np.float64]) -> float:
    """Peaks of the level, 2 dB prominent, and half a one for what the edges cut."""
    from scipy.signal import find_peaks

    return len(find_peaks(np.convolve(level_db, (0.25, 0.5, 0.25), mode="same"), prominence=PROMINENCE_DB)[0]) + 0.5


def _modulation_hz(level_db: NDArray[np.float64], hop_s: float) -> float:
    """Mean frequency of the spectrum of the level between 1.5 and 20 Hz, weighted by its power."""
    moving = (level_db - level_db.mean()) * np.hanning(len(level_db))
    size = max(2048, 2 ** math.ceil(math.log2(len(moving))))
    power, hz = np.abs(np.fft.rfft(moving, size)) ** 2, np.fft.rfftfreq(size, hop_s)
    band = (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])
    return float(power[band] @ hz[band] / power[band].sum()) if power[band].sum() > 0 else 0.0
