"""Claims against figures of known clips: verdicts, the reasons that go with them, and the gates."""

import numpy as np
import pytest

from mgrd.audio.measure import Figure, Measurements, Segment
from mgrd.claims.extract import extract
from mgrd.claims.verify import Reading, verify

SIGMA = {
    "f0_median_hz": 2.0,
    "syllable_rate_hz": 0.4,
    "f0_sd_st": 0.2,
    "event_count": 0.3,
    "pause_count": 0.3,
    "snr_db": 2.0,
}


UNPLACED = "it is about a moment that nothing in the text places"
UNCOUNTED = "such sounds are not told apart by any measurement"
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


def verdict(think, *clips):
    (only,) = {one.verdict for one in verify(extract(think), clips) if one.cue != "source.presence"}
    return only


@pytest.mark.parametrize(
    ("think", "figures", "expected"),
    [
        ("The voice is low.", {"f0_median_hz": 100.0}, "supported"),
        ("The voice is low.", {"f0_median_hz": 214.0}, "contradicted"),
        ("The voice is low.", {"f0_median_hz": 160.0}, "unverifiable"),
        ("The voice is high.", {"f0_median_hz": 214.0}, "supported"),
        ("The voice is high.", {"f0_median_hz": 90.0}, "contradicted"),
        ("The voice is not low.", {"f0_median_hz": 214.0}, "supported"),
        ("The voice is not low.", {"f0_median_hz": 100.0}, "contradicted"),
        ("The voice is near 110 Hz.", {"f0_median_hz": 112.0}, "supported"),
        ("The voice is near 110 Hz.", {"f0_median_hz": 190.0}, "contradicted"),
        ("The voice is near 110 Hz.", {"f0_median_hz": 220.0}, "unverifiable"),
        ("The pace of the voice is slow.", {"syllable_rate_hz": 2.8}, "supported"),
        ("The pace of the voice is slow.", {"syllable_rate_hz": 6.5}, "contradicted"),
        ("The speaker talks fast.", {"syllable_rate_hz": 6.5}, "supported"),
        ("The speaker talks fast.", {"syllable_rate_hz": 2.8}, "contradicted"),
        ("The recording is loud.", {"loudness_lufs": -16.0}, "supported"),
        ("The recording is loud.", {"loudness_lufs": -38.0}, "contradicted"),
        ("The recording is quiet.", {"loudness_lufs": -26.0}, "unverifiable"),
        ("I hear three beeps.", {"event_count": 3.0}, "supported"),
        ("I hear three beeps.", {"event_count": 2.0}, "contradicted"),
        ("The clip lasts 4 seconds.", {}, "supported"),
        ("The clip lasts 9 seconds.", {}, "contradicted"),
        ("A dog barks at 9 s.", {}, "contradicted"),
        ("There are no pauses in the speech.", {"pause_count": 2.0}, "contradicted"),
        ("The voice is monotone.", {"f0_sd_st": 1.0}, "supported"),
        ("The recording is noisy.", {"snr_db": 40.0}, "contradicted"),
        ("The voice sounds sarcastic.", {"f0_median_hz": 100.0}, "unverifiable"),
    ],
)
def test_a_claim_gets_the_verdict_that_its_figure_gives(think, figures, expected):
    assert expected in verdicts(think, clip(**figures)).values()


def test_a_reason_names_what_was_claimed_and_what_was_measured():
    (claim,) = verify(extract("The voice is near 110 Hz."), [clip(f0_median_hz=190.0)])
    assert claim.why == "claims about 110 Hz, measured 190 Hz (+9.5 st)"
    assert (claim.measured, claim.verdict) == (190.0, "contradicted")
    assert claim.z <= -2
    assert claim.confidence > 0.97


def test_contradiction_needs_every_admissible_frame():
    woman = clip(f0_median_hz=212.0)
    assert verdicts("The voice is low.", woman)["pitch.level"] == "contradicted"
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


@pytest.mark.parametrize(
    ("think", "measured", "why"),
    [
        ("The voice is low.", [], "nothing was measured"),
        ("The voice is low.", [clip(), clip()], "2 clips, and the text does not say which"),
        ("The voice is low.", [clip()], "f0_median_hz was not measured"),
        ("The first speaker's voice is low.", [clip(f0_median_hz=300.0)], UNPLACED),
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
