"""Sounds of the planted set: edits of speech, synthesised voices, tones, beats and chords, and Praat as tracker."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import signal

Samples = np.ndarray


def frame_levels(x: Samples, rate: int, seconds: float = 0.02) -> Samples:
    """Level of each frame in dB."""
    size = int(rate * seconds)
    count = len(x) // size
    return 10 * np.log10((x[: count * size].reshape(count, size) ** 2).mean(axis=1) + 1e-12)


def active_level(x: Samples, rate: int) -> float:
    """Mean level in dB of the frames within 30 dB of the strongest."""
    levels = frame_levels(x, rate)
    return float(10 * np.log10(np.mean(10 ** (levels[levels > levels.max() - 30] / 10))))


def at_level(x: Samples, rate: int, level: float = -24.0) -> Samples:
    """The sound scaled to an active level in dB."""
    return x * 10 ** ((level - active_level(x, rate)) / 20)


def gain(x: Samples, decibels: float | Samples) -> Samples:
    """The sound with a gain, fixed or one per sample."""
    return x * 10 ** (np.asarray(decibels) / 20)


def faded(x: Samples, rate: int, seconds: float = 0.008) -> Samples:
    """The sound with short fades at both ends."""
    size = min(int(rate * seconds), len(x) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, size)) ** 2
    return np.concatenate([x[:size] * ramp, x[size : len(x) - size], x[len(x) - size :] * ramp[::-1]])


def trimmed(x: Samples, rate: int, below: float = 32.0) -> Samples:
    """The sound without the quiet frames at its two ends."""
    levels = frame_levels(x, rate, 0.01)
    loud = np.flatnonzero(levels > levels.max() - below)
    size = int(rate * 0.01)
    return x[max(0, loud[0] - 1) * size : (loud[-1] + 2) * size]


def joined(parts: Sequence[Samples], gaps: Sequence[float] | Samples | float, rate: int) -> Samples:
    """The parts one after the other with silences between them."""
    gaps = [gaps] * (len(parts) - 1) if isinstance(gaps, (int, float)) else list(gaps)
    pieces: list[Samples] = []
    for part, pause in zip(parts, [*gaps, 0.0], strict=False):
        pieces += [faded(part, rate), np.zeros(int(pause * rate))]
    return np.concatenate(pieces)


def longest_gap(x: Samples, rate: int, below: float = 28.0) -> float:
    """Seconds of the longest quiet stretch between loud frames."""
    levels = frame_levels(x, rate, 0.01)
    loud = np.flatnonzero(levels > levels.max() - below)
    return float((np.diff(loud).max() - 1) * 0.01) if len(loud) > 1 else 0.0


def quietest_point(x: Samples, rate: int, start: float, end: float) -> int:
    """Sample index of the quietest 30 ms between two times."""
    power = np.convolve(x**2, np.ones(int(0.03 * rate)), "same")
    low, high = int(start * rate), int(end * rate)
    return low + int(np.argmin(power[low:high]))


def praat_f0(x: Samples, rate: int) -> tuple[Samples, Samples]:
    """Times and frequencies of the voiced frames by Praat in two passes."""
    import parselmouth

    sound = parselmouth.Sound(np.pad(np.asarray(x, dtype=float), int(0.05 * rate)), rate)
    first = sound.to_pitch_ac(0.01, 60, pitch_ceiling=600).selected_array["frequency"]
    first = first[first > 0]
    if len(first) < 8:
        return np.zeros(0), np.zeros(0)
    low, high = np.percentile(first, [25, 75])
    floor, ceiling = max(55.0, 0.6 * low), min(700.0, 2.2 * high)
    pitch = sound.to_pitch_ac(0.01, floor, pitch_ceiling=ceiling)
    f0 = pitch.selected_array["frequency"]
    return pitch.xs()[f0 > 0] - 0.05, f0[f0 > 0]


def median_f0(x: Samples, rate: int) -> float:
    """Median frequency of the voiced frames in Hz, 0 where there is no voice."""
    f0 = praat_f0(x, rate)[1]
    return float(np.median(f0)) if len(f0) else 0.0


def spread(x: Samples, rate: int) -> float:
    """Semitones between the 10th and 90th percentile of F0."""
    f0 = praat_f0(x, rate)[1]
    return float(np.diff(12 * np.log2(np.percentile(f0, [10, 90])))[0]) if len(f0) else 0.0


def end_slope(x: Samples, rate: int, seconds: float = 0.4) -> float:
    """Semitones per second over the last voiced stretch."""
    times, f0 = praat_f0(x, rate)
    last = times > times[-1] - seconds
    return float(np.polyfit(times[last], 12 * np.log2(f0[last]), 1)[0]) if last.sum() > 8 else 0.0


def psola(
    x: Samples, rate: int, pitch: Callable[[Samples, Samples], Samples] | None = None, stretch: float = 1.0
) -> Samples:
    """Praat overlap-add resynthesis with a new pitch curve or a new length."""
    import parselmouth
    from parselmouth.praat import call, run

    run("random_initializeWithSeedUnsafelyButPredictably (1)")  # Praat draws where it repeats unvoiced sound
    sound = parselmouth.Sound(np.asarray(x, dtype=float), rate)
    times, f0 = praat_f0(x, rate)
    floor, ceiling = (max(55.0, 0.9 * f0.min()), min(700.0, 1.1 * f0.max())) if len(f0) else (75.0, 600.0)
    manipulation = call(sound, "To Manipulation", 0.01, floor, ceiling)
    if pitch is not None and len(f0):
        tier = call("Create PitchTier", "new", 0, len(x) / rate)
        for time, value in zip(times, np.clip(pitch(times, f0), 55, 750), strict=False):
            call(tier, "Add point", float(time), float(value))
        call([tier, manipulation], "Replace pitch tier")
    if stretch != 1.0:
        tier = call(manipulation, "Extract duration tier")
        call(tier, "Add point", 0.0, stretch)
        call([tier, manipulation], "Replace duration tier")
    return call(manipulation, "Get resynthesis (overlap-add)").values[0]


def shifted(x: Samples, rate: int, semitones: float) -> Samples:
    """The voice moved by some semitones at the same length."""
    return psola(x, rate, lambda times, f0: f0 * 2 ** (semitones / 12))


def with_range(x: Samples, rate: int, factor: float, middle: float) -> Samples:
    """The voice with its pitch movements scaled about a middle frequency."""
    return psola(x, rate, lambda times, f0: middle * (f0 / np.median(f0)) ** factor)


def with_swings(x: Samples, rate: int, depth: float, middle: float, phase: float) -> Samples:
    """The voice with its pitch swung up and down by some semitones about a middle frequency."""
    return psola(x, rate, lambda times, f0: middle * 2 ** (depth * np.sin(2 * np.pi * (1.3 * times + phase)) / 12))


def with_end(x: Samples, rate: int, semitones: float, seconds: float = 0.5) -> Samples:
    """The voice on a level pitch that moves by some semitones over its last voiced stretch."""

    def curve(times: Samples, f0: Samples) -> Samples:
        """A gentle version of the old curve, then the straight end."""
        middle = np.median(f0)
        progress = np.clip((times - (times[-1] - seconds)) / seconds, 0, 1)
        level = middle * (f0 / middle) ** 0.3
        start = middle * 2 ** (-np.sign(semitones) * 2 / 12)
        return np.where(progress > 0, start * 2 ** (semitones * progress / 12), level)

    return psola(x, rate, curve)


def low_passed(x: Samples, rate: int, hertz: float) -> Samples:
    """The sound with the highs cut steeply, at its old level."""
    y = signal.sosfiltfilt(signal.butter(4, hertz, fs=rate, output="sos"), x)
    return at_level(y, rate, active_level(x, rate))


def shelved(x: Samples, rate: int, decibels: float, hertz: float = 1800.0) -> Samples:
    """The sound with all above a frequency raised by a gain, at its old level."""
    high = signal.sosfiltfilt(signal.butter(1, hertz, "high", fs=rate, output="sos"), x)
    return at_level(x + (10 ** (decibels / 20) - 1) * high, rate, active_level(x, rate))


def noise(count: int, rng: np.random.Generator, pink: bool = False) -> Samples:
    """White or pink noise of unit power."""
    x = rng.standard_normal(count)
    if pink:
        spectrum = np.fft.rfft(x) / np.sqrt(np.maximum(np.arange(count // 2 + 1), 8))
        x = np.fft.irfft(spectrum, count)
    return x / np.sqrt(np.mean(x**2))


def with_noise(x: Samples, rate: int, snr: float, rng: np.random.Generator, pink: bool) -> Samples:
    """The sound in steady noise some dB below its active level."""
    return x + noise(len(x), rng, pink) * 10 ** ((active_level(x, rate) - snr) / 20)


def reverberated(x: Samples, rate: int, rt60: float, rng: np.random.Generator) -> Samples:
    """The sound convolved with an exponential room whose tail is 3 dB above the direct sound."""
    count = int(rt60 * rate)
    tail = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[: int(0.008 * rate)] = 0
    tail *= 10 ** (3 / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return at_level(signal.fftconvolve(x, tail)[: len(x) + int(0.7 * count)], rate, active_level(x, rate))


def tone(hertz: float | Samples, seconds: float, rate: int, rich: int = 1) -> Samples:
    """A tone of some harmonics, steady or on a given frequency curve."""
    count = round(seconds * rate)
    curve = np.broadcast_to(np.asarray(hertz, dtype=float), (count,))
    phase = 2 * np.pi * np.cumsum(curve) / rate
    x = sum(np.sin(k * phase) / k for k in range(1, rich + 1) if k * curve.max() < 0.45 * rate)
    return faded(0.1 * np.asarray(x), rate, 0.012)


VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480), (300, 870, 2240))


def voice(f0: Samples, rate: int, syllables: float, rng: np.random.Generator) -> Samples:
    """A formant voice on a frequency curve that says some syllables a second."""
    count = len(f0)
    step = int(0.005 * rate)
    at = np.arange(0, count, step)
    position = at / rate * syllables
    vowels = np.array(VOWELS)[rng.integers(0, len(VOWELS), int(count / rate * syllables) + 2)]
    formants = vowels[position.astype(int)]
    inside = position % 1
    open_ = np.clip(np.minimum(inside / 0.22, (1 - inside) / 0.18), 0, 1) ** 1.5
    phase = 2 * np.pi * np.cumsum(f0) / rate
    x = np.zeros(count)
    for k in range(1, int(min(5000, 0.45 * rate) / f0.min()) + 1):
        hertz = k * f0[at]
        shape = np.ones(len(at))
        for i, width in enumerate((90.0, 110.0, 170.0)):
            centre = formants[:, i]
            shape *= centre**2 / np.sqrt((centre**2 - hertz**2) ** 2 + (width * hertz) ** 2)
        shape = np.where(hertz < 0.45 * rate, shape / k, 0)
        x += np.sin(k * phase) * np.interp(np.arange(count), at, shape * (0.03 + 0.97 * open_))
    burst = np.interp(np.arange(count), at, (inside < 0.1).astype(float))
    x += 0.05 * x.std() * burst * rng.standard_normal(count)
    return at_level(faded(x, rate), rate)


def hit(kind: str, rate: int, rng: np.random.Generator, hertz: float = 220.0) -> Samples:
    """One stroke of a drum, a click, a hat or a plucked string."""
    if kind == "kick":
        t = np.arange(int(0.18 * rate)) / rate
        return np.sin(2 * np.pi * (50 * t + 80 * (1 - np.exp(-30 * t)) / 30)) * np.exp(-18 * t)
    if kind == "click":
        t = np.arange(int(0.05 * rate)) / rate
        return np.sin(2 * np.pi * 1200 * t) * np.exp(-90 * t)
    if kind == "hat":
        t = np.arange(int(0.06 * rate)) / rate
        return 0.5 * np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-70 * t)
    t = np.arange(int(0.4 * rate)) / rate
    return np.asarray(sum(np.sin(2 * np.pi * k * hertz * t) * np.exp(-(5 + 2 * k) * t) / k for k in range(1, 7)))


def hits(times: Sequence[float] | Samples, kind: str, seconds: float, rate: int, rng: np.random.Generator) -> Samples:
    """Strokes at given times in a clip of a given length."""
    x = np.zeros(int(seconds * rate))
    for i, time in enumerate(t for t in times if t < seconds):
        one = hit(kind, rate, rng, 220.0 * 2 ** ((0, 7, 12, 7)[i % 4] / 12))
        start = int(time * rate)
        stop = min(len(x), start + len(one))
        x[start:stop] += one[: stop - start] * (1.0 if i % 4 == 0 else 0.8)
    return at_level(x, rate)


def chords(tonic: int, minor: bool, rate: int, seconds: float, rng: np.random.Generator) -> Samples:
    """A cadence in a key: tonic, subdominant, dominant and tonic, twice, over a bass and under a tune."""
    third, sixth = (3, 8) if minor else (4, 9)
    one, four, five = (0, third, 7), (5, sixth, 12), (7, 11, 14)
    six = (8, 12, 15) if minor else (9, 12, 16)
    progression = [(one, four, five, one, six, four, five, one), (one, five, one, four, one, four, five, one)]
    pieces = []
    for chord in progression[int(rng.integers(2))]:
        notes = [chord[0] % 12 - 12, *chord, chord[int(rng.integers(3))] % 12 + 12]
        t = np.arange(int(seconds * (2 if chord is one else 1) / 1.5 * rate)) / rate
        x = np.zeros(len(t))
        for note in notes:
            hertz = 261.63 * 2 ** ((tonic + note) / 12)
            x += sum(np.sin(2 * np.pi * k * hertz * t) / k**1.5 for k in range(1, 6)) * np.exp(-1.2 * t)
        pieces.append(faded(x, rate, 0.02))
    return at_level(np.concatenate(pieces), rate)


def finished(x: Samples, rate: int, rng: np.random.Generator, level: float | None = None) -> Samples:
    """The sound as 32-bit samples below full scale over a floor at -76 dB, at a level if one is given."""
    x = x if level is None else at_level(x, rate, level)
    x = x + 10 ** (-76 / 20) * rng.standard_normal(len(x))
    peak = float(np.abs(x).max())
    return (x * min(1.0, 0.97 / peak)).astype(np.float32)


def median_f0_cc(x: Samples, rate: int) -> float:
    """Median frequency in Hz by Praat's cross-correlation over a wide range, 0 where there is no voice."""
    import parselmouth

    sound = parselmouth.Sound(np.pad(np.asarray(x, dtype=float), int(0.05 * rate)), rate)
    f0 = sound.to_pitch_cc(0.01, 65, pitch_ceiling=600).selected_array["frequency"]
    return float(np.median(f0[f0 > 0])) if (f0 > 0).any() else 0.0
