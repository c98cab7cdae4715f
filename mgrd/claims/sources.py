"""What sounds in a clip, who speaks, and in which order.

A word that names a sound (`laughter`, `the siren`) is heard wherever a text about audio asserts it. One that names a
thing or a person (`car`, `the man`) is heard only beside words that say so: `there is`, `can be heard`, `comes in`, a
verb of sounding, a description of its voice. Knows no figures and no levels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from mgrd.claims import Claim, chinese, reports
from mgrd.claims.describe import Head
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term, terms

_NEAR = 4
"""Tokens between a word of hearing or being there and the thing that it introduces."""

_SOON = 4
"""Tokens after `then` or `followed by` within which a source is what follows."""

_ORDERS = frozenset({"around.order", "around.ordered", "around.between"})

_REACH = 8
"""Tokens over which a comparison goes on."""

_ABOUT = ("asserted", "hedged")
_OF_A_VOICE = ("pitch", "rate", "loudness", "voice", "pause", "timbre")
"""Families of what is said of a voice; beside one of them a person is heard, not told of."""


_OWN = frozenset({"source", "thing", "note", "vocal_sound", "noise", "piece"})


class Mention(NamedTuple):
    """A source or a sound event over tokens [i, j): `door creaks`, `the clatter of cutlery`."""

    i: int
    j: int
    sounding: bool
    """Whether a word of it names a sound; else it needs a word of hearing."""
    free: bool
    """Whether it is a source by itself, unlike `voice` or `music`, which every description names."""


def presences(scene: Scene, described: Sequence[Claim], describing: frozenset[int]) -> list[Claim]:
    """Sources and sound events: `glass breaking`, `you can hear a ball hit the table`, `no train`."""
    mentions = _mentions(scene, describing)
    noises = [one for one in described if one.cue == "noise.level"]
    ears = [t for t in scene.frame if "marks.hearing" in t.entry.marks or "marks.heard" in t.entry.marks]
    found: list[Claim] = []
    named: set[int] = set()
    listed = -1
    """Where a list of things that are heard ends; what continues the list is heard too."""
    for mention in mentions:
        if not (_is_heard(scene, mention, ears, listed) or (mention.free and _overlapped(scene, mention, described))):
            continue
        if _is_compared(scene, mention) or _overlapped(scene, mention, noises if mention.free else described):
            continue
        listed = mention.j
        named.update(range(mention.i, mention.j))
        source = _source(scene, mention.i, mention.j)
        found.append(replace(source, polarity=-1) if _is_missed(scene, mention.j) else source)
    for i, j in chinese.sources(scene) if scene.chinese else ():
        if not named.intersection(range(i, j)):
            named.update(range(i, j))
            found.append(_source(scene, i, j))
    for i, j in reports.coined(scene) if scene.allowed("trace") else ():
        if not named.intersection(range(i, j)) and not _overlapped(scene, Mention(i, j, True, True), described):
            named.update(range(i, j))
            found.append(_source(scene, i, j))
    for i, j in reports.unvoiced(scene) if scene.allowed("trace") else ():
        if not named.intersection(range(i, j)):
            named.update(range(i, j))
            found.append(replace(_source(scene, i, j), polarity=-1))
    for ear in ears:
        if "marks.heard" in ear.entry.marks and not named.intersection(range(ear.i - 6, ear.j + 7)):
            i, j = _whatever(scene, ear)
            if j - i > ear.j - ear.i and not any(scene.listed("abstract", k) for k in range(i, j)):
                source = _source(scene, i, j)
                if not any(one.start < source.end and source.start < one.end for one in described):
                    found.append(source)
    return found


def told(scene: Scene, sources: Sequence[Claim], counted: Sequence[Claim], described: Sequence[Claim]) -> list[Claim]:
    """The sources that no other claim tells of: `five claps` is one claim, and so is `the snare has a crisp edge`."""
    counts = [one for one in counted if one.cue == "event.count" and one.unit != "words"]
    if scene.text.chinese:
        counts = [one for one in counts if one.unit == "events"]  # "两声汽笛" tells of a whistle, "两个音" of no source
    counts += [one for one in described if one.cue == "source.presence"]
    return [one for one in sources if not (_is_among(one, counts) or _is_only_described(scene, one, described))]


def _is_among(source: Claim, claims: Sequence[Claim]) -> bool:
    return any(one.start <= source.start and source.end <= one.end for one in claims)


def _is_only_described(scene: Scene, source: Claim, described: Sequence[Claim]) -> bool:
    """Whether a source that is known to be there is named for its colour, register or rhythm, or for a loudness."""
    cues = {one.cue for one in described if one.start < source.end and source.start < one.end}
    if not cues:
        return False
    i = bisect_left(scene.text.starts, source.start)
    if scene.listed("indefinite", i - 1) and scene.listed("reaching", i - 2):
        return any(cue.startswith("loudness.") for cue in cues)  # "hardly above a whisper"
    opens = any(one.start <= source.start or "'s " in source.text for one in described if one.cue in _OF_ITS_COLOUR)
    return opens and scene.listed("definite", i - 1) and cues <= _OF_ITS_COLOUR


_OF_ITS_COLOUR = frozenset({"timbre.brightness", "pitch.level", "rhythm.regularity"})


def orders(scene: Scene, heard: Sequence[Claim]) -> list[Claim]:
    """`first comes the splash`, `then a woman screaming`, `the tone precedes the noise`."""
    found = list(_kinds_in_order(scene))
    for term in scene.around if heard else ():
        marks = term.entry.marks
        if marks.isdisjoint(_ORDERS) or scene.listed("definite", term.i - 1):  # "the first chord"
            continue
        here = _within(scene, heard, *_segment(scene, term.i, term.j))
        ahead = [one for one in here if one[1] <= term.i]
        behind = [one for one in here if one[0] >= term.j]
        i = j = term.i
        if "around.between" in marks and behind and (ahead or len(behind) > 1):
            span = (*ahead[-1:], *behind)
            i, j = min(span[0][0], term.i), span[1][1]
        elif "around.between" in marks and len(ahead) > 1 and scene.text.chinese:
            i, j = ahead[-2][0], term.j  # "雷声在狗叫之前"
        elif "around.order" in marks and behind and behind[0][0] - term.j <= _SOON:
            j = behind[0][1]
        elif "around.ordered" in marks and ahead:
            i, j = ahead[-1][0], term.j
        if i < j:
            claim = scene.claim(i, j, "event.order", "comparison", "order", at=term.i)
            if not any(one.start < claim.end and claim.start < one.end for one in found):
                found.append(claim)
    return found


def _kinds_in_order(scene: Scene) -> Iterator[Claim]:
    """`a beep, then speech`, `the tone follows the noise`: kinds of sound that a measurement tells apart."""
    named = [(t, t.entry.kind) for t in scene.sound if t.entry.kind]
    for (one, kind), (other, after) in pairwise(named):
        if kind == after:
            continue
        between = [t for t in scene.around if one.j <= t.i and t.j <= other.i]
        opening = [t for t in scene.around if 0 <= one.i - t.j <= 2]
        closing = [t for t in scene.around if 0 <= t.i - other.j <= 1]
        turned = any("around.backward" in t.entry.marks for t in between)
        turned |= any(scene.listed("until", t.i) for t in opening) and not between
        told = [t for t in (*opening, *between) if not t.entry.marks.isdisjoint(_ORDERS)]
        if told or any("around.ordered" in t.entry.marks for t in closing):
            asserts = f"{after} then {kind}" if turned else f"{kind} then {after}"
            yield scene.claim(one.i, other.j, "event.order", "comparison", asserts, at=one.i)


def times(scene: Scene, heard: Sequence[Claim], described: Sequence[Claim]) -> Iterator[Claim]:
    """Where in the clip something sounds, in words: `in the middle`, `right off the bat`."""
    for term in scene.around if heard else ():
        if not any(mark.startswith("when.") for mark in term.entry.marks):
            continue
        begin, end = scene.clause(term.i)
        apart = not _within(scene, described, begin, end)  # "rises at the end" is a place of the pitch
        if _within(scene, heard, begin, end) or (apart and _within(scene, heard, scene.sentence.i, scene.sentence.j)):
            place = scene.place(term.i, reach=0) or "somewhere"
            when = scene.claim(term.i, term.j, "time.position", "level", place)
            if when.polarity > 0 or place != "somewhere":  # "without a break from start to finish" denies no time
                yield when


def sexes(scene: Scene, here: Sequence[Head], described: Sequence[Claim], heard: Sequence[Claim]) -> Iterator[Claim]:
    """Who is heard: `the guy rattles along`, `a woman screaming`; `her voice` only presupposes it."""
    for head in here:
        if head.name not in ("voice", "pitch") or head.implied:
            continue
        for k in range(head.i - 3, head.i):
            for sex in ("male", "female"):
                if (
                    scene.listed(sex, k)
                    and (of := scene.claim(k, head.j, "voice.sex", "presence", sex)).modality in _ABOUT
                ):
                    yield replace(of, modality="presupposed")
    sexed = [one for one in described if one.cue == "voice.sex"]
    for term in scene.sound:
        person = term.entry.person
        if person is None or any(one.start <= scene.text.starts[term.i] < one.end for one in sexed):
            continue
        if scene.allowed("trace") and _is_voiced(scene, term, described, heard):
            minor = any(scene.listed("minor", k) for k in range(term.i, term.j))
            yield scene.claim(term.i, term.j, "voice.sex", "presence", "child" if minor else person)


def _mentions(scene: Scene, describing: frozenset[int]) -> list[Mention]:
    """The sources of a sentence; words of one sound, like `clatter of cutlery`, are one mention."""
    found: list[Mention] = []
    for term in _named(scene):
        marks = term.entry.marks
        sounding = "events.sounding" in marks
        if term.entry.phrases or not (sounding or "events.making" in marks) or term.i in describing:
            continue
        if scene.listed("compound", term.j):
            continue  # "a train driver"
        free = sounding or term.entry.heads.keys() <= _OWN
        last = found[-1] if found else None
        if last is not None and term.i - last.j <= _NEAR and _is_linked(scene, last.j, term.i):
            found[-1] = Mention(last.i, term.j, last.sounding or sounding, last.free or free)
        else:
            found.append(Mention(term.i, term.j, sounding, free))
    return found


def _named(scene: Scene) -> Iterator[Term]:
    """The terms of a sentence, and in place of `a lazy swung hi-hat`, which is a rhythm, the source inside it."""
    for term in scene.sound:
        phrases = term.entry.phrases
        of_a_source = term.j - term.i > 1 and phrases and phrases[0][0].startswith(_OF_A_SOURCE)
        # but "she practically barks", "from silence to a blast"
        if of_a_source and (scene.listed("article", term.i) or not scene.listed("grammar", term.i)):
            yield from terms(scene.text.words, scene.vocabulary.sound, range(term.i + 1, term.j), term.j)
        else:
            yield term


_OF_A_SOURCE = ("rhythm.", "timbre.", "loudness.", "pitch.", "tempo.", "time.")


def _is_linked(scene: Scene, i: int, j: int) -> bool:
    """Whether tokens [i, j) only tie two words of one sound: `starts`, `of the`, `is softly`."""
    return all(
        scene.listed("links", k) or (scene.word(k).endswith("ly") and len(scene.word(k)) > 3) for k in range(i, j)
    )


def _is_heard(scene: Scene, mention: Mention, ears: list[Term], listed: int) -> bool:
    """Whether a thing is said to sound or to be there: `there's a car`, `a distant train`, `the drums come in`."""
    if mention.sounding or not scene.allowed("trace"):
        return mention.sounding and (bool(ears) or scene.allowed("trace"))
    begin, end = scene.clause(mention.i)
    if mention.free and any(begin <= ear.i < end and -8 <= ear.i - mention.i <= 4 for ear in ears):
        return True
    if 0 <= listed <= mention.i and mention.i - listed <= _NEAR + 2 and _continues(scene, listed, mention.i):
        return True
    for term in scene.around:
        marks = term.entry.marks
        supposed = "around.guesses" in marks and mention.free
        if (
            ("around.introduces" in marks or supposed)
            and 0 <= mention.i - term.j <= _NEAR
            and not _parted(scene, term.j, mention.i)
        ):
            return mention.free or _denied(scene, mention)
        if (
            mention.free
            and "around.enters" in marks
            and 0 <= term.i - mention.j <= (4 if scene.word(mention.i) >= "\u3400" else 2)
            and not _parted(scene, mention.j, term.i)
        ):
            return True
    return mention.free and (_is_subject(scene, mention) or _is_handled(scene, mention))


def _denied(scene: Scene, mention: Mention) -> bool:
    """`no voices`, `no melody`: what every description names is a source only where it is missing."""
    return scene.stance.negated[mention.i - scene.sentence.i]


def _is_subject(scene: Scene, mention: Mention) -> bool:
    """`a blackbird pipes up`, `the kids are playing`: a thing that does something now."""
    i, (begin, end) = mention.i, scene.clause(mention.i)
    while i > max(begin, mention.i - 3) and scene.word(i - 1).isalpha() and not _is_grammar(scene, i - 1):
        i -= 1
    while i > begin and scene.listed("determiners", i - 1):
        i -= 1
    opens = i == begin or not scene.word(i - 1).isalpha() or scene.listed("openers", i - 1)
    j = mention.j + 1 if scene.word(mention.j)[-2:] == "ly" else mention.j
    if not opens or j >= end or any("marks.consequence" in t.entry.marks and begin <= t.i < i for t in scene.frame):
        return False
    if scene.listed("auxiliary", j):
        return any(scene.word(k)[-3:] == "ing" for k in (j + 1, j + 2))
    if scene.word(mention.j - 1)[-1:] == "s" and scene.listed("moved_by", j + 1) and not _is_grammar(scene, j):
        return scene.word(j).isalpha()  # "waves roll in"
    return scene.word(j)[-1:] == "s" and scene.word(j).isalpha() and not scene.listed("no_verb", j)


def _is_grammar(scene: Scene, k: int) -> bool:
    return scene.listed("grammar", k) or scene.listed("openers", k)


def _is_handled(scene: Scene, mention: Mention) -> bool:
    """`somebody drags a chair`: what an unnamed person does something to is heard."""
    begin, _ = scene.clause(mention.i)
    return any(scene.listed("someone", k) for k in range(max(begin, mention.i - 7), mention.i - 1)) and not any(
        "marks.report" in t.entry.marks and begin <= t.i < mention.i for t in scene.frame
    )


def _parted(scene: Scene, i: int, j: int) -> bool:
    """Whether a sign or a word of grammar other than an article stands in tokens [i, j)."""
    return any(
        not scene.word(k)[:1].isalnum() or (scene.listed("stop", k) and not scene.listed("article", k))
        for k in range(i, j)
    )


def _overlapped(scene: Scene, mention: Mention, claims: Sequence[Claim]) -> bool:
    start, end = scene.text.starts[mention.i], scene.text.ends[mention.j - 1]
    return any(one.start < end and start < one.end for one in claims)


def _is_compared(scene: Scene, mention: Mention) -> bool:
    """`like a startled goat`, `as though over a loudspeaker`: no goat and no loudspeaker is heard."""
    j = mention.j + (scene.word(mention.j) == "那")
    if scene.word(mention.j) in ("似", "般") or (scene.word(j - 1) in "一那" and scene.word(j) in ("样", "么")):
        return True  # "蚊子似的", "像大提琴那样"
    if scene.word(mention.j) == "一" and scene.word(mention.j + 1) in ("样", "般"):
        return True
    return any(
        "around.simile" in t.entry.marks
        and 0 <= mention.i - t.j <= _REACH
        and not any(scene.word(k) in (",", "，") for k in range(t.j, mention.i))
        for t in scene.around
    )


def _continues(scene: Scene, i: int, j: int) -> bool:
    """`rain, wind and a door`, `traffic in the background, a distant horn`: a comma or `and`, then the next thing."""
    joint = next((k for k in range(i, j) if scene.listed("joins", k)), None)
    if joint is None or not all(scene.listed("links", k) for k in range(i, joint)):
        return False
    return all(
        scene.listed("joins", k) or scene.listed("article", k) or not scene.listed("stop", k) for k in range(joint, j)
    )


def _is_missed(scene: Scene, j: int) -> bool:
    """`a piano, which isn't heard here`: what stands before token j is denied by the clause that follows it."""
    which = j + 1 if scene.word(j) == "," else j
    if scene.word(which) not in ("which", "that"):
        return False
    first = scene.sentence.i
    return any(
        "marks.heard" in t.entry.marks and which < t.i <= which + 3 and scene.stance.negated[t.j - 1 - first]
        for t in scene.frame
    )


def _source(scene: Scene, i: int, j: int) -> Claim:
    named = scene.text.raw[scene.text.starts[i] : scene.text.ends[j - 1]].lower()
    return scene.claim(i, j, "source.presence", "presence", "present", claimed=named)


def _whatever(scene: Scene, ear: Term) -> tuple[int, int]:
    """The span of `the sound of X` or `X can be heard` whose X is in no list; empty when X is what somebody says."""
    begin, end = scene.clause(ear.i)
    stops = [t.i for t in scene.frame if "marks.report" in t.entry.marks and ear.j <= t.i < ear.j + 3]
    after = min(end, ear.j + 6)
    if stops or scene.listed("anything", ear.j):
        return ear.i, ear.j
    if scene.listed("auxiliary", ear.i):  # "a strange bloop is heard"
        i = max(begin, ear.i - 5)
        return (i, ear.j) if i < ear.i and not scene.listed("anything", ear.i - 1) else (ear.i, ear.j)
    j = next((k for k in range(ear.j, after) if not scene.word(k)[:1].isalnum()), after)
    i = max(begin, ear.i - 6) if j == ear.j else ear.i
    return i, j


def _segment(scene: Scene, i: int, j: int) -> tuple[int, int]:
    """The part of a clause around tokens [i, j) that no comma divides."""
    begin, end = scene.clause(i)
    while i > begin and scene.word(i - 1) not in (",", "，"):
        i -= 1
    while j < end and scene.word(j) not in (",", "，"):
        j += 1
    return i, j


def _within(scene: Scene, claims: Sequence[Claim], i: int, j: int) -> list[tuple[int, int]]:
    """The token ranges of the claims about this clip that lie in tokens [i, j)."""
    starts, ends = scene.text.starts, scene.text.ends
    found = []
    for one in claims:
        if one.modality in _ABOUT and starts[i] <= one.start < ends[j - 1]:
            first = next(k for k in range(i, j) if ends[k] > one.start)
            last = next((k for k in range(first, j) if ends[k] >= one.end), j - 1)
            found.append((first, last + 1))
    return found


def _is_voiced(scene: Scene, person: Term, described: Sequence[Claim], heard: Sequence[Claim]) -> bool:
    """Whether a person is heard in this clip rather than told of."""
    if reports.is_identified(scene, person.i):
        return True
    begin, end = scene.clause(person.i)
    before = [t for t in (*scene.around, *scene.frame) if 0 <= person.i - t.j <= _NEAR]
    if any(_introduces(t) and not _parted(scene, t.j, person.i) for t in before):
        return True
    if any("marks.heard" in t.entry.marks and 0 <= t.i - person.j <= 1 for t in scene.frame):
        return True
    if any("marks.report" in t.entry.marks and 0 <= t.i - person.j <= 1 for t in scene.frame):
        return scene.listed("indefinite", person.i - 1) or scene.listed("indefinite", person.i)
    if any(
        scene.listed("vocal", k) for k in range(person.j, min(person.j + 6, _segment(scene, person.i, person.j)[1]))
    ):
        return True
    if any(
        0 <= t.i - person.j <= 2
        and (not {"speak", "say"}.isdisjoint(t.entry.heads) or "events.sounding" in t.entry.marks)
        for t in scene.sound
    ):
        return True
    if scene.word(person.j) == "的" and any(
        t.i == person.j + 1 and not _SPOKEN_WITH.isdisjoint(t.entry.heads) for t in scene.sound
    ):
        return True  # "听这小伙子的口气"
    if any("speaker" in t.entry.heads and begin <= t.i < end for t in scene.sound):
        return True
    of_a_voice = [one for one in described if one.cue.partition(".")[0] in _OF_A_VOICE and one.cue != "voice.sex"]
    counted = [one for one in heard if one.cue == "event.count"]
    return bool(_within(scene, [*of_a_voice, *counted], begin, end))


_SPOKEN_WITH = frozenset({"voice", "manner", "rate", "tone_of_voice"})


def _introduces(term: Term) -> bool:
    marks = term.entry.marks
    return "around.introduces" in marks or "marks.heard" in marks or "around.against" in marks
