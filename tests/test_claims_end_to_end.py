"""Sounds whose truth is known, with sentences that are true and false of them: measured, extracted and verified.

The error to bound is a contradiction of a true sentence; among the false ones all that are listed must be found out.
"""

from functools import cache

import numpy as np
import pytest
from sounds import SR, at_level, beeps, buzz, clicks, gain, glide, noise, silence, sine, syllables, tone_pair

from mgrd.audio.load import clip_of
from mgrd.audio.measure import measure
from mgrd.claims.extract import extract
from mgrd.claims.verify import verify

SOUNDS = {
    "three_beeps": lambda: beeps(3),
    "four_beeps": lambda: beeps(4, hz=660.0),
    "three_spaced_beeps": lambda: beeps(3, gap_s=0.5),
    "metronome": lambda: clicks(120, 6),
    "pair_up": lambda: tone_pair(400, 520),
    "pair_down": lambda: tone_pair(440, 300),
    "steady_pair": lambda: tone_pair(440, 660, seconds=1.0),
    "loud_then_soft": lambda: np.concatenate([sine(440, 0.6, -12.0), silence(0.2), sine(440, 0.6, -32.0)]),
    "rising": lambda: glide(300, 520, 1.6),
    "falling": lambda: glide(520, 300, 1.6),
    "steady": lambda: sine(440, 2.0),
    "quiet_low": lambda: gain(buzz(110, 2.5), -22.0),
    "low": lambda: buzz(110, 2.5),
    "falling_low": lambda: glide(140, 95, 1.6, -38.0, harmonics=20),
    "slow_syllables": lambda: syllables(3, 4, hz=120),
    "growing": lambda: at_level(sine(440, 3.0) * np.geomspace(0.05, 1.0, 3 * SR), -20.0),
    "hiss": lambda: noise(2.0),
}

TRUE = {
    "three_beeps": """
        I hear three beeps.
        There are at least two beeps.
        There are more than two beeps.
        There are fewer than five beeps.
        I hear no more than three beeps.
        I hear two beeps followed by one beep.
        I hear one beep, then two beeps.
        The last two beeps are the same.
        After the first two beeps there is one more beep.
        Between the three beeps there are two pauses.
        The beep sounds three times.
        There are not two beeps but three.
        I hear about four beeps.
        The clip holds three short beeps of equal pitch.
        Two of the beeps come right after the first.
        Another beep follows after the second, so there are two beeps after the first.
        The beeps are at 880 Hz.
        There is one beep, and another, and a third.
        听到三声哔声。
        至少有两声哔声。
        前两声哔声一样。
        There are a couple of beeps, then one more.
        A series of three identical tones, each lasting 0.1 s, is heard.
    """,
    "four_beeps": """
        I hear beeps. There are four of them.
        I hear a row of beeps. Two of them come first.
        A pair of beeps is followed by a pair of beeps.
        Four times a beep sounds; up to five beeps would fit.
        The beeps are steady.
        Every beep keeps the same pitch.
        The tone of the beeps stays near 660 Hz.
    """,
    "three_spaced_beeps": """
        Three beeps sound with pauses between them.
        The pause before the second beep lasts half a second.
        Between the beeps there are two pauses.
    """,
    "metronome": """
        Two clicks per second.
        I hear two clicks a second.
        The clicks come at 120 BPM.
        The tempo is fast.
        There are more than five clicks.
        The clicks stop before 10 s.
        Each click is short.
    """,
    "pair_up": """
        The second tone is 120 Hz higher than the first.
        The tones differ by 120 Hz.
        The two tones are 120 Hz apart.
        The second tone is higher.
        The first tone is the lower of the two.
        There is one low tone and one high tone.
        I hear two tones, first at 400 Hz and then at 520 Hz.
        The first tone lies at 400 Hz, the second at 520 Hz.
        The tone goes up by 120 Hz from the first to the second.
        The highest pitch is 520 Hz.
        The lowest pitch is 400 Hz.
        The clip ends before 5 s.
        By 3 s it is over.
        The tone stops after 1.5 s, not after 6 s.
        The interval between the tones is about 4.5 semitones.
        Neither tone rises.
        Unlike a falling pair of tones, this pair of tones goes up.
        第二个音比第一个音更高。
        第二个音高出120赫兹。
        两个音之间有停顿。
        第一个音约为400赫兹，第二个音约为520赫兹。
    """,
    "pair_down": """
        One tone of about 440 Hz is followed by another of about 300 Hz.
        The second tone is 140 Hz lower.
        The first tone is higher than the second.
        The pitch drops by 140 Hz.
        The two tones are steady.
        The second tone does not rise.
        It is wrong to say the second tone is higher.
        Middle C at 262 Hz is below both tones.
        The first tone is loud enough to be heard.
    """,
    "steady_pair": """
        The first tone has a steady pitch, the second tone has a steady pitch.
        Each tone is steady.
        Both tones hold a constant pitch.
        The second tone is steady and higher than the first.
        The pitch of each tone is constant, at 440 Hz and then at 660 Hz.
        I hear two different tones.
    """,
    "loud_then_soft": """
        The first tone is louder.
        The second tone is quieter than the first.
        The first tone is 20 dB louder than the second.
        Both tones are near 440 Hz.
        The sound gets quieter.
    """,
    "rising": """
        The tone rises.
        It is a tone that rises by 220 Hz.
        The tone peaks at 520 Hz.
        The tone reaches 520 Hz.
        The lowest pitch is 300 Hz.
        The highest pitch of the tone is 520 Hz.
        The tone rises. At the end it is about 520 Hz.
        Towards its end the pitch is close to 520 Hz.
        The tone begins at 300 Hz, rises steadily and arrives at 520 Hz.
        Starting from 300 Hz the tone climbs to 520 Hz.
        The tone's pitch at the start is lower than at the end.
        The pitch at the end is higher than at the beginning.
        The pitch rises, passing 400 Hz on its way.
        It is false that the pitch falls.
        A falling pitch is ruled out.
        The claim that the pitch falls is wrong.
        Nothing here falls: the pitch goes up.
        The opposite of a falling tone can be heard.
        Option A: the pitch falls.
        The pitch rises at the beginning and stays high.
        It starts low, then the tone climbs steadily, finishing about 9 semitones higher.
        1. The pitch rises\n2. The pitch falls
        One might say the pitch falls, but it rises.
        I thought the pitch falls, but it rises.
        The pitch never falls below 290 Hz.
        The overtones, if any, lie above 1000 Hz.
        音高上升。
        音高没有下降。
        不像下降的音调，音高上升。
    """,
    "falling": """
        The pitch falls.
        It is false that the pitch rises.
        It is wrong to say the pitch rises.
        The pitch fails to rise.
        The pitch stops rising.
        The tone does anything but rise: the pitch is anything but rising.
        This is the opposite of rising in pitch.
        Contrary to a rising tone, it falls.
        Someone might say the pitch rises.
        The tone comes down from 520 Hz to 300 Hz.
        The pitch at the start is higher than at the end.
        I hear a tone. The end is lower than the start.
        The frequency falls.
        The pitch comes down.
        The pitch sinks and reaches 300 Hz.
        Choice 2) the pitch rises
        Rising pitch marks a question, and this falls.
        Questions are spoken with a rising pitch, this tone falls.
        音调下降。
        如果音高上升，那就是疑问句。
    """,
    "steady": """
        The pitch is steady.
        The pitch neither rises nor falls.
        The tone stays at 440 Hz from the start to the end.
        The tone is at 440 Hz, which is concert A.
        Compared with middle C at 262 Hz it is higher.
        The tone would rise in a question.
        The clip lasts about two seconds.
        A tone of 0.44 kHz is heard.
    """,
    "quiet_low": """
        The voice is quiet, at about -42 LUFS against the usual -23 LUFS.
        The voice is low.
        Unlike a high voice, this one is low.
        The voice is lower than a high voice.
        The voice is too low for a woman.
        The voice must be high for excitement, but it is low.
        Excited speech is fast and loud, this is slow and quiet.
        I can exclude a high voice.
        I can rule out a loud recording.
        It is hard to call it loud.
        It differs from a high-pitched child's voice.
        Based on the transcript, the music is loud.
        Judging by the words, the voice is high.
        According to the words the voice is loud, but the recording is quiet.
        The speaker is not loud, unlike most voices.
        Loud voices are typical of anger.
        根据歌词，音乐很响。
    """,
    "low": """
        The voice is at 110 Hz ± 3 Hz.
        The voice is at 110 Hz, give or take 3 Hz.
        The voice has a vibrato rate of 6 Hz.
        The voice has overtones above 1000 Hz.
        Middle C at 262 Hz is far above this tone.
        The voice is low, compared with the usual 200 Hz of a woman.
        The voice is well below the 200 Hz of women.
        The voice is around 110 Hz; a child's would be at 300 Hz.
        The voice has harmonics at 220 Hz and 330 Hz.
        The voice wobbles at 5 Hz.
        The voice lies between 100 and 120 Hz.
        The voice stays under 150 Hz.
        The voice is low rather than high.
        The voice is low in pitch, as opposed to shrill.
        声音低沉，约为110赫兹。
        声音不高。
        The pitch is well within the 85 to 180 Hz range of men.
        Male voices lie between 85 and 155 Hz, and this one is at 110 Hz.
        A man's voice is usually about 120 Hz and a woman's about 210 Hz.
    """,
    "falling_low": """
        The voice is low and its pitch falls.
        The voice falls from about 140 Hz to 95 Hz.
        The voice ends near 95 Hz.
        The recording is quiet.
        Her pitch does not rise at the end.
    """,
    "slow_syllables": """
        The voice is low.
        The pace is slow, about 3 syllables per second.
        The speaker does not talk fast.
    """,
    "growing": """
        The sound gets louder.
        The loudness rises.
        It starts quiet and ends loud.
        The tone is louder at the end than at the start.
        The pitch of the tone is steady.
        音量逐渐变大。
    """,
    "hiss": """
        I hear a steady hiss.
        There is no tone and no voice.
        The noise is constant.
        No beep is heard, not even one.
    """,
}

FALSE = {
    "three_beeps": """
        I hear five beeps.
        There are at least five beeps.
        There are more than three beeps.
        There are fewer than three beeps.
        The beep sounds six times.
        The beeps are at 440 Hz and last until the end. They are at 400 Hz.
        听到六声哔声。
    """,
    "four_beeps": """
        I hear beeps. There are two of them.
        I hear two beeps.
    """,
    "metronome": """
        The clicks come at 75 BPM.
        The clip lasts 20 seconds.
        A click sounds at 25 s.
    """,
    "pair_up": """
        The second tone is lower.
        The first tone is higher than the second.
        The first tone lies at 520 Hz, the second at 400 Hz.
        I hear three tones.
        A tone at 700 Hz, then one at 900 Hz.
        第二个音比第一个音更低。
    """,
    "pair_down": """
        The second tone is higher.
        The first tone is the lower of the two, and the second is higher.
        The tone rises.
    """,
    "steady_pair": """
        The second tone is lower than the first.
        The second tone is at 440 Hz.
    """,
    "loud_then_soft": """
        The second tone is louder.
        The first tone is quieter than the second.
    """,
    "rising": """
        The pitch falls.
        I hear a tone. Its frequency falls.
        The pitch comes down.
        I hear a tone. The end is lower than the start.
        The tone starts at 520 Hz and ends at 300 Hz.
        At the end the pitch is about 300 Hz.
        The tone peaks at 350 Hz.
        The pitch does not rise.
        The pitch is steady.
        音高下降。
    """,
    "falling": """
        The pitch rises.
        The tone goes up.
        Its pitch at the start is lower than at the end.
        The lowest pitch is 450 Hz.
        音调上升。
    """,
    "steady": """
        The pitch rises.
        The tone glides down.
        The tone is at 600 Hz.
        The tone falls from 500 Hz to 350 Hz.
        The tone lasts 9 seconds. The clip lasts 9 seconds.
    """,
    "quiet_low": """
        The voice is loud.
        The recording is loud.
        The voice is at -15 LUFS.
    """,
    "low": """
        The voice is at 170 Hz.
        The voice is above 150 Hz.
        The voice is not low.
    """,
    "falling_low": """
        The pitch rises.
        The recording is loud.
    """,
    "slow_syllables": """
        The speaker talks fast.
        The pace is fast, about 7 syllables per second.
    """,
    "growing": """
        The sound gets quieter.
        The loudness falls.
    """,
}


@cache
def measured(name):
    return measure(clip_of(SOUNDS[name](), SR))


def contradicted(name, sentence):
    """The reasons for every contradiction of a sentence about a sound."""
    return [one.why for one in verify(extract(sentence), [measured(name)]) if one.verdict == "contradicted"]


def table(sentences):
    return [
        pytest.param(name, line.strip().replace("\\n", "\n"), id=f"{name}: {line.strip()}")
        for name, lines in sentences.items()
        for line in lines.strip().replace("\n2.", "\\n2.").splitlines()
    ]


@pytest.mark.parametrize(("name", "sentence"), table(TRUE))
def test_a_true_sentence_is_not_contradicted(name, sentence):
    assert contradicted(name, sentence) == []


@pytest.mark.parametrize(("name", "sentence"), table(FALSE))
def test_a_false_sentence_is_found_out(name, sentence):
    assert contradicted(name, sentence) != []
