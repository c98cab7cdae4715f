"""Voice quality by Praat, for who asks for it: jitter, shimmer, harmonics-to-noise ratio, smoothed cepstral peak.

Needs praat-parselmouth, which is GPL: an extra, imported nowhere else. The figures are shown and judge nothing: the
norms that are published are those of sustained vowels (limits of 1.04 % jitter and 3.81 % shimmer, recalled), and
normal running speech lies beyond them.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgrd.audio.figures import Figure, absent, figure
from mgrd.audio.load import channel_alone, downmix, open_stream, resample
from mgrd.audio.spectra import VOICE_SR
from mgrd.errors import MgrdError

if TYPE_CHECKING:
    from mgrd.audio.load import Samples
    from mgrd.audio.measure import Measurements

FIGURES = ("jitter_percent", "shimmer_percent", "hnr_db", "cpps_db")
LEAST_VOICED_S = 0.5
LONGEST_S = 600.0
"""Praat holds a sound and its cepstrogram in memory."""
CLEAR_DB = 20.0
"""Noise so far under a voice is its ratio of harmonics to noise; what lies nearer also reads as shimmer and jitter."""
LOW_HZ, HIGH_HZ = 60.0, 600.0
_SIGMAS = {"jitter_percent": 0.4, "shimmer_percent": 1.0, "hnr_db": 2.0, "cpps_db": 1.0}
"""Of jitter what a test on voices of known pulses allows; the others are guesses."""


def check_installed() -> None:
    """Raise MgrdError when parselmouth is not there to be imported."""
    if importlib.util.find_spec("parselmouth") is None:
        raise MgrdError("--praat: praat-parselmouth is not installed here; pip install 'mgrd[praat]' (it is GPL)")


def voice_figures(path: Path, clip: Measurements, t0_s: float | None, t1_s: float | None) -> dict[str, Figure]:
    """Jitter and shimmer (local, %), HNR and CPPS (dB) of a measured clip from t0_s to t1_s (None is its edge).

    HNR by cross-correlation, CPPS with the settings of Maryn & Weenink 2015 (recalled). Absent with the reason where
    too little is voiced or the stretch is longer than ten minutes; `why` beside a value says what spoils it.
    """
    begin, end = t0_s or 0.0, clip.duration_s if t1_s is None else min(t1_s, clip.duration_s)
    voiced = clip.figure("voiced_s", t0_s, t1_s)
    why = None
    if end - begin > LONGEST_S:
        why = f"too long: {end - begin:.0f} s, Praat is given {LONGEST_S:.0f}; name a stretch with --from and --to"
    elif voiced.value is None:
        why = voiced.why or "nothing is voiced"
    elif voiced.value < LEAST_VOICED_S:
        why = f"too short: {voiced.value:.2f} s voiced, {LEAST_VOICED_S:g} s are needed"
    if why is not None:
        return dict.fromkeys(FIGURES, absent(why))
    spoilt = _spoilt(clip, t0_s, t1_s)
    import parselmouth

    try:
        found = _praat(_voice(path, begin, end))
    except parselmouth.PraatError as error:
        return dict.fromkeys(FIGURES, absent(f"Praat fails ({' '.join(str(error).split())})"))
    return {
        name: figure(value, _SIGMAS[name], spoilt) if math.isfinite(value) else absent("Praat finds no period in it")
        for name, value in zip(FIGURES, found, strict=True)
    }


def _spoilt(clip: Measurements, t0_s: float | None, t1_s: float | None) -> str | None:
    speech_s, apart_db = clip.figure("speech_s", t0_s, t1_s).value, clip.figure("snr_db", t0_s, t1_s).value
    notes = []
    if not speech_s:
        notes.append("of sound that is not recognised as speech")
    if apart_db is not None and apart_db < CLEAR_DB:
        notes.append(f"noise {apart_db:.0f} dB under it counts as roughness")
    return "; ".join(notes) or None


def _voice(path: Path, begin_s: float, end_s: float) -> Samples:
    """One channel of a stretch of a file at VOICE_SR."""
    with open_stream(path) as stream:
        begin, end = round(begin_s * stream.sr), round(end_s * stream.sr)
        taken, at = [], 0
        for block in stream.blocks:
            taken.append(block[max(0, begin - at) : max(0, end - at)])
            at += len(block)
        samples = np.concatenate(taken).T
        return resample(downmix(samples, channel_alone(samples)), stream.sr, VOICE_SR)


def _praat(samples: Samples) -> tuple[float, float, float, float]:
    """What Praat says of samples at VOICE_SR, in the order of FIGURES; NaN where it says nothing."""
    import parselmouth

    def ask(of: Any, question: str, *given: Any) -> Any:
        return parselmouth.praat.call(of, question, *given)

    sound = parselmouth.Sound(samples.astype(np.float64), VOICE_SR)
    pulses = ask(sound, "To PointProcess (periodic, cc)", LOW_HZ, HIGH_HZ)
    # the whole sound; periods of 0.1 to 20 ms, neighbours that differ by at most a factor of 1.3, amplitudes 1.6
    jitter = ask(pulses, "Get jitter (local)", 0, 0, 1e-4, 0.02, 1.3)
    shimmer = ask([sound, pulses], "Get shimmer (local)", 0, 0, 1e-4, 0.02, 1.3, 1.6)
    hnr_db = ask(ask(sound, "To Harmonicity (cc)", 0.01, LOW_HZ, 0.1, 1.0), "Get mean", 0, 0)
    cepstra = ask(sound, "To PowerCepstrogram", LOW_HZ, 0.002, 5000, 50)
    smooth = (False, 0.01, 0.001, LOW_HZ, 330, 0.05, "Parabolic", 0.001, 0.05, "Straight", "Robust")
    return 100 * jitter, 100 * shimmer, hnr_db, ask(cepstra, "Get CPPS", *smooth)
