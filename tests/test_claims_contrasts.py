"""Sentences that set parts of a clip side by side, order its sounds, place them in time, count them and name keys."""

import numpy as np
import pytest
from sounds import SR, gain, knocks, low_passed, noise, silence, sine, syllables

from mgrd.audio.load import clip_of
from mgrd.audio.measure import measure
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify

ABOUT = ("asserted", "hedged")
PITCH, LOUD, RATE, BRIGHT = "pitch.level", "loudness.level", "rate.level", "timbre.brightness"


def compared(think):
    """The comparisons of two parts, as (cue, scope, which has more)."""
    return [
        (one.cue, one.scope, ("-" if one.polarity < 0 else "") + one.asserts)
        for one in extract(think)
        if one.kind == "comparison" and one.cue != "event.order" and one.modality in ABOUT
    ]


def said(think, cue):
    """The claims of one cue, as (kind, scope, asserts, claimed)."""
    return [(one.kind, one.scope, one.asserts, one.claimed) for one in extract(think) if one.cue == cue]


def verdict(think, clip):
    """`contradicted` when any claim is, else `supported` when any is, else `unverifiable`."""
    found = {one.verdict for one in verify(extract(think), [clip])}
    return next(one for one in ("contradicted", "supported", "unverifiable") if one in {*found, "unverifiable"})


def heard(*parts):
    return measure(clip_of(np.concatenate(parts), SR))


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The second sentence is spoken more quickly than the first one.", (RATE, "first_vs_second", "second")),
        ("Compared to the second half, the first half is much louder.", (LOUD, "halves", "first")),
        ("The volume is lower in the latter half than in the former.", (LOUD, "halves", "first")),
        ("What comes second is fainter.", (LOUD, "first_vs_second", "first")),
        ("The later segment of the audio sounds duller than the earlier one.", (BRIGHT, "sections", "first")),
        ("The first phrase is muffled in comparison with the second phrase.", (BRIGHT, "first_vs_second", "second")),
        ("The latter part of the recording is less bright than the former.", (BRIGHT, "sections", "first")),
        ("The second beep is not as loud as the first.", (LOUD, "first_vs_second", "first")),
        ("The second sentence is just as loud as the first.", (LOUD, "first_vs_second", "same")),
        ("The second part isn't louder than the first part.", (LOUD, "sections", "-second")),
        ("The loudness increases between the first and the second half.", (LOUD, "halves", "second")),
        ("The speaker slows down in the second part.", (RATE, "sections", "first")),
        ("At the beginning the voice is louder than at the end.", (LOUD, "start_vs_end", "first")),
        ("The pitch of the second phrase is well below that of the first.", (PITCH, "first_vs_second", "first")),
        ("The second speaker talks faster than the first speaker.", (RATE, "turns", "second")),
        ("There is more background noise in the first part than in the second.", ("noise.level", "sections", "first")),
        ("后一句说得比前一句慢。", (RATE, "first_vs_second", "first")),
        ("第一声比第二声响。", (LOUD, "first_vs_second", "first")),
        ("与前半段相比，后半段的语速更快。", (RATE, "halves", "second")),
        ("第二个音没有第一个音高。", (PITCH, "first_vs_second", "first")),
        ("第二段的音量明显低于第一段。", (LOUD, "sections", "first")),
        ("后面的部分比前面的部分更加响亮。", (LOUD, "sections", "second")),
        ("后半段的声音变小了。", (LOUD, "halves", "first")),
        ("和第一部分比起来，第二部分的声音闷一些。", (BRIGHT, "sections", "first")),
        ("第二句和第一句一样快。", (RATE, "first_vs_second", "same")),
        ("第二句并不比第一句快。", (RATE, "first_vs_second", "-second")),
    ],
)
def test_two_parts_are_compared(think, expected):
    assert compared(think) == [expected]


@pytest.mark.parametrize(
    "think",
    [
        "The opening part has a higher pitch, whereas the closing part is pitched lower.",
        "The first phrase is high in pitch, the second phrase is low in pitch.",
        "前一部分的音调高，后一部分的音调低。",
    ],
)
def test_opposite_words_of_two_parts_are_one_comparison_said_twice(think):
    assert {(cue, more) for cue, _, more in compared(think)} == {(PITCH, "first")}
    assert len(compared(think)) == 2


@pytest.mark.parametrize(
    "think",
    [
        "The music is louder than the voice in the first half.",
        "The second speaker is a woman with a higher voice than usual.",
        "The first thing I notice is a louder voice.",
        "The second guitar is brighter than the first.",
        "If the second sentence were faster than the first, the answer would be B.",
        "Option B: the second tone is higher than the first.",
        "第一个选项说声音更高。",
        "第一段声音比背景音乐大。",
        "The words are rushed, one on top of the other.",
    ],
)
def test_what_is_compared_with_something_else_compares_no_parts(think):
    scopes = {scope for _, scope, _ in compared(think)}
    assert not scopes & {"first_vs_second", "sections", "turns", "halves", "start_vs_end"}


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The tone follows the speech.", "speech then tone"),
        ("Before the speech there is a tone.", "tone then speech"),
        ("After the tone, a burst of noise is heard.", "tone then noise"),
        ("We hear the low tone first and the high tone afterwards.", "low tone then high tone"),
        ("First there is a beep, then someone speaks.", "tone then speech"),
        ("The speech starts only after the beep has ended.", "tone then speech"),
        ("单音是在说话声之后才出现的。", "speech then tone"),
        ("低音在高音之前出现。", "low tone then high tone"),
        ("先听到噪声，然后是单音。", "noise then tone"),
        ("噪声结束后才响起单音。", "noise then tone"),
        ("说话声先于单音。", "speech then tone"),
    ],
)
def test_an_order_names_what_comes_first(think, expected):
    assert [asserts for _, _, asserts, _ in said(think, "event.order")] == [expected]


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The tone stops at 3.1 s.", ("value", "span", "offset", "tone at 3.1 s")),
        ("At around 6 seconds the speech can be heard.", ("value", "span", "heard", "speech at 6 s")),
        ("The onset of the burst of noise is at 3 seconds.", ("value", "span", "onset", "noise at 3 s")),
        ("低音大约在第1秒出现。", ("value", "span", "onset", "low tone at 1 s")),
        ("The tone occurs in the first half of the clip.", ("level", "whole", "first_half", "tone in the first half")),
        ("噪声出现在音频的开头。", ("level", "whole", "start", "noise at the start")),
    ],
)
def test_a_time_names_the_sound_that_it_is_of(think, expected):
    assert said(think, "time.position") == [expected]


@pytest.mark.parametrize(
    ("think", "key"),
    [
        ("The piece is in C# major.", ["C# major"]),
        ("The tune is in B-flat major.", ["Bb major"]),
        ("The song is in the key of A minor.", ["A minor"]),
        ("这段音乐的调是升G小调。", ["G# minor"]),
        ("乐曲的调性为降E大调。", ["Eb major"]),
        ("The music is in a major key.", []),
        ("A minor issue is the key.", []),
    ],
)
def test_a_key_is_named_by_its_letter(think, key):
    assert [asserts for _, _, asserts, _ in said(think, "music.key")] == key


def test_a_mode_is_said_without_a_key():
    assert [asserts for _, _, asserts, _ in said("It is a cadence in a minor key.", "music.mode")] == ["minor"]
    assert [scope for _, scope, _, _ in said("It moves from C major to A minor.", "music.key")] == ["span", "span"]


TONE_THEN_NOISE = (silence(1.5), sine(700, 1.6), silence(0.9), noise(0.5), silence(1.7))
TRUE = [
    "The tone comes before the burst of noise.",
    "先听到单音，然后是噪声。",
    "The tone starts at 1.5 s.",
    "The tone lasts about 1.6 seconds.",
    "单音持续了1.6秒左右。",
    "The burst of noise occurs in the second half of the clip.",
    "At around 4 seconds the noise can be heard.",
    "The noise is heard near the end of the clip.",
]
FALSE = [
    "The burst of noise precedes the tone.",
    "先听到噪声，然后是单音。",
    "The tone starts at 5 s.",
    "The tone is held for approximately 0.4 seconds.",
    "噪声出现在音频的前半段。",
    "The tone occurs in the second half of the clip.",
    "At around 6 seconds the tone can be heard.",
    "The noise starts at 0.5 s.",
]


def test_when_a_tone_and_noise_are_heard_is_told():
    clip = heard(*TONE_THEN_NOISE)
    assert {think: verdict(think, clip) for think in TRUE} == dict.fromkeys(TRUE, "supported")
    assert {think: verdict(think, clip) for think in FALSE} == dict.fromkeys(FALSE, "contradicted")


def test_a_low_and_a_high_tone_are_told_by_one_another():
    low_first = heard(silence(1), sine(300, 1.2), silence(1.3), sine(900, 1.2), silence(0.9))
    assert verdict("The low tone starts at 1 second.", low_first) == "supported"
    assert verdict("At 0:05.5, the low tone begins.", low_first) == "contradicted"
    assert verdict("高音在低音之前出现。", low_first) == "contradicted"
    alike = heard(silence(1), sine(300, 1.2), silence(1.3), sine(310, 1.2))
    assert verdict("The low tone comes before the high tone.", alike) == "unverifiable"


@pytest.mark.parametrize("gap_s", [0.0, 0.5])
@pytest.mark.parametrize("sound", [noise(1.5), knocks(4), sine(440, 1.5), syllables(4, 1.5)])
def test_two_sections_are_compared_whatever_sounds_in_them(sound, gap_s):
    clip = heard(sound, silence(gap_s), gain(sound, -15), silence(0.3))
    assert verdict("The second part is considerably quieter than the first.", clip) == "supported"
    assert verdict("The later portion is clearly the louder one of the two.", clip) == "contradicted"
    assert verdict("开头部分的声音较轻，后面部分较响。", clip) == "contradicted"


def test_two_sections_are_compared_in_brightness():
    words = syllables(4, 2.0) + noise(2.0, -40.0)
    clip = heard(words, silence(0.6), low_passed(words, 900))
    assert verdict("The second part sounds duller than the first.", clip) == "supported"
    assert verdict("第二部分听起来比第一部分清脆。", clip) == "contradicted"


def test_sounds_of_one_sort_are_counted_and_of_several_sorts_are_not():
    four = heard(knocks(4))
    assert verdict("There are four drum hits in the clip.", four) == "supported"
    assert verdict("Exactly 8 drum hits can be heard.", four) == "contradicted"
    mixed = heard(knocks(2), sine(900, 0.4), silence(0.3), noise(0.5), silence(0.3))
    assert verdict("Exactly 8 drum hits can be heard.", mixed) == "unverifiable"


def test_of_many_turns_nothing_says_which_are_of_the_first_speaker():
    (claim,) = [one for one in extract("The second speaker is louder than the first speaker.") if one.cue == LOUD]
    quiet, loud = gain(syllables(4, 1.2), -10), syllables(4, 1.2)
    two, four = (heard(*(part for one in order for part in (one, silence(0.6)))) for order in
                 ((loud, quiet), (loud, quiet, loud, quiet)))  # fmt: skip
    assert [verify([claim], [clip])[0].verdict for clip in (two, four)] == ["contradicted", "unverifiable"]


@pytest.mark.parametrize(
    ("think", "more"),
    [
        ("The louder first part drowns the second.", "first"),
        ("The first part is quieter, the second louder.", "second"),
        ("The first is quieter, the other one louder.", "second"),
        ("The speech is louder in the first part and quieter in the second.", "first"),
        ("The first section is twice as loud as the second.", "first"),
        ("The second section is only half as loud as the first.", "first"),
        ("The second section is nowhere near as loud as the first.", "first"),
        ("The second part is 10 dB lower than the first.", "first"),
        ("The second part, by contrast with the first, is a lot quieter.", "first"),
        ("前一部分更轻。", "second"),
        ("第一部分较第二部分更响。", "first"),
        ("第二部分相比第一部分更轻。", "first"),
        ("第二部分的音量相对第一部分偏低。", "first"),
        ("相比之下，第一部分更响。", "first"),
        ("前面那句比后面那句响。", "first"),
        ("第二句话音量更低。", "first"),
        ("第一部分的响度超过第二部分。", "first"),
    ],
)
def test_the_louder_of_two_parts_is_the_one_that_the_words_name(think, more):
    assert {(cue, asserts) for cue, _, asserts in compared(think)} == {(LOUD, more)}


def test_the_louder_part_that_comes_after_the_quieter_one_is_not_read_as_the_quieter():
    found = compared("The louder part comes after the quieter one.")

    assert not any(asserts in ("first", "second") for _, _, asserts in found)


@pytest.mark.parametrize("think", ["Each tone is higher than the one before.", "每个音都比前一个高。"])
def test_a_comparison_of_each_sound_with_the_last_says_why_it_is_not_judged(think):
    rises = heard(sine(200, 0.5), silence(0.4), sine(300, 0.5), silence(0.4), sine(400, 0.5))

    found = [one for one in verify(extract(think), [rises]) if one.cue == "pitch.level"]

    assert [(one.kind, one.verdict, one.why) for one in found] == [
        ("comparison", "unverifiable", "it compares sounds that nothing in the text places")
    ]
