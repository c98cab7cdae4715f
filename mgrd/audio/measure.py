"""How a clip sounds, in figures: each with its unit in its name, its error, and the reason when there is none.

`measure` runs once per clip; what it keeps (tracks of one value per 16 ms, as float16) answers for any stretch of time
without decoding again. Judges no claim: whether 110 Hz is low is for `mgrd.claims.verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mgrd.audio import colour, decay, formants, level, pitch, rhythm, segments
from mgrd.audio.compiled import alone_the_first_time
from mgrd.audio.figures import HOP_S, Figure, Scope, Segment, absent, figure
from mgrd.audio.frames import Frames, analyse
from mgrd.audio.load import READ_FRAMES, Clip, Samples, Source, Survey, channel_alone, clip_of, open_stream
from mgrd.errors import InputError, MgrdError

__all__ = ["EXTRACTOR", "Figure", "Measurements", "Segment", "by_name", "measure", "measure_file"]

EXTRACTOR = "6"
"""Changes whenever a figure may change: part of the key of cached measurements."""

Track: TypeAlias = NDArray[np.float16]

SCOPED: dict[str, Callable[[Scope], Figure]] = {
    function.__name__: function
    for function in (
        level.level_dbfs, level.loudness_trend_db, level.loudness_range_db, level.noise_floor_dbfs, level.snr_db,
        pitch.f0_median_hz, pitch.f0_sd_st, pitch.f0_p10_hz, pitch.f0_p90_hz, pitch.voiced_s, pitch.f0_slope_st_s,
        pitch.f0_change_st, pitch.f0_final_slope_st_s, pitch.harmonicity_db,
        rhythm.syllable_count, rhythm.syllable_rate_hz, rhythm.tempo_bpm, rhythm.pulse_strength,
        rhythm.onset_regularity,
        segments.event_count, segments.pause_count, segments.longest_pause_s, segments.pause_total_s, segments.speech_s,
        colour.centroid_hz, colour.bandwidth_hz, colour.flatness, colour.brightness_db, decay.reverb_s,
    )
}  # fmt: skip
"""Figures that follow from the tracks, so that they exist for any stretch of the clip."""


FIGURES = frozenset({
    "duration_s", "loudness_lufs", "peak_dbfs", "bandlimit_hz", *colour.KEY_FIGURES, *formants.FIGURES, *SCOPED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that is known about the sound of one clip."""

    audio_sha: str
    extractor: str
    duration_s: float
    sr: int
    """Native rate, Hz."""
    figures: dict[str, Figure]
    """Over the whole clip."""
    tracks: dict[str, Track]
    """One value a frame: `f0_hz` (NaN unvoiced), `voicing` (0 to 1), `level_db`, `speech` (0 to 1), ..."""
    hop_s: float
    segments: list[Segment]
    memo: dict[tuple[Any, ...], Any] | None = field(default=None, compare=False, repr=False)
    """What was worked out from the rest, kept by whoever asks again and again; None keeps nothing."""

    def figure(self, name: str, t0_s: float | None = None, t1_s: float | None = None) -> Figure:
        """A figure over the whole clip, or over t0_s to t1_s (None is the clip's edge) from the tracks.

        KeyError for a name that is no figure.
        """
        if name not in FIGURES:
            raise KeyError(name)
        whole = self.figures.get(name, absent(f"{name} was not measured"))
        if (t0_s is None and t1_s is None) or name not in self.figures:
            return whole
        start = max(0.0, t0_s or 0.0)
        end = self.duration_s if t1_s is None else min(t1_s, self.duration_s)
        if start <= 0 and end >= self.duration_s:
            return whole
        if name == "duration_s":
            return figure(max(0.0, end - start), 0.001)
        if start >= self.duration_s:
            return absent(f"lies outside the clip of {self.duration_s:.2f} s")
        if name not in SCOPED:
            return absent(f"{name} is measured over the whole clip only")
        if end - start < 2 * HOP_S:
            return absent(f"no stretch: {start:.2f} to {end:.2f} s of a clip of {self.duration_s:.2f} s")
        key = ("figure", name, start, end)
        if self.memo is not None and key in self.memo:
            kept: Figure = self.memo[key]
            return kept
        found = SCOPED[name](_scope(self.tracks, self.segments, start, end))
        if self.memo is not None:
            self.memo[key] = found
        return found


def measure(clip: Clip) -> Measurements:
    """Measure a clip in memory. Deterministic, one thread, about 10 ms per second of audio."""
    pieces = (clip.samples[:, i : i + READ_FRAMES] for i in range(0, clip.samples.shape[1], READ_FRAMES))
    found = Survey(clip.sr, clip.samples.shape[1], clip.sha, channel_alone(clip.samples))
    return _measure(pieces, found)


def measure_file(source: Source, found: Survey, name: str | None = None) -> Measurements:
    """Measure a surveyed clip of any length, a minute at a time; the same figures as `measure(load(source))`."""
    with open_stream(source, name) as stream:
        return _measure((block.T for block in stream.blocks), found)


@contextmanager
def by_name(name: str) -> Iterator[None]:
    """Turn whatever goes wrong inside with one clip into an InputError that names it; its cause keeps the traceback."""
    try:
        yield
    except MgrdError:
        raise
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise InputError(f"{name}: cannot be measured ({what}); -v tells where in the code") from error


def _measure(pieces: Iterable[Samples], about: Survey) -> Measurements:
    alone_the_first_time(lambda: measure(clip_of(_everything(), 16000)))
    frames = analyse(pieces, about.sr, about.alone)
    duration_s = about.samples / about.sr
    tracks = _tracks(frames)
    found = _segments(tracks)
    scope = _scope(tracks, found, 0.0, duration_s)
    speech_share = float(scope.speech.mean())
    figures = {
        "duration_s": figure(duration_s, 0.001),
        "loudness_lufs": level.integrated_lufs(frames.gating_blocks, duration_s, frames.channels),
        "peak_dbfs": figure(20 * np.log10(frames.peak), 0.1) if frames.peak > 0 else absent("silent"),
        **{name: function(scope) for name, function in SCOPED.items()},
        **colour.key_figures(frames.chroma, duration_s, speech_share),
        **formants.figures(frames.formants_hz, about.sr),
        "bandlimit_hz": colour.bandlimit_hz(scope, frames.spectrum, about.sr),
    }
    return Measurements(about.sha, EXTRACTOR, duration_s, about.sr, figures, tracks, HOP_S, found)


def _tracks(frames: Frames) -> dict[str, Track]:
    """The tracks that are kept; figures are computed from these rounded values, so a scope agrees with the whole."""
    raw = frames.tracks
    f0_hz, tone = pitch.decide(raw)
    active, noisy = level.activity(raw["level_db"], np.isfinite(f0_hz))
    kept = {
        "f0_hz": f0_hz,
        "voicing": raw["voicing"],
        "tone": tone,
        "level_db": raw["level_db"],
        "active": active,
        "noisy": np.full(len(active), noisy),
        "speech": raw["speech"],
        # the envelope of the vowels' band knows nothing of a thump below it, beside which all else is silence
        "nuclei": rhythm.find_nuclei(raw["syllable_db"], np.isfinite(f0_hz)) & active,
        "onset": raw["onset"],
        "centroid_hz": raw["centroid_hz"].clip(0, 65000),
        "bandwidth_hz": raw["bandwidth_hz"].clip(0, 65000),
        "flatness": raw["flatness"],
        "bright_db": raw["bright_db"],
        "harmonicity_db": np.where(np.isfinite(f0_hz), pitch.to_harmonicity_db(raw["repeats"]), np.nan),
    }
    return {name: np.asarray(track, dtype=np.float16) for name, track in kept.items()}


def _segments(tracks: dict[str, Track]) -> list[Segment]:
    scope = _scope(tracks, [], 0.0, np.inf)
    return segments.find(scope.f0_hz, scope.level_db, scope.active, scope.speech, scope.noisy)


def _scope(tracks: dict[str, Track], found: list[Segment], t0_s: float, t1_s: float) -> Scope:
    count = len(tracks["level_db"])
    a = min(round(t0_s / HOP_S), count - 1)
    b = count if t1_s / HOP_S >= count - 0.5 else max(a + 1, round(t1_s / HOP_S))
    track = {name: values[a:b].astype(np.float64) for name, values in tracks.items()}
    return Scope(
        f0_hz=track["f0_hz"],
        tone=track["tone"] > 0,
        level_db=track["level_db"],
        active=track["active"] > 0,
        speech=segments.speech_frames(track["speech"]),
        nuclei=track["nuclei"] > 0,
        onset=track["onset"],
        centroid_hz=track["centroid_hz"],
        bandwidth_hz=track["bandwidth_hz"],
        flatness=track["flatness"],
        bright_db=track["bright_db"],
        harmonicity_db=track["harmonicity_db"],
        segments=segments.cut(found, t0_s, t1_s),
        duration_s=(b - a) * HOP_S,
        noisy=bool(track["noisy"].any()),
    )


def _everything() -> Samples:
    """3 s that take every path which librosa compiles: a low pure tone, a gap, clicks in time."""
    t = np.arange(3 * 16000) / 16000
    tone = 0.3 * np.sin(2 * np.pi * 110 * t) * (t < 1.2)
    clicks = 0.5 * np.sin(2 * np.pi * 900 * t) * (t > 1.5) * (t % 0.25 < 0.03)
    return np.asarray(tone + clicks, dtype=np.float32)
