"""Figures of sounds whose truth is known, and a reason wherever there is no figure."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pyloudnorm
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from measuring import of, value, within
from sounds import (
    SR,
    at_level,
    beeps,
    buzz,
    chord,
    clicks,
    gain,
    glide,
    noise,
    silence,
    sine,
    syllables,
    thump_then_talk,
    tone_pair,
    with_noise,
)

from mgrd.audio import frames
from mgrd.audio.load import clip_of, load
from mgrd.audio.measure import EXTRACTOR, FIGURES, Figure, Measurements, measure
from mgrd.audio.power import gating_blocks_lufs


def events(measured):
    return [segment for segment in measured.segments if segment.kind == "event"]


# pitch


@pytest.mark.parametrize("hz", [50, 60, 80, 110, 150, 220, 440, 880, 1500, 2000, 3000, 4000, 6000])
def test_a_sine_has_its_frequency(hz):
    measured = of(sine(hz, 1.0))
    assert value(measured, "f0_median_hz") == pytest.approx(hz, rel=0.003)
    assert value(measured, "f0_sd_st") < 0.2
    assert value(measured, "voiced_s") == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("hz", [70, 110, 220, 440, 880, 1500])
def test_a_buzz_has_its_fundamental(hz):
    assert value(of(buzz(hz, 1.0)), "f0_median_hz") == pytest.approx(hz, rel=0.005)


@pytest.mark.parametrize("hz", [217, 390, 435])
def test_odd_harmonics_do_not_pull_the_pitch_to_the_fifth(hz):
    t = np.arange(SR) / SR
    square = sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 3, 5))
    assert value(of(at_level(square, -20)), "f0_p90_hz") == pytest.approx(hz, rel=0.005)


@pytest.mark.parametrize(
    ("hz", "to_hz", "seconds"), [(300, 500, 1.0), (300, 500, 3.0), (200, 120, 0.5), (150, 165, 2.0)]
)
@pytest.mark.parametrize("harmonics", [1, 20])
def test_a_glide_has_its_slope_and_its_change(hz, to_hz, seconds, harmonics):
    change_st = 12 * np.log2(to_hz / hz)
    measured = of(glide(hz, to_hz, seconds, harmonics=harmonics))
    assert value(measured, "f0_slope_st_s") == pytest.approx(change_st / seconds, rel=0.03)
    assert value(measured, "f0_final_slope_st_s") == pytest.approx(change_st / seconds, rel=0.1)
    assert within(measured.figure("f0_change_st"), change_st)
    assert len(events(measured)) == 1


def test_noise_and_silence_have_no_pitch():
    for samples in (noise(2.0), silence(2.0)):
        assert of(samples).figure("f0_median_hz").why == "nothing is voiced"


def test_pitch_survives_noise():
    assert value(of(with_noise(buzz(180, 2.0), 5)), "f0_median_hz") == pytest.approx(180, rel=0.02)


def test_one_channel_against_the_other_does_not_hide_the_pitch():
    assert value(of(np.stack([sine(220, 1), -sine(220, 1)])), "f0_median_hz") == pytest.approx(220, rel=0.003)


# events and pauses


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("snr_db", [None, 10])
def test_beeps_are_counted(count, snr_db):
    samples = beeps(count, gap_s=0.2)
    measured = of(samples if snr_db is None else with_noise(samples, snr_db))
    assert value(measured, "event_count") == count
    assert [event.f0_hz for event in events(measured)] == [pytest.approx(880, rel=0.01)] * count


def test_beeps_close_together_are_counted():
    assert value(of(beeps(4, seconds=0.05, gap_s=0.05)), "event_count") == 4


@pytest.mark.parametrize(("hz", "second_hz"), [(440, 466.2), (300, 200), (440, 880), (90, 70)])
@pytest.mark.parametrize("gap_s", [0.0, 0.2])
def test_two_tones_are_two_events_with_their_pitches(hz, second_hz, gap_s):
    first, second = events(of(tone_pair(hz, second_hz, gap_s=gap_s)))
    assert first.f0_hz == pytest.approx(hz, rel=0.01)
    assert second.f0_hz == pytest.approx(second_hz, rel=0.01)
    assert first.t1_s == pytest.approx(0.6, abs=0.05)
    assert second.t0_s == pytest.approx(0.6 + gap_s, abs=0.05)


def test_a_tone_that_goes_on_is_one_event():
    assert value(of(sine(440, 3)), "event_count") == 1
    assert value(of(noise(3)), "event_count") == 1
    assert value(of(sine(440, 4) * np.geomspace(1, 0.01, 4 * SR)), "event_count") == 1


def test_plucks_over_each_others_decay_are_counted():
    pluck = buzz(330, 0.5) * np.geomspace(1, 0.1, SR // 2)
    assert value(of(np.tile(pluck, 5)), "event_count") == 5


@pytest.mark.parametrize("snr_db", [None, 15])
def test_pauses_have_their_number_and_length(snr_db):
    talk = syllables(4, 1.5)
    samples = np.concatenate([talk, silence(0.8), talk, silence(0.4), talk])
    measured = of(samples if snr_db is None else with_noise(samples, snr_db))
    assert value(measured, "pause_count") == 2
    assert value(measured, "longest_pause_s") == pytest.approx(0.8, abs=0.1)
    assert value(measured, "pause_total_s") == pytest.approx(1.2, abs=0.15)


def test_silence_around_a_sound_is_no_pause():
    measured = of(np.concatenate([silence(1), sine(440, 1), silence(1)]))
    assert (value(measured, "pause_count"), measured.figure("longest_pause_s").value) == (0, None)


# rhythm


@pytest.mark.parametrize("per_s", [2, 3, 4, 5, 6])
def test_syllables_have_their_rate(per_s):
    assert value(of(syllables(per_s, 4)), "syllable_rate_hz") == pytest.approx(per_s, rel=0.05)


def test_the_rate_leaves_out_long_pauses():
    talk = syllables(4, 1.5)
    assert value(of(np.concatenate([talk, silence(2), talk])), "syllable_rate_hz") == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("bpm", [50, 60, 75, 90, 100, 120, 140, 160])
def test_a_metronome_has_its_tempo(bpm):
    assert value(of(clicks(bpm, 10)), "tempo_bpm") == pytest.approx(bpm, rel=0.01)


def test_a_fast_metronome_names_its_octave():
    tempo = of(clicks(200, 10)).figure("tempo_bpm")
    assert tempo.value == pytest.approx(100, rel=0.01)
    assert "200" in tempo.why


@pytest.mark.parametrize("samples", [noise(4), sine(220, 4), silence(4)])
def test_what_has_no_pulse_has_no_tempo(samples):
    assert of(samples).figure("tempo_bpm").why.startswith("no steady pulse")


# level


@pytest.mark.parametrize("db", [-30, -20, -6, 0, 12])
def test_gain_moves_every_level_by_itself_and_nothing_else(db):
    quiet = at_level(np.concatenate([syllables(4, 2), silence(0.5), syllables(4, 1)]), -26)
    before, after = of(quiet), of(gain(quiet, db))
    for name in ("level_dbfs", "loudness_lufs", "peak_dbfs"):
        assert value(after, name) - value(before, name) == pytest.approx(db, abs=0.02)
    for name in ("f0_median_hz", "syllable_rate_hz", "event_count", "pause_count", "centroid_hz"):
        assert within(after.figure(name), value(before, name))


def test_a_sine_has_its_level():
    measured = of(sine(997, 2, -20, sr=48000), 48000)
    assert value(measured, "level_dbfs") == pytest.approx(-20, abs=0.1)
    assert value(measured, "peak_dbfs") == pytest.approx(-20 + 3.01, abs=0.1)
    assert value(measured, "loudness_lufs") == pytest.approx(-20, abs=0.1)  # 0 dBFS at 997 Hz is -3.01 LUFS, BS.1770


@pytest.mark.parametrize("sr", [1000, 2000, 2001, 3000, 4000, 6000, 8000, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_sine_is_as_loud_at_any_rate(sr, channels):
    samples = np.tile(sine(400, 2, -20, sr=sr), (channels, 1))
    loudness = of(samples, sr).figure("loudness_lufs")
    assert loudness.value == pytest.approx(-20.75 + 10 * np.log10(channels), abs=0.15)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.5])
def test_a_short_clip_of_a_low_rate_has_its_loudness(seconds):
    samples = sine(400, seconds, -20, sr=4000)
    rms_db = 10 * np.log10(np.mean(samples**2))  # its ramps take 2 dB of 20 ms
    assert value(of(samples, 4000), "loudness_lufs") == pytest.approx(rms_db - 0.75, abs=0.6)


def test_the_loudness_of_5_1_is_that_of_its_five_channels_without_the_low_effects():
    left, right, centre, low, *surrounds = (noise(2, -30 + 2 * i, seed=i) for i in range(6))
    five = of(np.stack([left, right, centre, *surrounds])).figure("loudness_lufs")
    assert of(np.stack([left, right, centre, low, *surrounds])).figure("loudness_lufs") == five
    assert len(gating_blocks_lufs(np.stack([low] * 6), SR)) == len(gating_blocks_lufs(low[None], SR))


@pytest.mark.parametrize("channels", [7, 8, 16])
def test_of_more_channels_no_loudness_is_told_but_a_level_is(channels):
    measured = of(np.tile(noise(1), (channels, 1)))
    why = f"{channels} channels, whose weights depend on where each is heard from"
    assert measured.figure("loudness_lufs") == Figure(None, None, why)
    assert value(measured, "level_dbfs") == pytest.approx(-20, abs=0.1)


def test_digital_silence_has_no_floor():
    measured = of(silence(2))
    for name in ("level_dbfs", "noise_floor_dbfs", "snr_db"):
        assert measured.figure(name) == Figure(None, None, "silent")


def test_a_fade_has_its_trend():
    fade = np.geomspace(1, 0.1, 3 * SR)  # 20 dB over three thirds
    for samples, sign in ((noise(3) * fade, -1), (noise(3) * fade[::-1], 1)):
        assert value(of(samples), "loudness_trend_db") == pytest.approx(sign * 13.3, abs=1)


@pytest.mark.parametrize("make", [lambda: noise(2), lambda: chord([60, 64, 67], 2), lambda: syllables(4, 2)])
@pytest.mark.parametrize("db", [-15, -9])
def test_a_sound_turned_down_is_still_the_sound(make, db):
    for first, second, trend_db in ((0, db, db), (db, 0, -db)):
        measured = of(np.concatenate([gain(make(), first), gain(make(), second)]))
        assert value(measured, "loudness_trend_db") == pytest.approx(trend_db, abs=1)


def test_noise_has_its_ratio():
    talk = np.concatenate([buzz(150, 1), silence(1), buzz(150, 1)])
    for snr_db in (5, 10, 20):
        noisy = talk + noise(3, -20 - snr_db)
        assert value(of(noisy), "snr_db") == pytest.approx(snr_db, abs=2)


# colour and key


def test_white_noise_is_flat_and_a_sine_is_not():
    white, tone = of(noise(2)), of(sine(1000, 2))
    assert value(white, "centroid_hz") == pytest.approx(4000, rel=0.02)
    assert value(tone, "centroid_hz") == pytest.approx(1000, rel=0.02)
    assert value(white, "flatness") == pytest.approx(0.56, abs=0.03)
    assert value(tone, "flatness") < 0.01


@pytest.mark.parametrize("seconds", [0.3, 2.0])
@pytest.mark.parametrize("hz", [200, 440, 1000])
def test_a_tone_is_as_narrow_at_any_rate(hz, seconds):
    for sr in (8000, 16000, 22050, 44100, 48000):
        assert value(of(sine(hz, seconds, sr=sr), sr), "bandwidth_hz") == pytest.approx(15, abs=4.5)


def test_the_band_is_that_of_the_sound_and_not_of_the_file():
    import soxr

    soft = np.hanning(16000)  # a hard edge has all frequencies
    narrow = soxr.resample(noise(2, sr=8000) * soft, 8000, 44100)
    assert value(of(narrow, 44100), "bandlimit_hz") == pytest.approx(4000, rel=0.1)
    assert value(of(noise(2, sr=44100), 44100), "bandlimit_hz") == pytest.approx(22050, rel=0.05)


def test_an_offset_and_the_edges_of_a_short_tone_have_no_band():
    offset, short = np.full(SR, 0.3, dtype=np.float32), np.concatenate([silence(1.0), sine(440, 0.1), silence(1.0)])
    assert of(offset).figure("bandlimit_hz") == Figure(None, None, "silent")
    assert of(short).figure("bandlimit_hz").value is None
    assert of(short).figure("bandlimit_hz").why.startswith("too short: 0.1")
    assert value(of(sine(440, 1.0) + 0.3), "bandlimit_hz") == value(of(sine(440, 1.0)), "bandlimit_hz")


@pytest.mark.parametrize(
    ("roots", "third", "key", "mode"),
    [
        ((60, 65, 67, 60), (4, 4, 4, 4), 0, 1),
        ((57, 62, 64, 57), (3, 3, 4, 3), 9, 0),
        ((62, 67, 69, 62), (4, 4, 4, 4), 2, 1),
    ],
)
def test_a_cadence_has_its_key(roots, third, key, mode):
    chords = [chord([root, root + t, root + 7], 0.5) for root, t in zip(roots, third, strict=True)]
    measured = of(np.concatenate(chords * 2))
    assert (value(measured, "key"), value(measured, "mode")) == (key, mode)
    assert value(measured, "key_margin") > 0.05


def test_what_is_not_music_has_no_key():
    assert of(sine(440, 4)).figure("key").why.startswith("too few pitch classes")
    assert of(noise(4)).figure("key").why.startswith("no key fits")


# scopes


def test_a_scope_of_everything_is_the_whole():
    measured = of(np.concatenate([syllables(4, 2), silence(0.5), beeps(3)]))
    for name in FIGURES:
        assert measured.figure(name, 0.0, measured.duration_s) == measured.figure(name) == measured.figures[name]


def test_a_scope_has_its_own_figures():
    measured = of(np.concatenate([sine(220, 1, -30), silence(0.5), sine(330, 1, -15)]))
    assert value(measured, "f0_median_hz", 0, 1) == pytest.approx(220, rel=0.005)
    assert value(measured, "f0_median_hz", 1.5, None) == pytest.approx(330, rel=0.005)
    assert value(measured, "level_dbfs", 1.5, 2.5) - value(measured, "level_dbfs", 0, 1) == pytest.approx(15, abs=0.2)
    assert (value(measured, "event_count", 0, 1.2), value(measured, "event_count")) == (1, 2)
    assert value(measured, "duration_s", 0.5, 9) == 2.0


def test_a_scope_says_what_it_cannot_know():
    measured = of(sine(220, 1))
    assert measured.figure("key", 0, 0.5).why == "key is measured over the whole clip only"
    assert measured.figure("f0_median_hz", 0.5, 0.51).why == "no stretch: 0.50 to 0.51 s of a clip of 1.00 s"
    for name in ("f0_median_hz", "key"):
        assert measured.figure(name, 5, 6).why == "lies outside the clip of 1.00 s"
        assert measured.figure(name, 1, None).why == "lies outside the clip of 1.00 s"
    with pytest.raises(KeyError):
        measured.figure("pitch")


def test_measurements_without_tracks_say_so():
    bare = Measurements("a", EXTRACTOR, 1.0, SR, {}, {}, 0.016, [])
    assert bare.figure("f0_median_hz").why == "f0_median_hz was not measured"
    assert bare.figure("f0_median_hz", 0.2, 0.6).why == "f0_median_hz was not measured"


# bad input


BAD = {
    "silence": silence(1),
    "20 ms of silence": silence(0.02),
    "20 ms": sine(440, 0.02),
    "50 ms": sine(440, 0.05),
    "constant": np.full(SR, 0.5, dtype=np.float32),
    "clipped": np.sign(buzz(200, 1)),
    "over full scale": gain(buzz(200, 1), 40),
    "whisper of a sample": gain(sine(440, 1), -100),
    "one click": np.concatenate([silence(0.5), np.ones(1, dtype=np.float32), silence(0.5)]),
    "eight channels": np.tile(noise(0.5), (8, 1)),
    "opposite channels": np.stack([buzz(150, 1), -buzz(150, 1)]),
    "talk far below a thump": thump_then_talk(),
    "an offset that jumps": np.repeat(np.array([-0.5, 0.5], dtype=np.float32), SR),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("sr", [SR, 192000])
def test_bad_input_has_figures_or_reasons(name, sr):
    measured = of(BAD[name], sr) if BAD[name].shape[-1] >= 0.02 * sr else of(np.tile(BAD[name], 12), sr)
    assert set(measured.figures) == FIGURES
    end_s = measured.duration_s
    for scope in (
        (None, None),
        (0, end_s / 2),
        (end_s / 2, end_s),
        (0.4 * end_s, 0.4 * end_s + 0.04),
        (end_s, end_s + 1),
    ):
        for figure in (measured.figure(name, *scope) for name in FIGURES):
            if figure.value is None:
                assert figure.why
                assert figure.sigma is None
            else:
                assert np.isfinite([figure.value, figure.sigma]).all()
                assert figure.sigma > 0 or scope == (end_s, end_s + 1)
    assert len({len(track) for track in measured.tracks.values()}) == 1
    assert all(track.dtype == np.float16 for track in measured.tracks.values())


def test_talk_that_is_silence_beside_a_thump_has_no_syllables():
    measured = of(thump_then_talk())
    rate = measured.figure("syllable_rate_hz", 2.4, None)
    assert (value(measured, "syllable_count", 2.4, None), rate) == (0, Figure(None, None, "silent"))
    assert not (measured.tracks["nuclei"] > measured.tracks["active"]).any()
    # talk in which a vowel now and then is heard loses the syllables that are not
    heard = measure(clip_of(thump_then_talk() + np.concatenate([silence(2.3), syllables(4, 3.0, dbfs=-56.0)]), SR))
    assert not (heard.tracks["nuclei"] > heard.tracks["active"]).any()


@cache
def some_clips():
    made = (
        thump_then_talk(),
        np.concatenate([syllables(4, 1.5), silence(0.6), beeps(3), noise(0.5, -40)]),
        np.tile(clicks(120, 2), (2, 1)),
        np.concatenate([silence(0.5), np.ones(1, dtype=np.float32), silence(0.5)]),
        silence(0.3),
        sine(440, 0.02),
    )
    return [of(samples) for samples in made]


EDGE = st.none() | st.floats(-1.0, 8.0) | st.floats(allow_nan=False)


@given(st.integers(0, 5), EDGE, EDGE)
@example(0, 2.4, None)
@settings(max_examples=150, deadline=None)
def test_any_figure_of_any_stretch_is_a_number_or_a_reason(clip, t0_s, t1_s):
    for figure in (some_clips()[clip].figure(name, t0_s, t1_s) for name in sorted(FIGURES)):
        assert figure.why if figure.value is None else np.isfinite([figure.value, figure.sigma]).all()


@pytest.mark.parametrize("sr", [8000, 11025, 22050, 44100, 48000, 96000, 192000])
def test_the_rate_of_the_file_changes_no_pitch_level_or_count(sr):
    measured = of(tone_pair(300, 450, sr=sr), sr)
    assert [round(event.f0_hz) for event in events(measured)] == [300, 450]
    assert value(measured, "level_dbfs") == pytest.approx(-20.7, abs=0.1)


def test_a_constant_offset_is_not_sound():
    plain, shifted = of(sine(220, 1)), of(sine(220, 1) + np.float32(0.3))
    for name in ("level_dbfs", "loudness_lufs", "f0_median_hz", "event_count", "centroid_hz"):
        assert value(shifted, name) == pytest.approx(value(plain, name), rel=0.01)


# the machine


def test_the_same_sound_has_the_same_figures():
    samples = np.concatenate([syllables(4, 2), beeps(3)])
    one, other = of(samples), of(samples)
    of(noise(1))  # the models keep nothing from one clip to the next
    again = of(samples)
    for measured in (other, again):
        assert dataclasses.replace(measured, tracks={}) == dataclasses.replace(one, tracks={})
        for name, track in one.tracks.items():
            np.testing.assert_array_equal(measured.tracks[name], track)


def test_swift_in_pieces_answers_as_in_one():
    samples = np.tile(
        np.concatenate([syllables(4, 2), silence(0.5), glide(150, 300, 1.3), noise(0.7)]), 3
    ) * np.float32(3)
    found = frames.swift().detect(samples, SR, fmin=60.0)
    hz, voicing = frames._pitch(samples, len(found.pitch_hz))
    np.testing.assert_allclose(hz, found.pitch_hz, rtol=1e-6)
    np.testing.assert_array_equal(voicing, found.confidence)


@pytest.mark.parametrize("sr", [8000, 22050, 48000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_loudness_is_that_of_pyloudnorm(sr, channels):
    fade = np.geomspace(1, 0.4, 3 * sr)
    samples = np.stack([noise(3, -20 - 3 * i, sr, i) * fade for i in range(channels)])
    theirs = pyloudnorm.Meter(sr).integrated_loudness(samples.T.astype(np.float64))
    assert value(of(samples, sr), "loudness_lufs") == pytest.approx(theirs, abs=0.05)


def test_a_long_clip_is_cut_into_blocks_without_a_seam(monkeypatch):
    samples = np.concatenate([np.concatenate([glide(150, 250, 0.9, harmonics=20), silence(0.35)])] * 12)
    whole = of(samples)
    monkeypatch.setattr(frames, "BLOCK_FRAMES", 200)  # 3.2 s
    pieces = of(samples)
    assert len(pieces.tracks["level_db"]) == len(whole.tracks["level_db"])
    np.testing.assert_allclose(pieces.tracks["level_db"], whole.tracks["level_db"], atol=0.2)
    both = np.isfinite(pieces.tracks["f0_hz"]) & np.isfinite(whole.tracks["f0_hz"])
    assert both.sum() >= 0.98 * np.isfinite(whole.tracks["f0_hz"]).sum()
    np.testing.assert_allclose(pieces.tracks["f0_hz"][both], whole.tracks["f0_hz"][both], rtol=0.02)
    for name in ("f0_median_hz", "event_count", "pause_count", "level_dbfs", "loudness_lufs", "syllable_rate_hz"):
        assert value(pieces, name) == pytest.approx(value(whole, name), abs=whole.figure(name).sigma)


def test_emotions_differ_as_they_are_acted(real):
    """Anger (W) is higher and livelier than sadness (T) and boredom (L) in emodb, on average."""

    def mean(letter, name):
        clips = sorted((real / "emodb").glob(f"?????{letter}?.wav"))[:8]
        return np.mean([value(measure(load(path)), name) for path in clips])

    assert mean("W", "f0_median_hz") > 1.3 * mean("T", "f0_median_hz")
    assert mean("W", "f0_sd_st") > mean("T", "f0_sd_st")
