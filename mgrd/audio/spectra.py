"""Spectra per frame, and what is read off them without deciding anything: colour, onsets, syllables, pitch classes."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import HOP_S, Floats
from mgrd.audio.load import Samples
from mgrd.audio.power import edge

VOICE_SR = 16000
HOP = 256
"""HOP_S at VOICE_SR."""
N_FFT = 1024
CHROMA_FFT = 8192
CHROMA_SECONDS = 3.0
CHROMA_FRAMES, SOUNDING_DB = 16, 20.0
TUNED_HZ = 4000.0
"""The tuning is estimated from the peaks below: those above are harmonics, and rarely in tune."""
COLOUR_S = 0.064
"""Colour is read off windows of this length at any rate, one a pair of frames: together they cover every sample."""
COLOUR_DB = 100.0
"""What lies further under the strongest bin is rounding; over thousands of bins it would widen a pure tone."""
BRIGHT_HZ, LOWEST_HZ, HIGHEST_HZ = 3000.0, 100.0, 8000.0
TOP_DB = 80.0


def power_spectra(
    samples: Samples, sr: int, n_fft: int, count: int, every: int = 1, *, inside: bool = False
) -> NDArray[np.float32]:
    """Power spectra (n, bins), one for `every` frames in a row, under a Hann window centred on them.

    A full sine peaks at 1/4. With `inside` a window that would reach beyond the samples is moved until it does not.
    """
    from scipy.fft import rfft  # in float32 twice as fast as numpy's

    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    window /= window.sum()
    padded = np.pad(samples, (n_fft // 2, n_fft + int(every * HOP_S * sr)))
    starts = np.array([edge(i, sr) + int(every * HOP_S * sr / 2) for i in range(0, count, every)])
    if inside and len(samples) >= n_fft:
        starts = starts.clip(n_fft // 2, n_fft // 2 + len(samples) - n_fft)
    views = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    spectra = np.empty((len(starts), n_fft // 2 + 1), dtype=np.float32)
    for i in range(0, len(starts), 256):  # in pieces, because the complex spectra take several times the memory
        chunk = rfft(views[np.minimum(starts[i : i + 256], len(views) - 1)] * window, axis=1)
        spectra[i : i + 256] = chunk.real**2 + chunk.imag**2
    return spectra


def colour_spectra(native: Samples, sr: int, count: int) -> NDArray[np.float32]:
    """Power spectra of pairs of frames at native rate, (pairs, bins).

    No window holds an edge of the clip, which has all frequencies.
    """
    from scipy.fft import next_fast_len

    return power_spectra(native, sr, 2 * next_fast_len(round(COLOUR_S * sr / 2)), count, every=2, inside=True)


def colour(spectra: NDArray[np.float32], sr: int, count: int) -> dict[str, Floats]:
    """Colour tracks of `count` frames from the spectra of pairs of them, (pairs, bins).

    `centroid_hz` and `bandwidth_hz` of magnitudes down to 100 dB under the strongest; `flatness`; `bright_db`, the
    power from 3 to 8 kHz over that from 0.1 to 3 kHz.
    """
    hz = np.linspace(0, sr / 2, spectra.shape[1], dtype=np.float32)
    floor = spectra.max(axis=1, keepdims=True) * np.float32(10 ** (-COLOUR_DB / 10))
    magnitude = np.sqrt(np.where(spectra > floor, spectra, np.float32(0)))
    total = np.maximum(magnitude.sum(axis=1), 1e-12)
    moments = magnitude @ np.stack([hz, hz**2], axis=1) / total[:, None]
    safe = np.maximum(spectra, 1e-14)
    bands = np.stack([(hz >= LOWEST_HZ) & (hz < BRIGHT_HZ), (hz >= BRIGHT_HZ) & (hz <= HIGHEST_HZ)], axis=1)
    low, high = np.maximum(spectra @ bands.astype(np.float32), 1e-14).T
    tracks = {
        "centroid_hz": moments[:, 0],
        "bandwidth_hz": np.sqrt(np.maximum(moments[:, 1] - moments[:, 0] ** 2, 0)),
        "flatness": np.exp(np.log(safe).mean(axis=1)) / safe.mean(axis=1),
        "bright_db": 10 * np.log10(high / low),
    }
    return {name: np.repeat(track, 2)[:count] for name, track in tracks.items()}


def syllable_band(voice: Samples, count: int) -> Floats:
    """Envelope of the 300 to 3000 Hz band, dB: where vowels are and fricatives are not."""
    from scipy.signal import sosfilt

    band = sosfilt(_vowel_band(), voice)
    power = np.square(band[: count * HOP]).reshape(count, HOP).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


@cache
def _vowel_band() -> Floats:
    from scipy.signal import butter

    return np.asarray(butter(2, (300, 3000), "band", fs=VOICE_SR, output="sos"))


def onset_strength(spectra: NDArray[np.float32]) -> Floats:
    """Spectral flux: the mean rise in dB over the bands of the mel spectrum, 80 dB deep, from one frame to the next."""
    mel = spectra @ _mel().T
    mel_db = 10 * np.log10(np.maximum(mel, max(1e-10, float(mel.max()) * 10 ** (-TOP_DB / 10))))
    return np.asarray(np.maximum(np.diff(mel_db, axis=0, prepend=mel_db[:1]), 0.0).mean(axis=1))


@cache
def _mel() -> NDArray[np.float32]:
    from librosa.filters import mel

    return np.asarray(mel(sr=VOICE_SR, n_fft=N_FFT, n_mels=80), dtype=np.float32)


def chroma(voice: Samples) -> Floats:
    """Energy per pitch class, (3, 12), C first, each window's strongest 1: of all, of the first and of the last second.

    Zeros for what is too short to have a key; a second counts from where it sounds. The windows last 0.5 s, so that
    semitones separate down to 60 Hz; the tuning is estimated to 0.01 semitone.
    """
    from librosa import estimate_tuning

    if len(voice) < CHROMA_SECONDS * VOICE_SR:
        return np.zeros((3, 12))
    spectra = power_spectra(voice, VOICE_SR, CHROMA_FFT, len(voice) // HOP, every=CHROMA_FRAMES)
    share = VOICE_SR / 2 / TUNED_HZ  # the lower bins are the spectrum of a lower rate
    low = spectra[:, : int(CHROMA_FFT / 2 / share) + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of sound without any pitch, whose tuning is then 0
        tuning = float(estimate_tuning(S=np.sqrt(low.T), sr=VOICE_SR / share, n_fft=int(CHROMA_FFT / share)))
    classes = _pitch_classes(round(tuning, 2)) @ spectra.T
    strongest = classes.max(axis=0)
    shares = classes / np.maximum(strongest, 1e-12)
    sounding = shares[:, strongest > strongest.max() * 10 ** (-SOUNDING_DB / 10)]
    edge_windows = round(1 / (CHROMA_FRAMES * HOP_S))
    edges = (sounding[:, :edge_windows], sounding[:, -edge_windows:])
    whole = shares.mean(axis=1)
    return np.array([whole, *(one.mean(axis=1) if one.size else np.zeros(12) for one in edges)], dtype=np.float64)


@cache
def _pitch_classes(tuning: float) -> NDArray[np.float32]:
    from librosa.filters import chroma as filters

    return np.asarray(filters(sr=VOICE_SR, n_fft=CHROMA_FFT, tuning=tuning), dtype=np.float32)
