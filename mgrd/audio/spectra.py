"""Spectra per frame, and what is read off them without deciding anything: colour, onsets, syllables, pitch classes."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.figures import HOP_S, Floats
from mgrd.audio.load import Samples

VOICE_SR = 16000
HOP = 256
"""HOP_S at VOICE_SR."""
N_FFT = 1024
CHROMA_FFT = 8192
CHROMA_SECONDS = 3.0


def edge(frame: int, sr: int) -> int:
    """The sample that a frame begins at."""
    return round(frame * HOP_S * sr)


def power_spectra(samples: Samples, sr: int, n_fft: int, count: int, every: int = 1) -> NDArray[np.float32]:
    """Power spectra (frames, bins) under a Hann window centred on every `every`-th frame; a full sine peaks at 1/4."""
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    window /= window.sum()
    padded = np.pad(samples, (n_fft // 2, n_fft + int(HOP_S * sr)))
    starts = np.array([edge(i, sr) + int(HOP_S * sr / 2) for i in range(0, count, every)])
    views = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    spectra = np.empty((len(starts), n_fft // 2 + 1), dtype=np.float32)
    for i in range(0, len(starts), 256):  # in pieces, because the complex spectra take several times the memory
        chunk = np.fft.rfft(views[np.minimum(starts[i : i + 256], len(views) - 1)] * window, axis=1)
        spectra[i : i + 256] = chunk.real**2 + chunk.imag**2
    return spectra


def colour(native: Samples, sr: int, count: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean power spectrum, and per frame centroid, bandwidth (both of magnitudes, as librosa's) and flatness."""
    n_fft = 2 ** round(np.log2(0.04 * sr))
    spectra = power_spectra(native, sr, n_fft, count)
    magnitude = np.sqrt(spectra)
    hz = np.fft.rfftfreq(n_fft, 1 / sr)
    total = np.maximum(magnitude.sum(axis=1), 1e-12)
    centroid = magnitude @ hz / total
    bandwidth = np.sqrt(np.maximum(magnitude @ hz**2 / total - centroid**2, 0))
    safe = np.maximum(spectra, 1e-14)
    flatness = np.exp(np.log(safe).mean(axis=1)) / safe.mean(axis=1)
    return spectra.mean(axis=0, dtype=np.float64), centroid, bandwidth, flatness


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
    """Spectral flux of the mel spectrum in dB (librosa)."""
    from librosa import power_to_db
    from librosa.onset import onset_strength as flux_of

    mel = _mel() @ spectra.T
    flux = flux_of(S=power_to_db(mel, ref=np.max), sr=VOICE_SR, hop_length=HOP)
    return np.asarray(flux, dtype=np.float64)


@cache
def _mel() -> NDArray[np.float32]:
    from librosa.filters import mel

    return np.asarray(mel(sr=VOICE_SR, n_fft=N_FFT, n_mels=80), dtype=np.float32)


def chroma(voice: Samples) -> Floats:
    """Energy per pitch class, (12,), C first, each window's strongest 1; zeros for what is too short to have a key.

    The windows last 0.5 s, so that semitones separate down to 60 Hz; the tuning is estimated to 0.01 semitone.
    """
    from librosa import estimate_tuning

    if len(voice) < CHROMA_SECONDS * VOICE_SR:
        return np.zeros(12)
    spectra = power_spectra(voice, VOICE_SR, CHROMA_FFT, len(voice) // HOP, every=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of sound without any pitch, whose tuning is then 0
        tuning = float(estimate_tuning(S=np.sqrt(spectra.T), sr=VOICE_SR, n_fft=CHROMA_FFT))
    classes = _pitch_classes(round(tuning, 2)) @ spectra.T
    shares = classes / np.maximum(classes.max(axis=0), 1e-12)
    return np.asarray(shares.mean(axis=1), dtype=np.float64)


@cache
def _pitch_classes(tuning: float) -> NDArray[np.float32]:
    from librosa.filters import chroma as filters

    return np.asarray(filters(sr=VOICE_SR, n_fft=CHROMA_FFT, tuning=tuning), dtype=np.float32)
