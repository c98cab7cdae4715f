"""Sentences in, claims out: every kind of claim, and every kind of sentence that is none."""

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.claims import extract as extract_module
from mgrd.claims.extract import extract
from mgrd.claims.vocabulary import LANGUAGES, cues

ABOUT = ("asserted", "hedged")
GLIDE = [("pitch.value", "start", 300.0, "Hz"), ("pitch.value", "end", 520.0, "Hz")]
PAIR = [("pitch.value", "first", 440.0, "Hz"), ("pitch.value", "second", 620.0, "Hz")]


def said(think):
    """The claims about the clip, as (cue, scope, asserts), negated ones with a minus."""
    return [
        (one.cue, one.scope, ("-" if one.polarity < 0 else "") + one.asserts)
        for one in extract(think)
        if one.modality in ABOUT
    ]


def figures(think):
    return [
        (one.cue, one.scope, one.claimed_value, one.unit) for one in extract(think) if one.claimed_value is not None
    ]


def modalities(think):
    return {one.modality for one in extract(think)}


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The voice is low.", ("pitch.level", "whole", "low")),
        ("I hear a high-pitched voice.", ("pitch.level", "whole", "high")),
        ("She answers in a deep voice.", ("pitch.level", "whole", "low")),
        ("The man speaks quickly.", ("rate.level", "whole", "fast")),
        ("Her speech is slow and unhurried.", ("rate.level", "whole", "slow")),
        ("The pace of the voice is slow.", ("rate.level", "whole", "slow")),
        ("The recording is loud.", ("loudness.level", "whole", "loud")),
        ("The level of the audio is quiet throughout.", ("loudness.level", "whole", "quiet")),
        ("The volume of the voice is high.", ("loudness.level", "whole", "loud")),
        ("The music has a fast tempo.", ("tempo.level", "whole", "fast")),
        ("The song is in a minor key.", ("music.mode", "whole", "minor")),
        ("The voice sounds muffled.", ("timbre.brightness", "whole", "dark")),
        ("The background is noisy in this recording.", ("noise.level", "whole", "noisy")),
        ("The tone rises.", ("pitch.contour", "whole", "rising")),
        ("She ends with a falling intonation.", ("pitch.contour", "end", "falling")),
        ("The music fades out.", ("loudness.trend", "whole", "falling")),
        ("The sound is louder at the end.", ("loudness.trend", "end", "rising")),
        ("The speaker is monotone.", ("pitch.range", "whole", "narrow")),
        ("There is a long pause in the speech.", ("pause.duration", "whole", "long")),
        ("A male voice is heard.", ("voice.sex", "whole", "male")),
        ("The guy rushes through it.", ("voice.sex", "whole", "male")),
        ("I hear an elderly woman.", ("voice.sex", "whole", "female")),
        ("There's a tractor in the distance.", ("source.presence", "whole", "present")),
        ("Every so often a blackbird pipes up in the recording.", ("source.presence", "whole", "present")),
        ("Somebody drags a chair across the floor in this clip.", ("source.presence", "whole", "present")),
        ("The recording contains no birdsong.", ("source.presence", "whole", "-present")),
        ("First comes the splash of water.", ("event.order", "whole", "order")),
        ("The burst of noise precedes the tone.", ("event.order", "whole", "noise then tone")),
        ("The tone follows the speech.", ("event.order", "whole", "speech then tone")),
        ("The dog barks twice in the clip.", ("event.count", "whole", "2")),
        ("A horn sounds in the middle.", ("time.position", "whole", "middle")),
        ("She gets through the sentence in one breath.", ("pause.presence", "whole", "-present")),
        ("Nobody speaks in the clip.", ("source.presence", "whole", "-speech")),
        ("The tone starts at 2 s.", ("time.position", "span", "onset")),
        ("The voice is husky, slightly cracked.", ("voice.quality", "whole", "husky")),
        ("He answers in a mocking tone of voice.", ("voice.quality", "whole", "mocking")),
        ("You can hear glass shattering.", ("source.presence", "whole", "present")),
        ("The second tone is higher.", ("pitch.level", "first_vs_second", "second")),
        ("The first tone is lower than the second.", ("pitch.level", "first_vs_second", "second")),
        ("Of the two beeps the first is louder.", ("loudness.level", "first_vs_second", "first")),
        ("The voice is not high.", ("pitch.level", "whole", "-high")),
        ("There is no pause in the speech.", ("pause.presence", "whole", "-present")),
        ("The voice is neither fast nor loud.", ("rate.level", "whole", "-fast")),
        ("The voice seems low.", ("pitch.level", "whole", "low")),
    ],
)
def test_an_observation_becomes_a_claim(think, expected):
    assert expected in said(think)


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("他的声音低沉。", ("pitch.level", "whole", "low")),
        ("语速很快。", ("rate.level", "whole", "fast")),
        ("音量很小。", ("loudness.level", "whole", "quiet")),
        ("语调在句末上扬。", ("pitch.contour", "end", "rising")),
        ("第二个音比第一个音更高。", ("pitch.level", "first_vs_second", "second")),
        ("她的声音不高。", ("pitch.level", "whole", "-high")),
        ("可以听到玻璃破碎的声音。", ("source.presence", "whole", "present")),
        ("她的语气很激动。", ("voice.quality", "whole", "激动")),
        ("背景嘈杂。", ("noise.level", "whole", "noisy")),
    ],
)
def test_an_observation_in_chinese_becomes_a_claim(think, expected):
    assert expected in said(think)


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The voice is near 110 Hz.", [("pitch.value", "whole", 110.0, "Hz")]),
        ("The tone lies at 0.1 kHz in the audio.", [("pitch.value", "whole", 100.0, "Hz")]),
        ("A tone starts at 300 Hz and ends at 520 Hz.", GLIDE),
        ("It glides from about 300 Hz to 520 Hz.", GLIDE),
        ("The first tone is near 440 Hz and the second near 620 Hz.", PAIR),
        ("A tone at 440 Hz, then one at 620 Hz.", PAIR),
        ("The tempo is about 120 BPM.", [("tempo.value", "whole", 120.0, "BPM")]),
        ("He speaks at 5.5 syllables per second.", [("rate.value", "whole", 5.5, "syl/s")]),
        ("He speaks at 160 words per minute.", [("rate.value", "whole", 160.0, "wpm")]),
        ("The level is about -20 LUFS.", [("loudness.level", "whole", -20.0, "LUFS")]),
        ("There is a pause of 0.6 s.", [("pause.duration", "whole", 0.6, "s")]),
        ("The clip lasts 3.2 seconds.", [("time.duration", "whole", 3.2, "s")]),
        ("At 0:04 the voice starts.", [("time.position", "span", 4.0, "s")]),
        ("A door slams around 2.5 s.", [("time.position", "span", 2.5, "s")]),
        ("I hear three short beeps.", [("event.count", "whole", 3.0, "events")]),
        ("The beep sounds four times.", [("event.count", "whole", 4.0, "events")]),
        ("There are two speakers in the audio.", [("event.count", "whole", 2.0, "others")]),
        ("基频约为110赫兹。", [("pitch.value", "whole", 110.0, "Hz")]),
        ("听到三声哔声。", [("event.count", "whole", 3.0, "events")]),
    ],
)
def test_a_number_keeps_its_unit_and_scope(think, expected):
    assert figures(think) == expected


def test_a_glide_between_two_figures_is_also_a_trend():
    assert ("pitch.contour", "whole", "rising") in said("A tone from about 300 Hz to 520 Hz.")
    assert ("pitch.contour", "whole", "falling") in said("A tone from about 520 Hz to 300 Hz.")


@pytest.mark.parametrize("think", ["The pitch goes from low to high.", "The tone starts low and ends high."])
def test_opposite_levels_at_two_times_are_a_trend(think):
    assert said(think) == [("pitch.contour", "whole", "rising")]


def test_a_possessive_presupposes_a_sex_and_claims_none():
    (sex,) = [one for one in extract("Her voice trembles.") if one.cue == "voice.sex"]
    assert (sex.asserts, sex.modality) == ("female", "presupposed")
    assert not [one for one in extract("If her voice trembled, it would be fear.") if one.modality == "presupposed"]


@pytest.mark.parametrize(
    "think",
    [
        "My final choice: the siren occurs before the crash.",
        "The question gives four choices: rain, frying, static, applause.",
        "To tell apart the oboe and the clarinet, one listens for the reedy edge.",
        "I need to listen for the moment when the engine shuts off.",
        "Had the tone glided upward, option D would be the natural pick.",
        "A duet is a piece for two voices.",
        "Reverberation is what you get when sound lingers in a room.",
        "Anger can be shouted or it can be ice cold.",
        "He must be a train driver, and the recording ends.",
        "The melody leaps like a startled goat.",
    ],
)
def test_options_plans_definitions_and_similes_name_no_source(think):
    assert not [one for one in said(think) if one[0].partition(".")[0] in ("source", "event", "space", "voice")]


def test_a_description_in_several_words_is_one_claim():
    (one,) = extract("The voice is husky, slightly cracked.")
    assert one.text == "voice is husky, slightly cracked"


@pytest.mark.parametrize(
    ("think", "seconds"),
    [
        ("There is a pause of a second and a half.", 1.5),
        ("There is a pause of about half a second.", 0.5),
        ("The pause lasts a good two seconds.", 2.0),
    ],
)
def test_a_length_in_words_is_one_of_the_pause_beside_it(think, seconds):
    assert ("pause.duration", seconds) in [(one.cue, one.claimed_value) for one in extract(think)]


@pytest.mark.parametrize(("note", "pitch_hz"), [("A4", 440.0), ("C5", 523.3), ("B♭3", 233.1), ("F#2", 92.5)])
def test_the_name_of_a_note_is_a_pitch(note, pitch_hz):
    assert [one.claimed_value for one in extract(f"The tone sits on {note}.") if one.cue == "pitch.value"] == [pitch_hz]


def test_opposite_levels_with_or_between_are_options():
    assert modalities("The voice is either high or low.") == {"option"}
    assert modalities("The voice could be male or female.") == {"option"}


def test_an_interval_is_two_bounds():
    bounds = [(one.asserts, one.claimed_value) for one in extract("The pitch lies between 100 and 120 Hz.")]
    assert bounds == [("at_least", 100.0), ("at_most", 120.0)]


def test_a_level_in_a_stretch_of_time_keeps_its_times():
    (pitch,) = [one for one in extract("From 2.0 to 4.0 seconds the pitch rises.") if one.cue == "pitch.contour"]
    assert (pitch.scope, pitch.t0_s, pitch.t1_s) == ("span", 2.0, 4.0)


@pytest.mark.parametrize(
    ("think", "modality"),
    [
        ("Is the voice high or low?", "question"),
        ("I need to check whether the pitch rises.", "question"),
        ("- High-pitched voice: the first of the options.", "option"),
        ("(B) a loud voice", "option"),
        ("If the voice were high, a child would be speaking.", "hypothetical"),
        ("A train would have a loud rumbling sound.", "hypothetical"),
        ("Rising pitch usually marks a question.", "general"),
        ("High pitch suggests excitement.", "general"),
        ("He says that the music was loud.", "quoted"),
        ('She shouts "be quiet, the music is too loud".', "quoted"),
        ("声音是高还是低？", "question"),
        ("如果声音很高，那就是小孩。", "hypothetical"),
        ("通常疑问句语调上扬。", "general"),
    ],
)
def test_what_is_no_observation_says_so(think, modality):
    assert modality in modalities(think)
    assert not [one for one in said(think) if one[0] in ("pitch.level", "pitch.contour", "loudness.level")]


@pytest.mark.parametrize(
    "think",
    [
        'He says "slow down!" and leaves.',
        "The words mention the loud party.",
        "Going by the lyrics, the singer is sad.",
        "The major premise says that rates are high; the minor premise is a key point.",
        "On the other hand, the argument sounds good, so the conclusion is sound.",
        "The interest rate is high and prices rise quickly.",
        "The answer is rising.",
        "The voice is low, so the speaker must be calm."[25:],
        "",
    ],
)
def test_words_that_are_not_about_the_sound_are_no_claims(think):
    assert said(think) == []


@pytest.mark.parametrize(
    ("think", "modality"),
    [
        ("Unlike a high voice, this one sounds.", "hypothetical"),
        ("I hear the opposite of a rising pitch.", "hypothetical"),
        ("I thought the pitch rises.", "hypothetical"),
        ("Someone might say the pitch rises.", "hypothetical"),
        ("The voice must be high for excitement.", "hypothetical"),
        ("Excited speech is fast and loud, and I listen to the audio.", "general"),
        ("1. The pitch rises", "option"),
        ("2) The pitch falls", "option"),
        ("Option A: the pitch rises.", "option"),
        ("选项A：音高上升。", "option"),
        ("Judging by the words, the voice is low.", "quoted"),
        ("根据歌词，声音低沉。", "quoted"),
    ],
)
def test_what_is_compared_thought_weighed_or_read_is_no_observation(think, modality):
    assert modality in modalities(think)
    assert said(think) == []


@pytest.mark.parametrize(
    "think",
    [
        "It is false that the pitch rises.",
        "The pitch fails to rise in pitch.",
        "I can exclude a rising pitch.",
    ],
)
def test_a_denial_in_other_words_is_a_negation(think):
    assert said(think) == [("pitch.contour", "whole", "-rising")]


def test_what_a_question_asks_for_is_no_pace_that_grows():
    found = extract("The pace is slow. The tempo is steady, so it is rising. So the pace is falling.")

    assert [(one.cue, one.asserts) for one in found if one.kind == "trend"] == [("rate.level", "falling")]


def test_what_follows_too_is_what_it_is_not():
    assert said("The voice is too low for a female voice.") == [("pitch.level", "whole", "low")]


@pytest.mark.parametrize(
    ("think", "more"),
    [
        ("Its pitch at the start is lower than at the end.", "second"),
        ("The pitch at the end is lower than at the start.", "first"),
    ],
)
def test_a_comparison_of_two_places_says_which_has_more(think, more):
    assert ("pitch.level", "start_vs_end", more) in said(think)


@pytest.mark.parametrize(
    ("think", "meant"),
    [
        ("The second tone is 120 Hz higher than the first.", []),
        ("The voice is at 110 Hz, give or take 3 Hz.", [110.0]),
        ("The voice has a vibrato of 6 Hz.", []),
        ("The voice is below the usual 200 Hz of a woman.", []),
        ("The voice is within the 85 to 180 Hz of men.", []),
        ("The overtones of the voice lie above 1000 Hz.", []),
        ("The recording was made in 1997 at 16 kHz.", []),
        ("The clip was digitised at 44.1 kHz, in mono.", []),
        ("The audio is at 8 kHz.", []),
        ("录音是16千赫的。", []),
        ("The tone is at 5 kHz.", [5000.0]),
        ("I hear a beep, about 3 kHz.", [3000.0]),
        ("A bird chirps at 4 kHz.", [4000.0]),
        ("It rises from 2500 Hz to 4000 Hz.", [2500.0, 4000.0]),
    ],
)
def test_a_figure_that_is_no_pitch_of_the_sound_is_not_read_as_one(think, meant):
    assert [one.claimed_value for one in extract(think) if one.cue == "pitch.value"] == meant


UNREAD = {
    "marks.even": "the longest match: it keeps `even` in `even if` from being read as a mark of its own",
    "marks.not_negation": "the longest match: it keeps `not only` from being read as a denial",
    "marks.shield": "the longest match: it keeps what only looks like a mark from being read as one",
    "around.shield": "the longest match, as above",
    "beside.shield": "the longest match, as above",
    "when.later": "read by its group: a source that comes after a while sounds in the clip",
    "when.throughout": "read by its group, as above",
}
"""Names that no code spells, and why they are there."""
SOUND_GROUPS = {"language", "heads", "phrases", "numbers", "lengths", "units", "lists"}
"""Tables that are read as a whole, or looked at by themselves."""


def test_every_mark_and_list_of_the_vocabulary_is_read_by_the_code():
    source = "".join(path.read_text() for path in Path(extract_module.__file__).parent.glob("*.py"))
    unread = set()
    for path in (path for language in LANGUAGES for path in cues().glob(f"{language}*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        unread |= {f"lists.{name}" for name in data.get("lists", {}) if f'"{name}"' not in source}
        unread |= {f"units.{name}" for name in data.get("units", {}) if f'"{name}"' not in source}
        for group in data.keys() - SOUND_GROUPS:
            unread |= {
                f"{group}.{name}"
                for name in data[group]
                if f'"{name}"' not in source and f'"{group}.{name}"' not in source
            }
        keys = {key for head in data.get("heads", {}).values() for key in head}
        assert keys <= {"needs", "words", "is", "same_as", "events"}, path
    assert unread == UNREAD.keys()


def test_how_something_was_said_is_a_claim_beside_what_was_said():
    assert said('He says "slow down!" in a loud voice.') == [("loudness.level", "whole", "loud")]


def test_a_hedge_is_kept_as_such():
    assert modalities("The voice is perhaps low.") == {"hedged"}


def test_a_pronoun_takes_the_head_of_the_sentence_before():
    assert ("pitch.level", "whole", "low") in said("The pitch is near 110 Hz. That is low.")
    assert ("rate.level", "whole", "fast") in said("I hear a voice. It speaks quickly.")


def test_terse_notes_are_claims():
    assert said("Pitch: high. Pace: fast. Level: quiet.") == [
        ("pitch.level", "whole", "high"),
        ("rate.level", "whole", "fast"),
        ("loudness.level", "whole", "quiet"),
    ]


def test_claims_come_in_order_with_the_exact_text():
    think = "First I listen. The voice is low — about 112 Hz — and it speaks “so slowly”, 很慢。"
    claims = extract(think)
    assert [one.text for one in claims] == [think[one.start : one.end] for one in claims]
    assert [one.start for one in claims] == sorted(one.start for one in claims)


WORDS = """the voice tone is was low high rises from 300 Hz to 0:04 3 beeps not if ? . , “ ” " ' - ( ) 声音 很高 ， 。
    first second than louder says""".split()  # noqa: SIM905  (a list of words to read)


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)))
def test_any_text_gives_exact_spans_and_no_crash(think):
    for one in extract(think):
        assert think[one.start : one.end] == one.text
        assert one.start < one.end


@pytest.mark.parametrize(
    "unit",
    [
        "The voice is low. ",
        "low voice ",
        "“",
        '"a ',
        "1 to 2 Hz ",
        "if not the first voice is low and ",
        "声音低沉，",
        "a",
    ],
)
def test_the_time_is_in_proportion_to_the_text(unit):
    def seconds(characters):
        text = unit * (characters // len(unit))
        start = time.process_time()
        extract(text)
        return time.process_time() - start

    seconds(10_000)
    # up to three tries: what else the machine does only adds
    assert any(seconds(400_000) < 8 * max(seconds(100_000), 0.02) for _ in range(3))


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("是个女声,嗓子挺尖的。", ("pitch.level", "whole", "high")),
        ("低沉的嗓音。", ("pitch.level", "whole", "low")),
        ("音量一直都非常大。", ("loudness.level", "whole", "loud")),
        ("句尾往上扬了一下。", ("pitch.contour", "end", "rising")),
        ("语调没什么起伏。", ("pitch.range", "whole", "narrow")),
        ("说话跟连珠炮似的,一口气到底。", ("rate.level", "whole", "fast")),
        ("说话跟连珠炮似的,一口气到底。", ("pause.presence", "whole", "-present")),
        ("声音像隔了一堵墙。", ("timbre.brightness", "whole", "dark")),
        ("鼓点特别稳。", ("rhythm.regularity", "whole", "regular")),
        ("节奏有点赶,老是抢拍。", ("rhythm.regularity", "whole", "irregular")),
        ("人声像在山洞里录的。", ("space.reverb", "whole", "wet")),
        ("几乎听不到回声。", ("space.reverb", "whole", "-wet")),
        ("信噪比较低。", ("noise.level", "whole", "noisy")),
        ("音量越来越小。", ("loudness.trend", "whole", "falling")),
        ("語速很慢，聲音沙啞。", ("rate.level", "whole", "slow")),
        ("嗓音像丝绸一样。", ("voice.quality", "whole", "像丝绸一样")),
        ("桌子上传来叮铃叮铃的滚珠声。", ("source.presence", "whole", "present")),
        ("他笑着说：“行吧”，尾音往上挑。", ("pitch.contour", "end", "rising")),
        ("男的吧?", ("voice.sex", "whole", "male")),
        ("颤音很明显。", ("voice.quality", "whole", "颤音")),
        ("她用打发推销员的口吻在说话。", ("voice.quality", "whole", "打发推销员")),
        ("到了中段猛地蹿到 210 赫兹上下。", ("pitch.contour", "whole", "rising")),
        ("节拍型不紧不慢,鼓打得很稳。", ("tempo.level", "whole", "moderate")),
        ("录音末尾有“咔”的一声。", ("source.presence", "whole", "present")),
        ("雷声在狗叫之前。", ("event.order", "whole", "order")),
        ("底噪电平约 -38 dBFS。", ("noise.level", "whole", "value")),
    ],
)
def test_spoken_chinese_is_read(think, expected):
    assert expected in said(think)


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("他每秒大概说5个字。", [("rate.value", "whole", 5.0, "syl/s")]),
        ("语速约 5.5 音节/秒。", [("rate.value", "whole", 5.5, "syl/s")]),
        ("每分钟得有三百来字,语速快。", [("rate.value", "whole", 5.0, "syl/s")]),
        ("大约一分钟120拍的鼓点。", [("tempo.value", "whole", 120.0, "BPM")]),
        ("门铃响了三次。", [("event.count", "whole", 3.0, "others")]),
        ("停顿仅 0.4 秒左右。", [("pause.duration", "whole", 0.4, "s")]),
        ("中间空了一下,大概0.6秒。", [("pause.duration", "whole", 0.6, "s")]),
        ("声音持续两秒半。", [("time.duration", "whole", 2.5, "s")]),
        ("停顿约1.2秒后才开口。", [("pause.duration", "whole", 1.2, "s")]),
        ("速度其实不快，估计也就 80 多。", [("tempo.value", "whole", 80.0, "BPM")]),
        ("掌声稀疏，持续不到两秒。", [("time.duration", "span", 2.0, "s")]),
    ],
)
def test_a_chinese_figure_keeps_its_unit(think, expected):
    assert figures(think) == expected


@pytest.mark.parametrize(
    "think",
    [
        "选项里有:A. 男声,B. 女声,C. 童声。",
        "选项C：音量越来越大。",
        "一般来说,疑问句的语调会上扬。",
        "照理说,空房间里会有回声。",
        "如果是小提琴,音色会更亮。",
        "所谓渐强,是指音量由弱到强。",
        "接下来要判断鼓点稳不稳。",
        "我得先数一数有几声鼓响。",
        "他说，外面吵得很。",
        "歌词里唱到“大雨落下”。",
        "所以答案是A,语速很快。",
        "这项投资风险很高,节奏要把握好。",
        "大致如此,小节之间没有关系。",
        "新闻里谈到了机场噪声扰民的问题。",
        "那位父亲说孩子晚上总哭。",
        "人耳对 3 kHz 左右的声音最敏感。",
        "会议的节奏安排得很紧。",
    ],
)
def test_chinese_that_is_no_observation_is_no_claim(think):
    assert said(think) == []


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("A woman speaks.", [("voice.sex", "whole", "female")]),
        ("There is a man speaking.", [("voice.sex", "whole", "male")]),
        ("The speaker's pitch is about 115 Hz, typical of an adult male.", [("pitch.value", "whole", "value")]),
        ("The pitch is 115 Hz (typical for men).", [("pitch.value", "whole", "value")]),
        ("The pitch is 200 Hz, well within the range typical of women.", [("pitch.value", "whole", "value")]),
        ("The pitch of 118 Hz falls within the typical male range.", [("pitch.value", "whole", "value")]),
        ("The voice is above the 200 Hz typical of women.", []),
        ("A pitch of 115 Hz is typical of adult males.", []),
        ("He has a deep bass voice.", [("pitch.level", "whole", "low")]),
        ("He speaks with a normal conversational rhythm.", [("rate.level", "whole", "moderate")]),
        ("Only one pause-free sentence is heard.", [("pause.presence", "whole", "-present")]),
        ("He speaks without any interruption from start to finish.", [("pause.presence", "whole", "-present")]),
        ("The clip is completely silent.", [("source.presence", "whole", "silence")]),
        ("The background is completely silent.", [("noise.level", "whole", "clean")]),
    ],
)
def test_what_models_often_write_is_one_claim(think, expected):
    assert said(think) == expected


def test_the_pitch_of_a_hum_is_of_no_voice():
    assert figures("A loud hum at 50 Hz underlies the voice at 120 Hz.") == [
        ("pitch.value", "span", 50.0, "Hz"),
        ("pitch.value", "whole", 120.0, "Hz"),
    ]


@pytest.mark.parametrize("think", ["Three tones, each higher than the one before.", "I hear sixteen clicks."])
def test_a_count_of_all_that_sounds_is_no_part(think):
    assert [one.unit for one in extract(think) if one.cue == "event.count"] == ["events"]


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The silence between the two phrases ends after about a second.", [("pause.duration", "value", 1.0)]),
        ("About 0.7 s of silence separate the two parts.", [("pause.duration", "value", 0.7)]),
        ("After the first phrase there are 0.9 seconds of silence.", [("pause.duration", "value", 0.9)]),
        ("The speech resumes after 0.9 s of silence.", [("pause.duration", "value", 0.9)]),
        ("The two phrases are separated by 0.8 s.", [("pause.duration", "value", 0.8)]),
        ("Between the phrases there is nothing for 0.8 s.", [("pause.duration", "value", 0.8)]),
        ("There is one pause, about 0.8 seconds long.", [("pause.duration", "value", 0.8)]),
        ("停顿在约一秒后结束。", [("pause.duration", "value", 1.0)]),
        ("第一句之后有0.9秒没有声音。", [("pause.duration", "value", 0.9)]),
        ("The tone starts after 0.8 s of silence.", [("time.position", "onset", 0.8)]),
        ("The silence ends at 2.4 seconds.", [("time.position", "offset", 2.4)]),
        ("The beep is heard 1.2 seconds after the start.", [("time.position", "onset", 1.2)]),
        ("开始后约1.2秒出现纯音。", [("time.position", "onset", 1.2)]),
        ("Its pitch lies at one hundred and twenty hertz.", [("pitch.value", "value", 120.0)]),
        ("The tone is at one thousand two hundred hertz.", [("pitch.value", "value", 1200.0)]),
        ("The tone is a 1 kHz tone.", [("pitch.value", "value", 1000.0)]),
    ],
)
def test_a_figure_is_of_what_its_words_say(think, expected):
    found = [one for one in extract(think) if one.claimed_value is not None and one.cue != "pause.presence"]

    assert [(one.cue, one.asserts, one.claimed_value) for one in found] == expected
    assert {one.polarity for one in found} == {1}


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        ("The speaker is a young boy.", {("voice.sex", "child", 1)}),
        ("说话的是个小男孩。", {("voice.sex", "child", 1)}),
        ("The speaker's voice is clearly that of a woman.", {("voice.sex", "female", 1)}),
        ("录音中间不是静音的。", {("source.presence", "silence", -1)}),
        ("中间没有停顿。", {("pause.presence", "present", -1)}),
        ("噪声逐渐变强。", {("loudness.trend", "rising", 1)}),
        ("这是一段逐渐减弱的噪声。", {("loudness.trend", "falling", 1)}),
        ("The hiss grows stronger.", {("loudness.trend", "rising", 1)}),
        ("The noise floor is 60 dB below the speech.", {("noise.level", "value", 1)}),
        ("The second part is at a lower level.", {("loudness.level", "first", 1)}),
        ("这个音每秒振动440次。", set()),
    ],
)
def test_nothing_is_found_beside_what_the_words_say(think, expected):
    assert {(one.cue, one.asserts, one.polarity) for one in extract(think)} == expected
