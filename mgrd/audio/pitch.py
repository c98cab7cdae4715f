"""Pitch: which frames are voiced, and statistics of the track in Hz and semitones.

One voice is assumed; two at once give the louder one's track at best. Error figures are those of swift-f0 on speech
resynthesised with known F0 (median within 0.8 semitones for 95 % of utterances, slopes within 0.2 semitones/s clean
and 0.6 at 10 dB), and for pure tones those of interpolated spectral peaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import HOP_S, Bools, Figure, Floats, Scope, absent, figure, runs
from mgrd.audio.tones import CLEAN, VOICE_TOP_HZ

VOICED = 0.5
"""swift-f0's calibrated threshold."""
SHORTEST_VOICED = 3
"""Frames: 48 ms, some five periods of a low voice; shorter islands are mostly noise."""
TONE_REACH_DB = 30.0
"""Pure tones weaker than this under the loudest frames are hum in the background, not what is heard."""
TONE_JUMP_ST = 0.5
VOICE_SIGMA_ST = 0.4
TONE_SIGMA_ST = 0.1
LEAST_VOICED_S = 0.1
LEAST_VOICED_SHARE = 0.02
"""Of the sounding time: in hours of noise some frames pass for a voice by chance."""
LEAST_REPEAT = 0.1
"""Autocorrelation at the period, harmonics 10 dB under the noise: a frame that repeats less has no pitch."""
LOWEST_VOICE_HZ = 60.0
HARMONICITY_DB = (-10.0, 40.0)
"""Range: beyond it the rounding of float32 spectra decides."""


def decide(raw: Mapping[str, Floats]) -> tuple[Floats, Bools]:
    """The pitch track in Hz (NaN unvoiced) from the raw tracks, and the frames that are tones rather than a voice.

    The second opinion (`tone_hz`, 0 where there is none) stands alone where swift-f0 hears no voice (low sines) and
    replaces it where the two differ and the waveform agrees with the former. Alone it must hold still for 48 ms and go
    with the voice beside it. In speech it does not count above 1 kHz (a sibilant) or below 60 Hz (hum under a voice).
    Frames that do not repeat with their pitch have none; those that repeat almost perfectly for 0.1 s outside speech
    are tones.
    """
    f0_hz, voicing, tone_hz, level_db = raw["f0_hz"], raw["voicing"], raw["tone_hz"], raw["level_db"]
    audible = level_db > max(level_db.max() - TONE_REACH_DB, -90.0)
    found = voicing >= VOICED
    no_voice = ((tone_hz > VOICE_TOP_HZ) | (tone_hz < LOWEST_VOICE_HZ)) & (raw["speech"] >= 0.5)
    second = audible & (tone_hz > 0) & ~no_voice
    either = np.where(second, tone_hz, np.where(found, f0_hz, 1.0))
    jump_st = np.abs(np.diff(12 * np.log2(either), prepend=0.0))
    still = np.zeros_like(second)
    for a, b in runs(second | found):
        for c, d in _pieces(jump_st[a:b] > TONE_JUMP_ST):
            still[a + c : a + d] = d - c >= SHORTEST_VOICED
    alone = still & second & ~found
    for a, b in runs(alone):
        alone[a:b] = _stands(tone_hz[a:b], np.where(found, f0_hz, np.nan), a, b)
    tone = (second & found) | alone
    track = np.where(tone, tone_hz, np.where(found, f0_hz, np.nan))
    voiced = _longer(np.isfinite(track), SHORTEST_VOICED) & (raw["repeats"] >= LEAST_REPEAT)
    clean = _longer(found & (raw["periodicity"] >= CLEAN) & (raw["speech"] < 0.5), 6)
    return np.where(voiced, track, np.nan), (tone | clean) & voiced


def f0_median_hz(scope: Scope) -> Figure:
    """Median over voiced frames."""
    if why := _too_little(scope):
        return absent(why)
    median = float(np.median(scope.f0_hz[scope.voiced]))
    return figure(median, median * (2 ** (_sigma_st(scope) / 12) - 1))


def f0_sd_st(scope: Scope) -> Figure:
    """Standard deviation over voiced frames within an octave of their median, semitones.

    One stray frame of another register or of an octave error would outweigh a second of speech.
    """
    if why := _too_little(scope):
        return absent(why)
    st = _semitones(scope)
    middle = np.percentile(st, 50, method="lower")  # a frame's own, which two tones far apart have none of between them
    return figure(float(np.std(st[np.abs(st - middle) <= 12])), 0.05 if _is_tone(scope) else 0.2)


def f0_p10_hz(scope: Scope) -> Figure:
    """10th percentile over voiced frames."""
    return _percentile(scope, 10)


def f0_p90_hz(scope: Scope) -> Figure:
    """90th percentile over voiced frames."""
    return _percentile(scope, 90)


def voiced_s(scope: Scope) -> Figure:
    """Time with a pitch; swift-f0 misses or adds some 5 % of it on speech."""
    seconds = float(scope.voiced.sum()) * HOP_S
    return figure(seconds, 0.05 * seconds + HOP_S)


def harmonicity_db(scope: Scope) -> Figure:
    """Ratio of harmonics to noise, dB, mean over voiced frames: 10 log10(r / (1 - r)) of the autocorrelation r.

    Boersma (Proceedings of the Institute of Phonetic Sciences 17, Amsterdam, 1993), over 64 ms; on acted speech 1.6 dB
    (SD 1.4) above Praat's, with which it correlates by 0.88. Moving pitch and noise lower it alike, so it compares
    voices in like recordings; it is no measure of a voice's health.
    """
    if why := _too_little(scope):
        return absent(why)
    note = "at most 40 dB can be told" if (value := float(scope.harmonicity_db[scope.voiced].mean())) > 35 else None
    return figure(value, 1.5, note)


def to_harmonicity_db(repeats: Floats) -> Floats:
    """Autocorrelation at the period, 0 to 1, as the ratio of harmonics to noise, limited to -10 to 40 dB."""
    r = np.clip(repeats, 1e-6, 1 - 1e-6)
    return np.asarray(np.clip(10 * np.log10(r / (1 - r)), *HARMONICITY_DB))


def f0_slope_st_s(scope: Scope) -> Figure:
    """Theil-Sen slope of the pitch over time, over all voiced frames, semitones per second."""
    if why := _too_little(scope, 5):
        return absent(why)
    at_s, st = np.flatnonzero(scope.voiced) * HOP_S, _semitones(scope)
    slope, spread = _theil_sen(at_s, st)
    # frames 0.2 s apart (a syllable) count as independent
    pieces = max(2.0, len(at_s) * HOP_S / 0.2)
    length_s = max(at_s[-1] - at_s[0], HOP_S)
    standard_error = spread * np.sqrt(12 / pieces) / length_s
    return figure(slope, np.hypot(standard_error, _sigma_st(scope) / max(length_s, 0.4)))


def f0_change_st(scope: Scope) -> Figure:
    """Pitch at the end of the voiced frames minus that at their start, semitones: medians of a tenth, at most 0.1 s."""
    if why := _too_little(scope, 6):
        return absent(why)
    st = _semitones(scope)
    k = int(np.clip(len(st) // 10, 3, 0.1 / HOP_S))
    change = float(np.median(st[-k:]) - np.median(st[:k]))
    # the medians lie inside the clip, so that a steady glide reads a tenth low
    return figure(change, np.hypot(0.3 if _is_tone(scope) else 1.0, 0.1 * change))


def f0_final_slope_st_s(scope: Scope) -> Figure:
    """Slope over the last 0.4 s of voicing, semitones per second: the median over pairs of frames over 0.05 s apart."""
    if why := _too_little(scope):
        return absent(why)
    at = np.flatnonzero(scope.voiced)
    last = at[at > at[-1] - 0.4 / HOP_S]
    if len(last) < 5:
        return absent(f"too few voiced frames in the last 0.4 s of voicing: {len(last)} of 5 needed")
    slope, _ = _theil_sen(last * HOP_S, 12 * np.log2(scope.f0_hz[last]), 0.05)
    return figure(slope, 0.3 if _is_tone(scope) else 1.0)


def _theil_sen(
    at_s: NDArray[np.floating[Any]], st: NDArray[np.floating[Any]], least_s: float = 0.0
) -> tuple[float, float]:
    """Median slope over pairs, and the robust spread of what it leaves; at most 200 points, evenly picked."""
    if len(at_s) > 200:
        pick = np.linspace(0, len(at_s) - 1, 200).astype(int)
        at_s, st = at_s[pick], st[pick]
    i, j = np.triu_indices(len(at_s), 1)
    far = at_s[j] - at_s[i] > least_s
    slope = float(np.median((st[j] - st[i])[far] / (at_s[j] - at_s[i])[far]))
    rest = st - slope * at_s
    return slope, float(1.4826 * np.median(np.abs(rest - np.median(rest))))


def _percentile(scope: Scope, q: float) -> Figure:
    if why := _too_little(scope):
        return absent(why)
    value = float(np.percentile(scope.f0_hz[scope.voiced], q))
    return figure(value, value * (2 ** (1.5 * _sigma_st(scope) / 12) - 1))


def _too_little(scope: Scope, frames: int = 0) -> str | None:
    voiced = int(scope.voiced.sum())
    if voiced == 0:
        return "nothing is voiced"
    if voiced < max(frames, LEAST_VOICED_S / HOP_S):
        return f"too short: {voiced * HOP_S:.2f} s voiced, {LEAST_VOICED_S} s are needed"
    if voiced < LEAST_VOICED_SHARE * (sounding := int(scope.active.sum())):
        share = 100 * voiced / sounding
        return f"too little of it is voiced: {share:.2g} % of what sounds, {100 * LEAST_VOICED_SHARE:g} % are needed"
    return None


def _semitones(scope: Scope) -> Floats:
    return np.asarray(12 * np.log2(scope.f0_hz[scope.voiced]))


def _is_tone(scope: Scope) -> bool:
    return bool(scope.tone.sum() > 0.8 * scope.voiced.sum())


def _sigma_st(scope: Scope) -> float:
    return TONE_SIGMA_ST if _is_tone(scope) else VOICE_SIGMA_ST


def _stands(tone_hz: Floats, voice_hz: Floats, a: int, b: int) -> bool:
    """Whether the second opinion on frames a to b goes with the voice beside it: no ragged edge, no harmonic."""
    middle = float(np.median(tone_hz))
    beside_st = np.abs(12 * np.log2(np.concatenate((voice_hz[max(0, a - 2) : a], voice_hz[b : b + 2])) / middle))
    if np.isfinite(beside_st).any():
        return bool(np.nanmin(beside_st) < 1.0)
    around_st = np.abs(12 * np.log2(voice_hz[max(0, a - 6) : b + 6] / middle))
    octave = [np.abs(around_st - interval) < 1.0 for interval in (12, 19, 24)]
    return b - a > 10 or not np.any(octave)


def _pieces(breaks: Bools) -> list[tuple[int, int]]:
    """Half-open index pairs between the breaks; a break begins a piece."""
    edges = [0, *(int(i) for i in np.flatnonzero(breaks) if i > 0), len(breaks)]
    return list(pairwise(edges))


def _longer(mask: Bools, frames: int) -> Bools:
    """The runs of at least so many frames."""
    kept = np.zeros_like(mask)
    for a, b in runs(mask):
        kept[a:b] = b - a >= frames
    return kept
