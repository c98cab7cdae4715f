"""Sounds whose truth is known, because they are made here: mono, float32, full scale 1."""

from __future__ import annotations

import numpy as np

SR = 16000


def at_level(samples, dbfs):
    """The samples at an RMS of so many dBFS."""
    return (samples * 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(samples, dtype=np.float64)))).astype(np.float32)


def silence(seconds, sr=SR):
    return np.zeros(round(seconds * sr), dtype=np.float32)


def sine(hz, seconds, dbfs=-20.0, sr=SR):
    return _from_pitch(np.full(round(seconds * sr), hz), 1, dbfs, sr)


def glide(hz, to_hz, seconds, dbfs=-20.0, sr=SR, harmonics=1):
    """A pitch that moves at a constant rate in semitones."""
    return _from_pitch(np.geomspace(hz, to_hz, round(seconds * sr)), harmonics, dbfs, sr)


def buzz(hz, seconds, dbfs=-20.0, sr=SR, harmonics=20):
    """A voice-like tone: harmonics at -6 dB an octave, below 0.45 of the rate."""
    return _from_pitch(np.full(round(seconds * sr), hz), harmonics, dbfs, sr)


def tone_pair(hz, second_hz, seconds=0.6, gap_s=0.2, dbfs=-20.0, sr=SR):
    return np.concatenate([sine(hz, seconds, dbfs, sr), silence(gap_s, sr), sine(second_hz, seconds, dbfs, sr)])


def beeps(count, hz=880.0, seconds=0.1, gap_s=0.15, dbfs=-20.0, sr=SR):
    """Beeps with gaps between them and a gap's silence at either end."""
    gap = silence(gap_s, sr)
    return np.concatenate([gap, *(part for _ in range(count) for part in (sine(hz, seconds, dbfs, sr), gap))])


def syllables(per_s, seconds, hz=140.0, dbfs=-20.0, sr=SR):
    """A buzz that opens and closes so many times a second: one vowel a period, 20 dB deep, through two formants."""
    t = np.arange(round(seconds * sr)) / sr
    wobble = hz * 2 ** (np.sin(2 * np.pi * 0.7 * t) / 12)
    opening = 10 ** (-20 / 20 * (0.5 + 0.5 * np.cos(2 * np.pi * per_s * t)))
    return at_level(_formants(_from_pitch(wobble, 40, dbfs, sr), sr) * opening, dbfs)


def noise(seconds, dbfs=-20.0, sr=SR, seed=0):
    """White noise."""
    return at_level(np.random.default_rng(seed).standard_normal(round(seconds * sr)), dbfs)


def clicks(bpm, seconds, dbfs=-20.0, sr=SR, jitter=0.0, seed=0):
    """A metronome: 20 ms bursts of noise, each early or late by up to so many beats."""
    samples = silence(seconds, sr)
    burst = noise(0.02, dbfs, sr) * np.hanning(round(0.02 * sr))
    rng = np.random.default_rng(seed)
    for start in np.arange(0.1, seconds - 0.05, 60 / bpm):
        at = round(np.clip(start + rng.uniform(-jitter, jitter) * 60 / bpm, 0, seconds - 0.03) * sr)
        samples[at : at + len(burst)] += burst.astype(np.float32)
    return samples


def knocks(count, gap_s=0.3, dbfs=-20.0, sr=SR):
    """Dull knocks, 0.15 s each, with gaps between them and a gap's silence at either end."""
    t, gap = np.arange(round(0.15 * sr)) / sr, silence(gap_s, sr)
    body = np.sin(2 * np.pi * 180 * t)
    struck = [(body + 0.5 * noise(0.15, 0, sr, seed)) * np.exp(-t / 0.02) for seed in range(count)]
    return np.concatenate([gap, *(part for knock in struck for part in (at_level(knock, dbfs), gap))])


def in_room(samples, rt60_s, sr=SR, seed=0):
    """The samples in a room: as much reverberation as direct sound, noise that decays by 60 dB in `rt60_s`."""
    t = np.arange(round(1.2 * rt60_s * sr)) / sr
    tail = np.random.default_rng(seed).standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t > 0.0025)
    response = np.concatenate(([1.0], tail / np.sqrt(np.sum(tail**2))))
    size = 2 ** int(np.ceil(np.log2(len(samples) + len(response))))
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
    return wet.astype(np.float32)


def low_passed(samples, hz, sr=SR):
    """Nothing above `hz`."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / sr) > hz] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def chord(midi, seconds, dbfs=-20.0, sr=SR):
    """Notes that sound together, six harmonics each."""
    notes = [buzz(440 * 2 ** ((note - 69) / 12), seconds, dbfs, sr, harmonics=6) for note in midi]
    return at_level(np.sum(notes, axis=0), dbfs)


def with_noise(samples, snr_db, seed=0):
    """The samples with white noise so many dB below their RMS."""
    level = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64))) - snr_db
    return samples + noise(len(samples) / SR, level, SR, seed)[: len(samples)]


def thump_then_talk():
    """A dull thump, two seconds of silence, and talk so far below the thump that no frame of it counts as sounding."""
    thump = sine(30, 0.3, -4.0)
    return np.concatenate([thump, silence(2.0), syllables(4, 3.0, dbfs=-57.0)])


def gain(samples, db):
    return (samples * 10 ** (db / 20)).astype(np.float32)


def _from_pitch(hz, harmonics, dbfs, sr):
    phase = 2 * np.pi * np.cumsum(hz) / sr
    highest = int(max(1, min(harmonics, 0.45 * sr / np.max(hz))))
    samples = at_level(sum(np.sin(k * phase) / k for k in range(1, highest + 1)), dbfs)
    ramp = min(len(samples) // 4, round(0.005 * sr))  # no clicks at the edges
    samples[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
    samples[len(samples) - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
    return samples


def _formants(samples, sr):
    for hz, width in ((600, 80), (1200, 100)):
        r = np.exp(-np.pi * width / sr)
        a1, a2 = -2 * r * np.cos(2 * np.pi * hz / sr), r * r
        out = np.zeros(len(samples) + 2)
        for i, x in enumerate(samples):
            out[i + 2] = x - a1 * out[i + 1] - a2 * out[i]
        samples = out[2:]
    return samples
