"""Where a level holds, what a clock and an exponent say, and which words go up and down without a pitch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.claims.extract import extract

ABOUT = ("asserted", "hedged")


def said(think, *families):
    """(cue, scope, asserts) of the claims about the clip, of some families of cues or all; negated with a minus."""
    return [
        (one.cue, one.scope, ("-" if one.polarity < 0 else "") + one.asserts)
        for one in extract(think)
        if one.modality in ABOUT and (not families or one.cue.startswith(families))
    ]


def figures(think):
    """(cue, scope, asserts, value) of the claims that have a figure."""
    return [
        (one.cue, one.scope, ("-" if one.polarity < 0 else "") + one.asserts, one.claimed_value)
        for one in extract(think)
        if one.claimed_value is not None
    ]


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The clip is 00:01:40 long.", [("time.duration", "whole", "value", 100.0)]),
        ("The clip is 0:40 long.", [("time.duration", "whole", "value", 40.0)]),
        ("The recording lasts 0:02:30.", [("time.duration", "whole", "value", 150.0)]),
        ("At 00:05:30 the tone is loud.", [("time.position", "span", "heard", 330.0)]),
        ("The tone starts at 0:03.", [("time.position", "span", "onset", 3.0)]),
        ("[00:00:02.480 --> 00:00:04.000] the tone rises", [("time.position", "span", "span", 2.48)]),
        ("The tone runs from 00:00:01,500 to 00:00:03,250.", [("time.position", "span", "span", 1.5)]),
        ("时长为00:00:02", [("time.duration", "whole", "value", 2.0)]),
    ],
)
def test_a_clock_is_read_to_its_last_field(think, expected):
    assert figures(think) == expected
    assert ("time.duration", "whole", "long") not in said(think)


@given(st.integers(0, 1), st.integers(0, 59), st.integers(0, 59))
def test_a_clock_of_three_fields_is_so_many_seconds(hours, minutes, seconds):
    (one,) = extract(f"The clip lasts {hours:02d}:{minutes:02d}:{seconds:02d}.")
    assert one.claimed_value == 3600 * hours + 60 * minutes + seconds


LEVELS = ("pitch.", "loudness.", "rate.", "tempo.")


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The speaker is loud, with a beep at the end.", [("loudness.level", "whole", "loud")]),
        ("The speaker is loud, with a beep in the second half.", [("loudness.level", "whole", "loud")]),
        (
            "The voice starts loud and gets quieter at the end.",
            [("loudness.level", "start", "loud"), ("loudness.trend", "end", "falling")],
        ),
        ("She speaks slowly, a little faster at the end.", [("rate.level", "whole", "slow")]),
        (
            "The pitch is high, dropping at the end.",
            [("pitch.level", "whole", "high"), ("pitch.contour", "end", "falling")],
        ),
        ("The voice is loud and then there is a beep in the last second.", [("loudness.level", "whole", "loud")]),
        ("The voice is low, ending with a chime.", [("pitch.level", "whole", "low")]),
        ("The voice is quiet, followed by a bang at the end.", [("loudness.level", "whole", "quiet")]),
        (
            "The tone begins quiet and swells.",
            [("loudness.level", "start", "quiet"), ("loudness.trend", "whole", "rising")],
        ),
        ("The loud voice ends with a beep.", [("loudness.level", "whole", "loud")]),
        ("The voice is loud, especially at the end.", [("loudness.level", "whole", "loud")]),
        ("The voice is loud except at the end.", [("loudness.level", "whole", "loud")]),
        ("声音很大结尾有一声哔。", [("loudness.level", "whole", "loud")]),
        ("她的声音很大，结尾有一声哔。", [("loudness.level", "whole", "loud")]),
        (
            "音高很高，结尾下降。",
            [("pitch.level", "whole", "high"), ("pitch.contour", "end", "falling")],
        ),
        (
            "一开始声音很大，结尾变小。",
            [("loudness.level", "start", "loud"), ("loudness.trend", "end", "falling")],
        ),
    ],
)
def test_a_place_is_of_what_it_stands_with(think, expected):
    assert [one for one in said(think, *LEVELS) if one[2] != "fast"] == expected


@pytest.mark.parametrize(
    "think",
    [
        "The voice is loud at the end.",
        "At the end, the voice is loud.",
        "At the end there is a loud voice.",
        "Her voice, at the end, is loud.",
        "The voice is loud, at the end.",
        "A rough, loud voice at the end.",
        "In the end the voice is loud, with a rasp.",
        "声音在结尾很大。",
    ],
)
def test_a_place_is_kept_by_what_it_stands_with(think):
    assert ("loudness.level", "end", "loud") in said(think)


def test_a_time_of_another_sound_is_no_time_of_a_level():
    (quiet,) = (one for one in extract("The voice is quiet, with a beep at 3 s.") if one.cue == "loudness.level")
    assert (quiet.scope, quiet.t0_s) == ("whole", None)
    (quiet,) = (one for one in extract("At 3 s the voice is quiet.") if one.cue == "loudness.level")
    assert (quiet.scope, quiet.t0_s) == ("span", 3.0)


PHRASAL = (
    "hangs up", "sits down", "shows up late", "looks up the word", "backs down", "gives up", "stands up", "wakes up",
    "picks up the phone", "calms down", "breaks down", "shuts down", "writes down the number", "signs up", "warms up",
    "grows up", "kneels down", "walks up the stairs", "jumps up", "steps down", "opens up", "climbs a ladder",
)  # fmt: skip


@pytest.mark.parametrize("verb", PHRASAL)
@pytest.mark.parametrize("subject", ["The speaker", "The caller"])
def test_a_phrasal_verb_is_no_course_of_pitch(subject, verb):
    assert said(f"{subject} {verb}.", "pitch.") == []


@pytest.mark.parametrize("verb", ["gives up", "breaks down", "calms down", "shows up late", "hangs up"])
def test_a_voice_too_gives_up_without_a_pitch(verb):
    assert said(f"The voice {verb}.", "pitch.") == []
    assert said(f"A voice {verb}.", "pitch.") == []
    assert said("A voice pops up.", "pitch.") == []


@pytest.mark.parametrize(
    ("think", "scope", "asserts"),
    [
        ("The voice goes up at the end.", "end", "rising"),
        ("Her voice slides up.", "whole", "rising"),
        ("His voice creeps back up.", "whole", "rising"),
        ("The voice tumbles right back down.", "whole", "falling"),
        ("The voice drops down at the end.", "end", "falling"),
        ("The speaker's voice drifts down.", "whole", "falling"),
        ("The singer glides up.", "whole", "rising"),
        ("The singer goes higher.", "whole", "rising"),
        ("The pitch of the speaker climbs.", "whole", "rising"),
    ],
)
def test_a_verb_of_motion_is_a_course_of_pitch(think, scope, asserts):
    assert said(think, "pitch.") == [("pitch.contour", scope, asserts)]


@pytest.mark.parametrize(
    ("think", "asserts", "value"),
    [
        ("The pitch of the voice doesn't exceed 90 Hz.", "-at_least", 90.0),
        ("The pitch does not surpass 200 Hz.", "-at_least", 200.0),
        ("The pitch did not exceed about 200 Hz.", "-at_least", 200.0),
        ("The pitch surpasses 300 Hz.", "at_least", 300.0),
        ("The pitch exceeded 300 Hz.", "at_least", 300.0),
        ("The pitch doesn't reach 200 Hz.", "at_most", 200.0),
        ("The pitch never quite reaches 300 Hz.", "at_most", 300.0),
        ("The voice fails to reach 300 Hz.", "at_most", 300.0),
        ("The pitch reaches 300 Hz.", "reached", 300.0),
    ],
)
def test_a_bound_may_be_in_the_infinitive(think, asserts, value):
    assert figures(think) == [("pitch.value", "whole", asserts, value)]


@pytest.mark.parametrize(
    ("think", "values"),
    [
        ("The tone is at 1e3 Hz.", [1000.0]),
        ("The pitch is 1.2e2 Hz.", [120.0]),
        ("The pitch is 2E+2 Hz.", [200.0]),
        ("The tone is at 1e-1 kHz.", [100.0]),
        ("The pitch is x440 Hz.", []),
        ("The tone is at 1.000 Hz.", []),
        ("The tone is at 120.000 Hz.", [120.0]),
        ("The tone is at 1.250 kHz.", [1250.0]),
        ("音高为440Hz。", [440.0]),
    ],
)
def test_a_figure_is_read_as_a_whole_or_not_at_all(think, values):
    assert [value for _, _, _, value in figures(think)] == values


@pytest.mark.parametrize(
    ("think", "scope"),
    [
        ("The duration is 2000 ms.", "whole"),
        ("It lasts 0:02.", "whole"),
        ("The total length is 2 s.", "whole"),
        ("总时长约2秒", "whole"),
        ("A beep is heard. It lasts 2 seconds.", "span"),
        ("The duration of the beep is 2 s.", "span"),
        ("有一声哔，时长2秒", "span"),
        ("The tone lasts 2 s.", "span"),
    ],
)
def test_a_length_of_nothing_else_is_of_the_clip(think, scope):
    assert figures(think) == [("time.duration", scope, "value", 2.0)]


def test_a_pitch_that_moves_only_at_the_end_has_a_figure():
    assert figures("音高在280赫兹左右，结尾下降") == [("pitch.value", "whole", "value", 280.0)]
    assert figures("The pitch is about 280 Hz, dropping at the end.") == [("pitch.value", "whole", "value", 280.0)]
    assert figures("The pitch is 280 Hz and rising.") == [("pitch.value", "span", "value", 280.0)]


def test_what_is_not_heard_here_is_denied_and_no_source_by_itself():
    assert said("A siren is a warning, which isn't heard here.") == []
    assert said("That isn't heard here.") == []
    assert said("A piano, which isn't heard here, would be brighter.") == [("source.presence", "whole", "-present")]
    assert said("A trumpet, which is clearly heard here, plays.") == [("source.presence", "whole", "present")]


@pytest.mark.parametrize(
    "think",
    [
        "most clips like this are rising, so it is rising",
        "Most recordings are loud.",
        "Clips of this kind are loud.",
        "In such clips the voice is loud.",
        "Many audio clips are short.",
    ],
)
def test_what_most_clips_are_is_said_of_no_clip(think):
    assert said(think) == []


def test_a_recording_that_clips_is_loud():
    assert said("The recording clips.") == [("loudness.level", "whole", "loud")]


@pytest.mark.parametrize(
    ("think", "plain"),
    [
        ("The voice is ｌｏｗ.", "The voice is low."),
        ("The voi\u200bce is l\u00adow.", "The voice is low."),
        ("The \U0001d42f\U0001d428\U0001d422\U0001d41c\U0001d41e is low.", "The voice is low."),
        ("The pitch is 120 Ｈｚ.", "The pitch is 120 Hz."),
        ("\ufeffThe pitch is 1\u200b20 Hz.", "The pitch is 120 Hz."),
        ("音高是１２０赫兹。", "音高是120赫兹。"),
        ("音\u200b高很高。", "音高很高。"),
        ("The ＴＯＮＥ rises.", "The TONE rises."),
    ],
)
def test_letters_of_other_widths_and_unseen_signs_hide_no_claim(think, plain):
    assert said(think) == said(plain) != []
    assert all(think[one.start : one.end] == one.text for one in extract(think))
