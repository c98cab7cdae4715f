"""A man or a woman, by pitch and by the length of the vocal tract.

Pitch alone leaves those undecided who speak between the two usual ranges, and mistakes a man who acts or shouts for a
woman; formants and pitch together part nearly all voices (Skuk & Schweinberger, Journal of Speech, Language, and
Hearing Research 57, 2014, recalled). What a voice sounds like is no fact about a person, and children are not told
from women.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mgrd.claims import Claim
from mgrd.claims.readings import CONTRADICTED_Z, SUPPORTED_Z, Finding, content_of, said, value_of

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

SPACING_HZ, FOURTH_HZ = 1112.0, 3830.0
"""Midway between men and women: tracts of 17 and 14.6 cm in sound of 350 m/s (Fant, Acoustic Theory of Speech
Production, 1960); fourth formants over twelve vowels (Hillenbrand et al., J. Acoust. Soc. Am. 97, 1995, recalled)."""
TRACT_SHARE = 0.02
"""By how much both must lie to one side. Of 150 acted sentences of two men and three women, pitch and tract together
say the right sex of 30 of 60 and of 53 of 90, and the wrong one of none (a test counts them)."""
WOMANLY_HZ, MANLY_HZ = 165.0, 190.0
"""Least pitch of a woman's usual range (Baken 1970), and the pitch from which on a voice counts as a woman's."""
_CHILD = re.compile("boy|girl|child|kid|teen|[男女]孩|[男女]童|少[年女]", re.IGNORECASE)
WIDE_HZ, CLEAR_DB, DULL_DB = 5000.0, 20.0, -35.0
"""A recording that is cut off below, noisy or low-passed has no fourth formant to measure."""


def tract(clip: Measurements) -> float | None:
    """By how much the formants lie above the middle of men and women, as a share; None where they cannot be read."""
    spacing_hz, fourth_hz = value_of(clip, "formant_spacing_hz"), value_of(clip, "formant4_hz")
    if spacing_hz is None or fourth_hz is None or content_of(clip) != "voice":
        return None
    wide = value_of(clip, "bandlimit_hz", 0.0) >= WIDE_HZ and value_of(clip, "brightness_db", 0.0) >= DULL_DB
    if not wide or value_of(clip, "snr_db", 0.0) < CLEAR_DB:
        return None
    shares = math.log(spacing_hz / SPACING_HZ), math.log(fourth_hz / FOURTH_HZ)
    middle = sum(shares) / 2
    agreed = min(shares) > 0 or max(shares) < 0
    return middle if agreed else math.copysign(min(abs(middle), TRACT_SHARE / 2), middle)


def by_pitch_and_tract(clip: Measurements) -> str | None:
    """`male` or `female` where both say so, else None."""
    share, f0_hz = tract(clip), value_of(clip, "f0_median_hz")
    if share is None or f0_hz is None or abs(share) < TRACT_SHARE:
        return None
    if share > 0:
        return "female" if f0_hz > WOMANLY_HZ else None
    return "male" if f0_hz < MANLY_HZ else None


def with_tract(claim: Claim, clip: Measurements, by_pitch: Finding) -> Finding:
    """What the pitch says of a claimed sex, and what it says with the vocal tract beside it."""
    share, f0_hz = tract(clip), value_of(clip, "f0_median_hz")
    if by_pitch.z is None or share is None or f0_hz is None or claim.polarity < 0 or claim.scope != "whole":
        return by_pitch
    if _CHILD.search(claim.claimed):
        return by_pitch
    towards = share if claim.asserts == "female" else -share
    why = f"{said(claim)}, measured {f0_hz:.0f} Hz and a vocal tract {'short' if share > 0 else 'long'} as a " + (
        "woman's" if share > 0 else "man's"
    )
    if by_pitch_and_tract(clip) is not None:
        z = max(by_pitch.z, SUPPORTED_Z + 0.5) if towards > 0 else min(by_pitch.z, CONTRADICTED_Z - 0.5)
        return replace(by_pitch, z=z, why=why)
    if towards < 0 < by_pitch.z:
        return replace(by_pitch, z=0.0, why=why)
    return by_pitch
