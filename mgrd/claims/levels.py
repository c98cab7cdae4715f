"""Levels, trends and comparisons: `low`, `rising`, `the second is higher` against the norms of `rules/cues/norms.toml`.

Says how far a clip is from what was claimed, in one frame of reference each; the verdict is for `verify`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mgrd.claims import Claim, music, pauses, rooms
from mgrd.claims.calibration import Corpus, corpus_norm
from mgrd.claims.comparisons import can_compare, compare
from mgrd.claims.pace import pace_hz
from mgrd.claims.parts import HALVES, events, is_later, is_speech, pairs, speech_share, voice_part
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    OF_ONE_SOURCE,
    ORDINALS,
    SCALES,
    THIRDS,
    Finding,
    Reading,
    content_of,
    figure_of,
    said,
    shown,
    sigma_on,
    stretch_of,
    taken_from,
    unit_of,
    value_of,
    why_mixed,
)
from mgrd.claims.vocabulary import norms
from mgrd.claims.voices import with_tract

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

_PHRASE_S = 4.0
"""Speech longer than this is hardly one phrase."""


def levels(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    """One finding for each admissible frame of reference; none where norms.toml has no frame that is admissible."""
    if claim.cue == "voice.sex" and claim.polarity < 0 and claim.asserts in _SEXES:
        # "no woman" is held to the evidence that it takes to say "a man"
        other = _SEXES[1 - _SEXES.index(claim.asserts)]
        claim = replace(claim, asserts=other, polarity=1, claimed=f"no {claim.claimed}")
    known = (claim.cue, claim.asserts) in _levels()
    if claim.kind == "comparison":
        return compare(claim, clip)
    if claim.kind == "level" and (claim.scope in ORDINALS or claim.scope in HALVES):
        return compare(claim, clip) + _of_the_part(claim, clip, admissible)
    if claim.kind == "trend" and claim.cue not in _MEASURED_TRENDS and can_compare(claim):
        courses = ("start_vs_end", "halves")
        return [one for scope in courses for one in compare(replace(claim, scope=scope), clip)]
    if not known:
        return [Finding(None, "no measurement for it")]
    if _is_of_the_voice(claim) and {"male", "female"} <= admissible:
        return [Finding(None, "several voices, which no measurement tells apart")]
    found = [
        _level(one, clip, norm) for one in _of_each_source(claim, clip) for norm in _norms_for(one, clip, admissible)
    ]
    if claim.cue == "voice.sex":
        return found if "child" in admissible else [with_tract(claim, clip, one) for one in found]
    if claim.cue == "pitch.contour" and claim.scope in THIRDS:
        # "starts low and rises": the place may be of the word beside it
        found += [_level(replace(claim, scope="whole"), clip, norm) for norm in _any(claim)]
    if claim.kind == "level" and claim.scope in ("start", "end") and can_compare(claim):
        return _beside_the_rest(found, compare(claim, clip))
    return found


_MEASURED_TRENDS = ("pitch.contour", "loudness.trend")
"""Trends that a figure measures; any other is the difference between one part and a later one."""


def _of_the_part(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    """What speaks for a level of one part by itself: `the first voice is low` need not be lower than the second."""
    beside = claim.cue == "loudness.level"  # how loud a recording is says nothing of how loud its parts are meant to be
    if beside or (claim.cue, claim.asserts) not in _levels() or content_of(clip) != "voice" or not clip.tracks:
        return []
    meant = pairs(claim, clip)
    if isinstance(meant, str):
        return []
    parts = [pair[1] if is_later(claim) else pair[0] for pair in meant]
    spans = [replace(claim, scope="span", t0_s=one.t0_s, t1_s=one.t1_s) for one in parts]
    found = [_level(one, clip, norm) for one in spans for norm in _norms_for(one, clip, admissible)]
    return [one for one in found if one.z is not None and one.z > 0]


def _of_each_source(claim: Claim, clip: Measurements) -> list[Claim]:
    """The claim of each source that it can be about, where speech and other pitched sounds stand apart in time."""
    if claim.cue not in OF_ONE_SOURCE or claim.scope != "whole" or not clip.tracks:
        return [claim]
    others = [one for one in events(clip) if one.f0_hz and one.t1_s - one.t0_s >= 0.1 and not is_speech(clip, one)]
    spoken = voice_part(clip)
    if spoken is None or not (others or content_of(clip) == "mixed"):
        return [claim]
    parts = [spoken]
    if claim.cue.startswith("pitch."):
        parts += [(one.t0_s, one.t1_s) for one in others]
    return [replace(claim, scope="span", t0_s=t0_s, t1_s=t1_s) for t0_s, t1_s in parts]


def _beside_the_rest(absolute: list[Finding], relative: list[Finding]) -> list[Finding]:
    """`quiet at the start` is quiet beside the end, unless it is what is called quiet anyway."""
    decided = [one for one in relative if one.z is not None]
    if not decided or any(one.z is None for one in absolute):
        return absolute
    if max((one.z for one in absolute if one.z is not None), default=0.0) > 0:
        return absolute + decided
    return decided


def of_corpus(claim: Claim, clip: Measurements, corpus: Corpus) -> list[Finding]:
    """What the user's own clips say of a level, where enough of their kind were measured."""
    norm = corpus_norm(claim, clip, corpus)
    return [] if norm is None else [_level(claim, clip, norm)]


def doubts(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[tuple[Finding, float]]:
    """What the frames say that the text does not name but may mean: high, for a man; low, for a woman.

    Each with the z beyond which it keeps from contradiction. A man whom no word names is a guess, so that a voice on
    the other side of his mean, by as much as listeners and authors differ, is not called high for one.
    """
    if claim.kind == "comparison" or claim.scope in ORDINALS or claim.scope in HALVES:
        return []
    voices = _SEXES if claim.kind == "level" and admissible == {"any"} and content_of(clip) != "tones" else ()
    frames = (*voices, "doubt")
    return [
        (_level(claim, clip, norm), CONTRADICTED_Z if norm["frame"] == "doubt" else UNNAMED_Z)
        for norm in _levels().get((claim.cue, claim.asserts), [])
        if norm["frame"] in frames
    ]


_SEXES = ("male", "female")
UNNAMED_Z = -1.0


def _is_of_the_voice(claim: Claim) -> bool:
    return claim.cue in ("pitch.level", "pitch.range", "voice.sex", "rate.level")


@cache
def _levels() -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    table: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for norm in norms()["level"]:
        table.setdefault((norm["cue"], norm["asserts"]), []).append(norm)
    return table


def _norms_for(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Mapping[str, Any]]:
    found = _levels()[claim.cue, claim.asserts]
    tonal = _content(claim, clip) == "tones"
    if claim.cue == "pitch.contour" and not tonal:
        ends = [norm for norm in found if norm["frame"] == "end"]
        if ends and claim.scope == "end":
            return ends
        if claim.scope in ORDINALS or claim.scope in THIRDS:
            return _any(claim)
        return [norm for norm in found if norm["frame"] in ("any", "end")]
    wanted = {"tone"} if tonal and any(norm["frame"] == "tone" for norm in found) else admissible
    return [norm for norm in found if norm["frame"] in wanted]


def _any(claim: Claim) -> list[Mapping[str, Any]]:
    return [norm for norm in _levels()[claim.cue, claim.asserts] if norm["frame"] == "any"]


def _level(claim: Claim, clip: Measurements, norm: Mapping[str, Any]) -> Finding:
    content = _content(claim, clip)
    if content == "mixed" and norm["cue"] in OF_ONE_SOURCE:
        return Finding(None, why_mixed(clip))
    if norm["cue"] == "voice.sex" and content == "tones":
        return Finding(None, "no voice is measured")
    measured = _measured(claim, clip, norm["figure"])
    if isinstance(measured, str):
        return Finding(None, measured)
    if (gate := _gate(clip, norm, content)) is not None:
        return Finding(None, gate)
    value, sigma = measured
    scale = SCALES[norm["scale"]]
    against = norm.get("against")
    error = norm.get("sigma") or sigma_on(norm["scale"], value, sigma)
    reading = Reading(
        scale(value),
        math.hypot(error, norm["edge"]),
        low=scale(norm["at_least"]) if "at_least" in norm else -math.inf,
        high=scale(norm["at_most"]) if "at_most" in norm else math.inf,
        past_low=scale(against) if against is not None and "at_least" in norm else None,
        past_high=scale(against) if against is not None and "at_most" in norm else None,
    )
    z = reading.z(claim.polarity)
    if z < 0 and content != "tones" and "voice" in norm:
        drift = norm["voice"] * math.sqrt(2.0 / max(2.0, value_of(clip, "speech_s", 2.0)))
        z = replace(reading, sigma=max(reading.sigma, drift)).z(claim.polarity)
    figure = taken_from(claim, clip, norm["figure"])
    why = f"{said(claim)}, measured {shown(figure, value)}{_bound(norm)}"
    if z <= CONTRADICTED_Z and norm["figure"] == "tempo_bpm" and music.stroke_bpm(clip) is None:
        felt = [replace(reading, value=scale(bpm)).z(claim.polarity) for bpm in music.tempo_relatives(clip)]
        z = min(max([z, *felt]), 0.0)
    if z <= CONTRADICTED_Z and norm["cue"] == "pitch.contour" and claim.scope == "whole" and _has_phrases(clip):
        return Finding(None, f"{why}: several phrases, and the text does not say which")
    if z <= CONTRADICTED_Z and (relative := _relative_to(claim, clip)) is not None:
        return Finding(None, f"{why}: {relative}")
    return Finding(z, why, value, unit_of(figure))


def _measured(claim: Claim, clip: Measurements, name: str) -> tuple[float, float] | str:
    """A figure where the claim holds: a pace with its second opinion; for want of a long pause the longest silence."""
    found = figure_of(claim, clip, name)
    if name == "syllable_rate_hz" and (claim.scope == "whole" or not isinstance(found, str)):
        return pace_hz(clip, *stretch_of(claim, clip))
    if name == "reverb_s" and claim.scope == "whole":
        return rooms.reverb_s(found, clip)
    if name == "tempo_bpm" and not isinstance(found, str) and claim.scope == "whole":
        strokes_bpm = music.stroke_bpm(clip)
        return found if strokes_bpm is None else (strokes_bpm, 0.01 * strokes_bpm)
    if name == "longest_pause_s" and isinstance(found, str) and claim.asserts == "long":
        return pauses.length(claim, clip)
    return found


def _gate(clip: Measurements, norm: Mapping[str, Any], content: str) -> str | None:
    """Why a figure says nothing of this clip, though it was measured."""
    apart_db = value_of(clip, "snr_db", 99.0)
    if norm["cue"] == "tempo.level":
        return music.spoken_over(clip)
    if norm["cue"] == "timbre.brightness":
        if content == "tones" or value_of(clip, "speech_s", 99.0) < 0.5:
            return "no voice is measured, and of other sounds nothing says how bright they should be"
        if clip.sr < _WIDE_SR:
            return f"narrow band: sampled at {clip.sr} Hz, {_WIDE_SR} are needed"
        if apart_db < _CLEAR_DB:
            return f"noise {apart_db:.0f} dB under the voice brightens the sound"
    if norm["cue"] == "noise.level" and apart_db > _CLEAR_DB and value_of(clip, "flatness", 0.0) > _NOISE_LIKE:
        return "what sounds is like noise itself"
    return None


_WIDE_SR, _CLEAR_DB = 16000, 20.0
_NOISE_LIKE = 0.02
"""Flatness of speech is under 0.005, with noise 20 dB below it 0.02."""


def _content(claim: Claim, clip: Measurements) -> str:
    """What sounds where the claim holds: `voice`, `tones` or `mixed`."""
    if claim.scope != "span" or claim.t0_s is None or claim.t1_s is None or not clip.segments:
        return content_of(clip)
    share = speech_share(clip, claim.t0_s, claim.t1_s)
    return "voice" if share > 0.5 else "tones" if share < 0.1 else content_of(clip)


def _relative_to(claim: Claim, clip: Measurements) -> str | None:
    """What else a level or trend of tones may mean than one of the clip as a whole."""
    sounds = sum(one.kind == "event" for one in clip.segments)
    if (claim.cue, claim.asserts, claim.scope) == ("pitch.contour", "steady", "whole") and sounds > 1:
        return f"{sounds} sounds, each of which may be steady"
    low_hz, high_hz = value_of(clip, "f0_p10_hz"), value_of(clip, "f0_p90_hz")
    moves_st = 12 * math.log2(high_hz / low_hz) if low_hz and high_hz else 0.0
    returns = moves_st > _GLIDES_ST > abs(value_of(clip, "f0_change_st", 0.0))
    if claim.cue == "pitch.contour" and claim.asserts != "steady" and content_of(clip) == "tones" and returns:
        return f"the pitch moves from {low_hz:.0f} to {high_hz:.0f} Hz in between"
    if claim.cue == "pitch.level" and content_of(clip) == "tones" and moves_st > _MOVES_ST:
        return f"the pitch moves from {low_hz:.0f} to {high_hz:.0f} Hz, and may be so beside the rest"
    steady = claim.cue == "loudness.trend" and claim.asserts != "steady" and content_of(clip) == "tones"
    if steady and abs(value_of(clip, "loudness_trend_db", 0.0)) < _SWELLS_DB:
        if sounds > 1:
            return f"{sounds} sounds, each of which may change"
        moves_db = value_of(clip, "loudness_range_db")
        if moves_db is None or moves_db > _SWELLS_DB:
            return "the level may move in between"
    return None


_SWELLS_DB = 2.0
"""A tone whose level moves less over its length is held as it is."""
_GLIDES_ST = 1.0
"""Tones that move less hold their pitch."""
_MOVES_ST = 3.0
"""Tones that lie further apart, or glide further, are called high and low beside one another."""


def _has_phrases(clip: Measurements) -> bool:
    """Speech in several phrases, each with an intonation of its own."""
    speech_s = value_of(clip, "speech_s", 0.0)
    return content_of(clip) == "voice" and (value_of(clip, "pause_count", 0.0) >= 1 or speech_s > _PHRASE_S)


def _bound(norm: Mapping[str, Any]) -> str:
    """The norm in words, so that a reason can be checked by hand."""
    if "in_words" in norm:
        return f" ({norm['in_words']})"
    at_least, at_most = norm.get("at_least"), norm.get("at_most")
    word = norm["asserts"] + (f" of a {norm['frame']} voice" if norm["frame"] in ("male", "female") else "")
    if at_least is not None and at_most is not None:
        return f" ({word}: {at_least:g} to {at_most:g})"
    return f" ({word}: at most {at_most:g})" if at_least is None else f" ({word}: at least {at_least:g})"
