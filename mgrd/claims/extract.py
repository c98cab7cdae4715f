"""Text in, claims out: what a trace asserts about how its clip sounds.

Works from the vocabulary in `rules/cues` and the grammar of short windows; no model, no audio. The time is linear in
the text. What it cannot do: resolve a pronoun further back than one sentence, or know that a word of the vocabulary is
used in a sense that its neighbours do not show.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from mgrd.claims import Claim
from mgrd.claims.chinese import figures as chinese_figures
from mgrd.claims.chinese import settled, toned, unlisted
from mgrd.claims.contrasts import contrasted
from mgrd.claims.counts import counts
from mgrd.claims.courses import courses
from mgrd.claims.describe import Head, descriptions, heads
from mgrd.claims.keys import keys
from mgrd.claims.modality import breaks
from mgrd.claims.motions import motions
from mgrd.claims.scene import Scene
from mgrd.claims.sources import orders, presences, sexes, times, told
from mgrd.claims.text import Sentence, Text, clauses, read, sentences
from mgrd.claims.values import values
from mgrd.claims.vocabulary import Term, Vocabulary, load

_WORDS_PER_SIGN = 90
"""A text is about sound when at least one word in so many says so; a chain of pure logic has one in thousands."""

_WORDS_PER_HINT = 40
"""In a text no longer than this a word that is only often used of sound is sign enough."""

_NEAR_LENGTH = 8
"""Tokens before the length of a pause in which the pause is named."""

_NOUN_AFTER = 3
"""Characters after a length within which Chinese names the pause: `0.5 s静音`, `两秒左右的空白`."""

_FAR = 10_000
"""More characters than a sentence has: who is speaking is said once a sentence."""

_SOUNDING = ("source.presence", "event.presence", "pause.presence", "pause.duration", "voice.sex")
"""Descriptions of what sounds or falls silent, which have a time and an order."""


def extract(think: str) -> list[Claim]:
    """All spans of `think` that speak of sound, in order, each with its modality; `think[start:end] == text`.

    Only `asserted` and `hedged` ones are claims about the clip. English and Chinese are read at once.
    """
    return [claim for sentence in _scenes(think) for claim in _claims(*sentence)]


def _scenes(think: str) -> Iterator[tuple[Scene, list[Head], list[Head]]]:
    vocabulary = load()
    text = read(think, vocabulary)
    about_audio = _is_about_audio(text, vocabulary)
    sound_at = [t.i for t in text.sound]
    before: list[Head] = []
    last = 0
    for sentence in sentences(text):
        sound = text.sound[bisect_left(sound_at, sentence.i) : bisect_left(sound_at, sentence.j)]
        before = before if sentence.i - last <= 2 else []
        coined = not vocabulary.lists["naming"].isdisjoint(text.words[sentence.i : sentence.j])
        if not sound and not coined:
            continue
        frame = text.terms_in("frame", vocabulary.frame, sentence.i, sentence.j)
        scene = _scene(text, sentence, sound, frame, vocabulary, about_audio)
        here = heads(scene)
        if (
            coined
            or _says_something(text, sentence, sound, before)
            or any("marks.heard" in t.entry.marks for t in frame)
        ):
            yield scene, here, before
        before, last = here or before, sentence.j


def _says_something(text: Text, sentence: Sentence, sound: list[Term], before: list[Head]) -> bool:
    """Whether the terms of a sentence can be a claim: describing words need something that they describe."""
    headed = described = counted = number = False
    for _, _, entry in sound:
        if entry.phrases or entry.event or entry.unit or entry.kind:
            return True
        headed = headed or bool(entry.heads)
        described = described or bool(entry.says)
        counted = counted or entry.counted
        number = number or entry.number is not None
    if (headed and described) or (number and (counted or before)) or text.digits_in(sentence.i, sentence.j):
        return True
    if text.notes_in(sentence.i, sentence.j):
        return True
    if text.chinese and (headed or number or described):
        return True  # `嗓音像丝绸一样`, `响了五声`, `颤音很明显`
    return described and any(head.name in entry.says for head in before for _, _, entry in sound)


def _is_about_audio(text: Text, vocabulary: Vocabulary) -> bool:
    """Whether there are enough signs of sound for the text's length."""
    anchor = vocabulary.lists["anchor"]
    signs = sum(map(anchor.__contains__, text.words))
    signs += len({text.words[term.i] for term in text.sound if term.entry.sign})
    if signs * _WORDS_PER_SIGN >= max(1, len(text.words)):
        return True
    return len(text.words) <= _WORDS_PER_HINT and (any(map(_is_hint, text.sound)) or _compares_parts(text, vocabulary))


def _compares_parts(text: Text, vocabulary: Vocabulary) -> bool:
    """`前一部分更轻`: what is said of a part beside another, in a text that says nothing else."""
    return any("side" in t.entry.says for t in text.sound) and any(
        f"parts.{name}" in t.entry.marks
        for t in text.terms_in("parts", vocabulary.parts, 0, len(text.words))
        for name in ("first", "second")
    )


def _is_hint(term: Term) -> bool:
    """Whether a phrase is often used of sound: of a text of two sentences that is sign enough."""
    entry = term.entry
    return bool(entry.phrases or entry.unit or entry.heads) or any(mark.startswith("events.") for mark in entry.marks)


def _scene(
    text: Text, sentence: Sentence, sound: list[Term], frame: list[Term], vocabulary: Vocabulary, about_audio: bool
) -> Scene:
    parts = clauses(text, sentence, breaks(frame, text, sentence, vocabulary))
    anchor = vocabulary.lists["anchor"]
    anchored = not anchor.isdisjoint(text.words[sentence.i : sentence.j])
    anchored = anchored or any("marks.heard" in term.entry.marks for term in frame)
    anchored = anchored or (about_audio and len(text.words) <= _WORDS_PER_HINT)
    return Scene(text, sentence, sound, frame, parts, vocabulary, anchored, about_audio)


def _claims(scene: Scene, here: list[Head], before: list[Head]) -> list[Claim]:
    figures = values(scene)
    described, describing = descriptions(scene, here, before)
    described = _placed(_without_doubles(described, figures, scene), figures, scene)
    if any(one.cue == "pitch.contour" and one.kind == "trend" for one in described):
        # the words name the direction that two figures only imply
        figures = [one for one in figures if one.kind != "trend"]
    if scene.chinese:
        described += unlisted(scene, here, described)
        described += toned(scene, here, described)
    described += motions(scene, here, described)
    described = keys(scene, contrasted(scene, here, described))
    counted, sources = counts(scene, before), presences(scene, described, describing)
    if scene.text.chinese:
        counted += chinese_figures(scene, counted)
    sounding = [one for one in described if one.cue in _SOUNDING] + counted + sources
    persons = list(sexes(scene, here, described, sounding))
    voices = [one for one in (*described, *persons) if one.cue == "voice.sex" and one.modality != "presupposed"]
    phrased = [one for one in described if one.cue == "source.presence" and one.polarity > 0]
    ordered, heard = orders(scene, phrased + sources + voices), times(scene, sounding + voices, described)
    found = [*figures, *counted, *described, *told(scene, sources, counted, described), *persons, *ordered, *heard]
    found = courses(scene, found)
    if scene.text.chinese:
        found = settled(scene, found)
    return _distinct(sorted(found, key=lambda one: (one.start, one.end, one.cue, one.asserts)))


def _distinct(found: list[Claim]) -> list[Claim]:
    """Without claims that say the same of overlapping words, or of a speaker twice; `found` are in order."""
    kept: list[Claim] = []
    ends: dict[tuple[object, ...], int] = {}
    for claim in found:
        same = claim.cue, claim.kind, claim.scope, claim.asserts, claim.polarity, claim.modality, claim.claimed_value
        if claim.start >= ends.get(same, -1):
            kept.append(claim)
            ends[same] = claim.end if claim.cue != "voice.sex" else claim.end + _FAR
    return kept


def _named_lengths(figures: list[Claim], scene: Scene) -> list[tuple[int, int]]:
    """Where the lengths of pauses stand, each with what leads up to it: `a gap of roughly 0.8 s`."""
    starts = scene.text.starts
    found = []
    for one in figures:
        if one.cue == "pause.duration":
            i = at = bisect_left(starts, one.start)
            while i > max(scene.sentence.i, at - _NEAR_LENGTH) and scene.word(i - 1) not in (",", ";", ":", "，"):
                i -= 1
            found.append((starts[i], one.end + _NOUN_AFTER if scene.text.chinese else one.end))
    return found


def _is_bare(pause: Claim, scene: Scene) -> bool:
    """Whether a pause is no more than its length: `a gap of 2 s`, but not `he hesitates for a second`."""
    return scene.text.chinese or pause.text.lower().endswith(_BARE_PAUSES)


_BARE_PAUSES = ("gap", "gaps", "pause", "pauses", "stretch", "stretches")


def _is_in(one: Claim, spans: list[tuple[int, int]]) -> bool:
    return any(start < one.end and one.start < end for start, end in spans)


def _without_doubles(described: list[Claim], figures: list[Claim], scene: Scene) -> list[Claim]:
    """`a short pause` is one claim: that its length is given says that it is there; so with `a faint echo`."""
    lengths = [(one.start, one.end) for one in described if one.cue == "pause.duration"]
    bare = _named_lengths(figures, scene)
    spans = [(one.cue, one.start, one.end) for one in described if one.cue in ("noise.level", "space.reverb")]
    return [
        one
        for one in described
        if (one.cue != "pause.presence" or not _is_in(one, lengths + (bare if _is_bare(one, scene) else [])))
        and not (one.cue == "noise.level" and one.asserts == "noisy" and _is_measured_noise(one, figures, scene))
        and not any(
            cue == one.cue and a <= one.start and one.end <= b and b - a > one.end - one.start for cue, a, b in spans
        )
    ]


def _is_measured_noise(noise: Claim, figures: list[Claim], scene: Scene) -> bool:
    """`the noise floor is 60 dB below the speech` says how much, and not that there is much."""
    named = next((t for t in scene.sound if scene.text.starts[t.i] == noise.start), None)
    if named is None or "noise" not in named.entry.meanings:
        return False
    clause = scene.clause(named.i)
    return any(
        one.cue == "noise.level" and clause == scene.clause(bisect_left(scene.text.starts, one.start))
        for one in figures
    )


def _placed(described: list[Claim], figures: list[Claim], scene: Scene) -> list[Claim]:
    """Levels and trends of a sentence that names one time hold for that time, but for `loud, with a beep at 3 s`."""
    times = [one for one in figures if one.cue == "time.position"]
    if len(times) != 1:
        return described
    t0_s, t1_s = times[0].t0_s, times[0].t1_s
    starts = scene.text.starts
    i, j = bisect_left(starts, times[0].start), bisect_left(starts, times[0].end)
    movable = [
        one.kind in ("level", "trend")
        and one.scope == "whole"
        and (one.end > times[0].start or scene.holds_at(i, j, bisect_left(starts, one.end) - 1))
        for one in described
    ]
    return [
        replace(one, scope="span", t0_s=t0_s, t1_s=t1_s) if moves else one
        for one, moves in zip(described, movable, strict=True)
    ]
