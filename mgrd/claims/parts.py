"""Which parts of a clip words mean: the first and the second of its sounds, its halves, its start and its end.

A text names a part and seldom says where it ends, so a question has several answers: every one that is possible is
given, and only what holds for all of them counts. Measures nothing that a segment or a track does not hold.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from mgrd.audio.figures import Segment, mean_db
from mgrd.audio.segments import PAUSE_S
from mgrd.claims import Claim
from mgrd.claims.memo import once
from mgrd.claims.readings import ORDINALS, SPEECHLESS_SHARE, content_of, value_of

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

Pair: TypeAlias = tuple[Segment, Segment]
"""What stands first and what is set against it."""

HALVES = {"first_half": 0, "second_half": 1}
"""Scopes of a level that mean one half of the clip, and which."""

LEAST_PART_S = 0.4
"""A shorter piece of speech is no sentence, half or part."""
BETWEEN_S = 0.3
"""A silence from which on two pieces of speech may be those of two speakers."""
CHIEF = 0.6
"""A pause this share of the longest, or longer, may be the one that is meant."""
HEARD_DB = 40.0
"""Below the loudest frame nothing further down is a part of what is heard."""
APART_S = 0.1
"""Silence around a sound that stands by itself."""
HELD_S, HELD_SHARE, HELD_ST = 0.3, 0.9, 0.1
"""A sound of such a length, with a pitch in so much of it, that stays within so many semitones is held by no voice."""


def pairs(claim: Claim, clip: Measurements) -> list[Pair] | str:
    """The two parts that a comparison or a relative level sets side by side, in each way that they can be meant."""
    if claim.scope in ("halves", *HALVES):
        return _halves(clip)
    if claim.scope in ("start", "end", "start_vs_end"):
        return _ends(clip)
    if claim.scope == "turns":
        return _turns(clip)
    if claim.scope == "sections":
        return _utterances(clip, claim)
    if claim.scope == "first_vs_second" or claim.scope in ORDINALS:
        return _sounds(claim, clip) if content_of(clip) != "voice" else _utterances(clip, claim)
    if claim.scope == "span":
        return "it compares sounds that nothing in the text places"
    return "it does not say what is compared with what"


def is_later(claim: Claim) -> bool:
    """Whether the level is claimed of the second of the two parts."""
    return claim.scope in ("second_half", "end") or (claim.scope in ORDINALS and claim.scope != "first")


@once
def part(clip: Measurements, t0_s: float, t1_s: float) -> Segment:
    """A stretch of the clip as a segment, with the pitch and the level of what sounds in it."""
    f0 = clip.figure("f0_median_hz", t0_s, t1_s).value if "f0_median_hz" in clip.figures else None
    a, b = round(t0_s / clip.hop_s), round(t1_s / clip.hop_s)
    level_db = clip.tracks["level_db"][a:b].astype("float64")
    if "active" in clip.tracks and len(events(clip)) > 1:
        level_db = level_db[clip.tracks["active"][a:b] > 0]
    return Segment("part", t0_s, t1_s, f0, mean_db(level_db))


@once
def events(clip: Measurements) -> list[Segment]:
    """The separate sounds of the clip."""
    return [one for one in clip.segments if one.kind == "event"]


def is_speech(clip: Measurements, one: Segment) -> bool:
    """Whether a sound is speech for the larger part, by voice activity."""
    return speech_share(clip, one.t0_s, one.t1_s) > 0.5


@once
def speech_share(clip: Measurements, t0_s: float, t1_s: float) -> float:
    """The share of a stretch in which somebody speaks, by voice activity."""
    spoken = [one for one in clip.segments if one.kind == "speech"]
    spoken_s = sum(max(0.0, min(one.t1_s, t1_s) - max(one.t0_s, t0_s)) for one in spoken)
    return spoken_s / max(t1_s - t0_s, 1e-9)


@once
def voice_part(clip: Measurements) -> tuple[float, float] | None:
    """From when to when only speech sounds in a clip that has other sounds too, if they stand apart."""
    spoken = [one for one in clip.segments if one.kind == "speech"]
    if not spoken:
        return None
    t0_s, t1_s = spoken[0].t0_s, spoken[-1].t1_s
    others = [one for one in events(clip) if not is_speech(clip, one)]
    if any(one.t1_s > t0_s and one.t0_s < t1_s for one in others):
        return None
    before = max((one.t1_s for one in others if one.t1_s <= t0_s), default=0.0)
    after = min((one.t0_s for one in others if one.t0_s >= t1_s), default=clip.duration_s)
    return max(before, t0_s - APART_S), min(after, t1_s + APART_S)


@once
def _span(clip: Measurements) -> tuple[float, float]:
    found = events(clip)
    if len(found) == 1 and "level_db" in clip.tracks:
        # what is much quieter than the only sound may be taken for background, and be a part of the clip all the same
        level_db = clip.tracks["level_db"]
        heard = (level_db > level_db.max() - HEARD_DB).nonzero()[0]
        return float(heard[0]) * clip.hop_s, float(heard[-1] + 1) * clip.hop_s
    return (found[0].t0_s, found[-1].t1_s) if found else (0.0, clip.duration_s)


def _halves(clip: Measurements) -> list[Pair] | str:
    if "level_db" not in clip.tracks:
        return "no tracks to measure a part of the clip from"
    t0_s, t1_s = _span(clip)
    found = [_cut(clip, middle_s) for middle_s in sorted({0.5 * clip.duration_s, 0.5 * (t0_s + t1_s)})]
    return [one for one in found if one is not None] or "too short: its halves are shorter than 0.4 s"


def _ends(clip: Measurements) -> list[Pair] | str:
    if "level_db" not in clip.tracks:
        return "no tracks to measure a part of the clip from"
    t0_s, t1_s = _span(clip)
    third_s = (t1_s - t0_s) / 3
    if third_s < LEAST_PART_S / 2:
        return f"too short: its thirds last {third_s:.2f} s"
    return [(part(clip, t0_s, t0_s + third_s), part(clip, t1_s - third_s, t1_s))]


def _cut(clip: Measurements, at_s: float, until_s: float | None = None) -> Pair | None:
    """What sounds before and after a moment; None when either is too little to be a part."""
    t0_s, t1_s = _span(clip)
    until_s = at_s if until_s is None else until_s
    if at_s - t0_s < LEAST_PART_S or t1_s - until_s < LEAST_PART_S:
        return None
    return part(clip, t0_s, at_s), part(clip, until_s, t1_s)


def _sounds(claim: Claim, clip: Measurements) -> list[Pair] | str:
    found = events(clip)
    if value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s:
        found = [one for one in found if not is_speech(clip, one)]
    if len(found) < 2:
        few = "1 separate sound" if len(found) == 1 else "no separate sounds"
        spoken = value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s
        return f"{few} found" + (" beside speech" if spoken else "")
    if claim.scope == "first_vs_second":
        return [(found[0], found[1])]
    index = ORDINALS[claim.scope]
    if index >= len(found):
        return f"{len(found)} separate sounds found"
    one = found[index]
    others = [other for other in found if other is not one]
    return [(one, other) if claim.scope == "first" else (other, one) for other in others]


def _turns(clip: Measurements) -> list[Pair] | str:
    """The only two sounds of a clip; of more, nothing says which are of the first speaker."""
    found = events(clip)
    gaps = [(one.t1_s, after.t0_s) for one, after in pairwise(found) if after.t0_s - one.t1_s >= BETWEEN_S]
    cut = _cut(clip, *gaps[0]) if len(gaps) == 1 and "level_db" in clip.tracks else None
    return [cut] if cut is not None else f"{len(gaps) + 1} stretches of sound, and the text means two"


def _utterances(clip: Measurements, claim: Claim) -> list[Pair] | str:
    """Sound parted where the only other one begins, else at each pause that can be meant; without one at thirds."""
    found = events(clip)
    if "level_db" not in clip.tracks:
        return [(found[0], found[1])] if len(found) == 2 else "speech, whose parts are not told apart"
    if claim.scope in ("third", "fourth"):
        return "speech, whose parts are not told apart"
    gaps = [(one.t1_s, after.t0_s) for one, after in pairwise(found) if len(found) == 2 or _is_pause(one, after)]
    longest_s = max((t1_s - t0_s for t0_s, t1_s in gaps), default=0.0)
    chief = [gap for gap in gaps if gap[1] - gap[0] >= CHIEF * longest_s]
    cuts = [_cut(clip, *gap) for gap in chief]
    if not any(cuts):
        t0_s, t1_s = _span(clip)
        cuts = [_cut(clip, t0_s + share * (t1_s - t0_s)) for share in (1 / 3, 0.5, 2 / 3)]
    return [one for one in cuts if one is not None] or "too short to have two parts"


def _is_pause(one: Segment, after: Segment) -> bool:
    return after.t0_s - one.t1_s >= PAUSE_S


@once
def is_held(clip: Measurements, one: Segment) -> bool:
    """Whether a sound of 0.3 s or more holds one pitch from end to end, as no voice does."""
    import numpy as np

    a, b = round(one.t0_s / clip.hop_s), round(one.t1_s / clip.hop_s)
    if one.t1_s - one.t0_s < HELD_S or "f0_hz" not in clip.tracks:
        return False
    pitch = clip.tracks["f0_hz"][a + 2 : b - 2].astype(np.float64)
    voiced = pitch[np.isfinite(pitch)]
    return len(voiced) >= HELD_SHARE * len(pitch) and bool(
        np.ptp(12 * np.log2(np.percentile(voiced, (10, 90)))) <= HELD_ST
    )
