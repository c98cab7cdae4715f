"""Figures and counts that a text states against those of the clip, and the claims that have rules of their own.

Says how far a clip is from what was claimed, or why that cannot be said; the verdict is for `verify`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mgrd.audio.tones import YIN_HZ
from mgrd.claims import Claim, music, pauses, sounding
from mgrd.claims.comparisons import HEARD_SNR_DB
from mgrd.claims.parts import is_held, voice_part
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    OF_ONE_SOURCE,
    ORDINALS,
    SCALES,
    SPEECHLESS_SHARE,
    THIRDS,
    Finding,
    Reading,
    apart_shown,
    content_of,
    event_of,
    figure_of,
    said,
    shown,
    sigma_on,
    taken_from,
    unit_of,
    value_of,
    why_mixed,
)
from mgrd.claims.vocabulary import norms

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

_SATURATED_HZ = 7.0
"""Above about 7 syllables/s the count of envelope peaks falls behind the true rate."""

_OCTAVE = 12.0
"""Semitones that trackers and ears may be wrong by; who is two octaves off has not heard the pitch."""

_EXTREMES = ("highest", "lowest", "reached")
_EXTREME_ST = 5.0
"""Semitones between the 90th percentile of a pitch and its peak that nobody need wonder at."""

_SYLLABLES_PER_WORD = 1.4
"""English running text, about (conversation 1.3, prose 1.5)."""


def numbers(claim: Claim, clip: Measurements) -> Finding:
    """How far a stated figure or count is from the measured one."""
    norm = next((one for one in norms()["value"] if one["cue"] == claim.cue), None)
    if norm is None or claim.claimed_value is None:
        return Finding(None, "no measurement for it")
    if claim.cue == "event.count" and claim.unit == "words":
        return sounding.words(claim, clip)
    refused = _refused(claim, clip)
    if refused is not None:
        found = sounding.extent(claim, clip) if claim.cue == "time.duration" else None
        return found or Finding(None, refused)
    claimed = claim.claimed_value
    if claim.unit == "wpm":
        claimed *= _SYLLABLES_PER_WORD / 60
    measured = _value_figure(claim, clip, norm)
    if isinstance(measured, str):
        return Finding(None, measured)
    if claim.cue == "tempo.value" and (spoken := music.spoken_over(clip)) is not None:
        return Finding(None, spoken)
    value, sigma = measured
    if norm["scale"] != "linear" and claimed <= 0:
        return Finding(None, f"{claimed:g} is no value for it")
    heard = value
    if claim.cue == "noise.level":
        if min(claimed, value) > HEARD_SNR_DB:
            why = f"{said(claim)}, measured {shown(norm['figure'], value)}"
            return Finding(None, f"{why}: both beyond {HEARD_SNR_DB:g} dB, up to which it is told surely")
        claimed, heard = min(claimed, HEARD_SNR_DB), min(value, HEARD_SNR_DB)
    scale = SCALES[norm["scale"]]
    tolerance = max(norm["tolerance"], norm.get("tolerance_share", 0.0) * abs(claimed))
    if claim.unit == "wpm" or (norm["cue"] == "pitch.value" and claim.scope in ("start", "end")):
        tolerance *= 2  # syllables per word vary; a glide has no single first or last pitch
    low, high = scale(claimed) - tolerance, scale(claimed) + tolerance
    if claim.asserts in ("at_least", "at_most"):
        low, high = (low, math.inf) if claim.asserts == "at_least" else (-math.inf, high)
    error = norm.get("sigma") or sigma_on(norm["scale"], value, sigma)
    past_low, past_high = _beyond(claim, low, high)
    reading = Reading(scale(heard), math.hypot(error, norm["edge"]), low, high, past_low, past_high)
    z = reading.z(claim.polarity)
    apart = scale(value) - scale(claimed)
    figure = taken_from(claim, clip, "level_dbfs" if claim.unit == "dBFS" else norm["figure"])
    why = f"{said(claim)}, measured {shown(figure, value)}" + apart_shown(norm["scale"], apart)
    if z <= CONTRADICTED_Z and claim.asserts == "value":
        related = _related(claim, apart, norm["scale"])
        if related is not None:
            return Finding(None, f"{why}: {related}")
        if claim.cue == "rate.value" and claimed > value > 0.5 * _SATURATED_HZ:
            return Finding(None, f"{why}: the count falls behind in fast speech and saturates at {_SATURATED_HZ:g}")
    if claim.unit == "wpm":
        return Finding(z, why, value * 60 / _SYLLABLES_PER_WORD, "wpm")
    return Finding(z, why, value, unit_of(figure))


def _beyond(claim: Claim, low: float, high: float) -> tuple[float | None, float | None]:
    """Where contradiction starts for an extreme: how far a peak lies above the 90th percentile of the pitch varies."""
    if claim.asserts == "highest":
        return low - _EXTREME_ST, high
    if claim.asserts == "lowest":
        return low, high + _EXTREME_ST
    return (low - _EXTREME_ST, high + _EXTREME_ST) if claim.asserts == "reached" else (None, None)


def _refused(claim: Claim, clip: Measurements) -> str | None:
    """Why a figure cannot be put to the clip at all."""
    if claim.cue in OF_ONE_SOURCE and content_of(clip) == "mixed" and not _stands_apart(claim, clip):
        return why_mixed(clip)
    if claim.cue == "pitch.value" and (claim.claimed_value or 0) > (top_hz := _top_hz(clip)):
        return f"no pitch is measured above {top_hz:g} Hz"
    if claim.cue == "noise.level" and (claim.claimed_value or 0.0) < 0:
        return "a level of the noise floor depends on the gain of the file"
    if claim.cue == "event.count":
        if claim.unit == "part":
            return "it counts a part of what sounds, or is a count in proportion"
        if claim.unit != "events" and not sounding.are_alike(clip):
            return "such sounds are not told apart by any measurement"
        spoken = value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s
        if spoken and not sounding.tones_of(clip):
            return "speech, whose sounds are not counted"
    if claim.cue == "loudness.level" and claim.unit == "dB" and (claim.claimed_value or 0) >= 0:
        return "decibels against an unknown reference"
    if claim.cue == "time.duration" and claim.scope == "span":
        return "the length of a part that nothing in the text places"
    return None


_VOICE_TOP_HZ = 2100.0
"""The highest pitch of a voice that the tracker reads (swift-f0, run from 60 to 2093.8 Hz)."""


def _top_hz(clip: Measurements) -> float:
    """The highest pitch that is measured of such a clip: tones are followed further up than voices."""
    return YIN_HZ[1] if content_of(clip) == "tones" or sounding.tones_of(clip) else _VOICE_TOP_HZ


def _value_figure(claim: Claim, clip: Measurements, norm: Mapping[str, Any]) -> tuple[float, float] | str:
    if claim.cue == "pitch.value":
        return _pitch(claim, clip)
    if claim.cue == "event.count" and value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s:
        return _count_beside_speech(claim, clip)
    if claim.cue == "loudness.level":
        name = "level_dbfs" if claim.unit == "dBFS" else "loudness_lufs"
        return figure_of(claim, clip, name)
    if claim.cue == "pause.duration":
        return pauses.length(claim, clip)
    return figure_of(claim, clip, norm["figure"])


def _count_beside_speech(claim: Claim, clip: Measurements) -> tuple[float, float] | str:
    """The tones of a clip of speech and tones, or all that sounds apart: whichever is nearer to the count."""
    found = figure_of(claim, clip, "event_count")
    if isinstance(found, str):
        return found
    tones, claimed = float(len(sounding.tones_of(clip))), claim.claimed_value or 0.0
    low, high = sorted((tones, found[0]))
    return min(max(claimed, low), high), found[1]


def _stands_apart(claim: Claim, clip: Measurements) -> bool:
    return claim.cue == "pitch.value" and claim.scope == "whole" and len(_pitches(clip)) > 1


def _pitches(clip: Measurements) -> list[float]:
    """The pitch of the voice and of each tone beside it, where they stand apart; else nothing."""
    others = [one.f0_hz for one in sounding.tones_of(clip) if one.f0_hz]
    spoken = voice_part(clip)
    voice = clip.figure("f0_median_hz", *spoken).value if others and spoken is not None else None
    return [voice, *others] if voice else []


def _pitch(claim: Claim, clip: Measurements) -> tuple[float, float] | str:
    """The pitch that a claim is about: of the clip, of one of its sounds, or of its first or last voiced frames."""
    if claim.scope in ORDINALS:
        one = event_of(claim, clip)
        if isinstance(one, str):
            return one
        return "that sound has no pitch" if one.f0_hz is None else (one.f0_hz, 0.02 * one.f0_hz)
    if claim.scope == "span" and claim.t0_s is None and len(clip.segments) == 1 and is_held(clip, clip.segments[0]):
        claim = replace(claim, scope="whole")  # the only sound of a clip is the one that is meant
    if claim.asserts in _EXTREMES and claim.scope == "whole":
        return _extreme(claim, clip)
    if claim.scope in THIRDS:
        track = clip.tracks.get("f0_hz")
        voiced = [float(value) for value in track if math.isfinite(value)] if track is not None else []
        if len(voiced) < 8:
            return "too short: fewer than 8 voiced frames"
        edge = max(3, len(voiced) // 12)
        half = len(voiced) // 2
        near = {"start": voiced[:edge], "end": voiced[-edge:], "middle": voiced[half - 1 : half + 2]}[claim.scope]
        median = sorted(near)[len(near) // 2]
        return median, 0.03 * median
    if claim.claimed_value and claim.scope == "whole" and (apart := _pitches(clip)):
        wanted = math.log(max(claim.claimed_value, 1.0))
        nearest = min(apart, key=lambda f0_hz: abs(math.log(f0_hz) - wanted))
        return nearest, 0.03 * nearest
    whole = figure_of(claim, clip, "f0_median_hz")
    if isinstance(whole, str) or claim.claimed_value is None or content_of(clip) != "tones":
        return whole
    # of several tones or a glide, any of their pitches may be meant
    pitches = [one.f0_hz for one in clip.segments if one.kind == "event" and one.f0_hz]
    low, high = value_of(clip, "f0_p10_hz"), value_of(clip, "f0_p90_hz")
    if low and high and claim.claimed_value > 0 and len(pitches) < 2:
        return min(max(claim.claimed_value, low), high), whole[1]
    wanted = math.log(claim.claimed_value) if claim.claimed_value > 0 else 0.0
    nearest = min([*pitches, whole[0]], key=lambda f0_hz: abs(math.log(f0_hz) - wanted))
    return nearest, 0.02 * nearest


def _extreme(claim: Claim, clip: Measurements) -> tuple[float, float] | str:
    """The pitch that `peaks at`, `the lowest` or `reaches` means: an end of its range, or any pitch within."""
    low, high = figure_of(claim, clip, "f0_p10_hz"), figure_of(claim, clip, "f0_p90_hz")
    if isinstance(low, str) or isinstance(high, str):
        return low if isinstance(low, str) else str(high)
    if claim.asserts == "reached" and claim.claimed_value is not None:
        return min(max(claim.claimed_value, low[0]), high[0]), high[1]
    return high if claim.asserts == "highest" else low


def _related(claim: Claim, apart: float, scale: str) -> str | None:
    if claim.cue == "pitch.value" and abs(abs(apart) - _OCTAVE) <= 1.0:
        return "octave related"
    if claim.cue == "tempo.value" and scale == "ratio":
        factor = math.exp(abs(apart) / 100)
        if any(abs(factor / multiple - 1) <= 0.06 for multiple in (2, 3, 1.5, 4)):
            return "a multiple of the beat"
    return None


def _change(claim: Claim, clip: Measurements) -> Finding:
    """So many semitones up or down; the text gives the size, not always the direction."""
    measured = figure_of(replace(claim, scope="whole"), clip, "f0_change_st")
    if isinstance(measured, str):
        return Finding(None, measured)
    if content_of(clip) != "tones":
        return Finding(None, "speech moves in many steps, and the text does not say which is meant")
    value, sigma = abs(measured[0]), measured[1]
    size = abs(claim.claimed_value or 0.0)
    reading = Reading(value, math.hypot(sigma, 0.5), low=size - max(1.0, 0.3 * size), high=size + max(1.0, 0.3 * size))
    return Finding(reading.z(claim.polarity), f"{said(claim)}, measured {measured[0]:+.1f} st", measured[0], "st")


SPECIAL: dict[tuple[str, str], Callable[[Claim, Any], Finding]] = {
    ("time.position", "value"): sounding.position,
    ("time.position", "level"): sounding.placed,
    ("pause.presence", "presence"): pauses.presence,
    ("pause.presence", "count"): pauses.count,
    ("music.mode", "level"): music.mode,
    ("music.key", "level"): music.key,
    ("music.key", "value"): music.key,
    ("rhythm.regularity", "level"): music.regularity,
    ("source.presence", "presence"): sounding.presence,
    ("event.order", "comparison"): sounding.order,
    ("pitch.contour", "value"): _change,
}
