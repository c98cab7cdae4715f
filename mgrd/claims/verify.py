"""Claims against measurements: what the waveform supports, contradicts, or cannot settle, and why.

Reads named figures (mgrd.audio.measure) and norms (`rules/cues/norms.toml`); opens no audio and reads no text. A false
contradiction costs a good trace, so a claim is contradicted only when every admissible frame of reference agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mgrd.claims import Claim, Verdict
from mgrd.claims.vocabulary import norms

if TYPE_CHECKING:
    from mgrd.audio.measure import Figure, Measurements, Segment

SUPPORTED_Z, CONTRADICTED_Z = 1.0, -2.0
"""Starting guesses for the limits of z; a contradiction needs more evidence than a support."""

_Z_LIMIT = 99.0
_SATURATED_HZ = 7.0
"""Above about 7 syllables/s the count of envelope peaks falls behind the true rate."""

_VOICE_SHARE, _SPEECHLESS_SHARE, _PITCHED_SHARE = 0.7, 0.3, 0.7
"""Of the time that sounds: at least so much speech is a voice; less speech and so much pitch are bare tones."""

_PHRASE_S = 4.0
"""Speech longer than this is hardly one phrase."""

_OCTAVES = (12.0, 24.0, 19.0)
"""Semitones between a pitch and its octaves and twelfth, which trackers and ears confuse."""

_SYLLABLES_PER_WORD = 1.4
"""English running text, about (conversation 1.3, prose 1.5)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured value beside what was claimed of it, on a scale where distances mean something."""

    value: float
    sigma: float
    low: float = -math.inf
    high: float = math.inf
    """The claimed interval."""
    past_low: float | None = None
    past_high: float | None = None
    """Where contradiction starts to count, when not at the interval's edge."""

    def z(self, polarity: int) -> float:
        """Signed distance to the interval over sigma; of a negated claim, to all that lies outside it."""
        inside = min(self.value - self.low, self.high - self.value)
        if polarity < 0:
            return _limited(-inside / self.sigma)
        if inside >= 0:
            return _limited(inside / self.sigma)
        past_low = self.low if self.past_low is None else self.past_low
        past_high = self.high if self.past_high is None else self.past_high
        beyond = min(self.value - past_low, past_high - self.value)
        return _limited(min(beyond, 0.0) / self.sigma)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one frame of reference says: a z with the measured value in words, or why there is none."""

    z: float | None
    why: str
    measured: float | None = None


def verify(claims: Sequence[Claim], measurements: Sequence[Measurements]) -> list[Claim]:
    """The same claims with `measured`, `z`, `verdict`, `why` and `confidence` for those asserted or hedged."""
    admissible = _frames(claims)
    return [
        _judged(claim, measurements, admissible) if claim.modality in ("asserted", "hedged") else claim
        for claim in claims
    ]


def _frames(claims: Sequence[Claim]) -> frozenset[str]:
    """The frames of reference that a text invokes: `any`, and the sexes of the voices that it speaks of."""
    sexes = {
        one.asserts
        for one in claims
        if one.cue == "voice.sex" and one.polarity > 0 and one.modality in ("asserted", "hedged")
    }
    return frozenset({"any"} | sexes)


def _judged(claim: Claim, measurements: Sequence[Measurements], admissible: frozenset[str]) -> Claim:
    if len(measurements) != 1:
        several = f"{len(measurements)} clips, and the text does not say which"
        return _undecided(claim, several if measurements else "nothing was measured")
    findings = _findings(claim, measurements[0], admissible)
    decided = [one for one in findings if one.z is not None]
    if not decided:
        return _undecided(claim, findings[0].why)
    best = max(decided, key=lambda one: one.z if one.z is not None else 0.0)
    worst = min(decided, key=lambda one: one.z if one.z is not None else 0.0)
    contradicted = worst.z is not None and worst.z <= CONTRADICTED_Z
    # support in one frame and contradiction in another is no verdict
    chosen = best
    if contradicted and best.z is not None and best.z > CONTRADICTED_Z:
        chosen = replace(best, z=min(best.z, 0.0))
    z = chosen.z if chosen.z is not None else 0.0
    verdict: Verdict = "unverifiable"
    if len(decided) == len(findings) and z <= CONTRADICTED_Z:
        verdict = "contradicted"
    elif z >= SUPPORTED_Z:
        verdict = "supported"
    why = chosen.why if verdict != "unverifiable" else f"too close to call: {chosen.why}"
    confidence = 0.5 * (1 + math.erf(abs(z) / math.sqrt(2)))
    judged = replace(claim, measured=chosen.measured, z=round(z, 3), verdict=verdict, why=why)
    return replace(judged, confidence=round(confidence, 4))


def _undecided(claim: Claim, why: str) -> Claim:
    return replace(claim, verdict="unverifiable", why=why, confidence=None)


def _findings(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    """One finding for each admissible frame of reference, at least one in all."""
    if claim.kind == "comparison":
        return [_compare(claim, clip)]
    special = _SPECIAL.get((claim.cue, claim.kind))
    if special is not None:
        return [special(claim, clip)]
    if claim.scope in ("first", "second", "third", "fourth", "last") and claim.kind == "level":
        return [_relative(claim, clip)]
    if claim.kind in ("value", "count"):
        return [_value(claim, clip)]
    if (claim.cue, claim.asserts) not in _levels():
        return [Finding(None, "no measurement for it")]
    if _is_of_the_voice(claim) and {"male", "female"} <= admissible:
        return [Finding(None, "several voices, which no measurement tells apart")]
    return [_level(claim, clip, norm) for norm in _norms_for(claim, clip, admissible)]


_OF_ONE_SOURCE = frozenset(
    {"pitch.level", "pitch.value", "pitch.range", "pitch.contour", "rate.level", "rate.value", "voice.sex"}
)
"""Cues that a measurement over the whole sound gets right only when one source sounds."""


def _is_of_the_voice(claim: Claim) -> bool:
    return claim.cue in ("pitch.level", "pitch.range", "voice.sex", "rate.level")


# ------------------------------------------------------------------ levels and trends


@cache
def _levels() -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    table: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for norm in norms()["level"]:
        table.setdefault((norm["cue"], norm["asserts"]), []).append(norm)
    return table


def _norms_for(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Mapping[str, Any]]:
    found = _levels()[claim.cue, claim.asserts]
    tonal = _content(clip) == "tones"
    if claim.cue == "pitch.contour" and not tonal:
        ends = [norm for norm in found if norm["frame"] == "end"]
        if ends and claim.scope == "end":
            return ends
        return [norm for norm in found if norm["frame"] in ("any", "end")]
    wanted = {"tone"} if tonal and any(norm["frame"] == "tone" for norm in found) else admissible
    return [norm for norm in found if norm["frame"] in wanted]


def _level(claim: Claim, clip: Measurements, norm: Mapping[str, Any]) -> Finding:
    content = _content(clip)
    if content == "mixed" and norm["cue"] in _OF_ONE_SOURCE:
        return Finding(None, "speech among other sounds, whose pitch and pace are not told apart")
    if norm["cue"] == "voice.sex" and content == "tones":
        return Finding(None, "no voice is measured")
    measured = _figure(claim, clip, norm["figure"])
    if isinstance(measured, str):
        return Finding(None, measured)
    value, sigma = measured
    scale = _SCALES[norm["scale"]]
    against = norm.get("against")
    error = norm.get("sigma") or _sigma(norm["scale"], value, sigma)
    reading = Reading(
        scale(value),
        math.hypot(error, norm["edge"]),
        low=scale(norm["at_least"]) if "at_least" in norm else -math.inf,
        high=scale(norm["at_most"]) if "at_most" in norm else math.inf,
        past_low=scale(against) if against is not None and "at_least" in norm else None,
        past_high=scale(against) if against is not None and "at_most" in norm else None,
    )
    z, why = reading.z(claim.polarity), f"{_claims(claim)}, measured {_shown(norm['figure'], value)}{_bound(norm)}"
    if z <= CONTRADICTED_Z and norm["cue"] == "pitch.contour" and claim.scope == "whole" and _has_phrases(clip):
        return Finding(None, f"{why}: several phrases, and the text does not say which")
    return Finding(z, why, value)


def _has_phrases(clip: Measurements) -> bool:
    """Speech in several phrases, each with an intonation of its own."""
    speech_s = _value_of(clip, "speech_s", 0.0)
    return _content(clip) == "voice" and (_value_of(clip, "pause_count", 0.0) >= 1 or speech_s > _PHRASE_S)


def _bound(norm: Mapping[str, Any]) -> str:
    """The norm in words, so that a reason can be checked by hand."""
    at_least, at_most = norm.get("at_least"), norm.get("at_most")
    said = norm["asserts"] + (f" of a {norm['frame']} voice" if norm["frame"] in ("male", "female") else "")
    if at_least is not None and at_most is not None:
        return f" ({said}: {at_least:g} to {at_most:g})"
    return f" ({said}: at most {at_most:g})" if at_least is None else f" ({said}: at least {at_least:g})"


# ------------------------------------------------------------------ first against second


def _compare(claim: Claim, clip: Measurements) -> Finding:
    if claim.scope != "first_vs_second":
        return Finding(None, "it does not say what is compared with what")
    if claim.cue not in ("pitch.level", "loudness.level"):
        return Finding(None, "no measurement for it")
    return _difference(claim, clip, claim.asserts == "second")


def _relative(claim: Claim, clip: Measurements) -> Finding:
    """`the first is low` of two sounds means low beside the other."""
    if claim.scope not in ("first", "second") or claim.cue not in ("pitch.level", "loudness.level"):
        return Finding(None, "no measurement for it")
    more = claim.asserts in ("high", "loud")
    return _difference(claim, clip, more == (claim.scope == "second"))


def _difference(claim: Claim, clip: Measurements, second_is_more: bool) -> Finding:
    events = _events(clip)
    if isinstance(events, str):
        return Finding(None, events)
    first, second = events[0], events[1]
    if claim.cue == "loudness.level":
        value, unit, sigma, least = second.level_db - first.level_db, "dB", 1.0, 1.0
    elif first.f0_hz and second.f0_hz:
        value, unit, sigma, least = 12 * math.log2(second.f0_hz / first.f0_hz), "st", 0.35, 0.35
    else:
        return Finding(None, "one of the two has no pitch")
    reading = Reading(value if second_is_more else -value, sigma, low=least, past_low=0.0)
    shown = f"{first.level_db:.0f}, then {second.level_db:.0f} dBFS"
    if unit == "st":
        shown = f"{first.f0_hz:.0f} Hz, then {second.f0_hz:.0f} Hz"
    return Finding(reading.z(claim.polarity), f"{_claims(claim)}, measured {shown} ({value:+.1f} {unit})", value)


def _events(clip: Measurements) -> list[Segment] | str:
    events = [one for one in clip.segments if one.kind == "event"]
    if _value_of(clip, "speech_s", 0.0) > _SPEECHLESS_SHARE * clip.duration_s:
        return "speech, whose parts are not told apart"
    if len(events) < 2:
        return f"{len(events)} separate sound found" if len(events) == 1 else "no separate sounds found"
    return events


# ------------------------------------------------------------------ figures and counts


def _value(claim: Claim, clip: Measurements) -> Finding:
    norm = next((one for one in norms()["value"] if one["cue"] == claim.cue), None)
    if norm is None or claim.claimed_value is None:
        return Finding(None, "no measurement for it")
    refused = _refused(claim, clip)
    if refused is not None:
        return Finding(None, refused)
    claimed = claim.claimed_value
    if claim.unit == "wpm":
        claimed *= _SYLLABLES_PER_WORD / 60
    measured = _value_figure(claim, clip, norm)
    if isinstance(measured, str):
        return Finding(None, measured)
    value, sigma = measured
    if norm["scale"] != "linear" and claimed <= 0:
        return Finding(None, f"{claimed:g} is no value for it")
    scale = _SCALES[norm["scale"]]
    tolerance = max(norm["tolerance"], norm.get("tolerance_share", 0.0) * abs(claimed))
    if claim.unit == "wpm" or (norm["cue"] == "pitch.value" and claim.scope in ("start", "end")):
        tolerance *= 2  # syllables per word vary; a glide has no single first or last pitch
    low, high = scale(claimed) - tolerance, scale(claimed) + tolerance
    if claim.asserts in ("at_least", "at_most"):
        low, high = (low, math.inf) if claim.asserts == "at_least" else (-math.inf, high)
    error = norm.get("sigma") or _sigma(norm["scale"], value, sigma)
    reading = Reading(scale(value), math.hypot(error, norm["edge"]), low=low, high=high)
    z = reading.z(claim.polarity)
    apart = scale(value) - scale(claimed)
    why = f"{_claims(claim)}, measured {_shown(norm['figure'], value)}" + _apart(norm["scale"], apart)
    if z <= CONTRADICTED_Z and claim.asserts == "value":
        related = _related(claim, apart, norm["scale"])
        if related is not None:
            return Finding(None, f"{why}: {related}")
        if claim.cue == "rate.value" and claimed > value > 0.5 * _SATURATED_HZ:
            return Finding(None, f"{why}: the count falls behind in fast speech and saturates at {_SATURATED_HZ:g}")
    return Finding(z, why, value)


def _refused(claim: Claim, clip: Measurements) -> str | None:
    """Why a figure cannot be put to the clip at all."""
    if claim.cue in _OF_ONE_SOURCE and _content(clip) == "mixed":
        return "speech among other sounds, whose pitch and pace are not told apart"
    if claim.cue == "event.count":
        if claim.unit != "events":
            return "such sounds are not told apart by any measurement"
        if _value_of(clip, "speech_s", 0.0) > _SPEECHLESS_SHARE * clip.duration_s:
            return "speech, whose sounds are not counted"
    if claim.cue == "loudness.level" and claim.unit == "dB" and (claim.claimed_value or 0) >= 0:
        return "decibels against an unknown reference"
    if claim.cue == "time.duration" and claim.scope == "span":
        return "the length of a part that nothing in the text places"
    return None


def _value_figure(claim: Claim, clip: Measurements, norm: Mapping[str, Any]) -> tuple[float, float] | str:
    if claim.cue == "pitch.value":
        return _pitch(claim, clip)
    if claim.cue == "loudness.level":
        name = "level_dbfs" if claim.unit == "dBFS" else "loudness_lufs"
        return _figure(claim, clip, name)
    if claim.cue == "pause.duration":
        lengths = [one.t1_s - one.t0_s for one in clip.segments if one.kind == "pause"]
        if lengths and claim.claimed_value is not None:
            claimed = claim.claimed_value
            return min(lengths, key=lambda length: abs(length - claimed)), 0.15
    return _figure(claim, clip, norm["figure"])


def _pitch(claim: Claim, clip: Measurements) -> tuple[float, float] | str:
    """The pitch that a claim is about: of the clip, of one of its sounds, or of its first or last voiced frames."""
    if claim.scope in ("first", "second", "third", "fourth", "last"):
        events = _events(clip)
        if isinstance(events, str):
            return events
        index = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}[claim.scope]
        if index >= len(events):
            return f"{len(events)} separate sounds found"
        f0_hz = events[index].f0_hz
        return "that sound has no pitch" if f0_hz is None else (f0_hz, 0.02 * f0_hz)
    if claim.scope in ("start", "end", "middle"):
        track = clip.tracks.get("f0_hz")
        voiced = [float(value) for value in track if math.isfinite(value)] if track is not None else []
        if len(voiced) < 8:
            return "too short: fewer than 8 voiced frames"
        edge = max(3, len(voiced) // 12)
        half = len(voiced) // 2
        near = {"start": voiced[:edge], "end": voiced[-edge:], "middle": voiced[half - 1 : half + 2]}[claim.scope]
        median = sorted(near)[len(near) // 2]
        return median, 0.03 * median
    whole = _figure(claim, clip, "f0_median_hz")
    if isinstance(whole, str) or claim.claimed_value is None or _content(clip) != "tones":
        return whole
    # of several tones or a glide, any of their pitches may be meant
    pitches = [one.f0_hz for one in clip.segments if one.kind == "event" and one.f0_hz]
    low, high = _value_of(clip, "f0_p10_hz"), _value_of(clip, "f0_p90_hz")
    if low and high and low <= claim.claimed_value <= high and len(pitches) < 2:
        return claim.claimed_value, whole[1]
    wanted = math.log(claim.claimed_value) if claim.claimed_value > 0 else 0.0
    nearest = min([*pitches, whole[0]], key=lambda f0_hz: abs(math.log(f0_hz) - wanted))
    return nearest, 0.02 * nearest


def _related(claim: Claim, apart: float, scale: str) -> str | None:
    if claim.cue == "pitch.value" and any(abs(abs(apart) - octave) <= 1.0 for octave in _OCTAVES):
        return "octave related"
    if claim.cue == "tempo.value" and scale == "ratio":
        factor = math.exp(abs(apart) / 100)
        if any(abs(factor / multiple - 1) <= 0.06 for multiple in (2, 3, 1.5, 4)):
            return "a multiple of the beat"
    return None


# ------------------------------------------------------------------ what has rules of its own


def _position(claim: Claim, clip: Measurements) -> Finding:
    at_s = claim.t1_s if claim.t1_s is not None else claim.claimed_value
    if at_s is None:
        return Finding(None, "no measurement for it")
    late = at_s - clip.duration_s
    slack = max(0.5, 0.05 * clip.duration_s)
    why = f"{_claims(claim)}, the clip lasts {clip.duration_s:.2f} s"
    if late > slack:
        return Finding(max(-_Z_LIMIT, -2.0 * late / slack), why, clip.duration_s)
    return Finding(None, f"within the clip of {clip.duration_s:.2f} s; what sounds there is not measured")


def _pause_presence(claim: Claim, clip: Measurements) -> Finding:
    measured = _figure(claim, clip, "pause_count")
    if isinstance(measured, str):
        return Finding(None, measured)
    count, sigma = measured
    reading = Reading(count, max(sigma, 0.3), low=0.5)
    z = reading.z(claim.polarity)
    why = f"{_claims(claim)}, measured {count:.0f} pauses of 0.2 s or more"
    # listeners hear pauses where no silence is: hesitations and drawn-out sounds
    return Finding(max(z, -1.9) if claim.polarity > 0 else z, why, count)


def _mode(claim: Claim, clip: Measurements) -> Finding:
    mode, margin = _value_of(clip, "mode"), _value_of(clip, "key_margin", 0.0)
    if mode is None:
        return Finding(None, _why_absent(clip, "mode"))
    agrees = (mode == 1) == (claim.asserts == "major")
    why = f"{_claims(claim)}, measured {'major' if mode == 1 else 'minor'} (margin {margin:.2f})"
    if not agrees or claim.polarity < 0:
        return Finding(None, f"{why}: the relative key has the same notes")
    return Finding(2.0 if margin >= 0.1 else 0.5, why, mode)


def _source(claim: Claim, clip: Measurements) -> Finding:
    speech_s = _value_of(clip, "speech_s")
    if claim.asserts == "speech" and claim.polarity > 0 and speech_s is not None and speech_s >= 0.5:
        return Finding(2.0, f"{_claims(claim)}, measured {speech_s:.1f} s of speech", speech_s)
    return Finding(None, "no measurement for it")


def _change(claim: Claim, clip: Measurements) -> Finding:
    """So many semitones up or down; the text gives the size, not always the direction."""
    measured = _figure(replace(claim, scope="whole"), clip, "f0_change_st")
    if isinstance(measured, str):
        return Finding(None, measured)
    if _content(clip) != "tones":
        return Finding(None, "speech moves in many steps, and the text does not say which is meant")
    value, sigma = abs(measured[0]), measured[1]
    size = abs(claim.claimed_value or 0.0)
    reading = Reading(value, math.hypot(sigma, 0.5), low=size - max(1.0, 0.3 * size), high=size + max(1.0, 0.3 * size))
    return Finding(reading.z(claim.polarity), f"{_claims(claim)}, measured {measured[0]:+.1f} st", measured[0])


_SPECIAL: dict[tuple[str, str], Callable[[Claim, Any], Finding]] = {
    ("time.position", "value"): _position,
    ("pause.presence", "presence"): _pause_presence,
    ("music.mode", "level"): _mode,
    ("source.presence", "presence"): _source,
    ("pitch.contour", "value"): _change,
}


# ------------------------------------------------------------------ figures


def _figure(claim: Claim, clip: Measurements, name: str) -> tuple[float, float] | str:
    """Value and standard error of a figure within the claim's scope, or the reason why there is none."""
    t0_s, t1_s = claim.t0_s, claim.t1_s
    if claim.scope == "span" and (t0_s is None or t1_s is None):
        return "it is about a moment that nothing in the text places"
    if claim.scope == "span" and t0_s == t1_s:
        return f"it is about a moment at {t0_s:g} s, not a stretch"
    thirds = {"start": (0.0, 1 / 3), "middle": (1 / 3, 2 / 3), "end": (2 / 3, 1.0)}
    if claim.scope in thirds and not name.startswith(("f0_final", "loudness_trend")) and claim.kind != "trend":
        t0_s, t1_s = (share * clip.duration_s for share in thirds[claim.scope])
    part = t0_s is not None or t1_s is not None
    if part and not clip.tracks:
        return "no tracks to measure a part of the clip from"
    name = "level_dbfs" if part and name == "loudness_lufs" else name
    figure: Figure | None = clip.figure(name, t0_s, t1_s) if part else clip.figures.get(name)
    if figure is None:
        return f"{name} was not measured"
    if figure.value is None or figure.sigma is None or not math.isfinite(figure.value):
        return figure.why or f"{name} was not measured"
    return figure.value, figure.sigma


def _value_of(clip: Measurements, name: str, default: float | None = None) -> Any:
    figure = clip.figures.get(name)
    return default if figure is None or figure.value is None else figure.value


def _why_absent(clip: Measurements, name: str) -> str:
    figure = clip.figures.get(name)
    return (figure.why if figure is not None else None) or f"{name} was not measured"


def _content(clip: Measurements) -> str:
    """`voice`, `tones` or `mixed`: whose pitch the clip's pitch is. A clip without these figures counts as a voice."""
    speech_s = _value_of(clip, "speech_s")
    if speech_s is None:
        return "voice"
    sounding_s = sum(one.t1_s - one.t0_s for one in clip.segments if one.kind == "event") or clip.duration_s
    if speech_s >= _VOICE_SHARE * sounding_s:
        return "voice"
    pitched = _value_of(clip, "voiced_s", 0.0) >= _PITCHED_SHARE * sounding_s
    return "tones" if speech_s < _SPEECHLESS_SHARE * sounding_s and pitched else "mixed"


_SCALES: dict[str, Callable[[float], float]] = {
    "st": lambda hz: 12 * math.log2(hz) if hz > 0 else -math.inf,
    "ratio": lambda value: 100 * math.log(value) if value > 0 else -math.inf,
    "linear": float,
}


def _sigma(scale: str, value: float, sigma: float) -> float:
    """The standard error of a figure on a scale."""
    if scale == "linear":
        return sigma
    share = sigma / value if value > 0 else 1.0
    return (12 / math.log(2) if scale == "st" else 100.0) * share


_UNITS = {"hz": "Hz", "bpm": "BPM", "lufs": "LUFS", "dbfs": "dBFS", "db": "dB", "st": "st", "s": "s"}


def _shown(name: str, value: float) -> str:
    if name == "syllable_rate_hz":
        return f"{value:.1f} syllables/s"
    if name.endswith("_st_s"):
        return f"{value:+.1f} st/s"
    unit = _UNITS.get(name.rsplit("_", 1)[-1], "")
    return f"{value:.0f} Hz" if unit == "Hz" else f"{value:.4g} {unit}".strip()


def _claims(claim: Claim) -> str:
    return f"claims {'not ' if claim.polarity < 0 else ''}{claim.claimed}"


def _apart(scale: str, apart: float) -> str:
    return {"st": f" ({apart:+.1f} st)", "ratio": f" ({100 * math.expm1(apart / 100):+.0f} %)"}.get(scale, "")


def _limited(z: float) -> float:
    return 0.0 if math.isnan(z) else max(-_Z_LIMIT, min(_Z_LIMIT, z))
