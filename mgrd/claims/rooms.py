"""How long a room rings, with what no room that rings can do: fall silent at once.

The decay time is measured where sounds fade straight and long enough; where none does, a level that drops by far within
a moment still says that no long reverberation is there. Knows no echo that comes later than a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mgrd.claims.memo import once

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

FALL_FRAMES = 10
"""0.16 s: a room of 0.8 s falls by 12 dB in it, besides what the direct sound stands above the reverberation."""
FALL_DB = 26.0
"""Chosen on recorded sentences, as they are and in simulated rooms, so that in a room of 0.8 s or more none falls by as
much twice."""
REACH_DB, APART_FRAMES = 25.0, 19
"""A fall begins so near to the loudest; falls nearer to each other than 0.3 s are one."""
RINGING_S = 0.7
SIGMA_S = 0.1


def reverb_s(measured: tuple[float, float] | str, clip: Measurements) -> tuple[float, float] | str:
    """The decay time and its error in seconds, or what its second sharpest fall allows; or why neither is known.

    One fall may be the cut of an editor, so that two are needed.
    """
    most_s = _most_s(clip)
    if most_s is None:
        return measured
    if isinstance(measured, str) or most_s < measured[0] <= RINGING_S:
        return most_s, SIGMA_S
    return measured if measured[0] <= most_s else f"some sounds ring for {measured[0]:.1f} s and others end at once"


@once
def _most_s(clip: Measurements) -> float | None:
    """The decay time of a room in which the level could fall as it does, None where it falls as in any."""
    if "level_db" not in clip.tracks:
        return None
    power = 10 ** (clip.tracks["level_db"].astype(np.float64) / 10)
    if len(power) < 3 * FALL_FRAMES:
        return None
    smooth_db = 10 * np.log10(np.maximum(np.convolve(power, np.ones(3) / 3, mode="same"), 1e-12))
    before_db = smooth_db[:-FALL_FRAMES]
    falls_db = np.where(before_db > smooth_db.max() - REACH_DB, before_db - smooth_db[FALL_FRAMES:], 0.0)
    sharpest = int(np.argmax(falls_db))
    falls_db[max(0, sharpest - APART_FRAMES) : sharpest + APART_FRAMES] = 0.0
    second_db = float(falls_db.max())
    return None if second_db < FALL_DB else 60 / second_db * FALL_FRAMES * clip.hop_s
