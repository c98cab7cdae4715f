"""Pauses that a text asserts, denies, counts or times against the silences of the clip.

A silence of a quarter of a second is called a pause by some and not noticed by others, and a hesitation without any
silence is called one too. So a denial is held against silences that nobody overhears, and an assertion only against
sound that goes on without a break.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mgrd.audio.figures import runs
from mgrd.audio.segments import PAUSE_S
from mgrd.claims import Claim
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    SUPPORTED_Z,
    Finding,
    Reading,
    content_of,
    figure_of,
    limited,
    said,
    value_of,
)

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

UNHEARD_Z = -1.9
"""No contradiction: listeners hear pauses where no silence is, at hesitations, drawn-out sounds and short gaps."""

NOTICED_S = 0.1
"""Error of the length from which a silence in speech is noticed as a pause; 0.2 to 0.3 s (Goldman-Eisler 1968)."""
UNBROKEN_S, UNBROKEN_TONES_S = 0.15, 0.1
"""Sound without a longer silence goes on unbroken. In speech a stop consonant is a silence: from 0.18 s on it is a
pause to those who measure pauses, so that no closure is taken for one (Heldner & Edlund, Journal of Phonetics 38, 2010,
recalled); less two frames, by which an edge may lie off."""
CLEAR_S, CLEAR_IN_NOISE_S = 0.45, 0.6
"""A silence that is a pause to everybody."""
CLEAN_DB, WET_S = 20.0, 0.6


def gaps_s(clip: Measurements) -> list[float] | None:
    """The silences between sounds, however short, in order; None where noise or an echo may fill them."""
    if "active" not in clip.tracks or content_of(clip) == "mixed":
        return None
    if value_of(clip, "snr_db", 99.0) < CLEAN_DB or value_of(clip, "reverb_s", 0.0) > WET_S:
        return None
    active = clip.tracks["active"] > 0
    if not active.any():
        return None
    first, last = int(active.argmax()), len(active) - int(active[::-1].argmax())
    return [(b - a) * clip.hop_s for a, b in runs(~active[first:last])]


def presence(claim: Claim, clip: Measurements) -> Finding:
    """Whether there is a pause at all; `none` says that the sound goes on without one."""
    if claim.asserts == "none":
        claim = replace(claim, polarity=-claim.polarity)
    measured = figure_of(claim, clip, "pause_count")
    if isinstance(measured, str):
        return Finding(None, measured)
    count, sigma = measured
    z = Reading(count, max(sigma, 0.3), low=0.5).z(claim.polarity)
    why = f"{said(claim)}, measured {_shown(count)}"
    longest_s = value_of(clip, "longest_pause_s")
    if claim.polarity < 0 and count >= 1 and longest_s is not None and claim.scope == "whole":
        z = min(z, limited((PAUSE_S - longest_s) / math.hypot(NOTICED_S, 0.0 if _is_clean(clip) else 0.15)))
        why += f", the longest {longest_s:.2f} s"
    if claim.polarity > 0 and count < 1:
        gaps = gaps_s(clip)  # a clip without any silence has none in its middle either
        if gaps is None or max(gaps, default=0.0) > _unbroken_s(clip):
            return Finding(max(z, UNHEARD_Z), why, count)
        return Finding(CONTRADICTED_Z - 1, f"{why}, and no silence over {_unbroken_s(clip):g} s", count)
    return Finding(z, why, count)


def count(claim: Claim, clip: Measurements) -> Finding:
    """How many pauses there are: at least those that are clear, at most all silences that are not within a word."""
    if claim.claimed_value is None:
        return Finding(None, "no measurement for it")
    if claim.scope != "whole":
        return Finding(None, "pauses are counted over the whole clip only")
    measured = figure_of(claim, clip, "pause_count")
    if isinstance(measured, str):
        return Finding(None, measured)
    claimed, counted = claim.claimed_value, measured[0]
    lengths = [one.t1_s - one.t0_s for one in clip.segments if one.kind == "pause"]
    clear_s = CLEAR_S if _is_clean(clip) else CLEAR_IN_NOISE_S
    least = sum(length >= clear_s for length in lengths) if lengths or counted < 1 else counted
    gaps = gaps_s(clip)
    most = math.inf if gaps is None else max(sum(gap > _unbroken_s(clip) for gap in gaps), counted)
    low = claimed if claim.asserts != "at_most" else 0.0
    high = claimed if claim.asserts != "at_least" else math.inf
    beyond = max(low - most, least - high)
    z = SUPPORTED_Z + 0.5 if low <= counted <= high else 0.0
    if beyond > 0:
        z = limited(CONTRADICTED_Z - beyond)
    if claim.polarity < 0:
        sure = least == most == counted and low <= counted <= high
        z = CONTRADICTED_Z - 1 if sure else SUPPORTED_Z + 0.5 if beyond > 0 else 0.0
    return Finding(z, f"{said(claim)}, measured {_shown(counted)}", counted)


def length(claim: Claim, clip: Measurements) -> tuple[float, float] | str:
    """The pause whose length comes nearest to what is claimed; without any, the longest silence there is."""
    lengths = [one.t1_s - one.t0_s for one in clip.segments if one.kind == "pause"]
    if lengths and claim.claimed_value is not None:
        claimed = claim.claimed_value
        return min(lengths, key=lambda length: abs(length - claimed)), 0.08 if _is_clean(clip) else 0.15
    found = figure_of(claim, clip, "longest_pause_s")
    gaps = gaps_s(clip)
    if not isinstance(found, str) or gaps is None or lengths:
        return found
    return max(gaps, default=0.0), 0.06


def _shown(count: float) -> str:
    return f"{count:.0f} pause{'' if count == 1 else 's'} of {PAUSE_S:g} s or more"


def _unbroken_s(clip: Measurements) -> float:
    return UNBROKEN_S if content_of(clip) == "voice" else UNBROKEN_TONES_S


def _is_clean(clip: Measurements) -> bool:
    return bool(value_of(clip, "snr_db", 99.0) >= CLEAN_DB)
