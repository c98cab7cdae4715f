"""Each sound is measured once, errors are values, and the order is that of the paths."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soundfile
from sounds import SR, beeps, glide, sine, syllables

from mgrd.audio import cache
from mgrd.audio.cache import MEASUREMENTS, add_to_cache, from_row, measure_files, read_cache, to_row
from mgrd.audio.load import load
from mgrd.audio.measure import EXTRACTOR, Measurements, measure
from mgrd.errors import InputError
from mgrd.tables import read_table


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


def test_a_row_is_the_measurements(tmp_path):
    soundfile.write(tmp_path / "a.wav", syllables(4, 1), SR, subtype="FLOAT")
    measured = measure(load(tmp_path / "a.wav"))
    same(from_row(to_row(measured)), measured)
    add_to_cache(tmp_path / "measurements.parquet", [measured])
    same(read_cache(tmp_path / "measurements.parquet")[measured.audio_sha], measured)


@pytest.mark.parametrize("workers", [1, 2])
def test_files_are_answered_in_their_order_and_a_bad_one_is_its_error(clips, tmp_path, workers):
    table = tmp_path / "run" / "measurements.parquet"
    answers = list(measure_files(clips, table, workers))
    assert [path for path, _ in answers] == clips
    assert [type(answer) for _, answer in answers] == [
        Measurements, Measurements, InputError, Measurements, Measurements,
    ]  # fmt: skip
    assert str(answers[2][1]).startswith(f"{clips[2]}: is not audio")
    for path, answer in answers:
        if isinstance(answer, Measurements):
            same(answer, measure(load(path)))
    rows = read_table(table, MEASUREMENTS)
    assert rows["audio_sha"].to_list() == sorted({load(path).sha for path in clips if path != clips[2]})
    assert not list(table.parent.glob("*.partial"))


def test_what_is_in_the_cache_is_not_measured_again(clips, tmp_path, monkeypatch):
    table = tmp_path / "measurements.parquet"
    first = list(measure_files(clips, table))
    before = table.read_bytes()
    monkeypatch.setattr(cache, "measure_file", lambda *_: pytest.fail("measured again"))
    for (path, answer), (again, cached) in zip(first, measure_files(clips, table), strict=True):
        assert path == again
        if isinstance(answer, Measurements):
            same(cached, answer)
    assert table.read_bytes() == before


def test_another_extractor_is_measured_anew(clips, tmp_path):
    table = tmp_path / "measurements.parquet"
    old = dataclasses.replace(measure(load(clips[0])), extractor="0")
    add_to_cache(table, [old])
    assert read_cache(table) == {}
    ((_, answer),) = measure_files(clips[:1], table)
    assert answer.extractor == EXTRACTOR
    assert list(read_cache(table)) == [old.audio_sha]


def test_the_table_does_not_depend_on_the_order_or_the_workers(clips, tmp_path):
    list(measure_files(clips, tmp_path / "1.parquet"))
    list(measure_files(clips[::-1], tmp_path / "2.parquet", workers=2))
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


def test_what_was_measured_is_kept_when_the_caller_stops(clips, tmp_path):
    table = tmp_path / "measurements.parquet"
    some = measure_files(clips, table)
    next(some)
    some.close()
    assert list(read_cache(table)) == [load(clips[0]).sha]


def test_no_table_is_no_measurements(tmp_path):
    assert read_cache(tmp_path / "none.parquet") == {}
    assert list(measure_files([], tmp_path / "none.parquet")) == []
    assert not (tmp_path / "none.parquet").exists()
