"""Loudness, rate, pauses, noise, timbre, rooms, music and events: the other families of planted claims."""

from collections.abc import Iterator

import numpy as np

from planted import audio
from planted.claims import (
    BURST,
    COUNTED,
    FAST,
    FAST_BPM,
    GAIN_DB,
    GAP_TOOK_S,
    HALF_S,
    HIGH_TONE,
    KEY_WRONG,
    LOW_TONE,
    NOISY_SNRS,
    NOTES,
    NOTES_ZH,
    NUMBERS,
    NUMBERS_ZH,
    PAUSES_S,
    POSITION_S,
    RATE_RATIO,
    ROUGH_EMOTIONS,
    RT60S,
    SLOW,
    SLOW_BPM,
    SPEECH,
    TEMPO_WRONG,
    TONE,
    TREND_DB,
    TREND_TOOK_DB,
    Claim,
    Item,
    Real,
    chosen,
    counted,
    digit_clips,
    flips,
    partner,
    rng_for,
    seconds_claims,
    synthetic,
    values,
)

Sound = tuple[str, str, np.ndarray, int]


def phrases(real: Real, family: str, takes: int, digits: int, voices: int, brisk: bool = False) -> Iterator[Sound]:
    """Speech of each source for a family: number, source, samples, rate."""
    pool = [take for take in real.takes if not brisk or take.emotion in ROUGH_EMOTIONS]
    for i, take in enumerate(chosen(pool, takes, family)):
        yield f"{i:03}", "emodb", take.samples, take.rate
    for i, _, x, rate in digit_clips(real, family, digits, 5):
        yield f"{i:03}", "fsdd", x, rate
    for i in range(voices):
        yield f"{i:03}", "synthesis", synthetic(rng_for(f"{family}/voice/{i}"), 1.9), 16000


def loudness(real: Real) -> Iterator[Item]:
    """Two phrases at levels 15 dB apart."""
    pool = chosen(real.takes, 18, "loudness")
    pairs = [("emodb", t.samples, partner(real, t, rng_for(t.name)).samples, t.rate) for t in pool]
    rows = list(digit_clips(real, "loudness", 14, 4))
    pairs += [("fsdd", a[2], b[2], a[3]) for a, b in zip(rows[0::2], rows[3::2], strict=False) if a[3] == b[3]]
    for i in range(8):
        rng = rng_for(f"loudness/pair/{i}")
        same = audio.at_level(audio.tone(rng.uniform(200, 900), 1.2, 16000, 6), 16000)
        hiss = audio.at_level(audio.noise(19200, rng, pink=True), 16000)
        pairs.append(("synthesis", *((same, same), (hiss, hiss), (same, hiss))[i % 3], 16000))
    for i, (source, first, second, rate) in enumerate(pairs):
        rng, side = rng_for(f"loudness/{i}"), i % 2
        step = GAIN_DB * (1 - 2 * side)
        x = audio.joined(
            [first, audio.gain(audio.at_level(second, rate, audio.active_level(first, rate)), step)], 0.25, rate
        )
        y = audio.finished(x, rate, rng, rng.uniform(-32, -20))
        why = f"equal active levels, then {step:+.0f} dB on the second part"
        yield Item(f"loudness.level/{source}/{i:03}", source, y, rate, flips(rng, "loudness.level", side, why, 2))


def trends(real: Real) -> Iterator[Item]:
    """Ramps of gain over speech, tones and noise."""
    sounds = [
        ("emodb", t.samples, partner(real, t, rng_for(t.name)).samples, t.rate) for t in chosen(real.takes, 18, "trend")
    ]
    rows = list(digit_clips(real, "trend", 15, 4))
    sounds += [("fsdd", a[2], b[2], a[3]) for a, b in zip(rows[0::2], rows[3::2], strict=False)][:5]
    for i in range(12):
        rng = rng_for(f"trend/sound/{i}")
        kinds = (audio.tone(rng.uniform(200, 900), 1.5, 16000, 5), audio.noise(24000, rng, pink=True))
        part = audio.at_level((*kinds, synthetic(rng, 1.5))[i % 3], 16000)
        sounds.append(("synthesis", part, part, 16000))
    for i, (source, first, second, rate) in enumerate(sounds):
        rng, side = rng_for(f"trend/{i}"), i % 2
        x = np.concatenate([first, audio.at_level(second, rate, audio.active_level(first, rate))])
        ramp = np.linspace(-TREND_DB / 2, TREND_DB / 2, len(x)) * (1 - 2 * side)
        x, quarter = audio.faded(audio.gain(x, ramp), rate), len(x) // 4
        took = audio.active_level(x[-quarter:], rate) - audio.active_level(x[:quarter], rate)
        if took * (1 - 2 * side) < TREND_TOOK_DB:
            continue
        y = audio.finished(x, rate, rng, rng.uniform(-28, -22))
        claims = flips(rng, "loudness.trend", side, f"ramp of {TREND_DB * (1 - 2 * side):+.0f} dB over the clip", 2)
        yield Item(f"loudness.trend/{source}/{i:03}", source, y, rate, claims)


def rates(real: Real) -> Iterator[Item]:
    """The same phrase at two rates, and phrases stretched or hurried far."""
    for number, source, x, rate in phrases(real, "rate", 18, 5, 0, brisk=True):
        rng, side = rng_for(f"rate/{source}/{number}"), int(number) % 2
        quick = 1.0 if int(number) % 3 else 0.85
        parts = [audio.psola(x, rate, stretch=quick * RATE_RATIO), audio.psola(x, rate, stretch=quick)]
        parts = [audio.gain(part, rng.uniform(-3, 3)) for part in (parts if side == 0 else parts[::-1])]
        y = audio.finished(audio.joined(parts, 0.3, rate), rate, rng, rng.uniform(-30, -22))
        why = f"one phrase twice, PSOLA lengths {quick * RATE_RATIO:.2f} and {quick:.2f}"
        yield Item(f"rate.level/{source}/{number}", source, y, rate, flips(rng, "rate.level.compare", side, why, 2))
    brisk = [take for take in real.takes if take.emotion in ROUGH_EMOTIONS and take.name[3:5] != "05"]
    for i, take in enumerate(chosen(brisk, 18, "rate/whole")):
        rng, side = rng_for(f"rate/whole/{i}"), i % 2
        other = partner(real, take, rng)
        part = take.samples if side else np.concatenate([take.samples, other.samples])
        y = audio.finished(audio.psola(part, take.rate, stretch=SLOW if side else FAST), take.rate, rng, -24)
        why = f"PSOLA length {SLOW if side else FAST} of a phrase in {take.emotion} at an ordinary rate"
        yield Item(f"rate.level/emodb/{i + 100}", "emodb", y, take.rate, flips(rng, "rate.level.whole", side, why, 1))
    for i in range(10):
        rng, side, hertz = rng_for(f"rate/synthesis/{i}"), i % 2, 100 + 15 * i
        if i < 5:
            x = audio.joined([synthetic(rng, *((4.4, 2.0), (2.0, 4.6))[side ^ k], hertz) for k in (0, 1)], 0.3, 16000)
            claims = flips(rng, "rate.level.compare", side, "synthesised at 2.0 and 4.6 syllables a second", 2)
        else:
            x = synthetic(rng, *((2.6, 8.0), (5.0, 1.8))[side], hertz)
            claims = flips(rng, "rate.level.whole", side, f"synthesised at {(8.0, 1.8)[side]} syllables a second", 1)
        y = audio.finished(x, 16000, rng, -24)
        yield Item(f"rate.level/synthesis/{i:03}", "synthesis", y, 16000, claims)


def pauses(real: Real) -> Iterator[Item]:
    """Silence of a known length put into a phrase."""
    for number, source, x, rate in phrases(real, "pause", 26, 5, 8):
        rng = rng_for(f"pause/{source}/{number}")
        length = PAUSES_S[int(rng.integers(len(PAUSES_S)))]
        cut = audio.quietest_point(x, rate, 0.4 * len(x) / rate, 0.65 * len(x) / rate)
        parts = [audio.trimmed(part, rate, 25) for part in (x[:cut], x[cut:])]
        y = audio.joined(parts, length, rate)
        if abs(audio.longest_gap(y, rate, 22) - length) > GAP_TOOK_S:
            continue
        wrong = length + 2.4 if length < 1.6 or rng.random() < 0.5 else 0.4
        if int(number) % 4 == 3 and source == "emodb":
            y = audio.with_noise(y, rate, 25, rng, pink=True)
        y = audio.finished(y, rate, rng, rng.uniform(-28, -22))
        why = f"silence of {length} s put into the phrase"
        claims = values(rng, "pause.duration", ({"s": f"{length:.1f}"}, {"s": f"{wrong:.1f}"}), why, 2)
        claims += flips(rng, "pause.presence", 0, why, 2 if source != "emodb" else 1)
        yield Item(f"pause/{source}/{number}", source, y, rate, claims)
    for i in range(6):
        rng = rng_for(f"pause/none/{i}")
        y = audio.finished(synthetic(rng, 2.0), 16000, rng, -24)
        claims = flips(rng, "pause.presence", 1, "syllables follow at once at 4.5 a second", 2)
        yield Item(f"pause/synthesis/{i + 100}", "synthesis", y, 16000, claims)


def noises(real: Real) -> Iterator[Item]:
    """Real speech in white or pink noise."""
    for number, source, x, rate in phrases(real, "noise", 30, 8, 0):
        rng = rng_for(f"noise/{source}/{number}")
        snr, pink = NOISY_SNRS[int(rng.integers(3))], bool(rng.integers(2))
        padded = np.pad(x, int(0.25 * rate))
        y = audio.finished(audio.with_noise(padded, rate, snr, rng, pink), rate, rng, rng.uniform(-30, -20))
        claims = flips(rng, "noise.level", 0, f"{'pink' if pink else 'white'} noise {snr:.0f} dB under the voice")
        yield Item(f"noise.level/{source}/{number}", source, y, rate, claims)


def timbres(real: Real) -> Iterator[Item]:
    """The same phrase dull and bright, and phrases made one or the other."""
    for number, source, x, rate in phrases(real, "timbre", 16, 5, 0):
        rng, side = rng_for(f"timbre/{source}/{number}"), int(number) % 2
        cut = (700, 900)[int(rng.integers(2))] if source == "emodb" else 500
        boost = 12.0 if int(number) % 3 == 0 or source == "fsdd" else 0.0
        parts = [audio.low_passed(x, rate, cut), audio.shelved(x, rate, boost)]
        y = audio.joined(parts if side == 0 else parts[::-1], 0.25, rate)
        why = (
            f"one phrase twice, low-passed at {cut} Hz and {f'with +{boost:.0f} dB of highs' if boost else 'as it is'}"
        )
        y = audio.finished(y, rate, rng, -24)
        claims = flips(rng, "timbre.brightness.compare", side, why, 2)
        yield Item(f"timbre.brightness/{source}/{number}", source, y, rate, claims)
    for i, take in enumerate(chosen(real.takes, 20, "timbre/whole")):
        rng, side, x, rate = rng_for(f"timbre/whole/{i}"), i % 2, take.samples, take.rate
        x = audio.low_passed(x, rate, 700) if side else audio.shelved(x, rate, 18)
        y = audio.finished(x, rate, rng, -24)
        why = "low-passed at 700 Hz" if side else "+18 dB above 1.8 kHz"
        yield Item(
            f"timbre.brightness/emodb/{i + 100}", "emodb", y, rate, flips(rng, "timbre.brightness.whole", side, why)
        )
    for i in range(7):
        rng, side, hertz = rng_for(f"timbre/tones/{i}"), i % 2, 180 + 25 * i
        parts = [audio.at_level(audio.tone(hertz, 1.0, 16000, rich), 16000) for rich in ((2, 40), (40, 2))[side]]
        y = audio.finished(audio.joined(parts, 0.2, 16000), 16000, rng, -24)
        claims = flips(rng, "timbre.brightness.compare", side, "tones of 2 and 40 harmonics on one pitch", 2)
        yield Item(f"timbre.brightness/synthesis/{i:03}", "synthesis", y, 16000, claims)


def rooms(real: Real) -> Iterator[Item]:
    """Phrases with gaps, dry or in an exponential hall."""
    sounds = []
    for take in chosen(real.takes, 24, "room"):
        other = partner(real, take, rng_for(f"room/{take.name}"))
        sounds.append(("emodb", audio.joined([take.samples, other.samples], 0.7, take.rate), take.rate))
    for i in range(6 if real.digits else 0):
        sounds.append(("fsdd", *counted(real, ("jackson", "lucas")[i // 2 % 2], 3, 0.6, f"room/{i}")))
    for i in range(6):
        parts = [synthetic(rng_for(f"room/voice/{i}/{k}"), 0.8) for k in (0, 1)]
        sounds.append(("synthesis", audio.joined(parts, 0.7, 16000), 16000))
    for i, (source, dry, rate) in enumerate(sounds):
        rng, side = rng_for(f"room/{i}"), i % 2
        rt60 = RT60S[int(rng.integers(3))]
        x = np.pad(dry, (0, int(0.5 * rate))) if side else audio.reverberated(dry, rate, rt60, rng)
        y = audio.finished(x, rate, rng, -24)
        why = "dry recording or synthesis, silence after the words" if side else f"exponential room, RT60 {rt60} s"
        yield Item(f"space.reverb/{source}/{i:03}", source, y, rate, flips(rng, "space.reverb", side, why, 2))


def beats(real: Real) -> Iterator[Item]:
    """Beats at a known tempo, and strokes at random times."""
    for i in range(30):
        rng, kind = rng_for(f"tempo/{i}"), ("kick", "click", "pluck")[i % 3]
        bpm = float(rng.integers(70, 159))
        times = np.arange(0.2, 5.4, 60 / bpm)
        x = audio.hits(times, kind, 5.5, 22050, rng)
        x = x + 0.25 * audio.hits(times + 30 / bpm, "hat", 5.5, 22050, rng) if i % 2 and kind != "click" else x
        wrong = bpm * TEMPO_WRONG[int(rng.integers(4))]
        why = f"strokes at {bpm:.0f} a minute"
        claims = values(rng, "tempo.value", ({"bpm": f"{bpm:.0f}"}, {"bpm": f"{wrong:.0f}"}), why, 2)
        claims += flips(rng, "rhythm.regularity", 0, why)
        yield Item(f"tempo/synthesis/{i:03}", "synthesis", audio.finished(x, 22050, rng, -24), 22050, claims)
    for i in range(30):
        rng, side = rng_for(f"tempo/level/{i}"), i % 2
        bpm = float(rng.integers(*(SLOW_BPM if side else FAST_BPM)))
        length = 8.0 if side else 4.5
        x = audio.hits(np.arange(0.1, length - 0.1, 60 / bpm), ("kick", "pluck")[i // 2 % 2], length, 22050, rng)
        y = audio.finished(x, 22050, rng, -24)
        claims = flips(rng, "tempo.level", side, f"strokes at {bpm:.0f} a minute, nothing between", 2)
        yield Item(f"tempo/synthesis/{i + 100}", "synthesis", y, 22050, claims)
    for i in range(16):
        rng = rng_for(f"irregular/{i}")
        times = np.cumsum(np.exp(rng.normal(np.log(0.4), 0.65, 40)).clip(0.13, 1.4))
        x = audio.hits(times[times < 5.3], ("kick", "click", "pluck")[i % 3], 5.5, 22050, rng)
        y = audio.finished(x, 22050, rng, -24)
        claims = flips(rng, "rhythm.regularity", 1, "strokes at random times, a spread of 1.9 times", 2)
        yield Item(f"rhythm/synthesis/{i:03}", "synthesis", y, 22050, claims)


def harmony(real: Real) -> Iterator[Item]:
    """Cadences in every key."""
    for i in range(34):
        rng, minor, tonic = rng_for(f"key/{i}"), i % 2, (5 * i + i // 12) % 12
        y = audio.finished(audio.chords(tonic, bool(minor), 22050, 0.55, rng), 22050, rng, -24)
        slots = []
        for pitch in (tonic, (tonic + KEY_WRONG[int(rng.integers(3))]) % 12):
            english, chinese = f"{NOTES[pitch]} {('major', 'minor')[minor]}", f"{NOTES_ZH[pitch]}{'大小'[minor]}调"
            slots.append(({"key": english, "tonic": NOTES[pitch]}, {"key": chinese}))
        why = f"cadence in {slots[0][0]['key']}"
        claims = flips(rng, "music.mode", minor, why, 2)
        claims += values(rng, "music.key", slots, why, 2)
        yield Item(f"music/synthesis/{i:03}", "synthesis", y, 22050, claims)


def counts(real: Real) -> Iterator[Item]:
    """A number of beeps, clicks, drum hits or spoken digits, unevenly spaced."""
    for i in range(38 if real.digits else 20):
        what = "spoken digit" if i >= 20 else ("beep", "click", "drum hit")[i % 3]
        rng, number = rng_for(f"count/{i}"), 2 + i % 6
        gaps = rng.uniform(0.4, 0.8, number - 1)
        if i >= 20:
            x, rate = counted(real, ("jackson", "lucas", "theo")[i % 3], number, gaps, f"count/{i}")
        else:
            one = audio.tone(rng.uniform(500, 1500), 0.18, 16000, 2)
            one = one if what == "beep" else audio.hit("click" if what == "click" else "kick", 16000, rng)
            x, rate = audio.joined([one] * number, gaps, 16000), 16000
        wrong = number + int(rng.integers(3, 5)) * (-1 if number > 5 and rng.random() < 0.7 else 1)
        y = audio.finished(np.pad(x, int(0.3 * rate)), rate, rng, -24)
        slots = []
        for n in (number, wrong):
            words = {"n": str(n) if rng.random() < 0.3 else NUMBERS[n], "what": what, "whats": what + "s"}
            slots.append((words, {"zn": NUMBERS_ZH[n], "zh": COUNTED[what]}))
        claims = values(rng, "event.count", slots, f"{number} put into the clip", 2)
        source = "fsdd" if i >= 20 else "synthesis"
        yield Item(f"event.count/{source}/{i:03}", source, y, rate, claims + seconds_claims(rng, y, rate))


def orders(real: Real) -> Iterator[Item]:
    """Speech, tones and bursts of noise at known times."""
    takes = chosen(real.takes, 20, "order")
    for i in range(32 if real.takes else 12):
        rng, rate = rng_for(f"order/{i}"), 16000
        length = float(rng.choice([0.6, 0.8, 1.2, 1.6]))
        tone = audio.at_level(audio.tone(rng.uniform(500, 1200), length, rate, 3), rate)
        burst = audio.at_level(audio.faded(audio.noise(int(0.5 * rate), rng), rate), rate)
        parts = [(TONE, tone), (BURST, burst)]
        if i >= 12:
            parts.append((SPEECH, takes[i - 12].samples))
        elif i % 3:
            pair = [audio.at_level(audio.tone(hertz, length, rate, 4), rate) for hertz in (rng.uniform(180, 260), 900)]
            parts = [(LOW_TONE, pair[0]), (HIGH_TONE, pair[1])]
        parts = [parts[k] for k in rng.permutation(len(parts))] if i % 2 else parts
        at, spans, pieces = 0.5 * int(rng.integers(1, 4)), [], np.zeros(12 * rate)
        for _, part in parts:
            pieces[int(at * rate) : int(at * rate) + len(part)] = audio.faded(part, rate)
            spans.append((at, at + len(part) / rate))
            at = np.ceil(2 * (spans[-1][1] + rng.uniform(0.4, 0.9))) / 2
        total = max(at + 0.1, *(end + POSITION_S + 0.6 for start, end in spans[:2] if start < POSITION_S), 4.0)
        y = audio.finished(pieces[: int(total * rate)], rate, rng)
        source = "emodb" if i >= 12 else "synthesis"
        why = ", ".join(
            f"{name[0]} {start:.1f}-{end:.1f} s" for (name, _), (start, end) in zip(parts, spans, strict=False)
        )
        claims: list[Claim] = []
        for second in (1, len(parts) - 1):
            names = [
                {"a": a[0], "b": b[0], "za": a[1], "zb": b[1]}
                for a, b in ((parts[0][0], parts[second][0]), (parts[second][0], parts[0][0]))
            ]
            claims += values(rng, "event.order", names, why)
        for (name, _), (start, end) in list(zip(parts, spans, strict=False))[:2]:
            slots = [
                {"what": name[0], "zh": name[1], "s": f"{s:g}", "clock": clock(s)}
                for s in (start, wrong_time(rng, start, end, total))
            ]
            claims += values(rng, "time.position", slots, why)
            if name == TONE:
                wrong = length + 2.2 if length < 1.6 else 0.4
                slots = [{"s": f"{s:.1f}"} for s in (length, wrong)]
                claims += values(rng, "time.duration.tone", slots, why, 2)
            if end < total / 2 - HALF_S or start > total / 2 + HALF_S:
                side = int(start > total / 2)
                claims += flips(rng, "time.position.half", side, why, 1, 2, {"what": name[0], "zh": name[1]})
        yield Item(f"event.order/{source}/{i:03}", source, y, rate, claims)


def clock(seconds: float) -> str:
    """A time as minutes and seconds."""
    return f"0:{int(seconds):02}" + (f".{round(seconds % 1 * 10)}" if seconds % 1 else "")


def wrong_time(rng: np.random.Generator, start: float, end: float, total: float) -> float:
    """A time within the clip and far from an event."""
    times = [t for t in np.arange(0, total, 0.5) if t <= start - POSITION_S or t >= end + POSITION_S]
    return float(times[int(rng.integers(len(times)))])
