"""Rhythm: syllables and their rate, and the tempo of a pulse.

Knows no words and no beats as a listener taps them: a syllable is a voiced peak of the band where vowels are, a tempo
is the strongest period of the onsets, and its double and half are named beside it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mgrd.audio.figures import HOP_S, Bools, Figure, Floats, Scope, absent, figure, runs

PROMINENCE_DB = 1.5
NUCLEUS_REACH_DB = 25.0
SMOOTH_HZ = 12.0
RATE_SIGMA = 0.15
LONG_PAUSE_S = 0.3
LEAST_SYLLABLES = 3
LEAST_PULSE_S = 2.0
LEAST_PULSE = 0.2
NOISE_PULSE = 4.9
"""Over the root of the frames, the autocorrelation of smoothed noise that one clip in a hundred exceeds: 3.5 SE.

SE = sqrt(1.94 / frames), as the kernel of `_autocorrelation` correlates neighbours: 1.94 is the sum of its squared
autocorrelations (Bartlett, Supplement to the Journal of the Royal Statistical Society 8, 1946, section 2).
"""
WEAK_PULSE, CHANCE_REGULARITY = 0.4, 0.25
"""A pulse weaker than the first, of onsets that fit a grid hardly better than chance, is none."""
BPM = (40.0, 240.0)
ONSET_DB, ONSET_FRAMES = 2.5, 3
"""A peak of the onset strength that stands out by so many dB, 48 ms from the next, is an onset."""
LEAST_ONSETS = 4
CHANCE = 12**-0.5
"""SD of the distance to the nearest multiple of 1, of numbers that have nothing to do with it."""


def find_nuclei(syllable_db: Floats, voiced: Bools) -> Bools:
    """Frames at which a syllable peaks: peaks of 1.5 dB prominence in the smoothed band envelope, voiced, 80 ms apart.

    After de Jong & Wempe (Behavior Research Methods 41, 2009) with the 300 to 3000 Hz band in place of the intensity.
    Count errors of 10 % on recorded English prompts, against 25 % of the original; saturates above 7 a second.
    """
    from scipy.signal import find_peaks

    nuclei = np.zeros(len(syllable_db), dtype=bool)
    if len(syllable_db) < 16:  # the filter's settling
        return nuclei
    smooth_db = 20 * np.log10(np.maximum(_smooth(10 ** (syllable_db / 20)), 1e-6))
    top_db = np.percentile(smooth_db, 99)
    padded = np.concatenate(([-120.0], smooth_db, [-120.0]))  # a clip may begin or end at a peak
    peaks, _ = find_peaks(padded, height=max(top_db - NUCLEUS_REACH_DB, -80), prominence=PROMINENCE_DB, distance=5)
    near = np.convolve(voiced, np.ones(3), mode="same") > 0
    peaks = peaks - 1
    nuclei[peaks[near[peaks]]] = True
    return nuclei


def _smooth(envelope: Floats) -> Floats:
    """The envelope under 12 Hz, by a Butterworth filter forwards and backwards, so that peaks stay where they are."""
    from scipy.signal import sosfilt

    low_pass, settled = _low_pass()
    padded = np.pad(envelope, 15, mode="reflect", reflect_type="odd")
    for _ in range(2):
        padded = sosfilt(low_pass, padded, zi=settled * padded[0])[0][::-1]
    return np.asarray(padded[15:-15])


@cache
def _low_pass() -> tuple[Floats, Floats]:
    """The filter, and its state once a constant 1 has settled."""
    from scipy.signal import butter, sosfilt_zi

    sections = butter(2, SMOOTH_HZ, "low", fs=1 / HOP_S, output="sos")
    return np.asarray(sections), np.asarray(sosfilt_zi(sections))


def syllable_count(scope: Scope) -> Figure:
    """Number of syllable nuclei."""
    count = int(scope.nuclei.sum())
    return figure(count, np.hypot(RATE_SIGMA * count, 0.5))


def syllable_rate_hz(scope: Scope) -> Figure:
    """Syllables per second of the sounding stretch, silences of 0.3 s and more left out."""
    if not scope.active.any():
        return absent("silent")
    count = int(scope.nuclei.sum())
    if count < LEAST_SYLLABLES:
        return absent(f"too few syllables: {count} of {LEAST_SYLLABLES} needed")
    sounding_s = _sounding_s(scope)
    rate = count / sounding_s
    note = None if scope.speech.mean() > 0.2 else "counted on sound that is not recognised as speech"
    return figure(rate, np.hypot(RATE_SIGMA * rate, 0.5 / sounding_s), note)


def tempo_bpm(scope: Scope) -> Figure:
    """Beats per minute of the strongest pulse; its octave relatives that are nearly as strong are in `why`.

    The period is that of the autocorrelation of the onset strength, weighted towards 120 BPM (one octave wide, after
    Ellis, Journal of New Music Research 36, 2007), refined on its multiples.
    """
    if why := _no_rhythm(scope):
        return absent(why)
    pulse, lag = _pulse(scope.onset)
    if lag is None:
        return absent("no steady pulse (the onsets do not repeat)")
    least = max(LEAST_PULSE, NOISE_PULSE / np.sqrt(len(scope.onset)))  # the shorter, the more chance gives
    if pulse[lag] < least:
        return absent(f"no steady pulse (autocorrelation {pulse[lag]:.2f}, {least:.2g} is needed)")
    regular = onset_regularity(scope)
    if regular.value is None:
        return absent(regular.why or "no onsets")
    if pulse[lag] < WEAK_PULSE and regular.value < CHANCE_REGULARITY:
        return absent(f"no steady pulse (autocorrelation {pulse[lag]:.2f}, and the onsets fit no grid)")
    value = 60 / (_refined(pulse, lag) * HOP_S)
    relatives = [value * m for m in (1 / 3, 0.5, 2, 3) if _strength(pulse, lag / m) >= 0.8 * pulse[lag]]
    note = "or " + ", ".join(f"{r:.0f}" for r in relatives) + " BPM" if relatives else None
    return figure(value, 0.01 * value, note)


def pulse_strength(scope: Scope) -> Figure:
    """Autocorrelation of the onset strength at the period of the tempo: 1 a machine, 0 no pulse."""
    if why := _no_rhythm(scope):
        return absent(why)
    pulse, lag = _pulse(scope.onset)
    return figure(0.0 if lag is None else np.clip(pulse[lag], 0.0, 1.0), 0.1)


def onset_regularity(scope: Scope) -> Figure:
    """How well the onsets fit a grid: 1 a machine, 0 chance.

    1 minus the RMS distance of the intervals between onsets from multiples of a beat, over what chance gives; the beat
    is their median or half of it, whichever fits better. Local, so that a slow change of tempo does not count.
    """
    if scope.speech.mean() > 0.5:
        return absent("speech, which has no steady pulse")
    at = _onsets(scope.onset)
    if len(at) < LEAST_ONSETS:
        return absent(f"too few onsets: {len(at)} of {LEAST_ONSETS} needed")
    gaps = np.diff(at)
    in_beats = [gaps / beat for beat in (np.median(gaps), np.median(gaps) / 2)]
    best = min(float(np.sqrt(np.mean((beats - beats.round()) ** 2))) for beats in in_beats)
    value = np.clip(1 - best / CHANCE, 0.0, 1.0)
    return figure(value, np.hypot(0.05, 0.3 / np.sqrt(len(gaps))))


def _no_rhythm(scope: Scope) -> str | None:
    if len(scope.onset) * HOP_S < LEAST_PULSE_S:
        return f"too short: {len(scope.onset) * HOP_S:.1f} s, {LEAST_PULSE_S:.0f} s are needed"
    return "speech, which has no steady pulse" if scope.speech.mean() > 0.5 else None


def _pulse(onset: Floats) -> tuple[Floats, int | None]:
    """The autocorrelation of the onset strength, and the lag in frames of its pulse, None when it has no peak."""
    pulse = _autocorrelation(onset)
    lags = 1 + np.flatnonzero((pulse[1:-1] > pulse[:-2]) & (pulse[1:-1] >= pulse[2:]))  # its peaks
    lags = lags[(lags * HOP_S >= 60 / BPM[1]) & (lags * HOP_S <= 60 / BPM[0])]
    if not len(lags):
        return pulse, None
    weighted = pulse[lags] * np.exp(-0.5 * np.log2(60 / (lags * HOP_S) / 120) ** 2)
    return pulse, int(lags[np.argmax(weighted)])


def _onsets(onset: Floats) -> Floats:
    """When onsets are, in frames to a fraction of one: by the centre of the rise, which may spread over three."""
    from scipy.signal import find_peaks

    padded = np.concatenate(([0.0], onset, [0.0]))
    peaks, _ = find_peaks(padded, prominence=ONSET_DB, distance=ONSET_FRAMES)
    around = padded[peaks[:, None] + np.arange(-1, 2)]
    return np.asarray(peaks - 1 + (around[:, 2] - around[:, 0]) / around.sum(axis=1))


def _sounding_s(scope: Scope) -> float:
    """Time from the first to the last sound, of which there is one, without the silences of 0.3 s and more."""
    at = np.flatnonzero(scope.active)
    silent = ~scope.active[at[0] : at[-1] + 1]
    long = sum(b - a for a, b in runs(silent) if (b - a) * HOP_S >= LONG_PAUSE_S)
    return float(len(silent) - long) * HOP_S


def _autocorrelation(onset: Floats) -> Floats:
    """Autocorrelation of the onset strength, 1 at lag 0, unbiased, to 6 s or two thirds of the clip; 0 if constant."""
    smooth = np.convolve(onset, (0.25, 0.5, 0.25), mode="same")  # a period is rarely a whole number of frames
    centred = smooth - smooth.mean()
    n = len(centred)
    spectrum = np.fft.rfft(centred, 2 * n)
    raw = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / np.arange(n, 0, -1)
    reach = int(min(6.0 / HOP_S, n * 2 / 3))
    return np.asarray(raw[:reach] / raw[0]) if raw[0] > 0 else np.zeros(reach)


def _strength(pulse: Floats, lag: float) -> float:
    at = round(lag)
    return float(pulse[at - 1 : at + 2].max()) if 0 < at < len(pulse) - 1 else 0.0


def _refined(pulse: Floats, lag: int) -> float:
    """The period in frames to a fraction, from the latest multiple of it that still peaks."""
    period = float(lag)
    for multiple in range(1, 17):
        at = round(period * multiple)
        if at + 3 >= len(pulse):
            break
        top = at - 2 + int(np.argmax(pulse[at - 2 : at + 3]))
        if pulse[top] < 0.5 * pulse[lag]:
            break
        before, here, after = pulse[top - 1 : top + 2]
        bend = before - 2 * here + after
        period = (top + (0.5 * (before - after) / bend if bend < 0 else 0.0)) / multiple
    return period
