"""Key, mode, pulse and regularity of music that a text names, where the measurement is sure of them.

A key shares its notes with its relative and all but one with its neighbours on the circle of fifths, and a pulse is
felt at half or twice its rate, so most disagreements prove nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from mgrd.audio.rhythm import ONSET_DB, ONSET_FRAMES
from mgrd.claims import Claim
from mgrd.claims.memo import once
from mgrd.claims.parts import events
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    SPEECHLESS_SHARE,
    SUPPORTED_Z,
    Finding,
    said,
    value_of,
    why_absent,
)
from mgrd.claims.sounding import are_alike

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

KEY_MARGIN, MODE_MARGIN = 0.08, 0.27
"""Lead of the best key from which another that is not akin to it, and the other mode, are out of the question.

Chosen on synthesised progressions, where nearly every error was a key akin to the true one.
"""
FRAMED_MARGIN, TONIC_FRAME = 0.1, 0.2
"""Of the mode over the other, and of the tonic chord at both ends over that of the relative key. Chosen on synthesised
chorales and fiddle tunes; a stretch cut out anywhere is seldom so framed, and then its mode may still be wrong."""
AGREED_MARGIN = 0.1
AKIN = {
    1: ((0, 0), (9, 0), (7, 1), (5, 1), (4, 0), (2, 0)),
    0: ((0, 1), (3, 1), (7, 0), (7, 1), (5, 0), (10, 1), (8, 1)),
}
"""Of a major (1) and a minor key (0): parallel, relative, neighbours in fifths and their relatives, in semitones."""
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MODES = ("minor", "major")
_KEY = re.compile(
    r"([A-Ga-g])\s*(#|♯|-?\s?sharp|b\b|♭|-?\s?flat)?\s*-?\s*(major|minor|maj|min|大调|小调)?", re.IGNORECASE
)

LEAST_EVENTS = 4
EVEN, UNEVEN = 0.08, 0.3
"""Spread of the intervals between onsets (SD over mean): evenly spaced to any ear, and to none."""
PULSE, NO_PULSE = 0.75, 0.3
GRID = 0.45
SPOKEN_SHARE = 0.2
LEAST_STROKES, STROKE_FRAMES, EVEN_FRAMES = 6, 4, 2.5
"""Strokes to speak of a train, frames in which one is loudest, and how far its times may lie off (40 ms: an onset is
known to a frame, and listeners notice 3 to 6 % of a period, Friberg & Sundberg, J. Acoust. Soc. Am. 98, 1995)."""
ACCENT_DB, STILL_ST = 2.0, 1.0


def spoken_over(clip: Measurements) -> str | None:
    """Why a pulse proves nothing: where a fifth of a clip is speech, its onsets are among those of the music."""
    return "speech among the music" if value_of(clip, "speech_s", 0.0) > SPOKEN_SHARE * clip.duration_s else None


def mode(claim: Claim, clip: Measurements) -> Finding:
    """Major or minor; the other mode is contradicted only where the relative key, which has the same notes, is out.

    It is where the best key leads by far, or where it leads and its tonic chord both opens and closes the clip.
    """
    measured, margin = value_of(clip, "mode"), value_of(clip, "key_margin", 0.0)
    if measured is None:
        return Finding(None, why_absent(clip, "mode"))
    agrees = (measured == 1) == (claim.asserts == "major")
    why = f"{said(claim)}, measured {MODES[int(measured)]} (margin {margin:.2f})"
    if agrees == (claim.polarity > 0):
        return Finding(SUPPORTED_Z + 1.0 if margin >= AGREED_MARGIN else 0.5, why, measured)
    lead, frame = value_of(clip, "mode_margin", 0.0), value_of(clip, "tonic_frame", 0.0)
    if margin < MODE_MARGIN and (lead < FRAMED_MARGIN or frame < TONIC_FRAME):
        return Finding(None, f"{why}: the relative key has the same notes")
    return Finding(CONTRADICTED_Z - 1.0, why, measured)


def key(claim: Claim, clip: Measurements) -> Finding:
    """A tonic, with a mode or without; contradicted only when no key akin to the measured one has it."""
    claimed = _claimed_key(claim)
    if claimed is None:
        return Finding(None, "it names no key")
    if claim.scope != "whole":
        return Finding(None, "a chord, or one of several keys")
    tonic, minor_major = claimed
    measured, its_mode = value_of(clip, "key"), value_of(clip, "mode")
    margin = value_of(clip, "key_margin", 0.0)
    if measured is None or its_mode is None:
        return Finding(None, why_absent(clip, "key"))
    apart = (tonic - int(measured)) % 12
    modes = (0, 1) if minor_major is None else (minor_major,)
    same = apart == 0 and int(its_mode) in modes
    akin = any((apart, each) in AKIN[int(its_mode)] for each in modes)
    why = f"{said(claim)}, measured {NAMES[int(measured)]} {MODES[int(its_mode)]} (margin {margin:.2f})"
    if margin < KEY_MARGIN or (akin and not same):
        return Finding(None, f"{why}: {'not clear enough' if margin < KEY_MARGIN else 'keys akin'}")
    return Finding(SUPPORTED_Z + 1.0 if same == (claim.polarity > 0) else CONTRADICTED_Z - 1.0, why, measured)


def regularity(claim: Claim, clip: Measurements) -> Finding:
    """Whether what sounds comes at even intervals: by the onsets of separate sounds, else by the pulse."""
    if claim.asserts not in ("regular", "irregular"):
        return Finding(None, "no measurement for it")  # a swung or syncopated beat may be as steady as any
    if claim.scope == "span" and claim.t0_s is None and not are_alike(clip):
        return Finding(None, "it is about a moment that nothing in the text places")
    if value_of(clip, "speech_s", 0.0) > SPEECHLESS_SHARE * clip.duration_s:
        return Finding(None, "speech, which has no steady pulse")
    spread, pulse = _spread(clip), value_of(clip, "pulse_strength")
    grid = value_of(clip, "onset_regularity", 0.0)
    if spread is None and pulse is None:
        return Finding(None, why_absent(clip, "pulse_strength"))
    measured = f"intervals that differ by {100 * spread:.0f} %" if spread is not None else f"a pulse of {pulse:.2f}"
    why = f"{said(claim)}, measured {measured}"
    regular = (spread is not None and spread <= EVEN) or (pulse is not None and pulse >= PULSE)
    without = (spread is None or spread >= UNEVEN) and (pulse is None or pulse <= NO_PULSE) and grid <= GRID
    if not regular and not without:
        return Finding(None, f"not clear enough: {why}")
    agrees = (regular == (claim.asserts == "regular")) == (claim.polarity > 0)
    return Finding(SUPPORTED_Z + 0.5 if agrees else CONTRADICTED_Z - 1.0, why, spread)


def tempo_relatives(clip: Measurements) -> list[float]:
    """The tempos in BPM that the pulse may be felt at besides the measured one."""
    figure = clip.figures.get("tempo_bpm")
    note = figure.why if figure is not None and figure.value is not None else None
    return [float(one) for one in re.findall(r"\d+(?:\.\d+)?", note or "")]


@once
def stroke_bpm(clip: Measurements) -> float | None:
    """The rate of strokes of one sort that follow each other evenly with nothing between them, in BPM, else None.

    Such a train gives no reason to count by twos: its tempo is its own rate. Where a melody moves, or every other
    stroke is accented, the beat may be slower than the notes (Parncutt, Music Perception 11, 1994).
    """
    import numpy as np
    from scipy.signal import find_peaks

    if value_of(clip, "tempo_bpm") is None or not {"onset", "level_db", "f0_hz"} <= clip.tracks.keys():
        return None
    onset, level_db, f0_hz = (clip.tracks[name].astype(np.float64) for name in ("onset", "level_db", "f0_hz"))
    at = find_peaks(np.concatenate(([0.0], onset, [0.0])), prominence=ONSET_DB, distance=ONSET_FRAMES)[0] - 1
    if len(at) < LEAST_STROKES:
        return None
    gaps, voiced = np.diff(at), f0_hz[np.isfinite(f0_hz)]
    moves = len(voiced) > 0 and 12 * np.log2(np.percentile(voiced, 90) / np.percentile(voiced, 10)) > STILL_ST
    heard_db = np.array([level_db[i : i + STROKE_FRAMES].max() for i in at])
    accented = abs(heard_db[::2].mean() - heard_db[1::2].mean()) > ACCENT_DB
    if moves or accented or np.abs(gaps - np.median(gaps)).max() > EVEN_FRAMES:
        return None
    return float(60 / (gaps.mean() * clip.hop_s))


def _spread(clip: Measurements) -> float | None:
    """Standard deviation over mean of the intervals between the onsets of separate sounds."""
    onsets = [one.t0_s for one in events(clip)]
    if len(onsets) < LEAST_EVENTS:
        return None
    gaps = [after - before for before, after in pairwise(onsets)]
    mean = sum(gaps) / len(gaps)
    return float((sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean)


def _claimed_key(claim: Claim) -> tuple[int, int | None] | None:
    """Pitch class and mode (1 major, 0 minor, None unsaid), from the claim's value or from its words."""
    found = _KEY.fullmatch(claim.claimed.strip())
    if found is None:
        return None if claim.claimed_value is None else (int(claim.claimed_value) % 12, _mode_of(claim.asserts))
    tonic = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}[found[1].lower()]
    accidental = (found[2] or "").lower().strip(" -")
    tonic += 1 if accidental in ("#", "♯", "sharp") else -1 if accidental else 0
    return tonic % 12, _mode_of((found[3] or "").lower())


def _mode_of(word: str) -> int | None:
    return 1 if word in ("major", "maj", "大调") else 0 if word in ("minor", "min", "小调") else None
