"""What measuring a clip costs beside swift-f0 alone, whether it grows with the length only, and how often F0 is wrong.

    mgrd bench measure                        # synthesised music, tones, noise and speech-like sound, 44.1 kHz stereo
    mgrd bench measure --data DIR  # also recorded speech (emodb/, fsdd/), and F0 against Praat's
    mgrd bench measure --write                # and update docs/grounding.md

*Cost*: CPU time of `mgrd.audio.measure` over that of swift-f0 on the same clips, already mixed down and at 16 kHz,
which favours swift-f0. Both take turns, so that a machine that changes its speed changes it for both. *Linear*: a
minute of a clip against ten. *F0*: gross errors (more than 20 % off) among the frames that are voiced for both mgrd
and Praat's autocorrelation (Boersma 1993; 60 to 600 Hz), with a bootstrap interval over clips. Praat is no truth, and
some of the differences are its own errors; it needs praat-parselmouth, which is GPL and therefore not a dependency.

What it does not measure: decoding, reading of cached measurements, several processes at once.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))

from page import check_data, folder, show, write_section

from mgrd.audio import frames, measure
from mgrd.audio.load import Clip, clip_of, load

PAGE = Path(__file__).resolve().parents[1] / "docs" / "grounding.md"
SR = 44100
ROUNDS = 7
DRAWS = 2000
GROSS = 0.2
STEPS = {
    "_pitch": "swift-f0 (in pieces of 4 s)",
    "_speech": "voice activity (silero)",
    "_pitches": "second opinion on pitch, harmonicity",
    "power_spectra": "spectra at 16 kHz",
    "resample": "resampling",
    "colour_spectra": "spectra at native rate",
    "colour": "colour",
    "chroma": "pitch classes",
    "onset_strength": "onsets",
    "syllable_band": "syllable band",
    "without_offset": "offset filter",
    "frame_levels_db": "levels",
    "gating_blocks_lufs": "loudness (BS.1770)",
}
"""The functions that `mgrd.audio.frames` calls, each with what it does; all the rest works on tracks."""

Samples = NDArray[np.float32]


def synthesised() -> dict[str, list[Clip]]:
    """Clips at 44.1 kHz in stereo, by what they are; the same ones each time."""
    rng = np.random.default_rng(0)
    t = np.arange(12 * SR) / SR

    def stereo(samples: NDArray[np.float64]) -> Clip:
        samples = 0.3 * samples / np.abs(samples).max()
        return clip_of(np.stack([samples, 0.8 * np.roll(samples, 40)]).astype(np.float32), SR)

    chords = np.zeros(len(t))
    for i, root in enumerate((60, 65, 67, 60, 62, 67, 69, 62) * 3):
        held = (t >= 0.5 * i) * np.exp(-3 * np.maximum(t - 0.5 * i, 0)) * (t < 0.5 * (i + 1))
        for note in (root, root + 4, root + 7):
            hz = 440 * 2 ** ((note - 69) / 12)
            chords += held * sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 7))
    beeps = np.sin(2 * np.pi * 880 * t) * (t % 0.6 < 0.3)
    # harmonics of a moving pitch that opens and closes four times a second
    phase = 2 * np.pi * np.cumsum(140 * 2 ** (np.sin(2 * np.pi * 0.7 * t) / 6)) / SR
    talk = sum(np.sin(k * phase) / k for k in range(1, 40)) * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * t)) * (t % 3 < 2.4)
    return {
        "music: chords, 12 s": [stereo(chords + 0.05 * rng.standard_normal(len(t)) * (t % 0.5 < 0.02))],
        "tones: beeps and a hum, 24 s": [stereo(beeps), stereo(np.sin(2 * np.pi * 110 * t))],
        "noise, 12 s": [stereo(rng.standard_normal(len(t)))],
        "voice-like, in noise, 12 s": [stereo(talk + 0.1 * rng.standard_normal(len(t)))],
    }


def recorded(data: Path | None) -> dict[str, list[Clip]]:
    """Every third clip of the recorded speech, by corpus; none where there is no data."""
    found: dict[str, list[Clip]] = {}
    for corpus, about in (("emodb", "sentences of 2 s"), ("fsdd", "single digits")):
        if data is not None:
            found[f"{corpus}: {about}"] = [load(path) for path in sorted((data / corpus).glob("*.wav"))[::3]]
    return found


def cost(groups: Mapping[str, Sequence[Clip]]) -> list[str]:
    """Table of the CPU time of measuring over that of swift-f0, per group and pooled."""
    voices = {name: [clip.mono(frames.VOICE_SR) for clip in clips] for name, clips in groups.items()}
    model = frames.swift()
    alone: dict[str, list[float]] = {name: [] for name in groups}
    whole: dict[str, list[float]] = {name: [] for name in groups}
    for name, clips in groups.items():  # what is loaded and compiled on first use
        measure.measure(clips[0])
        model.detect(voices[name][0], frames.VOICE_SR)
    for _ in range(ROUNDS):
        for name, clips in groups.items():
            alone[name].append(_cpu_s(lambda n=name: [model.detect(voice, frames.VOICE_SR) for voice in voices[n]]))
            whole[name].append(_cpu_s(lambda c=clips: [measure.measure(clip) for clip in c]))
    lines = ["| clips | seconds | swift-f0 | measuring | ratio (range of rounds) |", "|---|---|---|---|---|"]
    seconds = {name: sum(clip.duration_s for clip in clips) for name, clips in groups.items()}
    for name in groups:
        lines.append(_row(name, seconds[name], alone[name], whole[name]))
    total = [[sum(column) for column in zip(*times.values(), strict=True)] for times in (alone, whole)]
    lines.append(_row("**all**", sum(seconds.values()), *total))
    return lines


def _row(name: str, seconds: float, alone: Sequence[float], whole: Sequence[float]) -> str:
    ratios = [b / a for a, b in zip(alone, whole, strict=True)]
    each = [f"{1000 * statistics.median(times) / seconds:.1f} ms/s" for times in (alone, whole)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {name} | {seconds:.0f} | {each[0]} | {each[1]} | {spread} |"


def steps(clips: Sequence[Clip]) -> list[str]:
    """Table of the CPU time of each step, in ms per second of sound and in shares."""
    spent: Counter[str] = Counter()
    inner: list[float] = []

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def call(*args: Any) -> Any:
            inner.append(0.0)
            begun = time.process_time()
            result = work(*args)
            took = time.process_time() - begun
            spent[name] += took - inner.pop()
            if inner:
                inner[-1] += took
            return result

        return call

    originals = {name: getattr(frames, name) for name in STEPS}
    for name, work in originals.items():
        setattr(frames, name, timed(name, work))
    everything = _cpu_s(lambda: [measure.measure(clip) for clip in clips])
    for name, work in originals.items():
        setattr(frames, name, work)
    seconds = sum(clip.duration_s for clip in clips)
    rest = everything - sum(spent.values())
    rows = [(STEPS[name], took) for name, took in spent.most_common()] + [
        ("everything else: figures from tracks", rest)
    ]
    return ["| step | ms/s | share |", "|---|---|---|"] + [
        f"| {about} | {1000 * took / seconds:.2f} | {100 * took / everything:.0f} % |" for about, took in rows
    ]


def linearity(clips: Sequence[Clip]) -> list[str]:
    """How much longer ten minutes take than one: the same sound, repeated."""
    mixed = np.concatenate([clip.mono(frames.VOICE_SR) for clip in clips])
    minute = np.resize(mixed, 60 * frames.VOICE_SR)
    one, ten = clip_of(minute, frames.VOICE_SR), clip_of(np.tile(minute, 10), frames.VOICE_SR)
    ratios = []
    for _ in range(3):
        short = _cpu_s(lambda: measure.measure(one))
        ratios.append(_cpu_s(lambda: measure.measure(ten)) / short)
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return [f"Ten minutes take {statistics.median(ratios):.1f} times as long as one ({spread} in three turns)."]


def f0_errors(data: Path) -> list[str]:
    """Table of gross errors of F0 against Praat, per corpus and pooled, with 95 % bootstrap intervals over clips."""
    lines = ["| corpus | clips | frames | gross errors (95 %) |", "|---|---|---|---|"]
    pooled: list[tuple[int, int]] = []
    for corpus in ("emodb", "fsdd"):
        counts = [_gross(load(path)) for path in sorted((data / corpus).glob("*.wav"))]
        lines.append(_errors_row(corpus, counts))
        pooled += counts
    return [*lines, _errors_row("**both**", pooled)]


def _gross(clip: Clip) -> tuple[int, int]:
    """Gross errors and frames that are voiced for both."""
    import parselmouth

    ours_hz = measure.measure(clip).tracks["f0_hz"].astype(np.float64)
    sound = parselmouth.Sound(clip.mono(frames.VOICE_SR).astype(np.float64), frames.VOICE_SR)
    praat = sound.to_pitch_ac(time_step=measure.HOP_S, pitch_floor=60, pitch_ceiling=600)
    praat_hz = praat.selected_array["frequency"]
    at = np.clip(np.round(praat.xs() / measure.HOP_S).astype(int), 0, len(ours_hz) - 1)
    both = (praat_hz > 0) & np.isfinite(ours_hz[at])
    return int((np.abs(ours_hz[at][both] / praat_hz[both] - 1) > GROSS).sum()), int(both.sum())


def _errors_row(name: str, counts: Sequence[tuple[int, int]]) -> str:
    wrong, total = np.array(counts).T
    draws = np.random.default_rng(0).integers(0, len(counts), (DRAWS, len(counts)))
    low, high = np.percentile(wrong[draws].sum(axis=1) / total[draws].sum(axis=1), (2.5, 97.5))
    share = f"{100 * wrong.sum() / total.sum():.2f} % ({100 * low:.2f} to {100 * high:.2f})"
    return f"| {name} | {len(counts)} | {total.sum()} | {share} |"


def _cpu_s(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Measure, print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=folder, help="folder with emodb/ and fsdd/")
    parser.add_argument("--write", action="store_true", help="update docs/grounding.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    if given.write and not PAGE.exists():
        parser.error("--write needs a checkout: its docs/grounding.md is what is written")
    if given.data is not None:
        check_data(given.data, ("emodb", "fsdd"))
    real = recorded(given.data)
    groups = {**real, **synthesised()}
    clips = [clip for group in groups.values() for clip in group]
    machine = f"{platform.machine()}, one core, Python {platform.python_version()}"
    lines = [f"CPU time for each second of sound ({machine}); medians of {ROUNDS} rounds.", "", *cost(groups), ""]
    lines += [*steps(clips), "", *linearity(clips)]
    if real and importlib.util.find_spec("parselmouth"):
        lines += ["", "Gross errors of F0 in frames voiced for both mgrd and Praat:", "", *f0_errors(given.data)]
    elif real:
        print("F0 was not compared: praat-parselmouth is not installed", file=sys.stderr)
    show({"measure": lines}, as_json=given.json)
    if given.write:
        write_section(PAGE, "measure", lines)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
