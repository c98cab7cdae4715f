"""Colour and key: where the energy lies over frequency and over pitch classes.

Centroid and flatness depend on the bandwidth and the noise of the recording, so they compare only between clips alike
in both. The key is the best fitting profile; the relative key and the fifth fit nearly as well, and the margin says so.
"""

from __future__ import annotations

import numpy as np

from mgrd.audio.figures import HOP_S, Figure, Floats, Scope, absent, figure
from mgrd.audio.level import SILENCE_DBFS
from mgrd.audio.spectra import CHROMA_SECONDS

BAND_DB = 75.0
LEAST_BAND_S = 0.25
"""Four windows: in less sound most of them hold its beginning or its end, which have all frequencies."""
# Albrecht & Shanahan, The use of large corpora to train a new type of key-finding algorithm, Music Perception 31, 2013
MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
LEAST_CLASSES = 4
LEAST_FIT = 0.5
LEAST_TONIC = 0.4


def centroid_hz(scope: Scope) -> Figure:
    """Spectral centroid of magnitudes, frames weighted by energy: what is loud decides."""
    return _weighted(scope, scope.centroid_hz, 0.1)


def bandwidth_hz(scope: Scope) -> Figure:
    """Standard deviation of magnitude around the centroid, frames weighted by energy.

    A pure tone has 11 to 19 Hz, which are the window's, by where it lies between two bins.
    """
    return _weighted(scope, scope.bandwidth_hz, 0.1, 4.0)


def flatness(scope: Scope) -> Figure:
    """Geometric over arithmetic mean of the power spectrum, frames weighted by energy: 0 a tone, 0.56 white noise."""
    return _weighted(scope, scope.flatness, 0.2, 0.01)


def brightness_db(scope: Scope) -> Figure:
    """Power from 3 to 8 kHz over that from 0.1 to 3 kHz, dB, of everything: what is loud decides.

    Two utterances of any two speakers differ by 5.5 dB (SD), and low-passing one at 3 kHz takes 13, at 2 kHz 35; white
    noise 20 dB down adds 0.5. The bands are the same whatever the rate of the clip, from 16 kHz on.
    """
    heard = scope.level_db > SILENCE_DBFS
    if not heard.any():
        return absent("silent")
    ratios_db, power = scope.bright_db[heard], 10 ** (scope.level_db[heard] / 10)
    high = 1 / (1 + 10 ** (-ratios_db / 10))
    value = 10 * np.log10(max(float(power @ high), 1e-20) / max(float(power @ (1 - high)), 1e-20))
    loud = power > power.max() * 1e-3
    pieces = max(1.0, loud.sum() * HOP_S / 0.2)  # a syllable is one sound
    return figure(value, np.hypot(1.0, float(ratios_db[loud].std()) / np.sqrt(pieces)))


def bandlimit_hz(scope: Scope, spectrum: Floats, sr: int) -> Figure:
    """The highest frequency within 75 dB of the strongest one in the mean spectrum, of at least 0.25 s of sound."""
    sounding_s = scope.active.sum() * HOP_S
    if not sounding_s:  # also a constant offset, of which nothing but its edges is left
        return absent("silent")
    if sounding_s < LEAST_BAND_S:
        return absent(f"too short: {sounding_s:.2f} s of sound, {LEAST_BAND_S:.2f} s are needed")
    top = int(np.flatnonzero(spectrum > spectrum.max() * 10 ** (-BAND_DB / 10))[-1])
    bin_hz = sr / 2 / (len(spectrum) - 1)
    return figure(top * bin_hz, max(2 * bin_hz, 0.05 * top * bin_hz))


def key_figures(chroma: Floats, duration_s: float, speech_share: float) -> dict[str, Figure]:
    """What fits the pitch classes of a clip, of its first and of its last second, (3, 12), by profiles of keys.

    `key` (0 to 11, C is 0), `mode` (1 major, 0 minor), `key_margin` and `mode_margin`, the lead of the best correlation
    over the second and over the best of the other mode, and `tonic_frame`. 81 % of simple MIDI pieces get their exact
    key and 85 % their mode; most errors are the relative key.
    """
    why = None
    whole, opening, closing = chroma
    if speech_share > 0.5:
        why = "speech, not music"
    elif duration_s < CHROMA_SECONDS:
        why = f"too short: {duration_s:.1f} s, {CHROMA_SECONDS:.0f} s are needed"
    elif (classes := int((whole > 0.15 * whole.max()).sum())) < LEAST_CLASSES or whole.max() <= 0:
        why = (
            f"too few pitch classes: {classes} of {LEAST_CLASSES} needed"
            if whole.max() > 0
            else "nothing but speech and silence"
        )
    elif np.ptp(whole) < 1e-3:
        why = "no pitch class stands out"
    if why:
        return dict.fromkeys(KEY_FIGURES, absent(why))
    fits = np.array([[np.corrcoef(np.roll(profile, k), whole)[0, 1] for k in range(12)] for profile in (MINOR, MAJOR)])
    if fits.max() < LEAST_FIT:
        return dict.fromkeys(KEY_FIGURES, absent(f"no key fits (correlation {fits.max():.2f})"))
    mode, tonic = (int(i) for i in np.unravel_index(int(fits.argmax()), fits.shape))
    best, second = np.sort(fits.ravel())[::-1][:2]
    return {
        "key": figure(tonic, 0.5, f"correlation {best:.2f}"),
        "mode": figure(mode, 0.3),
        "key_margin": figure(best - second, 0.05),
        "mode_margin": figure(best - fits[1 - mode].max(), 0.05),
        "tonic_frame": figure(min(_tonic_lead(edge, tonic, mode) for edge in (opening, closing)), 0.1),
    }


KEY_FIGURES = ("key", "mode", "key_margin", "mode_margin", "tonic_frame")


def _tonic_lead(edge: Floats, tonic: int, mode: int) -> float:
    """By how much the chord of the tonic sounds rather than that of the relative key, from -1 to 1.

    The two chords share two notes; of a major key the fifth, of a minor key the tonic is not in the other one. A piece
    begins and ends on its tonic, and its relative, which has the same notes, does not.
    """
    own, other = ((tonic + 7) % 12, (tonic + 9) % 12) if mode else (tonic, (tonic + 10) % 12)
    lead = float(edge[own] - edge[other])
    return lead if edge[tonic] >= LEAST_TONIC else min(lead, 0.0)


def _weighted(scope: Scope, track: Floats, relative_sigma: float, least_sigma: float = 0.0) -> Figure:
    if not scope.active.any():
        return absent("silent")
    weights = 10 ** (scope.level_db[scope.active] / 10)
    value = float(np.average(track[scope.active], weights=weights))
    return figure(value, max(relative_sigma * value, least_sigma))
