"""Clips in, samples out: decode a file or bytes once, check it, and name it by its sound.

A clip is refused, by name and reason, rather than repaired: what a model hears and what is measured must be the same
samples. Knows nothing about what the samples mean, and nothing about tables.

Limits: a clip that is held in memory has at most `HELD_SAMPLES` samples over all channels (1 GiB as float32, 3 h of
24 kHz mono). Longer ones can still be measured, because `open_stream` reads them block by block.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mgrd import urls
from mgrd.errors import InputError

Samples: TypeAlias = NDArray[np.float32]
Source: TypeAlias = Path | bytes

HELD_SAMPLES = 2**28
SHORTEST_S = 0.02
"""Under one period of the lowest pitch, nothing here can be measured or heard as more than a click."""
CANCELLED_DB = 20.0
"""A mix this far below its loudest channel is cancellation, not mixing: independent or equal channels lose at most
10 log10(channels) dB."""
READ_FRAMES = 2**18
LEAST_SR = 1000
"""Under it not even a voice's pitch is in the sound, and the filters and windows here have no samples to work on."""
LARGEST = 1e4
"""Samples beyond this, 80 dB over full scale, are no sound: unscaled integers, or garbage whose power overflows."""


@dataclass(frozen=True)
class Clip:
    """Decoded audio: `samples` float32 (channels, n), full scale 1.0; `sha` blake2b-128 of rate, channels, samples."""

    samples: Samples
    sr: int
    sha: str
    name: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return int(self.samples.shape[1]) / self.sr

    def mono(self, sr: int) -> Samples:
        """One channel at `sr` Hz: the mean of the channels, or the loudest one when the mean would cancel.

        Resampled with soxr HQ. Shape (n,), float32.
        """
        return resample(downmix(self.samples, channel_alone(self.samples)), self.sr, sr)


@dataclass(frozen=True)
class Stream:
    """An open file; `blocks` can be read once, `frames` is what the header promises."""

    sr: int
    channels: int
    frames: int
    blocks: Iterator[Samples]


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a clip finds out."""

    sr: int
    samples: int
    """Per channel."""
    sha: str
    alone: int | None
    """The channel to analyse, when the mix of all would cancel."""


def probe(source: Source, name: str | None = None) -> tuple[float, int, int]:
    """Duration in seconds, rate in Hz and number of channels, from the header alone."""
    with open_stream(source, name) as stream:
        return stream.frames / stream.sr, stream.sr, stream.channels


def probe_opened(handle: IO[bytes], name: str) -> float:
    """Duration in seconds of an open file, at its beginning; of it no more is read than its format needs to tell."""
    with _opened(handle, name) as stream:
        return stream.frames / stream.sr


def load(source: Source, name: str | None = None) -> Clip:
    """Decode a whole clip; `name` stands for embedded bytes in messages.

    InputError names the clip and one reason: missing, empty, not audio, truncated, a rate or samples that are no sound,
    too short, too long.
    """
    name = _name(source, name)
    with open_stream(source, name) as stream:
        if stream.frames * stream.channels > HELD_SAMPLES:
            raise InputError(
                f"{name}: {stream.frames / stream.sr / 60:.0f} min of {stream.channels} channels at {stream.sr} Hz is "
                f"more than the {HELD_SAMPLES * 4 >> 20} MiB that a clip may take in memory; cut it into shorter clips"
            )
        digest = _digest(stream.sr, stream.channels)
        samples = np.empty((stream.channels, stream.frames), dtype=np.float32)
        done = 0
        for block in stream.blocks:
            digest.update(block.tobytes())
            # a compressed file may hold a few samples more than its header says
            if done + len(block) > samples.shape[1]:
                more = np.empty((stream.channels, 2 * READ_FRAMES), dtype=np.float32)
                samples = np.concatenate((samples[:, :done], more), axis=1)
            samples[:, done : done + len(block)] = block.T
            done += len(block)
    return Clip(np.ascontiguousarray(samples[:, :done]), stream.sr, digest.hexdigest(), name)


def clip_of(samples: Samples, sr: int, name: str = "samples") -> Clip:
    """A clip from samples in memory, (n,) or (channels, n), with the checks and the sha it would have as a file."""
    samples = np.ascontiguousarray(np.atleast_2d(samples), dtype=np.float32)
    digest = _digest(sr, len(samples))
    for block in _checked(iter([np.ascontiguousarray(samples.T)]), sr, samples.shape[1], name):
        digest.update(block.tobytes())
    return Clip(samples, sr, digest.hexdigest(), name)


def survey(source: Source, name: str | None = None) -> Survey:
    """Decode a clip of any length once, holding one block at a time."""
    with open_stream(source, name) as stream:
        digest = _digest(stream.sr, stream.channels)
        power, mixed, done = np.zeros(stream.channels), 0.0, 0
        for block in stream.blocks:
            digest.update(block.tobytes())
            power += [_power(channel) for channel in block.T]
            mixed += _power(block.mean(axis=1, dtype=np.float32))
            done += len(block)
    return Survey(stream.sr, done, digest.hexdigest(), int(np.argmax(power)) if _cancels(power, mixed) else None)


@contextmanager
def open_stream(source: Source, name: str | None = None) -> Iterator[Stream]:
    """Open a clip for reading in blocks of shape (n, channels); the blocks raise InputError where the data is wrong."""
    name = _name(source, name)
    if isinstance(source, Path) and urls.is_url(source):
        source = urls.read(source)
    if isinstance(source, Path):
        if not source.exists():
            raise InputError(f"{name}: no such audio file")
        if not source.is_file():
            raise InputError(f"{name}: is not a file")
        if source.stat().st_size == 0:
            raise InputError(f"{name}: the audio file is empty (0 bytes)")
    with (
        source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as handle,
        _opened(handle, name) as stream,
    ):
        yield stream


@contextmanager
def _opened(handle: IO[bytes], name: str) -> Iterator[Stream]:
    import soundfile

    there, promised = _data_bytes(handle)
    if not handle.seek(0, io.SEEK_END):
        raise InputError(f"{name}: the embedded audio is empty (0 bytes)")
    handle.seek(0)
    try:
        file = soundfile.SoundFile(handle)
    except soundfile.LibsndfileError as error:
        why = f"is not audio that libsndfile reads ({_reason(error)}); convert it to WAV or FLAC"
        raise InputError(f"{name}: {why}") from None
    if there < promised:
        why = f"is truncated, its header promises {promised} bytes of audio and {there} are there; copy it again"
        raise InputError(f"{name}: {why}")
    with file:
        blocks = _checked(_read(file, name), file.samplerate, file.frames, name)
        yield Stream(file.samplerate, file.channels, file.frames, blocks)


def downmix(samples: Samples, alone: int | None) -> Samples:
    """The mean of the channels (channels, n) -> (n,), or the one channel that stands for them all."""
    if len(samples) == 1 or alone is not None:
        return np.ascontiguousarray(samples[alone or 0])
    return np.asarray(samples.mean(axis=0, dtype=np.float32))


def channel_alone(samples: Samples) -> int | None:
    """The loudest channel of (channels, n) when mixing would cancel them, as opposite-phase stereo does; else None."""
    if len(samples) == 1:
        return None
    power = np.array([_power(channel) for channel in samples])
    return int(np.argmax(power)) if _cancels(power, _power(samples.mean(axis=0, dtype=np.float32))) else None


def resample(samples: Samples, sr: int, to_sr: int) -> Samples:
    """Samples (n,) at another rate, by soxr HQ: pass band to 0.91 of the lower Nyquist rate, linear phase."""
    import soxr

    if sr == to_sr or not len(samples):
        return samples
    return np.asarray(soxr.resample(samples, sr, to_sr, quality="HQ"), dtype=np.float32)


def _cancels(power: NDArray[np.float64], mixed: float) -> bool:
    return len(power) > 1 and power.max() > 0 and mixed < power.max() * 10 ** (-CANCELLED_DB / 10)


def _power(samples: Samples) -> float:
    return float(np.vdot(samples, samples))


def _digest(sr: int, channels: int) -> hashlib.blake2b:
    return hashlib.blake2b(f"{sr}/{channels}/".encode(), digest_size=16)


def _name(source: Source, name: str | None) -> str:
    return name or (str(source) if isinstance(source, Path) else "embedded audio")


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", "")).strip().rstrip(".") or "decoding fails"


def _read(file: Any, name: str) -> Iterator[Samples]:
    import soundfile

    done = 0
    while True:
        try:
            block = file.read(READ_FRAMES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{name}: is truncated or damaged, its header promises {file.frames / file.samplerate:.2f} s and "
                f"decoding stops after {done / file.samplerate:.2f} s ({_reason(error)}); copy it again"
            ) from None
        if not len(block):
            return
        done += len(block)
        yield block


def _checked(blocks: Iterator[Samples], sr: int, frames: int, name: str) -> Iterator[Samples]:
    """Pass the blocks on; object to a rate or samples that are no sound and, at the end, to a length that is wrong."""
    if sr < LEAST_SR:
        raise InputError(f"{name}: has a sample rate of {sr} Hz; at least {LEAST_SR} Hz are needed; export it again")
    done = 0
    for block in blocks:
        if not (good := np.abs(block) <= LARGEST).all():
            frame, channel = np.argwhere(~good)[0]
            sample, at_s = block[frame, channel], (done + int(frame)) / sr
            wrong = f"of {sample:.3g}, and full scale is 1" if np.isfinite(sample) else "that is NaN or infinite"
            raise InputError(f"{name}: holds a sample {wrong}, at {at_s:.3f} s; export it again")
        done += len(block)
        yield block
    if done == 0:
        raise InputError(f"{name}: holds no samples; it is empty or cut off")
    # MP3 and Vorbis state lengths that the decoder's delay may miss by a few frames of 1152 samples
    if frames - done > max(0.01 * frames, 4 * 1152):
        raise InputError(
            f"{name}: is truncated, its header promises {frames / sr:.2f} s "
            f"and {done / sr:.2f} s are there; copy it again"
        )
    if done < SHORTEST_S * sr:
        raise InputError(f"{name}: is {done / sr * 1000:.1f} ms long; at least {SHORTEST_S * 1000:.0f} ms are needed")


def _data_bytes(handle: IO[bytes]) -> tuple[int, int]:
    """Bytes of sample data that are there and that a WAV or AIFF header promises; (0, 0) for any other format.

    libsndfile silently believes the file size where the two differ. A header written to a pipe promises nothing:
    its length field is 0 or near its largest value.
    """
    head = handle.read(12)
    size = handle.seek(0, io.SEEK_END)
    layouts = {b"RIFF": ("<I", b"data"), b"FORM": (">I", b"SSND")}
    if len(head) < 12 or head[:4] not in layouts:
        return 0, 0
    code, wanted = layouts[head[:4]]
    at = 12
    while at + 8 <= size:
        handle.seek(at)
        kind, (length,) = handle.read(4), struct.unpack(code, handle.read(4))
        if kind == wanted:
            if length == 0 or length >= 0x7FFF0000:
                return 0, 0
            return size - at - 8, length
        at += 8 + length + length % 2
    return 0, 0
