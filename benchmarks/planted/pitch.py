"""Pitch, and speech as it is: the families of planted claims that need a pitch tracker."""

from collections.abc import Iterator

import numpy as np

from planted import audio
from planted.claims import (
    CLEAN_DB,
    EMOTIONS,
    END_ST,
    END_TOOK,
    FLAT_ST,
    NO_GAP_S,
    NOTES,
    SEXES,
    SHIFT_ST,
    SHIFT_TOOK_ST,
    WIDE_ST,
    WRONG_NOTE_ST,
    WRONG_ST,
    Item,
    Real,
    absolute_pitch,
    chosen,
    digit_clips,
    flips,
    partner,
    pitch_figure,
    rng_for,
    seconds_claims,
    values,
)


def plain(real: Real) -> Iterator[Item]:
    """Unedited speech: sex by metadata, pitch by Praat, no pause, no noise, length."""
    for i, take in enumerate(chosen(real.takes, 80, "plain")):
        rng = rng_for(f"plain/{take.name}")
        x, rate = audio.finished(take.samples, take.rate, rng), take.rate
        sex = SEXES[take.speaker]
        why = f"file name: speaker {take.speaker} {sex}, {EMOTIONS[take.emotion]}, Praat median {take.hertz:.0f} Hz"
        claims = flips(rng, "voice.sex", int(sex == "female"), why)
        claims += pitch_figure(rng, x, rate) + absolute_pitch(rng, x, rate, 2)
        if audio.longest_gap(x, rate) <= NO_GAP_S:
            why = f"no quiet stretch over {NO_GAP_S} s within the phrase"
            claims += flips(rng, "pause.presence", 1, why)
        levels = audio.frame_levels(take.samples, rate)
        if np.percentile(levels, 2) < audio.active_level(take.samples, rate) - CLEAN_DB:
            claims += flips(rng, "noise.level", 1, f"studio recording, floor over {CLEAN_DB:.0f} dB down")
        claims += seconds_claims(rng, x, rate) if i % 2 else []
        yield Item(f"emodb/{take.name}", "emodb", x, rate, claims)
    for i, rng, raw, rate in digit_clips(real, "plain", 15, 5):
        x = audio.finished(raw, rate, rng)
        claims = flips(rng, "voice.sex", 0, "all speakers of these digits are men", 2)
        claims += pitch_figure(rng, x, rate) + absolute_pitch(rng, x, rate, 2)
        yield Item(f"plain/fsdd/{i:03}", "fsdd", x, rate, claims + seconds_claims(rng, x, rate))


def pitch_compare(real: Real) -> Iterator[Item]:
    """Two parts a large interval apart, voices by PSOLA and tones by synthesis."""
    pool = [(f"emodb/{i:03}", take.samples, take.rate) for i, take in enumerate(chosen(real.takes, 40, "compare"))]
    rows = digit_clips(real, "compare", 10, 5)
    kept = {"emodb": 16, "fsdd": 7}
    for key, x, rate in [*pool, *((f"fsdd/{i:03}", x, rate) for i, _, x, rate in rows)]:
        rng, source, side = rng_for(f"compare/{key}"), key.split("/")[0], int(key[-1]) % 2
        step = SHIFT_ST if audio.median_f0(x, rate) < 170 else -SHIFT_ST
        parts = [x, audio.shifted(x, rate, step)]
        if kept[source] % 3 == 0 and source == "emodb":
            half = audio.quietest_point(x, rate, 0.4 * len(x) / rate, 0.6 * len(x) / rate)
            parts = [x[:half], parts[1][half : len(x)]]
            parts = parts if (step > 0) == (side == 0) else [audio.shifted(x, rate, step)[:half], x[half:]]
        elif (step > 0) != (side == 0):
            parts = parts[::-1]
        levels = [audio.median_f0(part, rate) for part in parts]
        took = 12 * np.log2(levels[1] / levels[0]) if min(levels) else 0.0
        if not kept[source] or took * (1 - 2 * side) < SHIFT_TOOK_ST:
            continue
        kept[source] -= 1
        whole = audio.joined(
            [audio.at_level(part, rate) for part in parts], 0.3 if len(parts[0]) > 0.8 * len(x) else 0, rate
        )
        why = f"PSOLA {step:+.0f} st on one part; second part {took:+.1f} st by Praat"
        y = audio.finished(whole, rate, rng, rng.uniform(-32, -22))
        yield Item(f"pitch.level/{key}", source, y, rate, flips(rng, "pitch.level.compare", side, why, 2))
    for i in range(8):
        rng, side = rng_for(f"compare/tones/{i}"), i % 2
        low = rng.uniform(220, 500)
        high = low * 2 ** (rng.uniform(6, 14) / 12)
        pair = [audio.tone(hertz, 0.7, 16000, 1 + 5 * (i // 2 % 2)) for hertz in ((low, high), (high, low))[side]]
        y = audio.finished(audio.joined(pair, 0.3, 16000), 16000, rng, -24)
        claims = flips(rng, "pitch.level.compare_tone", side, f"tones of {low:.0f} and {high:.0f} Hz", 2)
        yield Item(f"pitch.level/synthesis/{i:03}", "synthesis", y, 16000, claims)


def steady_tones(real: Real) -> Iterator[Item]:
    """Held tones: figure, note, high or low, length; and low synthetic voices."""
    for i in range(20):
        rng = rng_for(f"tones/{i}")
        midi = (int(rng.integers(36, 45)), int(rng.integers(96, 104)), int(rng.integers(52, 84)))[min(i % 4, 2)]
        hertz = 440 * 2 ** ((midi - 69) / 12)
        y = audio.finished(
            audio.tone(hertz, 1.0 + 0.2 * (i % 5), 16000, 8 if midi < 60 else 1 + 3 * (i % 2)), 16000, rng, -24
        )
        why = f"synthesised at {hertz:.1f} Hz"
        step = WRONG_NOTE_ST[int(rng.integers(6))]
        names = [{"note": f"{NOTES[m % 12]}{m // 12 - 1}"} for m in (midi, midi + step)]
        wrong = hertz * 2 ** (WRONG_ST[int(rng.integers(3))] / 12)
        claims = values(rng, "pitch.value.note", names, why)
        claims += values(rng, "pitch.value.tone", ({"hz": f"{hertz:.0f}"}, {"hz": f"{wrong:.0f}"}), why)
        claims += flips(rng, "pitch.level.tone", int(midi < 60), why, 1) if i % 4 < 2 else []
        claims += flips(rng, "pitch.contour.glide", 2, why, 1, 3) if i % 2 else []
        yield Item(f"tone/synthesis/{i:03}", "synthesis", y, 16000, claims + seconds_claims(rng, y, 16000))


def contours(real: Real) -> Iterator[Item]:
    """Ends that rise or fall, and glides."""
    pool = [(f"emodb/{i:03}", take.samples, take.rate) for i, take in enumerate(chosen(real.takes, 60, "contour"))]
    rows = digit_clips(real, "contour", 20, 4, "jackson lucas")
    voices = []
    for i in range(10):
        t = np.arange(int(1.9 * 16000)) / 16000
        curve = (110, 190)[i % 2] * 2 ** ((1 - 2 * (i % 2)) * np.clip((t - 1.35) / 0.5, 0, 1) * END_ST / 12)
        voices.append((f"synthesis/{i:03}", audio.voice(curve, 16000, 4.5, rng_for(f"contour/{i}")), 16000))
    kept = {"emodb": 28, "fsdd": 10, "synthesis": 10}
    for key, x, rate in [*pool, *((f"fsdd/{i:03}", x, rate) for i, _, x, rate in rows), *voices]:
        rng, source, side = rng_for(f"contour/{key}"), key.split("/")[0], int(key[-1]) % 2
        if not kept[source]:
            continue
        move = END_ST * (1 - 2 * side)
        y = x if source == "synthesis" else audio.with_end(x, rate, move)
        slope = audio.end_slope(y, rate)
        if slope * (1 - 2 * side) < END_TOOK:
            continue
        kept[source] -= 1
        how = "curve" if source == "synthesis" else "PSOLA"
        why = f"{how} {move:+.0f} st over the last 0.5 s ({slope:+.0f} st/s by Praat)"
        y = audio.finished(y, rate, rng, rng.uniform(-30, -22))
        yield Item(f"pitch.contour/{key}", source, y, rate, flips(rng, "pitch.contour.end", side, why, 1))
    for i in range(14):
        rng, side = rng_for(f"glide/{i}"), i % 2
        start, steps, length = rng.uniform(250, 500), rng.uniform(7, 20), rng.uniform(1.0, 2.4)
        curve = start * 2 ** (np.linspace(0, steps, int(length * 16000)) / 12)
        y = audio.tone(curve if side == 0 else curve[::-1], len(curve) / 16000, 16000, 1 + 5 * (i // 2 % 2))
        claims = flips(rng, "pitch.contour.glide", side, f"glide of {steps * (1 - 2 * side):+.1f} st", 1, 3)
        y = audio.finished(y, 16000, rng, -24)
        yield Item(f"pitch.contour/synthesis/{i + 100:03}", "synthesis", y, 16000, claims)


def ranges(real: Real) -> Iterator[Item]:
    """Voices flattened or widened about their middle."""
    pool = []
    for i, take in enumerate(chosen(real.takes, 50, "range")):
        other = partner(real, take, rng_for(f"range/{take.name}"))
        pool.append((f"emodb/{i:03}", audio.joined([take.samples, other.samples], 0.25, take.rate), take.rate))
    rows = digit_clips(real, "range", 16, 7, "jackson lucas")
    kept = {(source, side): n for source, n in (("emodb", 9), ("fsdd", 4)) for side in (0, 1)}
    for key, x, rate in [*pool, *((f"fsdd/{i:03}", x, rate) for i, _, x, rate in rows)]:
        rng, source, side = rng_for(f"range/{key}"), key.split("/")[0], int(key[-1]) % 2
        middle = float(np.clip(audio.median_f0(x, rate), 100, 220))
        if not kept[source, side]:
            continue
        if side == 0:
            y = audio.with_range(x, rate, 0.05, middle)
        else:
            y = audio.with_swings(x, rate, 9, max(130, middle), rng.random())
        width = audio.spread(y, rate)
        if (width > FLAT_ST) if side == 0 else (width < WIDE_ST):
            continue
        kept[source, side] -= 1
        why = f"PSOLA {'flattened' if side == 0 else 'swung by 9 st'}: 10th to 90th percentile {width:.1f} st by Praat"
        y = audio.finished(y, rate, rng, -24)
        yield Item(f"pitch.range/{key}", source, y, rate, flips(rng, "pitch.range", side, why, 2))
    for i in range(8):
        rng, side, t = rng_for(f"range/synthesis/{i}"), i % 2, np.arange(int(3.4 * 16000)) / 16000
        depth = (0.15, 9)[side]
        x = audio.voice(rng.uniform(120, 180) * 2 ** (depth * np.sin(2 * np.pi * 1.1 * t) / 12), 16000, 4.5, rng)
        y = audio.finished(x, 16000, rng, -24)
        claims = flips(rng, "pitch.range", side, f"pitch curve swings by {depth} st", 2)
        yield Item(f"pitch.range/synthesis/{i:03}", "synthesis", y, 16000, claims)
