"""Figures of a clip as a claim needs them: within its scope, on its scale, with their distance to what was claimed.

Reads measurements that were taken before; decides no verdict.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mgrd.claims import Claim
from mgrd.claims.memo import once

if TYPE_CHECKING:
    from mgrd.audio.measure import Figure, Measurements, Segment

SUPPORTED_Z, CONTRADICTED_Z = 1.0, -2.0
"""Starting guesses for the limits of z; a contradiction needs more evidence than a support."""

Z_LIMIT = 99.0

ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
"""The scopes that mean one of the sounds of a clip, and which."""

THIRDS = {"start": (0.0, 1 / 3), "middle": (1 / 3, 2 / 3), "end": (2 / 3, 1.0)}
"""The scopes that mean a part of a clip, as shares of its length."""

OF_ONE_SOURCE = frozenset(
    {"pitch.level", "pitch.value", "pitch.range", "pitch.contour", "rate.level", "rate.value", "voice.sex"}
)
"""Cues that a measurement over the whole sound gets right only when one source sounds."""

VOICE_SHARE, SPEECHLESS_SHARE, PITCHED_SHARE = 0.7, 0.3, 0.7
"""Of the time that sounds: at least so much speech is a voice; less speech and so much pitch are bare tones."""


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
            return limited(-inside / self.sigma)
        if inside >= 0:
            return limited(inside / self.sigma)
        past_low = self.low if self.past_low is None else self.past_low
        past_high = self.high if self.past_high is None else self.past_high
        beyond = min(self.value - past_low, past_high - self.value)
        return limited(min(beyond, 0.0) / self.sigma)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one frame of reference says: a z with the measured value in words, or why there is none."""

    z: float | None
    why: str
    measured: float | None = None
    unit: str | None = None
    """Of `measured`; None for a bare number."""


def figure_of(claim: Claim, clip: Measurements, name: str) -> tuple[float, float] | str:
    """Value and standard error of a figure within the claim's scope, or the reason why there is none."""
    stretch = _stretch(claim, clip, name)
    if isinstance(stretch, str):
        return stretch
    t0_s, t1_s = stretch
    part = t0_s is not None or t1_s is not None
    if part and not clip.tracks:
        return "no tracks to measure a part of the clip from"
    name = taken_from(claim, clip, name)
    figure: Figure | None = clip.figure(name, t0_s, t1_s) if part else clip.figures.get(name)
    if figure is None:
        return f"{name} was not measured"
    if figure.value is None or figure.sigma is None or not math.isfinite(figure.value):
        return figure.why or f"{name} was not measured"
    return figure.value, figure.sigma


def taken_from(claim: Claim, clip: Measurements, name: str) -> str:
    """The figure that is read in place of one that a part of a clip does not have: its level for its loudness."""
    return "level_dbfs" if name == "loudness_lufs" and stretch_of(claim, clip) != (None, None) else name


def _stretch(claim: Claim, clip: Measurements, name: str) -> tuple[float | None, float | None] | str:
    """From when to when a claim holds, in seconds, None being the clip's edge, or why nobody can say."""
    t0_s, t1_s = claim.t0_s, claim.t1_s
    if claim.scope == "span" and (t0_s is None or t1_s is None):
        return "it is about a moment that nothing in the text places"
    if claim.scope == "span" and t0_s == t1_s:
        return f"it is about a moment at {t0_s:g} s, not a stretch"
    if claim.scope in ORDINALS and claim.kind == "trend":
        one = event_of(claim, clip)
        return one if isinstance(one, str) else (one.t0_s, one.t1_s)
    if claim.scope in THIRDS and not name.startswith(("f0_final", "loudness_trend")):
        low, high = THIRDS[claim.scope]
        return low * clip.duration_s, high * clip.duration_s
    return t0_s, t1_s


def stretch_of(claim: Claim, clip: Measurements) -> tuple[float | None, float | None]:
    """From when to when a claim holds, in seconds, None being the clip's edge."""
    stretch = _stretch(claim, clip, "")
    return (None, None) if isinstance(stretch, str) else stretch


def value_of(clip: Measurements, name: str, default: float | None = None) -> Any:
    """The value of a figure over the whole clip, else `default`."""
    figure = clip.figures.get(name)
    return default if figure is None or figure.value is None else figure.value


def why_absent(clip: Measurements, name: str) -> str:
    """Why a figure has no value."""
    figure = clip.figures.get(name)
    return (figure.why if figure is not None else None) or f"{name} was not measured"


@once
def content_of(clip: Measurements) -> str:
    """`voice`, `tones` or `mixed`: whose pitch the clip's pitch is. A clip without these figures counts as a voice."""
    speech_s = value_of(clip, "speech_s")
    if speech_s is None:
        return "voice"
    sounding_s = sum(one.t1_s - one.t0_s for one in clip.segments if one.kind == "event") or clip.duration_s
    if speech_s >= VOICE_SHARE * sounding_s:
        return "voice"
    pitched = value_of(clip, "voiced_s", 0.0) >= PITCHED_SHARE * sounding_s
    return "tones" if speech_s < SPEECHLESS_SHARE * sounding_s and pitched else "mixed"


def why_mixed(clip: Measurements) -> str:
    """Why a clip that is neither a voice nor tones has no pitch and no pace that could be held against a claim."""
    level = clip.figures.get("level_dbfs")
    if level is not None and level.value is None:
        return "silent"
    if value_of(clip, "speech_s") == 0.0:
        return "no voice is measured"
    return "speech among other sounds, whose pitch and pace are not told apart"


SCALES: dict[str, Callable[[float], float]] = {
    "st": lambda hz: 12 * math.log2(hz) if hz > 0 else -math.inf,
    "ratio": lambda value: 100 * math.log(value) if value > 0 else -math.inf,
    "linear": float,
}


def sigma_on(scale: str, value: float, sigma: float) -> float:
    """The standard error of a figure on a scale."""
    if scale == "linear":
        return sigma
    share = sigma / value if value > 0 else 1.0
    return (12 / math.log(2) if scale == "st" else 100.0) * share


_UNITS = {"hz": "Hz", "bpm": "BPM", "lufs": "LUFS", "dbfs": "dBFS", "db": "dB", "st": "st", "s": "s"}


def unit_of(name: str) -> str | None:
    """The unit of a figure, None for a bare number."""
    if name == "syllable_rate_hz":
        return "syl/s"
    return "st/s" if name.endswith("_st_s") else _UNITS.get(name.rsplit("_", 1)[-1])


def shown(name: str, value: float) -> str:
    """A value with its unit, for people."""
    unit = unit_of(name)
    if unit == "syl/s":
        return f"{value:.1f} syllables/s"
    if unit == "st/s":
        return f"{value:+.1f} st/s"
    return f"{value:.0f} Hz" if unit == "Hz" else f"{value:.4g} {unit or ''}{_OF.get(name, '')}".strip()


_OF = {"snr_db": " SNR", "noise_floor_dbfs": " noise floor"}
"""Figures that their unit does not tell from a level."""


def said(claim: Claim) -> str:
    """What was claimed, for people."""
    if (claim.cue, claim.kind) == ("pause.presence", "presence"):
        return f"{'denies' if claim.polarity < 0 else 'claims'} pauses"
    of_half = claim.scope in ("halves", "first_half", "second_half")
    claimed = re.sub(r"^the (first|second)\b", r"the \1 half", claim.claimed) if of_half else claim.claimed
    return f"claims {'not ' if claim.polarity < 0 else ''}{claimed}"


def apart_shown(scale: str, apart: float) -> str:
    """A distance on a scale, for people."""
    return {"st": f" ({apart:+.1f} st)", "ratio": f" ({100 * math.expm1(apart / 100):+.0f} %)"}.get(scale, "")


def limited(z: float) -> float:
    """A z as it is written down and held against its limits: 3 decimals, within 99 of zero, 0 for what is no number."""
    return 0.0 if math.isnan(z) else round(max(-Z_LIMIT, min(Z_LIMIT, z)), 3)


def event_of(claim: Claim, clip: Measurements) -> Segment | str:
    """The separate sound that a claim's ordinal names, or why it is not told apart."""
    events = [one for one in clip.segments if one.kind == "event"]
    if value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s:
        return "speech, whose parts are not told apart"
    if len(events) < 2:
        return f"{len(events)} separate sound found" if len(events) == 1 else "no separate sounds found"
    index = ORDINALS[claim.scope]
    return events[index] if index < len(events) else f"{len(events)} separate sounds found"
