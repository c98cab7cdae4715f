"""Stretches of a clip: speech, events (sounds between silences) and pauses, with their times.

An event of speech is a whole utterance between pauses; of anything else it is one sound: a beep, a knock, a note. Does
not say what a sound is.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mgrd.audio.figures import HOP_S, Bools, Figure, Floats, Scope, Segment, absent, figure, mean_db, runs

SPEECH_ON, SPEECH_OFF = 0.5, 0.35
PAUSE_S = 0.25
"""Shortest silence called a pause; stop consonants are shorter (Goldman-Eisler, Psycholinguistics, 1968)."""
BESIDE_FRAMES = 16
"""Speech within 0.25 s of a silence makes it a pause or nothing: a stop's closure and burst are part of the word."""
GAP_FRAMES = 2
"""Shortest silence between two sounds that are not speech."""
HANGING_DB = 2.0
ATTACK_DB, ATTACK_FRAMES = 9.0, 4
"""A rise of so many dB within 64 ms inside a sound begins another (a second pluck over the first's decay)."""
STEP_ST, STEP_FRAMES = 0.8, 8
STEADY_ST, STEADY_FRAMES = 0.2, 6
"""Two steady pitches (0.1 s within 0.2 semitones) 0.8 semitones apart are two tones, also without a gap."""


def speech_frames(score: Floats) -> Bools:
    """Frames of speech by voice activity with hysteresis (on at 0.5, off at 0.35), 0.1 s or longer."""
    speech = np.zeros(len(score), dtype=bool)
    for a, b in runs(score >= SPEECH_OFF):
        speech[a:b] = (score[a:b] >= SPEECH_ON).any() and (b - a) * HOP_S >= 0.1
    return speech


def find(f0_hz: Floats, level_db: Floats, active: Bools, speech: Bools, noisy: bool) -> list[Segment]:
    """All segments of a clip, in order of time, then kind."""
    sound = active
    if noisy and speech.mean() > 0.2:
        # voice activity hangs on into noise for up to 0.2 s
        near = np.convolve(10 ** (level_db / 10), np.ones(3) / 3, mode="same")
        above = near > 10 ** ((np.percentile(level_db, 10) + HANGING_DB) / 10)
        sound = (speech & above) | np.isfinite(f0_hz)
    bounds = [(a, b) for a, b in _bridged(sound, speech) if b > a]
    pauses = [(b, c) for (_, b), (c, _) in pairwise(bounds) if (c - b) * HOP_S >= PAUSE_S]
    events = [piece for a, b in bounds for piece in _split(a, b, f0_hz, level_db, speech)]
    found = [("event", *event) for event in events]
    found += [("speech", *run) for run in runs(speech)]
    found += [("pause", *pause) for pause in pauses]
    return sorted(
        (_segment(kind, a, b, f0_hz, level_db) for kind, a, b in found), key=lambda s: (s.t0_s, s.kind, s.t1_s)
    )


def cut(segments: list[Segment], t0_s: float, t1_s: float) -> list[Segment]:
    """The segments that touch a stretch, cut to it; their pitch and level stay those of the whole segment."""
    return [
        Segment(s.kind, max(s.t0_s, t0_s), min(s.t1_s, t1_s), s.f0_hz, s.level_db)
        for s in segments
        if s.t1_s > t0_s and s.t0_s < t1_s
    ]


def event_count(scope: Scope) -> Figure:
    """Number of events; less sure where one follows another without a silence, and in noise."""
    events = _of(scope, "event")
    joined = sum(one.t1_s == after.t0_s for one, after in pairwise(events))
    return figure(len(events), 0.3 + 0.25 * joined + (0.2 * len(events) if scope.noisy else 0.0))


def pause_count(scope: Scope) -> Figure:
    """Number of pauses of 0.25 s or more between sounds."""
    count = len(_of(scope, "pause"))
    return figure(count, 0.5 if scope.noisy else 0.3)


def longest_pause_s(scope: Scope) -> Figure:
    """Duration of the longest pause."""
    if not (pauses := _of(scope, "pause")):
        return absent(f"no pause of {PAUSE_S} s or more")
    return figure(max(p.t1_s - p.t0_s for p in pauses), _pause_sigma_s(scope))


def pause_total_s(scope: Scope) -> Figure:
    """Duration of all pauses together; 0 when there are none."""
    pauses = _of(scope, "pause")
    return figure(sum(p.t1_s - p.t0_s for p in pauses), _pause_sigma_s(scope) * max(1, len(pauses)) ** 0.5)


def speech_s(scope: Scope) -> Figure:
    """Time of speech by voice activity."""
    seconds = float(scope.speech.sum()) * HOP_S
    return figure(seconds, 0.15 + 0.02 * seconds)


def _of(scope: Scope, kind: str) -> list[Segment]:
    return [s for s in scope.segments if s.kind == kind]


def _pause_sigma_s(scope: Scope) -> float:
    # 90 % of gaps inserted in speech are measured within 0.08 s by level when clean, 0.29 s by voice activity at 10 dB
    return 0.15 if scope.noisy else 0.06


def _bridged(sound: Bools, speech: Bools) -> list[tuple[int, int]]:
    """The runs of sound, joined over gaps that are no silence to a listener."""
    joined: list[tuple[int, int]] = []
    for a, b in runs(sound):
        if joined:
            gap = a - joined[-1][1]
            beside = speech[max(0, joined[-1][1] - BESIDE_FRAMES) : a + BESIDE_FRAMES].any()
            if gap < (PAUSE_S / HOP_S if beside else GAP_FRAMES):
                joined[-1] = (joined[-1][0], b)
                continue
        joined.append((a, b))
    return joined


def _split(a: int, b: int, f0_hz: Floats, level_db: Floats, speech: Bools) -> list[tuple[int, int]]:
    """A sound cut where another begins inside it; speech is not cut."""
    if speech[a:b].mean() > 0.3:
        return [(a, b)]
    cuts = sorted({*_attacks(level_db[a:b]), *_steps(f0_hz[a:b])})
    edges = [0]
    edges += [c for c, before in zip(cuts, [0, *cuts], strict=False) if c - before >= ATTACK_FRAMES and b - a - c > 1]
    return [(a + c, a + d) for c, d in zip(edges, [*edges[1:], b - a], strict=True)]


def _attacks(level_db: Floats) -> list[int]:
    """Frames at which the level rises steeply again after having fallen as far; the sound's own onset is not one."""
    found: list[int] = []
    since = 0
    if len(level_db) <= ATTACK_FRAMES:
        return found
    lowest_db = np.lib.stride_tricks.sliding_window_view(level_db, ATTACK_FRAMES).min(axis=1)[:-1]
    rises = ATTACK_FRAMES + np.flatnonzero(level_db[ATTACK_FRAMES:] - lowest_db >= ATTACK_DB)
    for i in (int(i) for i in rises):
        start = max(since, i - ATTACK_FRAMES)
        bottom = start + int(np.argmin(level_db[start:i]))
        fell_db = level_db[since : bottom + 1].max() - level_db[bottom]
        if level_db[i] - level_db[bottom] >= ATTACK_DB and fell_db >= ATTACK_DB:
            found.append(bottom + 1)
            since = i
    return found


def _steps(f0_hz: Floats) -> list[int]:
    """Frames at which one steady pitch gives way to another; a glide is never steady."""
    st = 12 * np.log2(f0_hz)
    found: list[int] = []
    steady_st, until, i = np.nan, 0, 0
    while i + STEADY_FRAMES <= len(st):
        window = st[i : i + STEADY_FRAMES]
        if not np.isfinite(window).all() or np.ptp(window) > STEADY_ST:
            i += 1
            continue
        middle = float(np.median(window))
        if abs(middle - steady_st) >= STEP_ST and i - until <= STEP_FRAMES:
            found.append((i + until) // 2)
        i += STEADY_FRAMES
        while i < len(st) and abs(st[i] - middle) <= STEADY_ST:
            i += 1
        steady_st, until = middle, i
    return found


def _segment(kind: str, a: int, b: int, f0_hz: Floats, level_db: Floats) -> Segment:
    f0 = f0_hz[a:b][np.isfinite(f0_hz[a:b])]
    pitch = float(np.median(f0)) if len(f0) >= 3 else None
    return Segment(kind, a * HOP_S, b * HOP_S, pitch, mean_db(level_db[a:b]))
