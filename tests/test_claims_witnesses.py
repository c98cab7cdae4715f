"""Evidence that settles a claim where the nearest figure does not: strokes, chords, falls of the level, throats."""

from dataclasses import replace

import numpy as np
import pytest
from sounds import SR, buzz, chord, clicks, in_room, noise, silence, sine, syllables

from mgrd.audio import formants, tones
from mgrd.audio.load import clip_of
from mgrd.audio.measure import Figure, Segment, measure
from mgrd.audio.spectra import N_FFT, power_spectra
from mgrd.claims import Claim, music, rooms, voices
from mgrd.claims.sounding import kind_of
from mgrd.claims.verify import verify


def said(cue, asserts, kind="level", scope="whole", polarity=1, **fields):
    """A claim as extraction makes it, without a text to find it in."""
    return Claim(0, 1, "x", cue, kind, scope, polarity, "asserted", asserts, fields.pop("claimed", asserts), **fields)


def verdicts(clip, *claims):
    return [one.verdict for one in verify(claims, [clip])]


def heard(*parts):
    return measure(clip_of(np.concatenate(parts), SR))


def with_figures(clip, **figures):
    return replace(clip, figures=clip.figures | {name: Figure(value, 0.01) for name, value in figures.items()})


# parts


def test_two_sounds_without_a_gap_are_the_two_parts_of_a_clip():
    clip = heard(sine(220, 1.3, -20), sine(440, 0.9, -32))
    louder = said("loudness.level", "second", "comparison", "sections")
    assert verdicts(clip, louder, replace(louder, asserts="first")) == ["contradicted", "supported"]


# tempo


SLOW, FAST = said("tempo.level", "slow"), said("tempo.level", "fast")


def test_a_train_of_equal_strokes_has_the_tempo_of_its_strokes():
    clip = heard(clicks(186, 8))
    assert music.stroke_bpm(clip) == pytest.approx(186, rel=0.02)
    assert verdicts(clip, SLOW, FAST) == ["contradicted", "supported"]


def test_where_every_other_stroke_is_accented_or_notes_move_the_beat_may_be_slower_than_the_strokes():
    accented = clicks(93, 8)
    shifted = np.roll(clicks(93, 8, -29), round(30 / 93 * SR))
    assert music.stroke_bpm(heard(accented + shifted)) is None
    notes = [np.concatenate([sine(hz, 0.2), silence(0.12)]) for hz in (220, 277, 330, 277) * 6]
    assert music.stroke_bpm(heard(*notes)) is None
    assert music.stroke_bpm(heard(clicks(186, 8, jitter=0.25))) is None


# mode


def cadence(*chords):
    return [chord(list(notes), 1.0) for notes in chords]


C, F, G, A_MINOR, D_MINOR, E = (60, 64, 67), (65, 69, 72), (67, 71, 74), (57, 60, 64), (62, 65, 69), (64, 68, 71)
MAJOR, MINOR = said("music.mode", "major"), said("music.mode", "minor")


def test_a_mode_is_told_from_its_relative_by_the_chord_at_both_ends():
    major, minor = heard(*cadence(C, F, G, C)), heard(*cadence(A_MINOR, D_MINOR, E, A_MINOR))
    assert verdicts(major, MINOR, MAJOR) == ["contradicted", "supported"]
    assert verdicts(minor, MAJOR, MINOR) == ["contradicted", "supported"]
    assert major.figures["tonic_frame"].value > 0.5 < minor.figures["tonic_frame"].value


def test_an_end_on_the_chord_of_the_relative_key_leaves_the_mode_open():
    # much more of C major, and A minor at the end all the same
    clip = heard(*cadence(C, F, G, C, F, G, A_MINOR))
    assert clip.figures["tonic_frame"].value < music.TONIC_FRAME
    assert verdicts(with_figures(clip, mode=1.0, key_margin=0.2), MINOR) == ["unverifiable"]


def test_a_lead_over_the_other_mode_is_at_least_the_lead_over_any_key():
    clip = heard(*cadence(C, F, G, C))
    assert clip.figures["mode_margin"].value >= clip.figures["key_margin"].value > 0


def test_the_ends_of_a_long_clip_are_its_first_and_its_last_second():
    found = heard(*cadence(A_MINOR, *(C, F, G) * 21, C)).figures["tonic_frame"].value
    both = heard(*cadence(C, *(C, F, G) * 21, C)).figures["tonic_frame"].value
    assert found <= 0.0 < music.TONIC_FRAME < both


# rooms

WET, DRY = said("space.reverb", "wet"), said("space.reverb", "dry")


def bursts():
    return np.concatenate([np.concatenate([noise(0.5, seed=k), silence(0.4)]) for k in range(3)])


@pytest.mark.parametrize("rt60_s", [None, 0.8, 1.5])
def test_a_level_that_falls_at_once_speaks_against_a_room_that_rings(rt60_s):
    samples = bursts() if rt60_s is None else in_room(bursts(), rt60_s)
    clip = measure(clip_of(samples + noise(len(samples) / SR, -80), SR))
    unmeasured = rooms.reverb_s("too few clean decays", clip)
    if rt60_s is not None:
        assert unmeasured == "too few clean decays"
        return
    assert unmeasured[0] < 0.3
    assert verdicts(clip, WET, DRY) == ["contradicted", "supported"]


def test_one_fall_may_be_the_cut_of_an_editor():
    cut = in_room(bursts(), 1.5)
    cut = np.concatenate([cut[: round(1.3 * SR)], silence(1.0)])
    assert rooms.reverb_s("too few clean decays", measure(clip_of(cut, SR))) == "too few clean decays"


def test_where_sounds_ring_and_others_end_at_once_neither_is_claimed():
    clip = measure(clip_of(bursts(), SR))
    assert rooms.reverb_s((1.4, 0.3), clip) == "some sounds ring for 1.4 s and others end at once"


# pauses


def test_a_closure_is_no_pause_and_a_clip_without_one_has_none_in_its_middle():
    pause = said("pause.presence", "present", "presence")
    for gap_s, verdict in ((0.1, "contradicted"), (0.2, "unverifiable")):
        parts = [syllables(4, 1.0), silence(gap_s), syllables(4, 1.0), silence(0.2)]
        clip = with_figures(heard(*parts), speech_s=2.1, snr_db=40.0, pause_count=0.0)
        assert verdicts(clip, pause) + verdicts(clip, replace(pause, scope="middle")) == [verdict] * 2


# voices


def tube(spacing_hz, f0_hz=150.0, seconds=1.5):
    """A buzz through the resonances of a tube closed at one end, 80 Hz wide."""
    from scipy.signal import lfilter

    samples = buzz(f0_hz, seconds, harmonics=60)
    for k in range(1, 8):
        hz = spacing_hz * (k - 0.5)
        if hz < 0.47 * SR:
            radius = np.exp(-np.pi * 80 / SR)
            samples = lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * hz / SR), radius**2], samples)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


@pytest.mark.parametrize("spacing_hz", [1000.0, 1100.0, 1200.0])
def test_formants_are_spaced_as_the_resonances_of_the_tube(spacing_hz):
    samples = tube(spacing_hz)
    repeats = tones.repetition(power_spectra(samples, SR, N_FFT, len(samples) // 256))
    found = formants.figures(formants.peaks_hz(repeats[4:-4]), SR)
    assert found["formant_spacing_hz"].value == pytest.approx(spacing_hz, rel=0.03)
    assert found["formant4_hz"].value == pytest.approx(3.5 * spacing_hz, rel=0.06)


def test_formants_need_a_wide_band_and_voiced_speech():
    assert formants.figures(np.full(99, 2500.0), 8000)["formant4_hz"].why.startswith("narrow band")
    assert formants.figures(np.zeros(0), SR)["formant4_hz"].why == "too little voiced speech"
    assert formants.peaks_hz(np.zeros((0, 365), dtype=np.float32)).shape == (0,)


MAN, WOMAN = (said("voice.sex", sex, "presence") for sex in ("male", "female"))


def speaker(f0_hz, spacing_hz, fourth_hz, **figures):
    clip = heard(buzz(f0_hz, 1.5))
    known = {"f0_median_hz": f0_hz, "speech_s": 1.5, "snr_db": 40.0, "bandlimit_hz": 7900.0, "brightness_db": -15.0}
    return with_figures(clip, **known, formant_spacing_hz=spacing_hz, formant4_hz=fourth_hz, **figures)


@pytest.mark.parametrize(
    ("f0_hz", "spacing_hz", "fourth_hz", "man", "woman"),
    [
        (175.0, 1190.0, 4150.0, "contradicted", "supported"),  # a low woman
        (175.0, 1020.0, 3550.0, "supported", "contradicted"),  # a high man
        (175.0, 1120.0, 3840.0, "unverifiable", "unverifiable"),  # neither
        (175.0, 1150.0, 3700.0, "unverifiable", "unverifiable"),  # at odds
        (230.0, 1020.0, 3550.0, "unverifiable", "unverifiable"),  # a man who shouts, or a woman with a long throat
        (105.0, 1190.0, 4150.0, "unverifiable", "contradicted"),  # no woman's pitch, but no man's throat
    ],
)
def test_pitch_and_throat_tell_a_man_from_a_woman_together(f0_hz, spacing_hz, fourth_hz, man, woman):
    clip = speaker(f0_hz, spacing_hz, fourth_hz)
    assert verdicts(clip, MAN) + verdicts(clip, WOMAN) == [man, woman]


@pytest.mark.parametrize("figures", [{"snr_db": 10.0}, {"bandlimit_hz": 3500.0}, {"brightness_db": -45.0}])
def test_a_throat_is_not_read_from_a_noisy_or_narrow_recording(figures):
    assert voices.tract(with_figures(speaker(175.0, 1190.0, 4150.0), **figures)) is None


def test_a_boy_has_the_throat_of_no_man():
    clip = speaker(230.0, 1300.0, 4500.0)
    assert verdicts(clip, replace(MAN, claimed="a young boy")) == ["unverifiable"]
    assert verdicts(clip, MAN, said("voice.sex", "child", "presence"))[0] == "unverifiable"
    assert verdicts(clip, MAN) == ["contradicted"]


# tones


def test_a_tone_at_whose_onset_voice_activity_flickers_is_a_tone():
    clip = heard(sine(186, 1.2), silence(0.5), sine(900, 1.2))
    first = next(one for one in clip.segments if one.kind == "event")
    flicker = Segment("speech", first.t0_s, first.t0_s + 0.22, 186.0, -20.0)
    clip = replace(clip, segments=[*(one for one in clip.segments if one.kind != "speech"), flicker])
    assert kind_of(clip, first) in ("tone", "note")
    order = said("event.order", "high tone then low tone", "comparison", claimed="high tone then low tone")
    assert verdicts(clip, order, replace(order, asserts="low tone then high tone")) == ["contradicted", "supported"]


def test_the_only_sound_of_a_clip_is_the_one_that_is_meant():
    clip = heard(silence(0.3), sine(880, 1.5), silence(0.3))
    pitch = said(
        "pitch.value", "value", "value", "span", claimed="this tone is at 880 Hz", claimed_value=880.0, unit="Hz"
    )
    assert verdicts(clip, pitch, replace(pitch, claimed_value=600.0)) == ["supported", "contradicted"]


# pitch without a sex


def test_a_voice_under_the_mean_of_men_is_high_for_nobody():
    high, low = said("pitch.level", "high"), said("pitch.level", "low")
    assert verdicts(with_figures(heard(buzz(105, 1.5)), f0_median_hz=105.0, speech_s=1.5), high) == ["contradicted"]
    assert verdicts(with_figures(heard(buzz(135, 1.5)), f0_median_hz=135.0, speech_s=1.5), high) == ["unverifiable"]
    assert verdicts(with_figures(heard(buzz(240, 1.5)), f0_median_hz=240.0, speech_s=1.5), low) == ["contradicted"]
