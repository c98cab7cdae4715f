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
from mgrd.claims.counts import counts
from mgrd.claims.describe import Head, descriptions, heads
from mgrd.claims.modality import breaks, stance
from mgrd.claims.scene import Scene
from mgrd.claims.text import Sentence, Text, clauses, read, sentences
from mgrd.claims.values import values
from mgrd.claims.vocabulary import Term, Vocabulary, load

_WORDS_PER_SIGN = 120
"""A text is about sound when at least one word in so many says so; a chain of pure logic has one in thousands."""


def extract(think: str) -> list[Claim]:
    """All spans of `think` that speak of sound, in order, each with its modality; `think[start:end] == text`.

    Only `asserted` and `hedged` ones are claims about the clip. English and Chinese are read at once.
    """
    return [claim for sentence in _scenes(think) for claim in _claims(*sentence)]


def _scenes(think: str) -> Iterator[tuple[Scene, list[Head], list[Head]]]:
    vocabulary = load()
    text = read(think, vocabulary)
    anchor = vocabulary.lists["anchor"]
    signs = sum(word in anchor for word in text.words)
    signs += len({text.words[term.i] for term in text.sound if _is_sounding(term)})
    about_audio = signs * _WORDS_PER_SIGN >= max(1, len(text.words))
    sound_at, frame_at = [t.i for t in text.sound], [t.i for t in text.frame]
    before: list[Head] = []
    last = 0
    for sentence in sentences(text):
        sound = text.sound[bisect_left(sound_at, sentence.i) : bisect_left(sound_at, sentence.j)]
        if not sound:
            continue
        frame = text.frame[bisect_left(frame_at, sentence.i) : bisect_left(frame_at, sentence.j)]
        scene = _scene(text, sentence, sound, frame, vocabulary, about_audio)
        here = heads(scene)
        yield scene, here, before if sentence.i - last <= 2 else []
        before, last = here or before, sentence.j


def _is_sounding(term: Term) -> bool:
    """Whether a phrase names a sound by itself: laughter, a siren, shouting."""
    return "events.sounding" in term.entry.marks or any(cue == "voice.quality" for cue, _, _ in term.entry.phrases)


def _scene(
    text: Text, sentence: Sentence, sound: list[Term], frame: list[Term], vocabulary: Vocabulary, about_audio: bool
) -> Scene:
    parts = clauses(text, sentence, breaks(frame, text, sentence, vocabulary))
    anchor = vocabulary.lists["anchor"]
    anchored = any(word in anchor for word in text.words[sentence.i : sentence.j])
    anchored = anchored or any("marks.heard" in term.entry.marks for term in frame)
    where = stance(text, sentence, frame, parts, vocabulary)
    return Scene(text, sentence, sound, frame, where, vocabulary, anchored, about_audio)


def _claims(scene: Scene, here: list[Head], before: list[Head]) -> list[Claim]:
    figures = values(scene)
    described = _placed(descriptions(scene, here, before), figures)
    if any(one.cue == "pitch.contour" and one.kind == "trend" for one in described):
        # the words name the direction that two figures only imply
        figures = [one for one in figures if one.kind != "trend"]
    found = figures + counts(scene, before) + described + list(_presences(scene, described)) + list(_sexes(scene, here))
    kept: dict[tuple[object, ...], Claim] = {}
    for claim in sorted(found, key=lambda one: (one.start, one.end, one.cue, one.asserts)):
        kept.setdefault(_identity(claim), claim)
    return list(kept.values())


def _identity(claim: Claim) -> tuple[object, ...]:
    """What makes two claims of one sentence the same: all that they say; figures and sources also where they stand."""
    where = claim.start if claim.claimed_value is not None or claim.cue == "source.presence" else None
    return claim.cue, claim.kind, claim.scope, claim.asserts, claim.polarity, claim.modality, where


def _placed(described: list[Claim], figures: list[Claim]) -> list[Claim]:
    """Levels and trends of a sentence that names one time hold for that time."""
    times = [one for one in figures if one.cue == "time.position"]
    if len(times) != 1:
        return described
    t0_s, t1_s = times[0].t0_s, times[0].t1_s
    movable = [one.kind in ("level", "trend") and one.scope == "whole" for one in described]
    return [
        replace(one, scope="span", t0_s=t0_s, t1_s=t1_s) if moves else one
        for one, moves in zip(described, movable, strict=True)
    ]


def _presences(scene: Scene, described: list[Claim]) -> Iterator[Claim]:
    """Sources and sound events: `glass breaking`, `you can hear a ball hit the table`."""
    ears = [t for t in scene.frame if "marks.hearing" in t.entry.marks or "marks.heard" in t.entry.marks]
    named: set[int] = set()
    for term in scene.sound:
        marks = term.entry.marks
        if "ignore.phrases" in marks or term.entry.phrases:
            continue
        sounding = "events.sounding" in marks and (bool(ears) or scene.allowed("trace"))
        if sounding or ("events.making" in marks and any(_beside(scene, term, ear) for ear in ears)):
            named.update(range(term.i, term.j))
            yield _source(scene, term.i, term.j)
    for ear in ears:
        if "marks.heard" in ear.entry.marks and not named.intersection(range(ear.i - 6, ear.j + 7)):
            i, j = _heard(scene, ear)
            source = _source(scene, i, j)
            if j - i > ear.j - ear.i and not any(
                one.start < source.end and source.start < one.end for one in described
            ):
                yield source


def _source(scene: Scene, i: int, j: int) -> Claim:
    named = scene.text.raw[scene.text.starts[i] : scene.text.ends[j - 1]].lower()
    return scene.claim(i, j, "source.presence", "presence", "present", claimed=named)


def _beside(scene: Scene, term: Term, ear: Term) -> bool:
    begin, end = scene.clause(term.i)
    return begin <= ear.i < end and -8 <= ear.i - term.i <= 4


def _heard(scene: Scene, ear: Term) -> tuple[int, int]:
    """The span of `the sound of X` or `X can be heard` whose X is in no list; empty when X is what somebody says."""
    begin, end = scene.clause(ear.i)
    stops = [t.i for t in scene.frame if "marks.report" in t.entry.marks and ear.j <= t.i < ear.j + 3]
    after = min(end, ear.j + 6)
    if stops or scene.listed("anything", ear.j):
        return ear.i, ear.j
    j = next((k for k in range(ear.j, after) if not scene.word(k)[:1].isalnum()), after)
    i = max(begin, ear.i - 6) if j == ear.j else ear.i
    return i, j


def _sexes(scene: Scene, here: list[Head]) -> Iterator[Claim]:
    """`her voice` says that the voice is a woman's."""
    for head in here:
        if head.name not in ("voice", "pitch") or head.implied:
            continue
        for k in range(head.i - 3, head.i):
            for sex in ("male", "female"):
                if scene.listed(sex, k):
                    yield scene.claim(k, head.j, "voice.sex", "presence", sex)
