"""Each sound is measured once, errors are values, and the order is that of the paths."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pickle
import threading
from concurrent.futures import Future

import numpy as np
import pytest
import soundfile
from sounds import SR, beeps, glide, sine, syllables

from mgrd.audio import cache
from mgrd.audio.cache import MEASUREMENTS, from_row, measure_files, read_cache, to_row
from mgrd.audio.load import load
from mgrd.audio.measure import EXTRACTOR, measure
from mgrd.errors import InputError
from mgrd.progress import stop
from mgrd.tables import read_table, write_table


@pytest.fixture
def clips(tmp_path):
    """Three sounds, one of them twice, and one file that is no sound."""
    for name, samples in {
        "b": sine(220, 0.5),
        "a": beeps(3),
        "c": glide(200, 300, 0.5),
        "same": sine(220, 0.5),
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, SR, subtype="FLOAT")
    (tmp_path / "bad.wav").write_text("no sound")
    return [tmp_path / f"{name}.wav" for name in ("b", "a", "bad", "same", "c")]


def same(one, other):
    assert dataclasses.replace(one, tracks={}) == dataclasses.replace(other, tracks={})
    assert list(one.tracks) == list(other.tracks)
    for name, track in one.tracks.items():
        np.testing.assert_array_equal(track, other.tracks[name])


def shas(table):
    return read_table(table, MEASUREMENTS)["audio_sha"].to_list()


def test_a_row_is_the_measurements(tmp_path):
    path, table = tmp_path / "a.wav", tmp_path / "measurements.parquet"
    soundfile.write(path, syllables(4, 1), SR, subtype="FLOAT")
    measured = measure(load(path))
    same(from_row(to_row(measured)), measured)
    assert list(measure_files([path], table)) == [(path, measured.audio_sha)]
    same(read_cache(table, {measured.audio_sha})[measured.audio_sha], measured)


@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_answered_in_their_order_and_a_bad_one_is_its_error(clips, tmp_path, workers):
    table = tmp_path / "run" / "measurements.parquet"
    answers = list(measure_files(clips, table, workers))
    assert [path for path, _ in answers] == clips
    sounds = [sound for _, sound in answers]
    assert isinstance(sounds[2], InputError)
    assert str(sounds[2]).startswith(f"{clips[2]}: is not audio")
    del sounds[2], clips[2]
    clip = {path: measure(load(path)) for path in clips}
    assert sounds == [clip[path].audio_sha for path in clips]
    assert shas(table) == [sounds[0], sounds[1], sounds[3]]
    for sha, measured in read_cache(table, sounds).items():
        same(measured, clip[clips[sounds.index(sha)]])
    assert [path.name for path in table.parent.iterdir()] == [table.name]


def test_only_the_rows_that_are_asked_for_are_read(clips, tmp_path):
    table = tmp_path / "measurements.parquet"
    list(measure_files(clips, table))
    one = shas(table)[1]
    assert list(read_cache(table, {one, "another"})) == [one]
    assert read_cache(table, set()) == {}


def test_what_is_in_the_table_is_not_measured_again(clips, tmp_path, monkeypatch):
    table = tmp_path / "measurements.parquet"
    first = list(measure_files(clips, table))
    before = table.read_bytes()
    monkeypatch.setattr(cache, "measure_file", lambda *_: pytest.fail("measured again"))
    again = list(measure_files(clips, table))
    assert [(path, str(sound)) for path, sound in again] == [(path, str(sound)) for path, sound in first]
    assert table.read_bytes() == before


def test_another_extractor_is_measured_anew(clips, tmp_path):
    table = tmp_path / "measurements.parquet"
    old = dataclasses.replace(measure(load(clips[0])), extractor="0")
    write_table([to_row(old)], table, MEASUREMENTS)
    assert read_cache(table, {old.audio_sha}) == {}
    assert list(measure_files(clips[:1], table)) == [(clips[0], old.audio_sha)]
    assert read_table(table, MEASUREMENTS)["extractor"].to_list() == [EXTRACTOR]


@pytest.mark.parametrize("rows", [1, 2, 500])
def test_the_rows_are_in_the_order_of_the_paths_whatever_the_workers(clips, tmp_path, monkeypatch, rows):
    list(measure_files(clips, tmp_path / "1.parquet"))
    monkeypatch.setattr(cache, "SAVE_EVERY", rows)
    list(measure_files(clips, tmp_path / "2.parquet", workers=2))
    assert shas(tmp_path / "1.parquet") == [load(clips[i]).sha for i in (0, 1, 4)]
    assert read_table(tmp_path / "2.parquet", MEASUREMENTS).equals(read_table(tmp_path / "1.parquet", MEASUREMENTS))


def test_a_table_that_was_made_in_two_runs_has_the_bytes_of_one(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SAVE_EVERY", 2)
    list(measure_files(clips, tmp_path / "one.parquet"))
    some = measure_files(clips, tmp_path / "two.parquet")
    next(some)
    some.close()
    assert shas(tmp_path / "two.parquet") == [load(clips[0]).sha]
    list(measure_files(clips, tmp_path / "two.parquet"))
    assert (tmp_path / "two.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()


def test_each_row_is_written_once_to_a_part_and_once_to_the_table(clips, tmp_path, monkeypatch):
    written, appended = [], []
    save, append = cache._save, cache._append
    monkeypatch.setattr(cache, "SAVE_EVERY", 1)
    monkeypatch.setattr(cache, "_save", lambda fresh, spill: (written.append(len(fresh)), save(fresh, spill)))
    monkeypatch.setattr(cache, "_append", lambda spill, table: (appended.append(spill), append(spill, table)))
    list(measure_files(clips, tmp_path / "measurements.parquet"))
    assert written == [1, 1, 1]  # five paths, three sounds
    assert appended == [tmp_path / "measurements.parts"] * 2  # once before the first clip, once after the last


@pytest.mark.parametrize("replaced", [False, True])
def test_what_a_killed_run_measured_is_found_again(clips, tmp_path, monkeypatch, replaced):
    table, spill = tmp_path / "measurements.parquet", tmp_path / "measurements.parts"
    rows = [to_row(measure(load(path))) for path in (clips[0], clips[1], clips[4])]
    for number, row in enumerate(rows):
        write_table([row], spill / f"part-{number:06d}.parquet", MEASUREMENTS)
    (spill / "part-000003.parquet.partial").write_bytes(b"half a row")
    if replaced:  # killed between replacing the table and removing the parts
        write_table(rows[:2], table, MEASUREMENTS)
    monkeypatch.setattr(cache, "measure_file", lambda *_: pytest.fail("measured again"))
    assert [sound for _, sound in measure_files([clips[4]], table)] == [rows[2]["audio_sha"]]
    assert shas(table) == [row["audio_sha"] for row in rows]
    assert not spill.exists()


def test_a_signal_is_seen_while_a_clip_is_waited_for_and_what_was_measured_is_kept(clips, tmp_path, monkeypatch):
    @contextlib.contextmanager
    def one_that_is_slow(count, start, *given):
        start(*given)
        futures = iter([Future(), Future()])

        class Slow:
            def submit(self, work, *given):
                future = next(futures)
                if given == (paths[0],):
                    future.set_result(work(*given))
                return future

        yield Slow()

    paths = clips[:2]
    measuring = measure_files(paths, tmp_path / "m.parquet", workers=2, processes=one_that_is_slow)
    first = next(measuring)
    timer = threading.Timer(0.3, lambda: monkeypatch.setattr(stop, "signal_name", "SIGTERM"))
    timer.start()

    try:
        assert (first[0], list(measuring)) == (paths[0], [])
    finally:
        timer.join()
    assert shas(tmp_path / "m.parquet") == [first[1]]


@pytest.mark.parametrize("content", [b"", b"no table"])
def test_a_table_that_is_damaged_is_named(tmp_path, content):
    table = tmp_path / "measurements.parquet"
    table.write_bytes(content)
    with pytest.raises(
        InputError, match=r"measurements.parquet: cannot be read as Parquet; remove it, and clips are measured again"
    ):
        list(measure_files([], table))


def test_a_table_of_something_else_is_named(tmp_path):
    table = tmp_path / "measurements.parquet"
    write_table([{"audio_sha": "a"}], table, {"audio_sha": MEASUREMENTS["audio_sha"]})
    with pytest.raises(InputError, match=r"measurements.parquet: is not a table of measurements"):
        list(measure_files([], table))


def test_a_sample_that_is_no_sound_is_the_error_of_its_clip_and_not_the_end(clips, tmp_path):
    for name, peak in (("huge", 1e30), ("large", 1e20)):
        soundfile.write(tmp_path / f"{name}.wav", sine(220, 0.5) * peak, SR, subtype="FLOAT")
    paths = [tmp_path / "huge.wav", tmp_path / "large.wav", clips[0]]
    huge, large, fine = (sound for _, sound in measure_files(paths, tmp_path / "measurements.parquet"))
    assert "huge.wav: holds a sample of " in str(huge)
    assert "large.wav: holds a sample of " in str(large)
    assert fine == load(clips[0]).sha


@pytest.fixture
def fails(monkeypatch):
    """What measuring raises on the sound of `a.wav`, as a bug would."""

    def measure_file(path, found, name=None):
        if path.name == "a.wav":
            raise ValueError("no root\nin here")
        return measure(load(path))

    monkeypatch.setattr(cache, "measure_file", measure_file)
    return "cannot be measured (ValueError: no root in here); -v tells where in the code"


def test_a_clip_on_which_the_code_fails_is_the_error_of_its_clip_and_where_is_logged(clips, tmp_path, fails, caplog):
    caplog.set_level(logging.INFO)
    answers = [sound for _, sound in measure_files(clips[:2], tmp_path / "measurements.parquet")]
    assert answers[0] == load(clips[0]).sha
    assert isinstance(answers[1], InputError)
    assert str(answers[1]) == f"{clips[1]}: {fails}"
    assert 'raise ValueError("no root' in caplog.text


def test_where_the_code_fails_is_known_outside_a_worker(clips, fails):
    answer = pickle.loads(pickle.dumps(cache._answer(clips[1], frozenset())))
    assert str(answer) == f"{clips[1]}: {fails}"
    assert answer.__notes__[0].startswith("Traceback")


def test_no_table_is_no_measurements(tmp_path):
    assert read_cache(tmp_path / "none.parquet", {"a"}) == {}
    assert list(measure_files([], tmp_path / "none.parquet")) == []
    assert not (tmp_path / "none.parquet").exists()
