"""Loudness: level, its course over time, and how far the background lies below the sound.

dBFS is RMS relative to full scale 1.0, so a full-scale sine is at -3.0. Whether a level is loud to a listener depends
on the playback gain, which no file knows.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mgrd.audio.figures import HOP_S, Bools, Figure, Floats, Scope, absent, figure, mean_db, runs

REACH_DB = 35.0
"""Sounds further than this under the loudest 48 ms are silence to a listener."""
SILENCE_DBFS = -90.0
"""Below the noise of 16 bits."""
NOISY_DB = 20.0
FADE_REACH_DB = 45.0
EDGE_DB = 5.0
STEP_DB, STEADY_DB = 25.0, 3.0
SHORT_S = 0.4


def activity(level_db: Floats, voiced: Bools) -> tuple[Bools, bool]:
    """Frames that are not silent, by a threshold that follows the clip's own floor; and whether the floor is noisy.

    The threshold lies 35 dB under the loudest frames, or midway to the background (at most 8 dB over it) when that is
    nearer; it takes 3 dB less to stay active than to become so. A voiced frame is active well below it, so that a
    fading tone does not end early, and a silence has an edge, so that a fading noise does not either. A background less
    than 6 dB below the sound is no background, and neither is the steady sequel of a steady sound: all is active.
    """
    loud_db = float(np.convolve(level_db, np.ones(3) / 3, mode="valid").max()) if len(level_db) >= 3 else level_db.max()
    if loud_db < SILENCE_DBFS:
        return np.zeros(len(level_db), dtype=bool), False
    floor_db = float(np.percentile(level_db, 10))
    contrast_db = loud_db - floor_db
    if contrast_db < 6:
        return np.ones(len(level_db), dtype=bool), bool(voiced.mean() < 0.5)
    on_db = max(loud_db - REACH_DB, min(floor_db + 8, floor_db + contrast_db / 2), SILENCE_DBFS)
    active = np.zeros(len(level_db), dtype=bool)
    for a, b in runs(level_db > on_db - 3):
        active[a:b] = (level_db[a:b] > on_db).any()
    active |= voiced & (level_db > loud_db - FADE_REACH_DB)
    for a, b in runs(~active):
        active[a:b] = not (_is_edge(level_db[:a], level_db[a:b]) or _is_edge(level_db[b:][::-1], level_db[a:b][::-1]))
    if _is_step(level_db, active):
        return np.ones(len(level_db), dtype=bool), False
    return active, contrast_db < NOISY_DB


def _is_step(level_db: Floats, active: Bools) -> bool:
    """Whether one steady level gives way, once, to another less than 25 dB away: one sound, turned down or up."""
    if len(runs(~active)) != 1 or active[0] == active[-1]:
        return False
    loud_db, quiet_db = level_db[active], level_db[~active]
    steady = max(loud_db.std(), quiet_db.std()) < STEADY_DB
    return bool(steady and loud_db.mean() - quiet_db.mean() < STEP_DB)


def _is_edge(before: Floats, after: Floats) -> bool:
    """Whether the level drops here, rather than goes on sinking: by 5 dB from one quarter of a second to the next."""
    around = round(0.25 / HOP_S)
    return bool(len(before) and before[-around:].mean() - after[:around].mean() >= EDGE_DB)


def integrated_lufs(gating_blocks: Floats, duration_s: float, channels: int) -> Figure:
    """Gated loudness of BS.1770-4 (equations 5 to 7) from the loudness of its blocks, none where `channels` forbid."""
    if not len(gating_blocks):
        return absent(f"{channels} channels, whose weights depend on where each is heard from")
    audible = gating_blocks[gating_blocks >= -70]
    if not len(audible):
        return absent("silent: no block reaches -70 LUFS")
    gated = audible[audible > mean_db(audible) - 10]
    if duration_s < SHORT_S:
        return figure(mean_db(gated), 1.0, "shorter than one gating block of 0.4 s")
    # 0.2 against another implementation; with few blocks, where they begin decides as much
    return figure(mean_db(gated), 0.2 if len(gated) >= 20 else 0.5)


def level_dbfs(scope: Scope) -> Figure:
    """RMS of everything, silences included."""
    if not len(scope.level_db) or (level := mean_db(scope.level_db)) < SILENCE_DBFS:
        return absent("silent")
    return figure(level, 0.1)


def loudness_trend_db(scope: Scope) -> Figure:
    """Level of the last third of the sounding stretch minus that of the first, silent frames left out."""
    thirds = _thirds(scope)
    if thirds is None:
        return absent(f"too short: {_sounding_s(scope):.2f} s of sound, 0.3 s are needed")
    # speech drifts by 2 dB (SD) without meaning to; loops at constant level by 0.6
    return figure(mean_db(thirds[2]) - mean_db(thirds[0]), 2.0 if scope.speech.mean() > 0.2 else 0.5)


def loudness_range_db(scope: Scope) -> Figure:
    """95th minus 10th percentile of the level over 0.4 s windows, silent frames left out."""
    if _sounding_s(scope) < 3 * SHORT_S:
        return absent(f"too short: {_sounding_s(scope):.2f} s of sound, {3 * SHORT_S:.1f} s are needed")
    width = int(SHORT_S / HOP_S)
    power = np.where(scope.active, 10 ** (scope.level_db / 10), 0.0)
    heard = np.convolve(scope.active, np.ones(width), mode="valid")
    windows = np.convolve(power, np.ones(width), mode="valid")[heard > width / 2] / heard[heard > width / 2]
    if not len(windows):
        return absent("too broken: no 0.4 s of sound in a row")
    low, high = np.percentile(10 * np.log10(np.maximum(windows, 1e-12)), (10, 95))
    return figure(high - low, 1.0)


def noise_floor_dbfs(scope: Scope) -> Figure:
    """Level of the background: what lies between voiced frames (20th percentile), or the silences of other sounds."""
    if not len(scope.level_db) or mean_db(scope.level_db) < SILENCE_DBFS:
        return absent("silent")
    floor = _floor(scope)
    if floor is None:
        return absent("no pause to measure the floor in")
    return figure(mean_db(floor), 2.0)


def snr_db(scope: Scope) -> Figure:
    """Level of the sound (voiced frames if there are) over the background.

    Measured on speech in noise: bias 0 to 2 dB and SD 1 to 2 between 10 and 20 dB; not tested above, where the
    recording's own floor limits it.
    """
    floor = _floor(scope)
    loud = scope.level_db[scope.voiced if _is_voice(scope) else scope.active]
    if floor is None or not len(loud):
        return absent("no pause to measure the floor in" if len(loud) else "silent")
    noise = 10 ** (mean_db(floor) / 10)
    signal = max(10 ** (mean_db(loud) / 10) - noise, noise * 1e-2)
    snr = float(10 * np.log10(signal / max(noise, 1e-12)))
    return figure(snr, 2.0 if snr < 20 else 5.0)


def _floor(scope: Scope) -> Floats | None:
    """The levels of the frames that are only background."""
    if _is_voice(scope):
        quiet = scope.level_db[~scope.voiced]
        return quiet[quiet <= np.percentile(quiet, 20)] if len(quiet) > 10 else None
    quiet = scope.level_db[~scope.active]
    return quiet if len(quiet) > 10 else None


def _is_voice(scope: Scope) -> bool:
    return bool(scope.voiced.sum() >= 5 and scope.speech.mean() > 0.2)


def _sounding_s(scope: Scope) -> float:
    return float(scope.active.sum()) * HOP_S


def _thirds(scope: Scope) -> list[Floats] | None:
    at = np.flatnonzero(scope.active)
    if _sounding_s(scope) < 0.3:
        return None
    edges = np.linspace(at[0], at[-1] + 1, 4).round().astype(int)
    thirds = [scope.level_db[a:b][scope.active[a:b]] for a, b in pairwise(edges)]
    return thirds if len(thirds[0]) and len(thirds[2]) else None
