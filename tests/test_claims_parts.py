"""Claims about parts of a clip: sounds, sentences, halves, ends; speech beside other sounds; what sounds and when."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sounds import SR, at_level, beeps, buzz, chord, gain, noise, silence, sine, syllables, thump_then_talk, with_noise

from mgrd.audio.load import clip_of
from mgrd.audio.measure import Figure, Segment, measure
from mgrd.claims import Claim, comparisons, courses, describe, scene
from mgrd.claims.extract import extract
from mgrd.claims.pace import pace_hz
from mgrd.claims.verify import verify
from mgrd.claims.vocabulary import norms

REAL = Path(__file__).parents[2] / "shared" / "real" / "emodb"


def said(cue, asserts, kind="level", scope="whole", polarity=1, **fields):
    """A claim as extraction makes it, without a text to find it in."""
    return Claim(0, 1, "x", cue, kind, scope, polarity, "asserted", asserts, fields.pop("claimed", asserts), **fields)


def judged(claim, clip):
    (one,) = verify([claim], [clip])
    return one.verdict


def verdicts(clip, *claims):
    return [judged(claim, clip) for claim in claims]


def heard(*parts):
    return measure(clip_of(np.concatenate(parts), SR))


def spoken(*parts, gap_s=0.6):
    """Sounds with silences between them, taken for speech: voice activity does not take synthesised vowels for it."""
    gap = silence(gap_s)
    clip = heard(*(piece for part in parts for piece in (part, gap)))
    spans, at_s = [], 0.0
    for part in parts:
        spans.append((at_s, at_s + len(part) / SR))
        at_s = spans[-1][1] + gap_s
    segments = []
    for t0_s, t1_s in spans:
        f0 = clip.figure("f0_median_hz", t0_s, t1_s).value
        segments += [Segment(kind, t0_s, t1_s, f0, -20.0) for kind in ("event", "speech")]
    figures = clip.figures | {"speech_s": Figure(sum(t1 - t0 for t0, t1 in spans), 0.1), "snr_db": Figure(40.0, 5.0)}
    speech = np.ones_like(clip.tracks["speech"])
    return replace(clip, segments=segments, figures=figures, tracks=clip.tracks | {"speech": speech})


def more(cue, asserts, scope="first_vs_second", **fields):
    return said(cue, asserts, "comparison", scope, **fields)


PLAIN = syllables(4, 2.4)
DIFFERENT = {
    "pitch.level": syllables(4, 2.4, hz=200.0),
    "loudness.level": gain(PLAIN, 12.0),
    "rate.level": syllables(7, 2.4),
    "timbre.brightness": PLAIN + noise(2.4, -40.0),
    "time.duration": syllables(4, 4.0),
}
"""The sentence after a plain one that has more of each."""


@pytest.mark.parametrize("cue", DIFFERENT)
def test_two_sentences_are_set_side_by_side(cue):
    pair, back = spoken(PLAIN, DIFFERENT[cue]), spoken(DIFFERENT[cue], PLAIN)
    first, second = more(cue, "first"), more(cue, "second")
    assert verdicts(pair, second, first) == ["supported", "contradicted"]
    assert verdicts(back, second, first) == ["contradicted", "supported"]
    assert judged(more(cue, "second", polarity=-1), pair) == "contradicted"
    assert judged(more(cue, "same"), pair) == "contradicted"
    alike = spoken(PLAIN, PLAIN)
    assert verdicts(alike, first, second) == ["unverifiable", "unverifiable"]
    assert judged(more(cue, "same"), alike) == "supported"


@pytest.mark.parametrize(
    ("cue", "high", "low"),
    [("pitch.level", "high", "low"), ("loudness.level", "loud", "quiet"), ("rate.level", "fast", "slow")],
)
def test_a_sentence_is_high_loud_or_fast_beside_the_other(cue, high, low):
    pair = spoken(PLAIN, DIFFERENT[cue])
    for scope in ("second", "last", "second_half"):
        assert verdicts(pair, said(cue, high, scope=scope), said(cue, low, scope=scope)) == [
            "supported", "contradicted"]  # fmt: skip
    for scope in ("first", "first_half"):
        assert verdicts(pair, said(cue, low, scope=scope), said(cue, high, scope=scope)) == [
            "supported", "contradicted"]  # fmt: skip


def test_of_several_pauses_each_may_be_the_one_that_is_meant():
    low, between, high = (syllables(4, 1.2, hz=hz) for hz in (120.0, 160.0, 220.0))
    assert judged(more("pitch.level", "first"), spoken(low, between, high)) == "contradicted"
    # before and after the second pause the pitches are the same
    assert judged(more("pitch.level", "first"), spoken(low, high, low)) == "unverifiable"


def test_the_course_of_speech_is_read_from_its_ends_and_its_halves():
    faster = spoken(PLAIN, DIFFERENT["rate.level"], gap_s=0.05)
    up, down = (said("rate.level", word, "trend") for word in ("rising", "falling"))
    assert verdicts(faster, up, down) == ["supported", "contradicted"]
    assert verdicts(spoken(PLAIN, PLAIN, gap_s=0.05), up, down) == ["unverifiable", "unverifiable"]
    ends = [more("rate.level", word, scope="start_vs_end") for word in ("second", "first")]
    assert verdicts(faster, *ends) == ["supported", "contradicted"]


def test_quiet_at_the_start_is_quiet_beside_the_end_or_quiet_anyway():
    grows = spoken(gain(PLAIN, -12.0), PLAIN, gap_s=0.05)
    claims = [said("loudness.level", word, scope=scope) for word in ("quiet", "loud") for scope in ("start", "end")]
    assert verdicts(grows, *claims) == ["supported", "contradicted", "contradicted", "supported"]
    faint = spoken(gain(PLAIN, -25.0), gain(PLAIN, -30.0), gap_s=0.05)
    assert judged(said("loudness.level", "quiet", scope="start"), faint) != "contradicted"


def test_the_last_of_several_tones_is_high_beside_each_of_the_others():
    tones = heard(*(part for hz in (300, 400, 500) for part in (sine(hz, 0.4), silence(0.2))))
    assert verdicts(tones, said("pitch.level", "high", scope="last"), said("pitch.level", "low", scope="last")) == [
        "supported", "contradicted"]  # fmt: skip
    middle = [said("pitch.level", word, scope="second") for word in ("high", "low")]
    assert verdicts(tones, *middle) == ["unverifiable", "unverifiable"]


def test_what_cannot_be_compared_says_why():
    def why(claim, clip):
        return verify([claim], [clip])[0].why

    assert why(more("pitch.level", "second"), heard(sine(300, 1.0))) == "1 separate sound found"
    assert why(more("voice.quality", "second"), heard(sine(300, 1.0))) == "no measurement for it"
    assert why(more("pitch.level", "second", scope="whole"), spoken(PLAIN)).startswith("it does not say")
    assert why(more("rate.level", "second"), spoken(PLAIN[:8000], PLAIN[:8000])).startswith("too short")
    still = spoken(PLAIN, PLAIN)
    still.figures["snr_db"] = Figure(8.0, 2.0)
    assert why(more("rate.level", "second"), still).startswith("too noisy for a pace")


def test_pace_follows_the_syllables_and_needs_no_tracks():
    paces = [pace_hz(heard(syllables(per_s, 4.0)))[0] for per_s in (3, 4, 5, 6)]
    assert paces == sorted(paces)
    assert paces[3] / paces[0] > 2
    bare = replace(heard(PLAIN), tracks={})
    count_hz = bare.figures["syllable_rate_hz"].value
    assert pace_hz(bare) == (count_hz, 0.15 * count_hz)


def beside_speech(*parts, speech):
    """A clip of sounds of which the one at index `speech` is taken for speech."""
    clip = heard(*(piece for part in parts for piece in (part, silence(0.3))))
    at_s = sum(len(part) / SR + 0.3 for part in parts[:speech])
    end_s = at_s + len(parts[speech]) / SR
    kept = [one for one in clip.segments if one.kind == "event" and not at_s - 0.1 <= one.t0_s < end_s]
    said_at = [Segment(kind, at_s, end_s, 120.0, -20.0) for kind in ("event", "speech")]
    segments = sorted([*kept, *said_at], key=lambda one: (one.t0_s, one.kind))
    figures = clip.figures | {"speech_s": Figure(end_s - at_s, 0.1), "event_count": Figure(len(segments) - 1.0, 0.3)}
    return replace(clip, segments=segments, figures=figures)


LOW_VOICE = buzz(110, 2.0)
BEEPS = [sine(1500, 0.3), sine(1500, 0.3)]


def test_a_beep_beside_speech_switches_nothing_off_and_mixes_nothing_up():
    clip = beside_speech(*BEEPS, LOW_VOICE, speech=2)
    assert verdicts(clip, said("pitch.level", "low"), said("pitch.level", "high")) == ["unverifiable", "unverifiable"]
    hz = [said("pitch.value", "value", "value", claimed_value=hz, unit="Hz") for hz in (110.0, 1500.0, 250.0)]
    assert verdicts(clip, *hz) == ["supported", "supported", "contradicted"]
    male, female = (said("voice.sex", word, "presence") for word in ("male", "female"))
    assert verdicts(clip, male, female) == ["supported", "contradicted"]
    counts = [said("event.count", "value", "count", claimed_value=float(n), unit="events") for n in (2, 3, 6)]
    assert verdicts(clip, *counts) == ["supported", "supported", "contradicted"]


def test_an_order_is_right_wrong_or_mixed():
    first = said("event.order", "tone then speech", "comparison")
    back = said("event.order", "speech then tone", "comparison")
    assert verdicts(beside_speech(*BEEPS, LOW_VOICE, speech=2), first, back) == ["supported", "contradicted"]
    assert verdicts(beside_speech(LOW_VOICE, *BEEPS, speech=0), first, back) == ["contradicted", "supported"]
    between = beside_speech(BEEPS[0], LOW_VOICE, BEEPS[1], speech=1)
    assert verdicts(between, first, back) == ["unverifiable", "unverifiable"]
    hiss = heard(noise(0.5), silence(0.3), sine(500, 0.5))
    words = ("noise then tone", "tone then noise", "music then tone", "order")
    assert [judged(said("event.order", word, "comparison"), hiss) for word in words] == [
        "supported", "contradicted", "unverifiable", "unverifiable"]  # fmt: skip
    assert judged(said("event.order", "noise then tone", "comparison", polarity=-1), hiss) == "contradicted"


def present(kind, polarity=1):
    return said("source.presence", "present", "presence", polarity=polarity, claimed=kind)


def test_what_sounds_is_told_where_it_is_beyond_doubt():
    tone = heard(silence(0.6), sine(700, 0.5), silence(0.6))
    kinds = ("beep", "speech", "silence", "white noise", "a dog", "music")
    assert [judged(present(kind), tone) for kind in kinds] == [
        "supported", "contradicted", "supported", "contradicted", "unverifiable", "unverifiable"]  # fmt: skip
    assert [judged(present(kind, -1), tone) for kind in kinds] == [
        "contradicted", "supported", "unverifiable", "supported", "unverifiable", "unverifiable"]  # fmt: skip
    hiss = heard(noise(1.0), silence(0.6))
    assert verdicts(hiss, present("hiss"), present("hiss", -1)) == ["supported", "contradicted"]
    assert judged(present("silence"), heard(sine(700, 1.0))) == "contradicted"


def test_a_denial_of_something_of_a_sound_is_no_denial_of_the_sound():
    two = said("event.count", "value", "count", polarity=-1, claimed_value=2.0, unit="events")
    (first, _) = verify([present("beeps", -1), replace(two, start=5, end=9)], [heard(beeps(3))])
    assert (first.verdict, first.why) == ("unverifiable", "it denies something of a sound, not the sound")


def bowed(hz, seconds):
    """A note as of a violin: eight harmonics, a slow attack, and a vibrato of a quarter of a semitone."""
    t = np.arange(round(seconds * SR)) / SR
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (0.25 * np.sin(2 * np.pi * 5.5 * t) / 12)) / SR
    return at_level(sum(np.sin(k * phase) / k for k in range(1, 9)) * np.minimum(1, t / 0.08), -20.0)


@pytest.mark.parametrize("note", [bowed(440, 1.5), bowed(900, 0.5), buzz(440, 1.5)], ids=["A4", "short", "held"])
def test_a_note_of_an_instrument_is_no_beep_and_no_proof_against_one(note):
    clip = heard(silence(0.4), note, silence(0.4))
    assert verdicts(clip, present("beep"), present("beep", -1), present("speech")) == [
        "unverifiable", "unverifiable", "contradicted"]  # fmt: skip


def test_a_beep_is_a_lone_partial_or_short_and_held_also_in_noise():
    def alone(beep):
        return np.concatenate([silence(0.4), beep, silence(0.4)])

    beeped = (alone(sine(880, 1.5)), alone(buzz(1000, 0.3, harmonics=3)), with_noise(alone(sine(880, 0.3)), 35))
    for clip in map(heard, beeped):
        assert verdicts(clip, present("beep"), present("beep", -1)) == ["supported", "contradicted"]


def test_a_denial_of_silence_is_contradicted_by_a_clip_that_is_silent_as_a_whole_alone():
    def found(think, clip):
        return [one.verdict for one in verify(extract(think), [clip]) if one.cue == "source.presence"]

    parted = heard(silence(0.8), sine(700, 0.5), silence(0.8))
    assert found("The audio is not silent.", parted) == ["supported"]
    assert found("The audio is silent.", parted) == ["unverifiable"]
    assert found("There is no silence.", parted) == ["unverifiable"]
    assert found("There is silence.", parted) == ["supported"]
    for think in ("The audio is not silent.", "There is no silence."):
        assert found(think, heard(silence(1.0))) == ["contradicted"]
        assert found(think, heard(sine(700, 1.0))) == ["supported"]
    assert found("The audio is silent.", heard(sine(700, 1.0))) == ["contradicted"]


LONG = "There is no tone. A beep, then speech. The speech is fast. The speech speeds up. "


def test_a_megabyte_about_a_clip_is_judged_in_seconds_and_as_one_sentence_is():
    clip = heard(*(part for _ in range(20) for part in (syllables(4, 2.0), silence(0.4), sine(700, 0.2), silence(0.4))))
    once, times = extract(LONG), 1_000_000 // len(LONG)
    more = [
        replace(one, start=one.start + len(LONG) * k, end=one.end + len(LONG) * k) for k in range(times) for one in once
    ]
    begun_s = time.process_time()
    judged_many = verify(more, [clip])
    assert time.process_time() - begun_s < 10
    alone = [(one.measured, one.z, one.verdict, one.why, one.confidence) for one in verify(once, [clip])]
    assert [(one.measured, one.z, one.verdict, one.why, one.confidence) for one in judged_many] == alone * times
    assert [(one.start, one.end) for one in judged_many] == [(one.start, one.end) for one in more]


def test_distinct_claims_about_a_clip_share_what_depends_on_the_clip_alone(monkeypatch):
    from mgrd.claims import sounding

    clip, asked = heard(*(sine(700, 0.2), silence(0.3)) * 10), []
    share = sounding.speech_share
    monkeypatch.setattr(sounding, "speech_share", lambda *args: asked.append(args) or share(*args))
    starts = [said("time.position", "onset", "value", "span", claimed=f"tone at {k}", t1_s=k / 10) for k in range(40)]
    verify(starts, [clip])
    assert len(asked) == 10
    assert clip.memo is None
    # what is changed after a call is seen by the next
    assert judged(present("beep"), clip) == "supported"
    clip.segments.clear()
    assert judged(present("beep"), clip) != "supported"


def test_claims_that_differ_in_what_is_judged_are_judged_apart():
    clip = heard(silence(1.5), sine(700, 0.5), silence(2.0))
    assert [one.verdict for one in verify([at(1.6, "onset"), at(3.2, "onset"), at(1.6, "onset")], [clip])] == [
        "supported", "contradicted", "supported"]  # fmt: skip
    assert [one.verdict for one in verify([present("beep"), present("beep", -1)], [clip])] == [
        "supported", "contradicted"]  # fmt: skip


def test_a_denial_denies_more_within_forty_characters_and_in_any_order_of_claims():
    def reasons(*spans):
        of = [replace(said("pitch.level", "low", polarity=-1), start=a, end=b) for a, b in spans]
        beep = replace(present("beep", -1), start=100, end=104)
        found = [verify(claims, [heard(sine(700, 1.0))]) for claims in ([beep, *of], [*of, beep])]
        return [[one.verdict for one in each if one.cue == "source.presence"] for each in found]

    assert reasons((61, 63)) == reasons((61, 64), (0, 3), (300, 310)) == reasons((143, 150)) == [["unverifiable"]] * 2
    assert reasons((50, 60), (144, 150)) == [["contradicted"]] * 2
    assert reasons((0, 200), (1, 2)) == [["unverifiable"]] * 2


def test_the_marks_of_a_term_are_read_in_one_order():
    def term(*marks):
        return SimpleNamespace(i=0, j=1, entry=SimpleNamespace(marks=marks))

    assert scene._named(term("ordinals.second", "ordinals.first"), "ordinals") == "first"
    two = SimpleNamespace(sounds=[term("sounds.tone", "sounds.noise")])
    assert [one.kind for one in courses._sounds(two)] == ["noise", "tone"]


def test_what_extraction_calls_more_is_what_a_comparison_calls_more():
    assert (comparisons.MORE, comparisons.LESS) == (describe.MORE, describe.LESS)


def at(at_s, asserts):
    return said("time.position", asserts, "value", "span", t0_s=at_s, t1_s=at_s, claimed_value=at_s, unit="s")


def test_a_sound_that_begins_elsewhere_does_not_begin_there():
    clip = heard(silence(1.5), sine(700, 0.5), silence(2.0))
    assert verdicts(clip, at(1.6, "onset"), at(3.2, "onset"), at(0.2, "offset")) == [
        "supported", "contradicted", "contradicted"]  # fmt: skip
    assert verdicts(clip, at(3.2, "value"), at(9.0, "value")) == ["unverifiable", "contradicted"]
    # a word inside of speech may begin anywhere
    assert judged(at(1.2, "onset"), spoken(syllables(4, 3.0))) == "unverifiable"


def test_a_length_that_no_part_has_is_contradicted():
    clip = heard(silence(1.0), sine(700, 0.5), silence(1.0))
    lengths = [said("time.duration", "value", "value", "span", claimed_value=x, unit="s") for x in (0.5, 1.5, 6.0)]
    assert verdicts(clip, *lengths) == ["unverifiable", "unverifiable", "contradicted"]
    assert judged(lengths[2], spoken(PLAIN)) == "contradicted"


def test_spoken_words_are_at_least_the_stretches_of_speech_and_at_most_the_syllables():
    clip = spoken(*(syllables(4, 0.5) for _ in range(4)), gap_s=0.5)
    words = [said("event.count", "value", "count", claimed_value=float(n), unit="words") for n in (3, 4, 5, 40)]
    assert verdicts(clip, *words) == ["contradicted", "supported", "unverifiable", "contradicted"]
    assert judged(words[0], heard(*BEEPS)) == "unverifiable"


ODD = {
    "silence": silence(1.0),
    "a click": silence(0.05) + 0.5,
    "a sine": sine(440, 0.3),
    "noise": noise(1.0),
    "beeps": beeps(4),
    "a chord": chord((60, 64, 67), 3.5),
    "talk far below a thump": thump_then_talk(),
}
KINDS = ("level", "value", "trend", "comparison", "presence", "count")
WORDS = ("low", "high", "fast", "first", "second", "same", "rising", "steady", "present", "none", "value", "at_least",
         "onset", "male", "minor", "regular", "tone then speech", "")  # fmt: skip
SCOPES = ("whole", "start", "end", "span", "first", "fourth", "last", "first_vs_second", "halves", "second_half")


@pytest.mark.parametrize("name", ODD)
def test_any_claim_about_any_clip_gets_a_verdict_or_a_reason(name):
    clip = measure(clip_of(np.asarray(ODD[name], dtype=np.float32), SR))
    cues = sorted({norm["cue"] for norm in (*norms()["level"], *norms()["value"], *norms()["difference"])})
    cues += ["source.presence", "event.order", "time.position", "music.key", "music.mode", "pause.presence", "x.y"]
    figures = (
        {},
        {"claimed_value": 0.0, "unit": "s"},
        {"claimed_value": 1e9, "unit": "events", "t0_s": 0.2, "t1_s": 0.2},
    )
    claims = [
        said(cue, word, kind, scope, polarity, **values)
        for cue in cues for kind in KINDS for word in WORDS for scope in SCOPES
        for polarity, values in zip((1, -1, 1), figures, strict=True)
    ]  # fmt: skip
    for one in verify(claims, [clip]):
        assert one.verdict in ("supported", "contradicted", "unverifiable")
        assert one.why
        assert one.z is None or abs(one.z) <= 99


def recording(name):
    import soundfile

    if not (path := REAL / f"{name}.wav").is_file():
        pytest.skip(f"no recording: {path.name} is not in shared/real/emodb")
    return soundfile.read(path, dtype="float32")


def low_passed(samples, sr, hz):
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(8, hz, fs=sr, output="sos"), samples).astype(np.float32)


@pytest.mark.parametrize("name", ["03a01Nc", "08a02Na", "13a01Nb"])
def test_edits_of_recorded_speech_are_found_and_what_is_true_of_them_stands(name):
    speech, sr = recording(name)
    gap = np.zeros(round(0.6 * sr), dtype=np.float32)
    seconds = np.arange(round(1.5 * len(speech)))
    slowed = np.interp(seconds / 1.5, np.arange(len(speech)), speech).astype(np.float32)  # also 7 semitones lower

    def against(second):
        return measure(clip_of(np.concatenate([speech, gap, second]), sr))

    edits = {
        "loudness.level": against(gain(speech, -15.0)),
        "timbre.brightness": against(low_passed(speech, sr, 2000)),
        "pitch.level": against(slowed),
        "rate.level": against(slowed),
    }
    for cue, clip in edits.items():
        assert verdicts(clip, more(cue, "first"), more(cue, "second")) == ["supported", "contradicted"], cue
    muffled = measure(clip_of(low_passed(speech, sr, 1000), sr))
    assert verdicts(muffled, said("timbre.brightness", "dark"), said("timbre.brightness", "bright")) == [
        "supported", "contradicted"]  # fmt: skip
    paused = measure(clip_of(np.concatenate([speech[:sr], gap, speech[sr:]]), sr))
    some, none = (said("pause.presence", "present", "presence", polarity=polarity) for polarity in (1, -1))
    assert verdicts(paused, some, none) == ["supported", "contradicted"]
    beeped = measure(clip_of(np.concatenate([beeps(2, seconds=0.25, sr=sr), speech]), sr))
    orders = [said("event.order", f"{a} then {b}", "comparison") for a, b in (("tone", "speech"), ("speech", "tone"))]
    assert verdicts(beeped, *orders) == ["supported", "contradicted"]
