"""Reverberation, harmonicity, rhythm and brightness, of sounds whose truth is known; also of any stretch of a clip."""

from __future__ import annotations

import numpy as np
import pytest
from measuring import of, value, within
from sounds import (
    SR,
    beeps,
    buzz,
    clicks,
    gain,
    glide,
    in_room,
    knocks,
    low_passed,
    noise,
    silence,
    sine,
    syllables,
    with_noise,
)

from mgrd.audio.load import load


def joined(samples, gap_s):
    """The samples with a silence after each."""
    return np.concatenate([part for one in samples for part in (one, silence(gap_s))])


# reverberation


@pytest.mark.parametrize("rt60_s", [0.3, 0.8, 1.5, 2.5])
def test_bursts_in_a_room_have_its_decay_time(rt60_s):
    bursts = joined([noise(0.02, seed=i) for i in range(4)], 1.2)
    assert value(of(in_room(bursts, rt60_s)), "reverb_s") == pytest.approx(rt60_s, rel=0.05)


@pytest.mark.parametrize("rt60_s", [0.3, 0.8, 1.5, 2.5])
@pytest.mark.parametrize("snr_db", [50, 30])
def test_talk_in_a_room_has_its_decay_time(rt60_s, snr_db):
    talk = joined([syllables(4, 1.0, hz=hz) for hz in (120, 150, 130, 140)], 1.0)
    assert within(of(with_noise(in_room(talk, rt60_s), snr_db)).figure("reverb_s"), rt60_s)


def test_recorded_speech_in_a_room_has_its_decay_time(real):
    clips = [load(path).mono(SR) for path in sorted((real / "emodb").glob("*.wav"))[:12]]
    dry = [joined(clips[i : i + 3], 0.6) for i in range(0, 12, 3)]
    medians = []
    for rt60_s in (0.3, 0.8, 1.5):
        heard = [of(in_room(samples, rt60_s)).figure("reverb_s") for samples in dry]
        assert all(figure.value is None or within(figure, rt60_s) for figure in heard)
        medians.append(np.median([figure.value for figure in heard if figure.value is not None]))
    assert medians == sorted(medians)


def test_a_dry_voice_reads_short():
    assert value(of(joined([syllables(4, 1.0)] * 3, 0.5)), "reverb_s") < 0.4


@pytest.mark.parametrize("samples", [noise(3), sine(220, 3), silence(3), noise(0.05)])
def test_what_does_not_end_twice_has_no_decay_time(samples):
    assert of(samples).figure("reverb_s").why.startswith("too few clean decays")


def test_the_decay_of_plucks_is_not_a_rooms():
    pluck = buzz(330, 0.6) * np.geomspace(1, 0.01, round(0.6 * SR))
    assert (
        of(np.tile(pluck, 5)).figure("reverb_s").why
        == "the decays are those of pitched sounds that are struck or plucked"
    )


# harmonicity


@pytest.mark.parametrize("hz", [80, 120, 220, 400])
@pytest.mark.parametrize("hnr_db", [0, 10, 20])
def test_a_voice_in_noise_has_its_harmonicity(hz, hnr_db):
    measured = of(with_noise(buzz(hz, 2, harmonics=30), hnr_db))
    assert value(measured, "harmonicity_db") == pytest.approx(hnr_db, abs=1.5)


def test_a_clean_tone_is_as_harmonic_as_can_be_told():
    assert of(sine(220, 1)).figure("harmonicity_db").why == "at most 40 dB can be told"
    assert value(of(sine(220, 1)), "harmonicity_db") > 35


def test_noise_has_no_harmonicity():
    assert of(noise(2)).figure("harmonicity_db").why == "nothing is voiced"


def test_the_second_half_is_the_hoarse_one():
    clear, hoarse = buzz(150, 1.5), with_noise(buzz(150, 1.5), 6)
    measured = of(np.concatenate([clear, hoarse]))
    assert value(measured, "harmonicity_db", 0, 1.4) - value(measured, "harmonicity_db", 1.6, None) > 10


# rhythm


@pytest.mark.parametrize("bpm", [60, 100, 140])
def test_a_machine_is_regular(bpm):
    measured = of(clicks(bpm, 10))
    assert value(measured, "onset_regularity") > 0.9
    assert value(measured, "pulse_strength") > 0.7


def test_the_more_jitter_the_less_regular():
    means = [
        np.mean([value(of(clicks(100, 10, jitter=jitter, seed=seed)), "onset_regularity") for seed in range(4)])
        for jitter in (0.0, 0.05, 0.15, 0.4)
    ]
    assert means == sorted(means, reverse=True)
    assert means[1] > 0.75
    assert means[3] < 0.4


def test_long_and_short_beats_on_a_grid_are_regular():
    times = np.cumsum([0.1, *[0.5, 0.25, 0.25] * 4, 0.5])
    samples = silence(6)
    for at in (times * SR).astype(int):
        samples[at : at + 320] += noise(0.02) * np.hanning(320).astype(np.float32)
    assert value(of(samples), "onset_regularity") > 0.85


def test_the_second_half_stumbles():
    steady, stumbling = clicks(120, 5), clicks(120, 5, jitter=0.45, seed=3)
    measured = of(np.concatenate([steady, stumbling]))
    assert value(measured, "onset_regularity", 0, 4.8) > 0.9
    assert value(measured, "onset_regularity", 5, None) < 0.5
    assert value(measured, "pulse_strength", 0, 5) > value(measured, "pulse_strength", 5, None) + 0.3


@pytest.mark.parametrize("samples", [noise(4), sine(220, 4), glide(200, 300, 4), silence(4)])
def test_what_does_not_begin_again_has_no_rhythm(samples):
    measured = of(samples)
    assert value(measured, "pulse_strength") < 0.2
    assert measured.figure("onset_regularity").why.startswith("too few onsets")


def test_a_short_clip_has_no_pulse():
    assert of(clicks(120, 1)).figure("pulse_strength").why == "too short: 1.0 s, 2 s are needed"


@pytest.mark.parametrize("seconds", [2.5, 5, 10])
def test_noise_has_no_tempo(seconds):
    for seed in range(3):
        steady = noise(seconds, seed=seed)
        for samples in (steady, steady * np.linspace(0.02, 1, len(steady), dtype=np.float32)):
            assert value(of(samples), "tempo_bpm") is None


def test_a_pulse_of_few_onsets_has_no_tempo_and_a_machine_in_noise_has_one():
    assert of(clicks(60, 3)).figure("tempo_bpm").why.startswith("too few onsets")
    assert within(of(with_noise(clicks(120, 8), 10)).figure("tempo_bpm"), 120)


def test_a_pitch_takes_a_share_of_what_sounds():
    long = of(np.concatenate([noise(20), buzz(200, 0.3)]))
    assert value(long, "f0_median_hz") is None
    assert long.figure("f0_median_hz").why.startswith("too little of it is voiced")
    assert value(of(np.concatenate([silence(20), buzz(200, 0.3)])), "f0_median_hz") == pytest.approx(200, rel=0.03)


# brightness


@pytest.mark.parametrize("hz", [1000, 2000, 3000])
@pytest.mark.parametrize("make", [lambda: noise(1.5, seed=1), lambda: with_noise(syllables(4, 1.5), 15)])
def test_the_muffled_half_is_the_duller(hz, make):
    measured = of(np.concatenate([make(), silence(0.3), low_passed(make(), hz)]))
    before, after = measured.figure("brightness_db", 0, 1.5), measured.figure("brightness_db", 1.8, None)
    assert before.value - after.value > 4 * np.hypot(before.sigma, after.sigma)


def test_recorded_speech_is_duller_muffled_and_equal_to_itself(real):
    clips = [load(path).mono(SR) for path in sorted((real / "emodb").glob("*.wav"))[::15]]
    for samples in clips:
        for hz, least_db in ((8000, None), (2000, 10.0)):
            measured = of(np.concatenate([samples, silence(0.4), low_passed(samples, hz)]))
            half = len(samples) / SR
            lost_db = value(measured, "brightness_db", 0, half) - value(measured, "brightness_db", half + 0.4, None)
            assert abs(lost_db) < 0.5 if least_db is None else lost_db > least_db


def test_brightness_is_that_of_the_sound_and_not_of_the_level_or_the_rate():
    samples = np.concatenate([noise(1), silence(0.5), noise(1, seed=2)])
    plain = value(of(samples), "brightness_db")
    assert plain == pytest.approx(10 * np.log10(5000 / 2900), abs=0.3)  # white: by the widths of the bands
    assert value(of(gain(samples, -30)), "brightness_db") == pytest.approx(plain, abs=0.1)
    assert value(of(noise(2, sr=48000), 48000), "brightness_db") == pytest.approx(plain, abs=0.3)


# utterances


@pytest.fixture(scope="module")
def recorded(real):
    """Recorded utterances and digits at one level, without the silence around them."""

    def trimmed(path):
        samples = load(path).mono(SR)
        loud = np.flatnonzero(np.abs(samples) > 0.03 * np.abs(samples).max())
        samples = samples[loud[0] : loud[-1] + 1]
        return (0.05 * samples / np.sqrt(np.mean(samples**2))).astype(np.float32)

    return {name: [trimmed(path) for path in sorted((real / name).glob("*.wav"))[::5]] for name in ("emodb", "fsdd")}


def found(samples):
    return [segment for segment in of(samples).segments if segment.kind == "event"]


@pytest.mark.parametrize("gap_s", [0.4, 0.6])
@pytest.mark.parametrize("snr_db", [None, 20, 10])
def test_a_silence_parts_two_utterances(recorded, gap_s, snr_db):
    right = 0
    utterances = recorded["emodb"]
    for first, second in zip(utterances[::2], utterances[1::2], strict=True):
        samples = np.concatenate([silence(gap_s), first, silence(gap_s), second, silence(gap_s)])
        events = found(samples if snr_db is None else with_noise(samples, snr_db))
        begins_s = gap_s + len(first) / SR + gap_s
        right += len(events) == 2 and abs(events[1].t0_s - begins_s) < 0.3
    assert right >= 0.85 * (len(utterances) // 2)


@pytest.mark.parametrize("snr_db", [None, 20])
def test_spoken_digits_are_counted(recorded, snr_db):
    digits = recorded["fsdd"]
    counts = []
    for i in range(0, 24, 3):
        samples = np.concatenate([silence(0.3), joined(digits[i : i + 3], 0.3)])
        counts.append(len(found(samples if snr_db is None else with_noise(samples, snr_db))))
    assert counts.count(3) >= 7


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("snr_db", [None, 20])
@pytest.mark.parametrize("make", [beeps, knocks])
def test_sounds_are_counted_in_noise_too(make, count, snr_db):
    samples = make(count, gap_s=0.3)
    assert len(found(samples if snr_db is None else with_noise(samples, snr_db))) == count


def test_a_stop_and_its_burst_are_part_of_the_word(recorded):
    """What has no pause of 0.25 s in it is one utterance."""
    for samples in recorded["emodb"]:
        measured = of(samples)
        events = [segment for segment in measured.segments if segment.kind == "event"]
        assert len(events) == value(measured, "pause_count") + 1
