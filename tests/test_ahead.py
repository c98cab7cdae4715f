"""Clips decoded ahead: what `Clips.of` gives and raises, in order, not too far ahead, and whatever a process meets."""

import dataclasses
import multiprocessing.util
import os
import signal
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

from mgrd import progress
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.generate import ahead
from mgrd.generate.clips import ChangedClipError, Clips
from mgrd.generate.job import Job
from mgrd.options import Generate


class Bomb:
    """Ends the process that unpickles it, as a codec ends one that reads what it cannot."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGSEGV,)


class Leaving:
    """Ends the process that unpickles it, as no codec does."""

    def __reduce__(self):
        return os._exit, (1,)


class Sleeping:
    """Takes longer to unpickle than anybody waits."""

    def __reduce__(self):
        return time.sleep, (60,)


@pytest.fixture(autouse=True)
def _ready(monkeypatch):
    """Without what is decoded here until the processes are there: how much that is, is a matter of luck."""
    monkeypatch.setattr(ahead._Workers, "are_ready", lambda self: not any(one.result() for one in self._first))


@pytest.fixture
def clips(tmp_path):
    for number in range(12):
        tone = 0.05 * (number + 1) * np.sin(2 * np.pi * 220 * np.arange(24_000) / 24_000)
        sf.write(tmp_path / f"{number}.wav", tone, 24_000)
    sf.write(tmp_path / "zero.wav", np.zeros(24_000), 24_000)
    sf.write(tmp_path / "long.wav", 0.1 * np.ones(24_000 * 6), 24_000)
    job = Job(tmp_path / "out", tmp_path, Generate(), 0, tmp_path)
    return Clips(job, SimpleNamespace(sr=16_000, window_s=5.0), {}, {})


def asked(*names):
    return [{"id": f"q{name}", "audio": [f"{name}.wav"]} for name in names]


def outcomes(hearings):
    found = []
    for hear in hearings:
        try:
            found.append([clip.tolist() for clip in hear().clips])
        except InputError as error:
            found.append(str(error))
    return found


def test_what_is_decoded_ahead_is_what_would_be_decoded_when_it_is_asked(clips):
    rows = asked(*range(6), "zero", "absent", "long", *range(6, 12))
    own = dataclasses.replace(clips, shas={})

    there = outcomes(ahead.hearings(clips, rows, len(rows), 2))

    assert there == outcomes(ahead.hearings(own, rows, len(rows), 0))
    assert (clips.shas, len(there), sum(isinstance(one, str) for one in there)) == (own.shas, 15, 3)


def test_another_questions_clip_is_decoded_in_place_of_the_own_under_swap(clips):
    job = dataclasses.replace(clips.job, options=Generate(control="swap"))
    swapping = dataclasses.replace(clips, job=job, swapped={"q0": ["5.wav"]})

    (hear,) = ahead.hearings(swapping, asked(0), 1, 1)

    assert np.array_equal(hear().clips[0], clips.of(asked(5)[0]).clips[0])
    assert set(swapping.shas) == {"0.wav", "5.wav"}


def test_a_clip_that_is_no_longer_what_was_heard_before_is_told_by_name(clips):
    clips.shas["3.wav"] = "another"

    (hear,) = ahead.hearings(clips, asked(3), 1, 1)

    with pytest.raises(ChangedClipError, match=r"3\.wav: the clip has changed"):
        hear()


def test_a_clip_that_kills_the_process_is_one_that_cannot_be_heard_and_the_others_are(clips):
    rows = asked(*range(8))
    rows[2]["bomb"] = Bomb()

    found = outcomes(ahead.hearings(clips, rows, len(rows), 2))

    assert [number for number, one in enumerate(found) if isinstance(one, str)] == [2]
    assert found[2] == "2.wav: decoding it kills the process that does; convert it to WAV"
    assert set(clips.shas) == {f"{number}.wav" for number in range(8) if number != 2}


def test_a_process_that_ends_by_something_else_is_no_clips_fault(clips):
    rows = [asked(0)[0] | {"bomb": Leaving()}]

    with pytest.raises(MgrdError, match=r"^0\.wav: the process that was to decode it ended with exit code 1; ") as lost:
        outcomes(ahead.hearings(clips, rows, 1, 1))

    assert not isinstance(lost.value, InputError)


def test_a_clip_that_takes_forever_is_not_waited_for_once_a_signal_asks_to_stop(clips, monkeypatch):
    since = time.monotonic()
    hearings = ahead.hearings(clips, [row | {"bomb": Sleeping()} for row in asked(0, 1)], 2, 1)
    ring = threading.Timer(0.5, monkeypatch.setattr, (progress.stop, "signal_name", "SIGTERM"))
    ring.start()
    hear = next(hearings)
    ring.join()
    with pytest.raises(Stopped, match="stopped by SIGTERM; what was sampled is saved, the same command goes on"):
        hear()
    hearings.close()
    assert time.monotonic() - since < 30


def test_where_no_process_can_be_started_that_is_said(clips, monkeypatch):
    def refuse(*_):
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr(ahead._Workers, "are_ready", lambda _: True)
    monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", refuse)
    with pytest.raises(MgrdError, match="lost as soon as they start; is there enough memory"):
        outcomes(ahead.hearings(clips, asked(0, 1), 2, 1))


def test_processes_that_cannot_start_are_no_clips_fault(clips, monkeypatch):
    monkeypatch.setattr(ahead, "_start", Bomb())
    monkeypatch.setattr(ahead._Workers, "are_ready", lambda _: True)

    with pytest.raises(MgrdError, match="lost as soon as they start; is there enough memory"):
        outcomes(ahead.hearings(clips, asked(0, 1), 2, 1))


def test_no_more_is_read_ahead_than_the_processes_have_in_hand(clips):
    read = []

    def endless():
        while True:
            read.append(len(read) % 12)
            yield asked(read[-1])[0]

    hearings = ahead.hearings(clips, endless(), 10**6, 1)
    next(hearings)
    hearings.close()

    assert len(read) == ahead.DEPTH


def test_until_the_processes_are_there_questions_are_decoded_here(clips, monkeypatch):
    looks = iter([False, False, False, True])
    monkeypatch.setattr(ahead._Workers, "are_ready", lambda _: next(looks))
    rows = [*[row | {"bomb": Bomb()} for row in asked(0, 1, "zero")], *asked(4, 5, 6)]

    assert outcomes(ahead.hearings(clips, rows, 6, 1)) == outcomes(ahead.hearings(clips, rows, 6, 0))


def test_few_questions_start_no_process(clips, monkeypatch):
    monkeypatch.setattr(ahead, "_Workers", None)

    assert len(outcomes(ahead.hearings(clips, asked(1, 2), 2))) == 2
