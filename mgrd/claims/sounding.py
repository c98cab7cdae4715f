"""What sounds in a clip, how many times, when and in which order, as far as that can be told without recognising it.

Speech is known by voice activity, a tone by its pitch in a sound of its own, noise by its flat spectrum, silence by the
level. Whether a sound is a dog or a door nothing here knows, so of most sources there is nothing to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from mgrd.audio.figures import Segment
from mgrd.claims import Claim
from mgrd.claims.describe import SILENT
from mgrd.claims.memo import once
from mgrd.claims.parts import HELD_ST, events, is_held, is_speech, speech_share
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    SUPPORTED_Z,
    Finding,
    content_of,
    limited,
    said,
    value_of,
)
from mgrd.claims.vocabulary import norms

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

CLEAR_Z = CONTRADICTED_Z - 1.0
"""Of a contradiction that is no matter of degree."""
HEARD_Z = SUPPORTED_Z + 0.5

SPOKEN_S = 0.5
"""Speech of this length, by voice activity, is speech."""
QUIET_DB = 35.0
"""Background so far under the speech hides no music, noise or tone."""
TONE_S, WORD_GAP_S = 0.08, 0.3
TONE_FRAMES = 0.5
"""The share of a sound's frames that repeat as those of a tone do, from which on it may be one."""
LONE_SHARE, BEEP_S, HELD_DB = 0.3, 0.6, 1.0
"""A lone partial has its centre and its bandwidth within this share of its pitch; noise 35 dB down hides that. A beep
is besides known by being short, and by holding its pitch and its level as no hand and no breath does."""
TONAL, NOISE_LIKE = 0.01, 0.1
"""Flatness below which a pitched sound is a tone, and above which a sound without a pitch is noise (white: 0.56)."""
SLACK_S, SLACK_SHARE = 0.5, 0.1
"""How far a time may lie from what it is the time of: half a second, or a tenth of the clip."""
ONE_WORD_S = 0.8
"""A stretch of speech no longer than this between pauses is a word, seldom two."""
NUCLEI_PER_WORD = 1.5
"""Peaks that a syllable count may see in one syllable, generously."""


def presence(claim: Claim, clip: Measurements) -> Finding:
    """Whether speech, a tone, noise, music or silence is there, where that is beyond doubt."""
    kind = _kind(claim)
    if kind is None or claim.scope != "whole":
        return Finding(None, "no measurement for it")
    speech_s = value_of(clip, "speech_s")
    if speech_s is None:
        return Finding(None, "no measurement for it")
    heard = {"speech": _speech, "tone": _tone, "noise": _noise, "music": _music}
    there, why = heard[kind](clip) if kind in heard else _silence(claim, clip)
    why = f"{said(claim)}, measured {why}"
    if there is None:
        return Finding(None, f"not clear enough: {why}")
    return Finding(HEARD_Z if there == (claim.polarity > 0) else CLEAR_Z, why)


def order(claim: Claim, clip: Measurements) -> Finding:
    """Whether what is said to come first does: `a beep, then speech`; of kinds that the clip has in one order only."""
    wanted = _order(claim)
    if wanted is None:
        return Finding(None, "no measurement for it")
    first, second = (sounds_of(clip, each) for each in wanted)
    if not first or not second:
        return Finding(None, f"no {wanted[0] if not first else wanted[1]} that stands by itself is found")
    why = f"{said(claim)}, measured {wanted[0]} at {first[0].t0_s:.1f} s and {wanted[1]} at {second[0].t0_s:.1f} s"
    if first[-1].t1_s <= second[0].t0_s:
        right = True
    elif second[-1].t1_s <= first[0].t0_s:
        right = False
    else:
        return Finding(None, f"{why}, by turns")
    if right != (claim.polarity > 0) and _unknown(clip, *wanted):
        return Finding(None, f"{why}, and other sounds that may be meant")
    return Finding(HEARD_Z if right == (claim.polarity > 0) else CLEAR_Z, why)


def position(claim: Claim, clip: Measurements) -> Finding:
    """Whether something begins or ends about when a text says so; a bare time can only lie outside the clip."""
    at_s = claim.t1_s if claim.t1_s is not None else claim.claimed_value
    if at_s is None:
        return Finding(None, "no measurement for it")
    if claim.polarity < 0 or claim.asserts == "at_most":
        return Finding(None, f"not placed at {at_s:g} s, but before it or elsewhere")
    slack_s = max(SLACK_S, SLACK_SHARE * clip.duration_s)
    late_s = at_s - clip.duration_s
    why = f"{said(claim)}, the clip lasts {clip.duration_s:.2f} s"
    if late_s > max(SLACK_S, 0.05 * clip.duration_s):
        return Finding(limited(-2.0 * late_s / max(SLACK_S, 0.05 * clip.duration_s)), why, clip.duration_s)
    kind = _kind_named(claim)
    if kind is not None and (found := sounds_of(clip, kind)):
        return _unless_another(_placed_at, claim, clip, found, kind, at_s, slack_s)
    if claim.asserts not in ("onset", "offset"):
        return Finding(None, f"within the clip of {clip.duration_s:.2f} s; what sounds there is not measured")
    found = events(clip)
    if not found:
        return Finding(None, "no separate sounds found")
    spoken = [one for one in clip.segments if one.kind == "speech"]
    edges = [one.t0_s if claim.asserts == "onset" else one.t1_s for one in [*found, *spoken]]
    nearest_s = min(edges, key=lambda edge_s: abs(edge_s - at_s))
    why = f"{said(claim)}, measured the nearest {claim.asserts} at {nearest_s:.2f} s"
    off_s = abs(nearest_s - at_s)
    if off_s <= slack_s:
        return Finding(HEARD_Z, why, nearest_s)
    silent = not any(one.t0_s < at_s + slack_s and one.t1_s > at_s - slack_s for one in found)
    if silent or content_of(clip) == "tones":
        return Finding(limited(-2.0 * off_s / slack_s), why, nearest_s)
    return Finding(None, f"{why}, within a sound that goes on")


def _unknown(clip: Measurements, *kinds: str) -> list[Segment]:
    """The separate sounds of which nothing tells the kind, and notes, which may be called tones, beside a tone."""
    either = (None, "note") if "tone" in kinds else (None,)
    meant = [] if any(kind_of(clip, one) == "tone" for one in events(clip)) else sounds_of(clip, "tone")
    return [one for one in events(clip) if kind_of(clip, one) in either and one not in meant]


def _unless_another(
    find: Callable[..., Finding], claim: Claim, clip: Measurements, found: list[Segment], kind: str, *more: float
) -> Finding:
    """A finding about the sounds of a kind; no contradiction where one of an unknown kind may be what is meant."""
    finding = find(claim, found, kind, *more)
    others = _unknown(clip, kind)
    if finding.z is None or finding.z > CONTRADICTED_Z or not others:
        return finding
    all_of_them = sorted([*found, *others], key=lambda one: one.t0_s)
    readings = [find(claim, meant, kind, *more).z for meant in (all_of_them, *([one] for one in others))]
    if all(z is not None and z <= CONTRADICTED_Z for z in readings):
        return finding
    return Finding(None, f"{finding.why}, and other sounds that may be meant")


def _placed_at(claim: Claim, found: list[Segment], kind: str, at_s: float, slack_s: float) -> Finding:
    """Whether a sound of a kind begins, ends or is heard at a time."""
    edge = claim.asserts
    if edge in ("onset", "offset"):
        edges = [one.t0_s if edge == "onset" else one.t1_s for one in found]
        off_s = min(abs(one - at_s) for one in edges)
    else:
        off_s = min(max(one.t0_s - at_s, at_s - one.t1_s, 0.0) for one in found)
    why = f"{said(claim)}, measured {kind} {_shown(found)}"
    if edge not in ("onset", "offset", "heard"):
        # a bare time is of the sound, and of which moment of it nobody says
        return Finding(limited(-2.0 * off_s / slack_s) if off_s > slack_s else None, why, found[0].t0_s)
    return Finding(HEARD_Z if off_s <= slack_s else limited(-2.0 * off_s / slack_s), why, found[0].t0_s)


def _shown(found: list[Segment]) -> str:
    spans = [f"{one.t0_s:.1f}-{one.t1_s:.1f} s" for one in found[:3]]
    return "at " + ", ".join(spans) + (" ..." if len(found) > 3 else "")


REGIONS = {"first_half": (0.0, 0.5), "second_half": (0.5, 1.0), "start": (0.0, 0.4), "end": (0.6, 1.0)}
"""Parts of a clip in which something is said to be heard, as shares of its length."""
MOSTLY_IN, HARDLY_IN, OFF_SHARE = 0.6, 0.15, 0.1
"""Of the time that a sound lasts, the share in a region that puts it there; the share that does not, if its middle
also lies this share of the clip's length outside."""


def placed(claim: Claim, clip: Measurements) -> Finding:
    """Whether a sound of a kind lies in the half or near the end of the clip where a text puts it."""
    kind = _kind_named(claim)
    if kind is None or claim.asserts not in REGIONS:
        return Finding(None, "no measurement for it")
    found = sounds_of(clip, kind)
    if not found:
        return Finding(None, f"no {kind} that stands by itself is found")
    return _unless_another(_in_region, claim, clip, found, kind, clip.duration_s)


def _in_region(claim: Claim, found: list[Segment], kind: str, duration_s: float) -> Finding:
    low_s, high_s = (share * duration_s for share in REGIONS[claim.asserts])
    inside_s = sum(max(0.0, min(one.t1_s, high_s) - max(one.t0_s, low_s)) for one in found)
    share = inside_s / sum(one.t1_s - one.t0_s for one in found)
    why = f"{said(claim)}, measured {kind} {_shown(found)} of {duration_s:.1f} s"
    off_s = OFF_SHARE * duration_s
    middles = [(one.t0_s + one.t1_s) / 2 for one in found]
    outside = share <= HARDLY_IN and all(one > high_s + off_s or one < low_s - off_s for one in middles)
    if not outside and share < MOSTLY_IN:
        return Finding(None, f"not clear enough: {why}")
    return Finding(HEARD_Z if outside != (claim.polarity > 0) else CLEAR_Z, why, found[0].t0_s, "s")


def extent(claim: Claim, clip: Measurements) -> Finding | None:
    """A length of a part that the text does not place: held against every part that the clip has; None if one fits."""
    claimed = claim.claimed_value
    if claimed is None or claim.asserts != "value" or claim.polarity < 0:
        return None
    kind = _kind_named(claim)
    if kind is not None and (found := sounds_of(clip, kind)):
        return _unless_another(_lasting, claim, clip, found, kind, claimed)
    over_s = claimed - clip.duration_s
    slack_s = max(SLACK_S, SLACK_SHARE * clip.duration_s)
    why = f"{said(claim)}, the clip lasts {clip.duration_s:.2f} s"
    if over_s > slack_s:
        return Finding(limited(-2.0 * over_s / slack_s), why, clip.duration_s)
    found = events(clip)
    if content_of(clip) != "tones" or not 1 <= len(found) <= 6:
        return None
    edges = sorted({0.0, clip.duration_s, *(edge for one in found for edge in (one.t0_s, one.t1_s))})
    lengths = [b - a for i, a in enumerate(edges) for b in edges[i + 1 :]]
    nearest_s = min(lengths, key=lambda length: abs(length - claimed))
    off_s = abs(nearest_s - claimed)
    tolerance_s = max(0.25, 0.2 * claimed)
    why = f"{said(claim)}, measured no part nearer than {nearest_s:.2f} s"
    return Finding(limited(-off_s / (0.5 * tolerance_s)), why, nearest_s) if off_s > tolerance_s else None


def _lasting(claim: Claim, found: list[Segment], kind: str, claimed_s: float) -> Finding:
    """Whether a sound of a kind lasts so long: any one of them, or all of them together."""
    lengths = [
        *(one.t1_s - one.t0_s for one in found),
        sum(one.t1_s - one.t0_s for one in found),
        found[-1].t1_s - found[0].t0_s,
    ]
    nearest_s = min(lengths, key=lambda length_s: abs(length_s - claimed_s))
    off_s, tolerance_s = abs(nearest_s - claimed_s), max(0.3, LENGTH_SHARE * claimed_s)
    why = f"{said(claim)}, measured {kind} of {nearest_s:.2f} s"
    return Finding(HEARD_Z if off_s <= tolerance_s else limited(-off_s / (0.5 * tolerance_s)), why, nearest_s)


LENGTH_SHARE = 0.3
"""How far a length that is heard may lie from the measured one: listeners misjudge seconds by a tenth to a fifth."""

TONES = ("tone", "low tone", "high tone")
_BESIDE_ST = 2.0
"""Semitones between tones from which on one is low beside the other."""


@once
def sounds_of(clip: Measurements, kind: str) -> list[Segment]:
    """The sounds of a kind that stand by themselves; a low or a high tone beside the others, where there are others."""
    if kind not in TONES:
        return [one for one in events(clip) if kind_of(clip, one) == kind]
    found = tones_of(clip)
    if kind == "tone":
        # where nothing is plainly a tone, what a text calls one is what has a pitch
        return [one for one in found if kind_of(clip, one) == "tone"] or found
    pitches = [one.f0_hz for one in found if one.f0_hz]
    if not pitches or _unknown(clip):
        return []
    low, high = math.log2(min(pitches)), math.log2(max(pitches))
    if 12 * (high - low) < _BESIDE_ST:
        return []
    middle = (low + high) / 2
    return [one for one in found if one.f0_hz and (math.log2(one.f0_hz) < middle) == (kind == "low tone")]


def _kind_named(claim: Claim) -> str | None:
    """The kind of sound that a time or a length is of, as extraction names it first: `tone at 3 s`."""
    return next((kind for kind in (*TONES, "speech", "noise") if claim.claimed.startswith(f"{kind} ")), None)


@once
def tones_of(clip: Measurements) -> list[Segment]:
    """The tones and notes that stand by themselves in a clip of speech and tones, whose pitch is theirs alone."""
    return [one for one in events(clip) if kind_of(clip, one) in ("tone", "note")]


@once
def are_alike(clip: Measurements) -> bool:
    """Whether a clip holds only short sounds of one sort with silence between them, so that a count is of them."""
    found = events(clip)
    if len(found) < 2 or value_of(clip, "speech_s", 0.0) > 0 or value_of(clip, "snr_db", 0.0) < QUIET_DB:
        return False
    lengths, levels = [one.t1_s - one.t0_s for one in found], [one.level_db for one in found]
    if max(lengths) > SHORT_S or max(lengths) > ALIKE * min(lengths) or max(levels) - min(levels) > ALIKE_DB:
        return False
    if "flatness" not in clip.tracks:
        return False
    flatness = [clip.figure("flatness", one.t0_s, one.t1_s).value for one in found]
    known = [one for one in flatness if one]
    return len(known) == len(found) and max(known) <= max(ALIKE * min(known), TONAL)


SHORT_S, ALIKE_DB, ALIKE = 0.6, 6.0, 3.0
"""A longest stroke with its ringing, and how far the strokes of one player differ in level and otherwise."""


def words(claim: Claim, clip: Measurements) -> Finding:
    """A count of spoken words: no fewer than the utterances that pauses part, no more than there are syllables."""
    if claim.claimed_value is None or content_of(clip) != "voice":
        return Finding(None, "such sounds are not told apart by any measurement")
    spoken = [one for one in events(clip) if is_speech(clip, one)]
    gaps = [after.t0_s - one.t1_s for one, after in pairwise(spoken)]
    least = 1 + sum(gap >= WORD_GAP_S for gap in gaps) if spoken else 0
    most = NUCLEI_PER_WORD * max(value_of(clip, "syllable_count", 0.0), least) + 1
    low = claim.claimed_value if claim.asserts != "at_most" else 0.0
    high = claim.claimed_value if claim.asserts != "at_least" else float("inf")
    why = (
        f"{said(claim)}, measured {least} stretches of speech and {value_of(clip, 'syllable_count', 0.0):.0f} syllables"
    )
    longest_s = max((one.t1_s - one.t0_s for one in spoken), default=0.0)
    apart = len(gaps) > 0 and min(gaps) >= WORD_GAP_S and longest_s < 1.0
    if apart and longest_s < ONE_WORD_S:
        most = min(most, 1.5 * least + 1)
    beyond = max(low - most, least - high)
    if claim.polarity < 0 or not spoken:
        return Finding(None, f"not clear enough: {why}")
    if beyond > 0:
        return Finding(limited(CONTRADICTED_Z - beyond), why, float(least))
    return Finding(HEARD_Z if apart and low <= least <= high else 0.0, why, float(least))


@once
def kind_of(clip: Measurements, one: Segment) -> str | None:
    """`speech`, `tone`, `noise` or `note` where a separate sound is clearly that, else None.

    A tone is what anybody calls a beep or a tone; a note is pitched, and may be one of an instrument.
    """
    share = speech_share(clip, one.t0_s, one.t1_s)
    if share > 0.5:
        return "speech"
    spoken = share > 0.1 and not is_held(clip, one)  # voice activity flickers at the onset of tones
    if spoken or "flatness" not in clip.tracks or one.t1_s - one.t0_s < TONE_S:
        return None
    flatness = clip.figure("flatness", one.t0_s, one.t1_s).value
    if flatness is None:
        return None
    if one.f0_hz is not None:
        return None if flatness >= TONAL else "tone" if _is_beep(clip, one) else "note"
    return "noise" if flatness > NOISE_LIKE else None


def _is_beep(clip: Measurements, one: Segment) -> bool:
    """Whether a pitched sound is a single partial, or short and held as evenly as only a machine holds it."""
    import numpy as np

    if one.f0_hz is None or not clip.tracks.keys() >= set(_BEEP_TRACKS):
        return False
    a, b = round(one.t0_s / clip.hop_s), round(one.t1_s / clip.hop_s)
    of = {name: clip.tracks[name][a:b].astype(np.float64) for name in _BEEP_TRACKS}
    if np.mean(of["tone"] > 0) <= TONE_FRAMES:
        return False
    pitch = of["f0_hz"]
    share = np.hypot(of["bandwidth_hz"], of["centroid_hz"] - pitch) / pitch
    if np.nanmedian(share) < LONE_SHARE:
        return True
    inner = slice(2, -2) if b - a > 6 else slice(None)  # attack and release
    held_st = 12 * np.log2(pitch[inner][np.isfinite(pitch[inner])])
    return bool(
        one.t1_s - one.t0_s <= BEEP_S
        and len(held_st)
        and np.ptp(np.percentile(held_st, (10, 90))) <= HELD_ST
        and np.ptp(np.percentile(of["level_db"][inner], (10, 90))) <= HELD_DB
    )


_BEEP_TRACKS = ("tone", "f0_hz", "level_db", "centroid_hz", "bandwidth_hz")


def _kind(claim: Claim) -> str | None:
    """The kind that a claim of presence is about: its value, or the words that it names."""
    kinds = [norm["kind"] for norm in norms()["source"]]
    if claim.asserts in kinds:
        return claim.asserts
    named = _named(claim.claimed)
    return named[0][1] if len(named) == 1 and named[0][2] == claim.claimed.strip().lower() else None


def _order(claim: Claim) -> tuple[str, str] | None:
    """The kinds that a claim of order names, what comes first first: `tone then speech`."""
    first, then, second = claim.asserts.partition(" then ")
    kinds = {"speech", "noise", *TONES}
    return (first, second) if then and first != second and {first, second} <= kinds else None


def _named(text: str) -> list[tuple[int, str, str]]:
    return sorted((one.start(), kind, one[0].lower()) for kind, words in _sources() for one in words.finditer(text))


@cache
def _sources() -> list[tuple[str, re.Pattern[str]]]:
    table = []
    for norm in norms()["source"]:
        latin = [re.escape(word) for word in norm["words"] if word.isascii()]
        other = [re.escape(word) for word in norm["words"] if not word.isascii()]
        table.append((norm["kind"], re.compile("|".join([rf"\b(?:{'|'.join(latin)})\b", *other]), re.IGNORECASE)))
    return table


def _speech(clip: Measurements) -> tuple[bool | None, str]:
    speech_s = value_of(clip, "speech_s", 0.0)
    if speech_s >= SPOKEN_S:
        return True, f"{speech_s:.1f} s of speech"
    heard = any(kind_of(clip, one) is None for one in events(clip))
    return (None if speech_s > 0 or heard else False), f"{speech_s:.1f} s of speech"


def _tone(clip: Measurements) -> tuple[bool | None, str]:
    found = [one for one in events(clip) if kind_of(clip, one) == "tone"]
    if found:
        return True, f"a tone at {found[0].t0_s:.1f} s"
    kinds = {kind_of(clip, one) for one in events(clip)}
    return (False if kinds <= {"speech", "noise"} and _alone(clip) else None), "no tone that stands by itself"


def _noise(clip: Measurements) -> tuple[bool | None, str]:
    found = [one for one in events(clip) if kind_of(clip, one) == "noise"]
    if found:
        return True, f"a flat spectrum at {found[0].t0_s:.1f} s"
    snr_db = value_of(clip, "snr_db", 0.0)
    none = _alone(clip) and value_of(clip, "flatness", 1.0) < TONAL
    return (False if none else None), f"a background {snr_db:.0f} dB under the sound"


def _music(clip: Measurements) -> tuple[bool | None, str]:
    only = bool(events(clip)) and all(is_speech(clip, one) for one in events(clip))
    speech_s = value_of(clip, "speech_s", 0.0)
    return (False if only and _alone(clip) else None), f"{speech_s:.1f} s of speech and nothing beside it"


def _silence(claim: Claim, clip: Measurements) -> tuple[bool | None, str]:
    """Whether there is a silence; `silent` is the clip as a whole, and only of such a clip is a denial wrong."""
    if clip.figures.get("level_dbfs") is not None and value_of(clip, "level_dbfs") is None:
        return True, "no sound"
    found = events(clip)
    if not found:
        return None, "no separate sounds"
    breaks = [after.t0_s - one.t1_s for one, after in pairwise(found)]
    longest_s = max([found[0].t0_s, clip.duration_s - found[-1].t1_s, *breaks])
    if longest_s >= SPOKEN_S and claim.claimed == SILENT:
        return (False if claim.polarity < 0 else None), f"sound and {longest_s:.1f} s of silence"
    if longest_s >= SPOKEN_S:
        return (True if claim.polarity > 0 else None), f"{longest_s:.1f} s of silence"
    return (False if longest_s < 0.3 else None), f"sound without a silence over {longest_s:.2f} s"


def _alone(clip: Measurements) -> bool:
    """Whether nothing can sound under what is heard: the gaps are silent, and there is no echo that fills them."""
    wet = value_of(clip, "reverb_s", 0.0) > 0.8
    return bool(value_of(clip, "snr_db", 0.0) >= QUIET_DB and content_of(clip) in ("voice", "tones") and not wet)
