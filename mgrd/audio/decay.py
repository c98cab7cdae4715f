"""Reverberation, from how fast the level falls where sounds end: blind, without an impulse response.

Assumes that something in the clip ends faster than the room lets it. The decay of a drum or a bell is its own, and is
taken for the room's unless it is pitched and hardly anything else is. In a dry room the voice itself takes 0.2 to 0.3 s
for 60 dB, so that nothing reads shorter.
"""

from __future__ import annotations

import numpy as np

from mgrd.audio.figures import HOP_S, Figure, Floats, Scope, absent, figure, runs

SMOOTH_FRAMES = 5
"""80 ms: in narrower windows a tail of noise, which is what reverberation is, goes up and down by itself."""
RISE_DB = 0.5
"""Rises of less, from frame to frame, do not end a decay."""
LEAST_FRAMES, LEAST_DB = 6, 10.0
ABOVE_FLOOR_DB, CLEAR_DB = 12.0, 5.0
"""A decay begins so far above the floor (5th percentile), and counts down to where it is so far above it."""
SKIPPED_DB, FITTED_DB, STRAIGHT_DB = 3.0, 8.0, 1.5
"""The line is fitted after the first 3 dB, over 8 dB at least, and must leave less than 1.5 dB (SD) unexplained."""
DEEPEST_DB = 60.0
LEAST_DECAYS = 2
SPEECH_SHARE, OWN_SHARE = 0.2, 0.7
"""Less speech than this, and more than so much of the pitched frames and of the decays in common: sounds that decay
from their onset on."""


def reverb_s(scope: Scope) -> Figure:
    """Decay time T60: the median over straight decays of the time in which the level would fall by 60 dB.

    After Ratnam et al., Blind estimation of reverberation time (J. Acoust. Soc. Am. 114, 2003), on levels. On recorded
    speech in rooms of exponentially decaying noise (three utterances, 0.3 to 2.5 s) the medians are within 0.1 s of the
    truth and Spearman's correlation with it is 0.95; one short utterance mostly has no two decays to measure.
    """
    decays = find_decays(scope.level_db)
    tails = np.zeros(len(scope.level_db), dtype=bool)
    for a, b, _ in decays:
        tails[a:b] = True
    if scope.speech.mean() <= SPEECH_SHARE and tails[scope.voiced].sum() > OWN_SHARE * max(
        1, tails.sum(), scope.voiced.sum()
    ):
        return absent("the decays are those of pitched sounds that are struck or plucked")
    if len(decays) < LEAST_DECAYS:
        return absent(f"too few clean decays: {len(decays)} of {LEAST_DECAYS} needed")
    median = float(np.median([time_s for _, _, time_s in decays]))
    return figure(median, 0.1 + 0.15 * median)


def find_decays(level_db: Floats) -> list[tuple[int, int, float]]:
    """Every decay in a level track that is long, deep and straight enough: its frames, and its time for 60 dB."""
    if len(level_db) < SMOOTH_FRAMES:
        return []
    power = np.convolve(10 ** (level_db / 10), np.ones(SMOOTH_FRAMES) / SMOOTH_FRAMES, mode="same")
    smooth_db = np.asarray(10 * np.log10(np.maximum(power, 1e-12)))
    floor_db = max(float(np.percentile(level_db, 5)), float(level_db.max()) - DEEPEST_DB)
    falls = [(a, b + 1, _time_s(smooth_db[a : b + 1], floor_db)) for a, b in runs(np.diff(smooth_db) < RISE_DB)]
    return [(a, b, time_s) for a, b, time_s in falls if time_s is not None]


def _time_s(falling_db: Floats, floor_db: float) -> float | None:
    falling_db = falling_db[int(np.argmax(falling_db)) :]
    falling_db = falling_db[: int(np.argmin(falling_db)) + 1]
    deep = falling_db[0] - falling_db[-1] >= LEAST_DB and falling_db[0] >= floor_db + ABOVE_FLOOR_DB
    if len(falling_db) < LEAST_FRAMES or not deep:
        return None
    used = np.flatnonzero((falling_db < falling_db[0] - SKIPPED_DB) & (falling_db > floor_db + CLEAR_DB))
    if len(used) < 4:
        return None
    line_db = falling_db[used[0] : used[-1] + 1]
    at_s = (np.arange(len(line_db)) - (len(line_db) - 1) / 2) * HOP_S
    slope = at_s @ line_db / (at_s @ at_s)
    straight = np.std(line_db - slope * at_s) < STRAIGHT_DB and line_db[0] - line_db[-1] >= FITTED_DB
    return float(-60 / slope) if straight else None
