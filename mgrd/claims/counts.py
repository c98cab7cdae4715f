"""Counts in a sentence: `three beeps`, `at least two tones`, `the beep sounds four times`, `there are four of them`.

Only a count of all that sounds can be held against the clip; one of a part, of a kind or in proportion is marked so.
"""

from __future__ import annotations

from collections.abc import Iterator

from mgrd.claims import Claim
from mgrd.claims.chinese import numerals
from mgrd.claims.describe import Head
from mgrd.claims.reports import counted
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term

_EXACTLY = frozenset(
    {"at least", "at most", "no less than", "no more than", "no fewer than", "not less than", "not more than"}
    | {"not fewer than", "as many as", "up to", "至 少", "至 多", "不 超 过"}
)
"""Bounds that hold for the number itself; `more than two` begins at three."""


def counts(scene: Scene, before: list[Head]) -> list[Claim]:
    """Every count of sounds; `before` are the heads of the sentence before, which `of them` may mean."""
    numbered = [(i, j, count, _noun(scene, j)) for i, j, count in _numbers(scene)]
    found = list(_several(scene))
    named = sum(noun is not None for *_, noun in numbered)
    several = named > 1 or (named == 1 and _goes_on(scene))
    for i, j, count, noun in numbered:
        if noun is not None:
            found += _count(scene, i, j, count, noun, several)
        elif (of := _number_of(scene, i)) is not None:
            found.append(scene.claim(of.i, j, "event.count", "count", str(count), claimed=f"{count} {_raw(scene, of)}",
                                     claimed_value=float(count), unit="others"))  # fmt: skip
        elif scene.listed("times", i):
            found += _times(scene, i, j, count)
        elif _of_them(scene, i, j) and any(head.name in _COUNTED_HEADS for head in before):
            found.append(_claim(scene, i, j + 2, count, "events", f"{count} of them"))
        elif count > 1 and _is_after_its_noun(scene, i, j):
            found.append(_claim(scene, i, j, count, "part", f"{count} of them"))
        elif count > 1 and (end := counted(scene, i, j)) is not None:
            what = " ".join(scene.word(k) for k in range(j, end))
            found.append(_claim(scene, i, end, count, "part", f"{count} {what}"))
        elif _is_restated(scene, i, j) and any(head.name in _RESTATED_HEADS for head in before):
            found.append(_claim(scene, i, j, count, "others", f"{count} of them"))
    return found


_COUNTED_HEADS = ("note", "music_note", "tone_of_voice")
_MEASURES = frozenset("个声下次记响阵把架台位名支种")
"""Chinese measure words of sounds."""
_RESTATED_HEADS = (*_COUNTED_HEADS, "source", "thing", "vocal_sound")


def _numbers(scene: Scene) -> Iterator[tuple[int, int, int]]:
    # "a 1 kHz tone", "five hundred hertz"
    measured = {t.i for t in scene.sound if t.entry.unit in ("hz", "khz", "db", "bpm", "st")}
    for term in scene.sound:
        if (
            term.entry.unit is None
            and term.entry.number is not None
            and term.entry.number == int(term.entry.number)
            and not (term.j in measured or scene.listed("power", term.j))
        ):
            yield term.i, term.j, int(term.entry.number)
    for i in scene.text.digits_in(scene.sentence.i, scene.sentence.j):
        word = scene.word(i)
        if word.isdecimal() and word.isascii() and len(word) <= 2:
            if i + 1 in measured or scene.listed("power", i + 1):
                continue
            yield i, i + 1, int(word)
    if scene.chinese:
        taken = {k for t in scene.sound if t.entry.number is not None for k in range(t.i, t.j)}
        for i, j, value in numerals(scene):
            if taken.isdisjoint(range(i, j)) and scene.word(j) in _MEASURES and value < 100:
                yield i, j + 1, int(value)  # "七个咔哒声"


def _noun(scene: Scene, j: int) -> Term | None:
    """What the number before token j counts."""
    noun = next((t for t in scene.sound if j <= t.i <= j + 3 and _counted(t)), None)
    if noun is None or any(scene.listed("stop", k) or not scene.word(k)[:1].isalpha() for k in range(j, noun.i)):
        return None
    return noun


def _goes_on(scene: Scene) -> bool:
    """`one tone is followed by another`, `two beeps, then one more`."""
    return any(not scene.listed("than", k + 1) for k in scene.all_listed("added"))


def _of_them(scene: Scene, i: int, j: int) -> bool:
    """`there are four of them`, but not `four of them are low`."""
    whole = not scene.word(j + 2)[:1].isalnum()
    return whole and scene.listed("of", j) and scene.listed("them", j + 1) and scene.listed("some", i - 1)


def _is_after_its_noun(scene: Scene, i: int, j: int) -> bool:
    """`speakers: 2`, `footsteps, five of them`, `the counter hears voices and detects eight.`"""
    named = [t for t in scene.sound if t.j <= i and _counted(t)]
    if not named or not scene.allowed("trace"):
        return False
    ends = not scene.word(j)[:1].isalnum()
    headed = ends and scene.word(i - 1) == ":" and named[-1].j == i - 1
    of_them = scene.word(j) == "of" and scene.listed("them", j + 1) and scene.word(i - 1) in (",", "(", "-")
    return headed or of_them or (ends and scene.listed("counting", i - 1))


def _is_number(scene: Scene, i: int) -> bool:
    return scene.word(i)[:1].isdecimal() or any(t.i == i and t.entry.number is not None for t in scene.sound)


def _is_restated(scene: Scene, i: int, j: int) -> bool:
    """`No, six.`, `well, maybe six if you count the last`, after `I can count five claps.`"""
    begins = i == scene.sentence.i or scene.listed("restating", i - 1)
    return (
        begins
        and (not scene.word(j)[:1].isalnum() or scene.listed("restated", j))
        and scene.word(j) not in (".", ":", "：", ")")
    )


def _count(scene: Scene, i: int, j: int, count: int, noun: Term, several: bool) -> Iterator[Claim]:
    if (
        scene.word(noun.j) == "in"
        and scene.word(noun.j - 1) in ("syllables", "words")
        and _is_number(scene, noun.j + 1)
    ):
        return  # "twelve syllables in three seconds" is a rate
    if scene.listed("nth", i - 1) or (count == 1 and not _is_count_of_one(scene, i)):
        return
    if not scene.allowed("trace") or (scene.listed("of", j) and count == 1):
        return
    what, noun_marks = _raw(scene, noun), noun.entry.marks
    said = scene.listed("word_of_it", noun.j - 1) and "spoken" not in what
    if "events.spoken" in noun_marks and said and not any({"speak", "say"} & t.entry.heads.keys() for t in scene.sound):
        return  # "the gap between the two words"
    if noun.j - noun.i == 1 and scene.listed("times", noun.i):
        subject = [
            t
            for t in scene.sound
            if t.j <= i and not t.entry.marks.isdisjoint(_REPEATING) and t.i >= scene.clause(i)[0]
        ]
        times_more = any(0 <= t.i - noun.j <= 1 and "degree.comparative" in t.entry.marks for t in scene.sound)
        if not subject or times_more:
            return
        what, noun_marks = _raw(scene, subject[-1]), subject[-1].entry.marks
    # any other sound than a bare tone is told from its neighbours by no measurement
    unit = "events" if "events.countable" in noun_marks else "words" if "events.spoken" in noun_marks else "others"
    if unit != "words" and (several or _is_partial(scene, i, j, noun)):
        unit = "part"
    if "pause" in noun.entry.heads:
        yield _claim(scene, i, noun.j, count, unit, f"{count} {what}", "pause.presence")
    else:
        yield _claim(scene, i, noun.j, count, unit, f"{count} {what}")


def _several(scene: Scene) -> Iterator[Claim]:
    """`several gunshots`: at least two, and by no means how many."""
    for term in scene.sound:
        if (
            "degree.several" in term.entry.marks
            and (noun := _noun(scene, term.j)) is not None
            and scene.allowed("trace")
        ):
            yield scene.claim(
                term.i, noun.j, "event.count", "count", "at_least", claimed="several", claimed_value=2.0, unit="part"
            )


def _number_of(scene: Scene, i: int) -> Term | None:
    """What is counted in `the number of voices is four`."""
    for t in scene.sound:
        if (
            1 <= i - t.j <= 4
            and _counted(t)
            and scene.word(t.i - 1) == "of"
            and scene.word(t.i - 2) in ("number", "count")
        ):
            return t
    return None


def _times(scene: Scene, i: int, j: int, count: int) -> Iterator[Claim]:
    """`barks twice`, `pauses only once`: the times that what stands before it sounds."""
    subject = [
        t for t in scene.sound if t.j <= i and t.i >= scene.clause(i)[0] and not t.entry.marks.isdisjoint(_REPEATING)
    ]
    stressed = count > 1 or scene.listed("only", i - 1)
    if subject and stressed and scene.allowed("trace") and not scene.listed("than", i - 1):
        # such a count is of one source, and any other may sound too
        yield _claim(scene, i, j, count, "others", f"{count} {_raw(scene, subject[-1])}")


def _claim(scene: Scene, i: int, j: int, count: int, unit: str, claimed: str, cue: str = "event.count") -> Claim:
    bound, count = _bound(scene, i, count)
    if bound is not None:
        claimed = f"{bound.replace('_', ' ')} {count} {claimed.partition(' ')[2]}"
    return scene.claim(i, j, cue, "count", bound or str(count), claimed=claimed, claimed_value=float(count), unit=unit)


def _bound(scene: Scene, i: int, count: int) -> tuple[str | None, int]:
    """`at_least` or `at_most` with the number that it begins or ends at."""
    term = _bounding(scene, i)
    if term is None:
        return None, count
    bound = "at_least" if "bounds.at_least" in term.entry.marks else "at_most"
    words = " ".join(scene.word(k) for k in range(term.i, term.j))
    return bound, count + (0 if words in _EXACTLY else 1 if bound == "at_least" else -1)


def _bounding(scene: Scene, i: int) -> Term | None:
    """The bound before a number: `at least two`, `至少有两声`."""
    ends = (i, i - 1) if scene.listed("some", i - 1) else (i,)
    return next((t for t in scene.frame if t.j in ends and any(m.startswith("bounds.") for m in t.entry.marks)), None)


def _is_partial(scene: Scene, i: int, j: int, noun: Term) -> bool:
    """`the last two beeps`, `two low tones`, `two clicks per second`, `two beeps at the start`."""
    bound = _bounding(scene, i)
    if bound is not None and scene.listed("each", i):
        return True  # "below both tones" bounds no number
    begin = i if bound is None else bound.i
    after = () if scene.word(noun.j) == "," and scene.listed("each", noun.j + 1) else range(noun.j, noun.j + 2)
    beside = [*range(begin - 3, begin), *range(j, noun.i), *after]  # "three tones, each higher" are all three
    if any(scene.listed("partial", k) for k in beside) or (bound is None and scene.place(i, reach=6)):
        return True
    described = any(j <= t.i < noun.i and _tells_apart(t) for t in scene.sound)
    in_a_time = any(t.i - noun.j in (1, 2) and t.entry.unit == "s" for t in scene.sound)
    return described or in_a_time


def _tells_apart(term: Term) -> bool:
    """`two low tones` may have high ones beside them; `two short beeps` are all there are."""
    return any(cue != "time.duration" for head in _COUNTED_HEADS for cue, _ in term.entry.says.get(head, ()))


def _raw(scene: Scene, term: Term) -> str:
    return scene.text.raw[scene.text.starts[term.i] : scene.text.ends[term.j - 1]].lower()


def _counted(term: Term) -> bool:
    return not term.entry.marks.isdisjoint(_COUNTED)


_COUNTED = frozenset(
    f"events.{name}" for name in ("countable", "counted", "sounding", "spoken", "male", "female", "child")
)
_REPEATING = _COUNTED | {"events.making"}
"""What can sound so many times."""


def _is_count_of_one(scene: Scene, i: int) -> bool:
    """`one` counts only when it is stressed: `only one beep`, `there is one beep`, `I hear one beep`."""
    near = range(i - 2, i)
    chinese = scene.word(i) >= "\u3400"  # 有一声 is an article
    return any(scene.listed("only", k) or (scene.listed("some", k) and not chinese) for k in near) or any(
        scene.listed("only", k) for k in (i, i + 1)
    )
