"""Claims against figures of known clips: verdicts, the reasons that go with them, and the gates."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mgrd.audio.measure import Figure, Measurements, Segment
from mgrd.claims import Claim
from mgrd.claims.extract import extract
from mgrd.claims.readings import Reading
from mgrd.claims.verify import verify
from mgrd.claims.vocabulary import norms

SIGMA = {
    "f0_median_hz": 2.0,
    "syllable_rate_hz": 0.4,
    "f0_sd_st": 0.2,
    "event_count": 0.3,
    "pause_count": 0.3,
    "snr_db": 2.0,
    "longest_pause_s": 0.05,
    "reverb_s": 0.15,
}


UNPLACED = "it is about a moment that nothing in the text places"
UNCOUNTED = "such sounds are not told apart by any measurement"
PARTIAL = "it counts a part of what sounds, or is a count in proportion"
MIXED = "speech among other sounds, whose pitch and pace are not told apart"


def clip(*, duration_s=4.0, segments=(), tracks=None, **figures):
    measured = {name: Figure(value, SIGMA.get(name, 0.5)) for name, value in figures.items()}
    measured["duration_s"] = Figure(duration_s, 0.001)
    return Measurements("a", "test", duration_s, 16000, measured, tracks or {}, 0.016, list(segments))


def tones(*f0_hz, level_db=-20.0):
    events = [Segment("event", 0.8 * k, 0.8 * k + 0.5, hz, level_db) for k, hz in enumerate(f0_hz)]
    return clip(segments=events, speech_s=0.0, voiced_s=0.5 * len(f0_hz), event_count=float(len(f0_hz)),
                f0_median_hz=float(np.median(f0_hz)), f0_p10_hz=min(f0_hz), f0_p90_hz=max(f0_hz))  # fmt: skip


def verdicts(think, *clips):
    return {one.cue: one.verdict for one in verify(extract(think), clips) if one.verdict is not None}


def of_cue(cue, think, *clips):
    return {one.verdict for one in verify(extract(think), clips) if one.cue == cue}


def verdict(think, *clips):
    (only,) = {one.verdict for one in verify(extract(think), clips) if one.cue != "source.presence"}
    return only


# one row for each norm of norms.toml: cue, a sentence, its figure where it is true, and where it is false
NORMS = [
    ("pitch.level", "The voice is low.", "f0_median_hz", 100.0, 280.0),
    ("pitch.level", "The voice is high.", "f0_median_hz", 280.0, 90.0),
    ("pitch.level", "The voice is mid range.", "f0_median_hz", 160.0, 320.0),
    ("pitch.level", "His voice is low.", "f0_median_hz", 95.0, 214.0),
    ("pitch.level", "His voice is high.", "f0_median_hz", 200.0, 90.0),
    ("pitch.level", "Her voice is low.", "f0_median_hz", 140.0, 300.0),
    ("pitch.level", "Her voice is high.", "f0_median_hz", 280.0, 120.0),
    ("pitch.level", "The voice is not low.", "f0_median_hz", 280.0, 75.0),
    ("rate.level", "The pace of the voice is slow.", "syllable_rate_hz", 2.8, 6.5),
    ("rate.level", "The speaker talks fast.", "syllable_rate_hz", 6.5, 2.8),
    ("rate.level", "The pace of the voice is moderate.", "syllable_rate_hz", 4.4, 12.0),
    ("loudness.level", "The recording is loud.", "loudness_lufs", -16.0, -38.0),
    ("loudness.level", "The recording is quiet.", "loudness_lufs", -40.0, -15.0),
    ("loudness.level", "The recording is soft.", "loudness_lufs", -40.0, -8.0),
    ("loudness.level", "The loudness is moderate.", "loudness_lufs", -24.0, -5.0),
    ("tempo.level", "The music has a fast tempo.", "tempo_bpm", 150.0, 60.0),
    ("tempo.level", "The music has a slow tempo.", "tempo_bpm", 60.0, 180.0),
    ("tempo.level", "The music has a moderate tempo.", "tempo_bpm", 100.0, 190.0),
    ("pitch.range", "The voice is monotone.", "f0_sd_st", 1.0, 6.0),
    ("pitch.range", "The voice is lively.", "f0_sd_st", 5.0, 0.3),
    ("noise.level", "The recording is noisy.", "snr_db", 5.0, 40.0),
    ("noise.level", "The recording is clean.", "snr_db", 40.0, 3.0),
    ("pause.duration", "There is a long pause in the speech.", "longest_pause_s", 2.0, 0.0),
    ("pause.duration", "There is a short pause in the speech.", "longest_pause_s", 0.25, 3.0),
    ("voice.sex", "A male voice is heard.", "f0_median_hz", 100.0, 420.0),
    ("voice.sex", "A female voice is heard.", "f0_median_hz", 240.0, 90.0),
    ("pitch.contour", "The pitch rises.", "f0_change_st", 8.0, -8.0),
    ("pitch.contour", "The pitch falls.", "f0_change_st", -8.0, 8.0),
    ("pitch.contour", "The pitch is steady.", "f0_change_st", 0.0, 8.0),
    ("loudness.trend", "The music fades out.", "loudness_trend_db", -9.0, 9.0),
    ("loudness.trend", "The sound gets louder.", "loudness_trend_db", 9.0, -9.0),
    ("loudness.trend", "The loudness is steady.", "loudness_trend_db", 0.0, 24.0),
    ("pitch.value", "The voice is near 110 Hz.", "f0_median_hz", 112.0, 190.0),
    ("rate.value", "He speaks at 5 syllables per second.", "syllable_rate_hz", 5.1, 2.5),
    ("rate.value", "He speaks at 210 words per minute.", "syllable_rate_hz", 4.9, 2.0),
    ("tempo.value", "The tempo is about 120 BPM.", "tempo_bpm", 121.0, 95.0),
    ("time.duration", "The clip lasts 4 seconds.", "duration_s", 4.0, 9.0),
    ("pause.duration", "There is a pause of 0.6 s.", "longest_pause_s", 0.6, 4.0),
    ("loudness.level", "The level is about -20 LUFS.", "loudness_lufs", -20.5, -35.0),
    ("noise.level", "The SNR of the recording is 20 dB.", "snr_db", 21.0, 45.0),
    ("event.count", "I hear three beeps.", "event_count", 3.0, 2.0),
]


def said(cue, asserts, kind="level", scope="whole", polarity=1, **fields):
    """A claim as extraction makes it, without a text to find it in."""
    return Claim(0, 1, "x", cue, kind, scope, polarity, "asserted", asserts, fields.pop("claimed", asserts), **fields)


def judged(claim, clip):
    (one,) = verify([claim], [clip])
    return one.verdict


# norms whose words stand in no sentence above: cue, word, figure, where it is true, and where it is false
WORDS = [
    ("timbre.brightness", "bright", "brightness_db", -6.0, -40.0),
    ("timbre.brightness", "dark", "brightness_db", -45.0, 4.0),
    ("space.reverb", "dry", "reverb_s", 0.25, 1.6),
    ("space.reverb", "wet", "reverb_s", 1.6, 0.2),
    ("loudness.range", "wide", "loudness_range_db", 20.0, 0.5),
    ("loudness.range", "narrow", "loudness_range_db", 3.0, 24.0),
]


@pytest.mark.parametrize(("cue", "think", "figure", "right", "wrong"), NORMS)
def test_each_norm_supports_and_contradicts(cue, think, figure, right, wrong):
    moves = cue == "pitch.contour" and "steady" not in think
    ends = {"f0_final_slope_st_s": math.copysign(20.0, wrong)} if moves else {}
    true, false = (of_cue(cue, think, clip(**figures)) for figures in ({figure: right}, {figure: wrong} | ends))
    assert "supported" in true
    assert "contradicted" not in true
    assert "contradicted" in false


@pytest.mark.parametrize(("cue", "word", "figure", "right", "wrong"), WORDS)
def test_each_word_supports_and_contradicts(cue, word, figure, right, wrong):
    assert judged(said(cue, word), clip(**{figure: right})) == "supported"
    assert judged(said(cue, word), clip(**{figure: wrong})) == "contradicted"
    assert judged(said(cue, word, polarity=-1), clip(**{figure: right})) != "supported"
    assert judged(said(cue, word), clip()) == "unverifiable"


def test_every_norm_has_a_row():
    rows = {cue for cue, *_ in (*NORMS, *WORDS)}
    assert {norm["cue"] for norm in (*norms()["level"], *norms()["value"])} == rows


STEADY_PAIR = {"speech_s": 0.0, "voiced_s": 4.0, "f0_change_st": 7.0, "f0_median_hz": 550.0}
FEW_PAUSES = "claims pauses, measured 0 pauses of 0.25 s or more"
NOISE_LIKE = "what sounds is like noise itself"

# a sentence that a figure alone would contradict, and what keeps it from that
GATES = [
    ("pitch.contour", "The pitch falls.", {"f0_change_st": 8.0, "f0_final_slope_st_s": 20.0, "speech_s": 4.0,
      "pause_count": 2.0}, "several phrases, and the text does not say which"),
    ("pitch.contour", "The pitch falls.", {"f0_change_st": 8.0, "f0_final_slope_st_s": 20.0, "speech_s": 6.0,
      "duration_s": 6.0}, "several phrases, and the text does not say which"),
    ("pause.presence", "There is a pause in the speech.", {"pause_count": 0.0}, FEW_PAUSES),
    ("pause.presence", "There are five pauses in the speech.", {"pause_count": 1.0}, "claims 5 pauses, measured 1"),
    ("tempo.value", "The tempo is 120 BPM.", {"tempo_bpm": 60.0}, "a multiple of the beat"),
    ("tempo.value", "The tempo is 120 BPM.", {"tempo_bpm": 80.0}, "a multiple of the beat"),
    ("noise.level", "The recording is noisy.", {"snr_db": 90.0, "flatness": 0.4}, NOISE_LIKE),
    ("noise.level", "The recording is noisy.", {"snr_db": 35.0, "noise_floor_dbfs": -30.0}, "not clear enough"),
    ("tempo.value", "The tempo is 120 BPM.", {"tempo_bpm": 40.0}, "a multiple of the beat"),
    ("music.mode", "The song is in a minor key.", {"mode": 1.0, "key_margin": 0.2},
     "the relative key has the same notes"),
    ("pitch.value", "The voice is near 110 Hz.", {"f0_median_hz": 220.0}, "octave related"),
    ("rate.value", "He speaks at 9 syllables per second.", {"syllable_rate_hz": 5.0}, "saturates at 7"),
    ("voice.sex", "A male voice is heard.", {"f0_median_hz": 440.0, "speech_s": 0.0, "voiced_s": 4.0},
     "no voice is measured"),
    ("pitch.level", "At 2 s the voice is high.", {"f0_median_hz": 90.0}, "it is about a moment at 2 s, not a stretch"),
    ("time.duration", "The tone lasts 2 s.", {}, "the length of a part that nothing in the text places"),
    ("time.position", "The voice does not start at 9 s.", {}, "not placed at 9 s, but before it or elsewhere"),
    ("time.position", "The clip is over before 9 s.", {}, "not placed at 9 s, but before it or elsewhere"),
    ("pitch.level", "The voice is high.", {"f0_median_hz": 128.0}, "high of a male voice: at least 127"),
    ("pitch.level", "The voice is low.", {"f0_median_hz": 198.0}, "low of a female voice: at most 195"),
    ("rate.level", "The pace of the voice is slow.", {"syllable_rate_hz": 5.15}, "measured 5.2 syllables/s"),
    ("pitch.contour", "Each tone is steady.", STEADY_PAIR, UNPLACED),
    ("pitch.contour", "The second tone is steady.", STEADY_PAIR, "no separate sounds found"),
    ("event.count", "Two clicks per second.", {"event_count": 9.0, "speech_s": 0.0}, PARTIAL),
    ("event.count", "I hear the last two beeps.", {"event_count": 9.0, "speech_s": 0.0}, PARTIAL),
    ("pitch.value", "It rises, and the pitch is 300 Hz.", {"f0_median_hz": 100.0}, UNPLACED),
    ("pitch.level", "The voice is low at the start.", {"f0_median_hz": 300.0},
     "no tracks to measure a part of the clip from"),
]  # fmt: skip


@pytest.mark.parametrize(("cue", "think", "figures", "why"), GATES)
def test_a_gate_keeps_a_claim_from_contradiction_and_says_why(cue, think, figures, why):
    found = [one for one in verify(extract(think), [clip(**figures)]) if one.cue == cue]
    assert "contradicted" not in {one.verdict for one in found}
    assert why in " ".join(one.why for one in found if one.verdict == "unverifiable")


def test_a_tone_that_holds_its_level_neither_swells_nor_fades():
    tone = {"speech_s": 0.0, "voiced_s": 4.0, "f0_median_hz": 440.0, "loudness_trend_db": 0.0}
    held, swelling = clip(**tone, loudness_range_db=0.1), clip(**tone, loudness_range_db=9.0)
    for word in ("rising", "falling"):
        claim = said("loudness.trend", word, "trend")
        assert (judged(claim, held), judged(claim, swelling)) == ("contradicted", "unverifiable")


def test_a_tempo_is_not_told_from_a_clip_that_is_spoken_over():
    figures = {"tempo_bpm": 72.0, "duration_s": 10.0}
    for think in ("The music has a fast tempo.", "The tempo is 95 BPM."):
        assert verdict(think, clip(**figures, speech_s=1.0)) == "contradicted"
        (one,) = verify(extract(think), [clip(**figures, speech_s=3.0)])
        assert (one.verdict, one.why) == ("unverifiable", "speech among the music")


def test_a_clip_without_a_voice_says_so():
    silent = clip(speech_s=0.0, voiced_s=0.0)
    silent.figures["level_dbfs"] = Figure(None, None, "silent")
    for measured, why in ((silent, "silent"), (clip(speech_s=0.0, voiced_s=0.0), "no voice is measured")):
        for think in ("The voice is high.", "The pitch of the voice is 200 Hz."):
            (one,) = verify(extract(think), [measured])
            assert (one.verdict, one.why) == ("unverifiable", why)


def test_the_limit_of_contradiction_is_not_missed_by_a_rounding_error():
    assert Reading(4.0, 0.3, low=4.6, high=5.4).z(1) == -2.0
    assert verdict("There are five beeps.", tones(880.0, 880.0, 880.0, 880.0)) == "contradicted"


def test_a_man_who_shouts_is_no_contradiction_of_a_man():
    assert verdict("A male voice is heard.", clip(f0_median_hz=282.0)) == "unverifiable"


def test_a_pitch_of_several_tones_may_be_meant_of_one_beside_another():
    assert verdicts("The tone is high.", tones(150.0, 200.0))["pitch.level"] == "unverifiable"
    assert verdicts("The tone is high.", tones(150.0, 150.0))["pitch.level"] == "contradicted"


def test_two_steady_tones_are_no_contradiction_of_a_steady_pitch():
    pair = tones(440.0, 660.0)
    pair.figures["f0_change_st"] = Figure(7.0, 0.2)
    assert verdicts("The pitch is steady.", pair)["pitch.contour"] == "unverifiable"


def test_a_louder_tone_is_found_by_its_level():
    events = [Segment("event", 0.8 * k, 0.8 * k + 0.5, 300.0, level_db) for k, level_db in enumerate((-30.0, -12.0))]
    pair = clip(segments=events, speech_s=0.0)
    assert verdicts("The second tone is louder.", pair)["loudness.level"] == "supported"
    assert verdicts("The first tone is louder.", pair)["loudness.level"] == "contradicted"
    assert verdicts("The second tone is quiet.", pair)["loudness.level"] == "contradicted"


def test_bounds_of_a_figure_and_of_a_count_are_one_sided():
    assert verdicts("The voice is above 150 Hz.", clip(f0_median_hz=240.0))["pitch.value"] == "supported"
    assert verdicts("The voice is below 150 Hz.", clip(f0_median_hz=240.0))["pitch.value"] == "contradicted"
    three = clip(event_count=3.0, speech_s=0.0)
    bounds = {
        "at least two": "supported",
        "more than two": "supported",
        "more than three": "contradicted",
        "fewer than five": "supported",
        "fewer than three": "contradicted",
        "up to three": "supported",
    }
    assert {said: verdicts(f"There are {said} beeps.", three)["event.count"] for said in bounds} == bounds


def test_a_denial_after_its_words_negates_them():
    assert verdicts("A pause is nowhere in the speech.", clip(pause_count=0.0))["pause.presence"] == "supported"
    assert verdicts("A pause is nowhere in the speech.", clip(pause_count=4.0))["pause.presence"] == "contradicted"


def test_semitones_are_put_to_the_change_of_a_tone_alone():
    tone = {"speech_s": 0.0, "voiced_s": 4.0, "f0_change_st": 9.0, "f0_median_hz": 400.0}
    assert verdicts("The tone rises by 9 semitones.", clip(**tone)) == {"pitch.contour": "supported"}
    found = verify(extract("The tone glides by 2 semitones."), [clip(**tone)])
    assert [one.verdict for one in found if one.unit == "st"] == ["contradicted"]
    found = verify(extract("The tone glides by 2 semitones."), [clip(**tone | {"speech_s": 4.0})])
    assert [one.verdict for one in found if one.unit == "st"] == ["unverifiable"]


def test_a_reason_names_what_was_claimed_and_what_was_measured():
    (claim,) = verify(extract("The voice is near 110 Hz."), [clip(f0_median_hz=190.0)])
    assert claim.why == "claims about 110 Hz, measured 190 Hz (+9.5 st)"
    assert (claim.measured, claim.verdict) == (190.0, "contradicted")
    assert claim.z <= -2
    assert claim.confidence > 0.97


@pytest.mark.parametrize(
    ("think", "figures", "measured"),
    [
        ("He speaks at 140 words per minute.", {"syllable_rate_hz": 4.9}, (210.0, "wpm")),
        ("He speaks at 5 syllables per second.", {"syllable_rate_hz": 4.9}, (4.9, "syl/s")),
        ("The speaker talks fast.", {"syllable_rate_hz": 6.5}, (6.5, "syl/s")),
        ("The voice is low.", {"f0_median_hz": 95.0}, (95.0, "Hz")),
        ("The recording is noisy.", {"snr_db": 5.0}, (5.0, "dB")),
        ("The recording is loud.", {"loudness_lufs": -12.0}, (-12.0, "LUFS")),
        ("The pitch rises.", {"f0_change_st": 9.0}, (9.0, "st")),
        ("There is a long pause in the speech.", {"longest_pause_s": 2.0}, (2.0, "s")),
        ("The music has a fast tempo.", {"tempo_bpm": 150.0}, (150.0, "BPM")),
        ("The song is in a minor key.", {"mode": 0.0, "key_margin": 0.3}, (0.0, None)),
    ],
)
def test_what_is_measured_has_the_unit_of_the_claim_or_else_of_its_figure(think, figures, measured):
    found = verify(extract(think), [clip(**figures)])
    assert measured in [(pytest.approx(one.measured), one.unit) for one in found if one.measured is not None]


def test_two_parts_differ_in_semitones_decibels_or_percent():
    pair = tones(300.0, 600.0)
    pair.segments[1] = replace(pair.segments[1], t1_s=1.8, level_db=-8.0)
    said = ("The second tone is higher.", "The second tone is louder.", "The second tone is longer than the first.")
    found = [one for think in said for one in verify(extract(think), [pair]) if one.kind == "comparison"]
    assert [(round(one.measured, 6), one.unit) for one in found] == [(12.0, "st"), (12.0, "dB"), (100.0, "%")]


def test_a_level_in_dbfs_is_shown_in_dbfs():
    (claim,) = verify(extract("The level is about -20 dBFS."), [clip(level_dbfs=-35.0, loudness_lufs=-34.0)])
    assert (claim.why, claim.measured, claim.unit) == ("claims about -20 dBFS, measured -35 dBFS", -35.0, "dBFS")


@pytest.mark.parametrize(
    ("think", "sound", "top"),
    [
        ("The voice is at 16 kHz.", clip(f0_median_hz=110.0), 2100),
        ("The voice is below 3 kHz.", clip(f0_median_hz=110.0), 2100),
        ("The tone is at 16 kHz.", tones(440.0), 7500),
    ],
)
def test_a_pitch_above_all_that_is_measured_gets_no_distance(think, sound, top):
    (claim,) = (one for one in verify(extract(think), [sound]) if one.cue == "pitch.value")
    assert (claim.verdict, claim.z, claim.why) == ("unverifiable", None, f"no pitch is measured above {top} Hz")


def test_a_tone_is_held_against_pitches_that_only_tones_have():
    assert verdicts("The tone is at 5 kHz.", tones(440.0))["pitch.value"] == "contradicted"
    assert verdicts("The tone is at 5 kHz.", tones(5000.0))["pitch.value"] == "supported"


def test_contradiction_needs_every_admissible_frame():
    woman = clip(f0_median_hz=212.0)
    assert verdicts("His voice is low.", woman)["pitch.level"] == "contradicted"
    assert verdicts("The voice is low.", woman)["pitch.level"] == "unverifiable"
    assert verdicts("The voice is low.", clip(f0_median_hz=300.0))["pitch.level"] == "contradicted"
    assert verdicts("Her voice is low.", woman)["pitch.level"] == "unverifiable"
    assert verdicts("Her voice is low.", clip(f0_median_hz=300.0))["pitch.level"] == "contradicted"


def test_two_sexes_in_a_text_leave_the_pitch_undecided():
    claims = verify(extract("A male voice and a female voice. The female voice is high."), [clip(f0_median_hz=100.0)])
    (level,) = [one for one in claims if one.cue == "pitch.level"]
    assert level.why == "several voices, which no measurement tells apart"


def test_the_second_of_two_tones_is_compared_with_the_first():
    rising = tones(300.0, 420.0)
    assert verdict("The second tone is higher.", rising) == "supported"
    assert verdict("The second tone is lower.", rising) == "contradicted"
    assert verdict("The first tone is lower than the second.", rising) == "supported"
    assert verdict("The first tone is near 300 Hz.", rising) == "supported"
    assert verdict("The second tone is near 300 Hz.", rising) == "contradicted"
    assert verdict("The second tone is higher.", tones(300.0)) == "unverifiable"


def test_the_ends_of_a_glide_are_read_from_its_track():
    track = np.geomspace(300, 520, 100).astype(np.float16)
    glide = clip(speech_s=0.0, voiced_s=1.6, f0_median_hz=395.0, f0_change_st=9.0, tracks={"f0_hz": track},
                 segments=[Segment("event", 0.0, 1.6, 395.0, -20.0)])  # fmt: skip
    assert verdict("A tone starts at 300 Hz and ends at 520 Hz.", glide) == "supported"
    assert verdict("A tone starts at 470 Hz and ends at 350 Hz.", glide) == "contradicted"
    assert verdict("The tone rises.", glide) == "supported"
    assert verdict("The tone falls.", glide) == "contradicted"


FAR = "The noise floor is 60 dB below the speech."


@pytest.mark.parametrize(
    ("think", "snr_db", "verdict"),
    [
        (FAR, 103.7, "unverifiable"),
        (FAR, 36.0, "unverifiable"),
        (FAR, 10.0, "contradicted"),
        ("The SNR of the recording is 20 dB.", 103.7, "contradicted"),
        ("The SNR of the recording is at least 30 dB.", 103.7, "supported"),
        ("The SNR of the recording is at most 33 dB.", 103.7, "unverifiable"),
        ("The SNR of the recording is at most 60 dB.", 10.0, "supported"),
    ],
)
def test_of_two_ratios_beyond_what_was_tested_neither_is_wrong(think, snr_db, verdict):
    (one,) = [one for one in verify(extract(think), [clip(snr_db=snr_db)]) if one.claimed_value is not None]
    assert one.verdict == verdict
    beyond = f"measured {snr_db:.4g} dB SNR: both beyond 35 dB, up to which it is told surely"
    assert one.why.endswith(beyond) == (think == FAR and snr_db > 35)


@pytest.mark.parametrize(
    ("think", "measured", "why"),
    [
        ("The voice is low.", [], "nothing was measured"),
        ("The voice is low.", [clip(), clip()], "2 clips, and the text does not say which"),
        ("The voice is low.", [clip()], "f0_median_hz was not measured"),
        ("The first speaker's voice is low.", [clip(f0_median_hz=300.0)], "speech, whose parts are not told apart"),
        ("There are two speakers in the audio.", [clip(event_count=1.0)], UNCOUNTED),
        ("The voice is high.", [clip(f0_median_hz=90.0, speech_s=1.0)], MIXED),
        ("The voice is 20 dB loud.", [clip(loudness_lufs=-20.0)], "decibels against an unknown reference"),
        ("I hear three beeps.", [clip(event_count=1.0, speech_s=3.9)], "speech, whose sounds are not counted"),
    ],
)
def test_what_cannot_be_verified_says_why(think, measured, why):
    assert why in [one.why for one in verify(extract(think), measured)]


def test_a_figure_that_is_absent_hands_on_its_reason():
    short = Measurements(
        "a", "test", 0.2, 16000, {"f0_median_hz": Figure(None, None, "too short: 0.1 s voiced")}, {}, 0.016, []
    )
    (claim,) = verify(extract("The voice is low."), [short])
    assert (claim.verdict, claim.why) == ("unverifiable", "too short: 0.1 s voiced")


def test_a_rate_that_the_count_cannot_reach_is_not_contradicted():
    assert verdict("He speaks at 9 syllables per second.", clip(syllable_rate_hz=7.2)) == "unverifiable"


def test_only_claims_about_the_clip_get_a_verdict():
    claims = verify(
        extract("If the voice were high, it would be a child. Is the voice low?"), [clip(f0_median_hz=100.0)]
    )
    assert claims
    assert {one.verdict for one in claims} == {None}


def test_distance_counts_from_the_middle_and_support_from_the_edge():
    low = {"sigma": 1.0, "high": 10.0, "past_high": 12.0}
    assert Reading(8.0, **low).z(1) == 2.0
    assert Reading(11.0, **low).z(1) == 0.0
    assert Reading(15.0, **low).z(1) == -3.0
    assert Reading(8.0, **low).z(-1) == -2.0


def test_the_same_claims_give_the_same_verdicts():
    claims = extract("The voice is low and slow, about 112 Hz; her tone is calm.")
    measured = [clip(f0_median_hz=111.0, syllable_rate_hz=3.0)]
    assert verify(claims, measured) == verify(claims, measured)


def pauses(*lengths_s, **figures):
    """Speech of one second between pauses of these lengths."""
    segments, at_s = [Segment("event", 0.0, 1.0, 120.0, -20.0)], 1.0
    for length_s in lengths_s:
        segments.append(Segment("pause", at_s, at_s + length_s, None, -80.0))
        segments.append(Segment("event", at_s + length_s, at_s + length_s + 1.0, 120.0, -20.0))
        at_s += length_s + 1.0
    active = np.concatenate(
        [np.r_[np.ones(round(1.0 / 0.016)), np.zeros(round(x / 0.016))] for x in lengths_s or [0.0]]
    )
    tracks = {"active": np.r_[np.zeros(5), active, np.ones(62)].astype(np.float16)}
    longest = {"longest_pause_s": max(lengths_s)} if lengths_s else {}
    return clip(segments=segments, tracks=tracks, duration_s=at_s, pause_count=float(len(lengths_s)), snr_db=40.0,
                speech_s=at_s - sum(lengths_s), **longest, **figures)  # fmt: skip


def counted(count, asserts="value", **fields):
    return said("pause.presence", asserts, "count", claimed_value=float(count), unit="events", **fields)


def test_a_denied_pause_is_held_against_a_silence_that_nobody_overhears():
    none = said("pause.presence", "present", "presence", polarity=-1)
    found = [judged(none, pauses(length_s)) for length_s in (0.3, 0.4, 0.7)]
    assert found == ["unverifiable", "unverifiable", "contradicted"]


def test_a_pause_is_contradicted_by_sound_that_goes_on_without_a_break_alone():
    some = said("pause.presence", "present", "presence")
    assert judged(some, pauses()) == "contradicted"
    assert judged(some, pauses(0.7)) == "supported"
    # a hesitation, noise or an echo may be heard as one, or fill it
    assert judged(some, clip(pause_count=0.0)) == "unverifiable"
    assert judged(some, pauses(reverb_s=1.4)) == "unverifiable"
    hesitating = pauses()
    hesitating.tracks["active"][30:42] = 0
    assert judged(some, hesitating) == "unverifiable"


def test_a_count_of_pauses_lies_between_those_that_are_clear_and_all_silences():
    two = pauses(0.8, 0.9)
    verdicts = [judged(counted(count), two) for count in (1, 2, 3)]
    assert verdicts == ["contradicted", "supported", "contradicted"]
    one_is_short = pauses(0.8, 0.3)
    assert [judged(counted(count), one_is_short) for count in (0, 1, 2, 3)] == [
        "contradicted", "unverifiable", "supported", "contradicted"]  # fmt: skip
    assert [judged(counted(2, bound), two) for bound in ("at_least", "at_most")] == ["supported", "supported"]
    assert judged(counted(3, "at_least"), two) == "contradicted"
    assert judged(counted(1, "at_most"), two) == "contradicted"
    assert judged(counted(2, polarity=-1), two) == "contradicted"


def test_a_long_pause_where_there_is_none_is_contradicted_and_a_short_one_is_not():
    assert judged(said("pause.duration", "long"), pauses()) == "contradicted"
    assert judged(said("pause.duration", "short"), pauses()) == "unverifiable"
    second = said("pause.duration", "value", "value", claimed_value=1.0, unit="s", claimed="about 1 s")
    assert judged(second, pauses()) == "contradicted"
    assert judged(second, pauses(0.4, 1.1)) == "supported"


def test_no_woman_takes_the_evidence_that_a_man_takes():
    no_woman = said("voice.sex", "female", "presence", polarity=-1)
    assert judged(no_woman, clip(f0_median_hz=240.0)) == "unverifiable"
    assert judged(no_woman, clip(f0_median_hz=420.0)) == "contradicted"
    assert judged(no_woman, clip(f0_median_hz=100.0)) == "supported"


def test_a_sex_that_a_text_presupposes_is_a_frame_of_reference_and_no_claim():
    low, her = said("pitch.level", "low"), replace(said("voice.sex", "female", "presence"), modality="presupposed")
    verdicts = [one.verdict for one in verify([low, her], [clip(f0_median_hz=150.0)])]
    assert verdicts == ["supported"]


MUSIC = {"key": 0.0, "mode": 1.0, "key_margin": 0.3}


def test_a_key_is_contradicted_only_by_one_that_is_not_akin_to_it():
    names = ("C major", "C", "A minor", "G major", "F", "C minor", "E minor", "F# major", "B flat", "E 大调")
    found = {name: judged(said("music.key", "value", claimed=name), clip(**MUSIC)) for name in names}
    agrees, akin, other = "supported", "unverifiable", "contradicted"
    assert found == dict(zip(names, (agrees, agrees, akin, akin, akin, akin, akin, other, other, other), strict=True))
    unsure = clip(**MUSIC | {"key_margin": 0.03})
    assert {judged(said("music.key", "value", claimed=name), unsure) for name in names} == {"unverifiable"}


def test_a_mode_is_contradicted_only_when_the_relative_key_fits_far_worse():
    minor = said("music.mode", "minor")
    assert judged(minor, clip(**MUSIC)) == "contradicted"
    assert judged(minor, clip(**MUSIC | {"key_margin": 0.2})) == "unverifiable"
    assert judged(said("music.mode", "major", polarity=-1), clip(**MUSIC)) == "contradicted"
    assert judged(minor, clip()) == "unverifiable"


def test_a_tempo_that_may_be_felt_at_twice_its_rate_is_not_slow():
    fast, doubled = said("tempo.level", "fast"), clip(tempo_bpm=60.0)
    assert judged(fast, doubled) == "contradicted"
    doubled.figures["tempo_bpm"] = Figure(60.0, 0.6, "or 120 BPM")
    assert judged(fast, doubled) == "unverifiable"


def beats(*onsets_s, **figures):
    return clip(segments=[Segment("event", t, t + 0.1, 800.0, -20.0) for t in onsets_s], speech_s=0.0, **figures)


def test_regularity_is_read_from_the_onsets_of_separate_sounds_and_from_the_pulse():
    even, uneven = beats(0.0, 0.5, 1.0, 1.5, 2.0), beats(0.0, 0.2, 1.1, 1.4, 2.9, pulse_strength=0.1)
    regular, irregular = (said("rhythm.regularity", word) for word in ("regular", "irregular"))
    assert [judged(one, even) for one in (regular, irregular)] == ["supported", "contradicted"]
    assert [judged(one, uneven) for one in (regular, irregular)] == ["contradicted", "supported"]
    machine, nothing = clip(pulse_strength=0.9, speech_s=0.0), clip(speech_s=0.0)
    assert [judged(irregular, one) for one in (machine, nothing)] == ["contradicted", "unverifiable"]
    played = clip(pulse_strength=0.5, speech_s=0.0)
    assert [judged(one, played) for one in (regular, irregular)] == ["unverifiable", "unverifiable"]
