"""Descriptions in a sentence: what is said to be high, fast, loud, rising, male, angry, and of what.

A describing word is bound to a head: the noun after it ("a low voice"), else the nearest before it that it can describe
("the voice is low"), else one of the clause or sentence before ("It starts near 110 Hz. That is low").
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mgrd.claims import Claim
from mgrd.claims.scene import Kind, Scene
from mgrd.claims.vocabulary import Term, terms

KINDS: dict[str, Kind] = {
    "pitch.contour": "trend",
    "loudness.trend": "trend",
    "pause.presence": "presence",
    "voice.sex": "presence",
    "voice.quality": "presence",
    "source.presence": "presence",
    "event.presence": "presence",
    "event.order": "comparison",
}
"""The kind of a description by its cue; any other is a level."""

MORE = frozenset({"high", "loud", "fast", "bright", "wide", "long", "noisy", "wet", "rising"})
LESS = frozenset({"low", "quiet", "soft", "slow", "dark", "narrow", "short", "clean", "dry", "falling"})
"""What is said of what has more than something else, or less."""

_REACH = 12
"""Tokens between a head and the word that describes it; twice as many over a clause."""

_MANNER = ("voice.quality", "manner")
_DIMENSIONS = frozenset({"pitch", "loudness", "volume", "rate", "rate_bare", "tempo", "timbre", "pause", "noise"})
_OF_A_PART = frozenset({"source", "thing", "vocal_sound", "words"})
"""Heads that are one sound of a clip among others, so that no figure of the whole clip can be held against them."""

SILENT = "silent"
"""The adjective is said of the clip as a whole, where `silence` may be a part of it."""

_NO = "no "
"""Before the value of an expression that denies it."""

_IMPLIED = {"hz": "pitch", "khz": "pitch", "bpm": "tempo", "syl_s": "rate", "wpm": "rate"}
"""A figure stands for what it measures: `110 Hz, so low`."""


class Head(NamedTuple):
    """What can be described, over tokens [i, j); a figure implies one."""

    i: int
    j: int
    name: str
    implied: bool = False


def heads(scene: Scene) -> list[Head]:
    """Everything in a sentence that can be described, in order."""
    found: list[Head] = []
    for term in scene.sound:
        i, j, entry = term
        if not (entry.heads or entry.unit) or "ignore.phrases" in entry.marks:
            continue
        for name, needs in entry.heads.items():
            if scene.allowed(needs):
                found.append(Head(i, j, name))
        if entry.unit in _IMPLIED:
            found.append(Head(i, j, _IMPLIED[entry.unit], implied=True))
    return found


def descriptions(scene: Scene, here: list[Head], before: list[Head]) -> tuple[list[Claim], frozenset[int]]:
    """The claims that describe something, and the tokens of the words that describe.

    `here` are this sentence's heads, `before` those of the one before it.
    """
    found: list[Claim] = []
    at: list[int] = []
    describing: list[int] = []
    last: tuple[int, Head | None] = (0, None)
    """Where the last describing word ends, and what it describes."""
    names = {head.name for head in (*here, *before)}
    for term in scene.sound:
        entry = term.entry
        if not (entry.says or entry.phrases) or "ignore.phrases" in entry.marks:
            continue
        if _is_of_a_quality(scene, term) or _is_a_noun(scene, term):
            continue  # "a faint wobble": of the wobble; "at a lower level"
        if scene.word(term.i) == "long" and ":" in scene.word(term.i - 1):
            continue  # "0:40 long"
        bound = None if names.isdisjoint(entry.says) else _bind(scene, term, here, before)
        if bound is not None:
            found += _described(scene, term, *bound)
            if bound[0] is None or bound[0].name not in _OF_A_PART:
                describing.append(term.i)
        else:
            for one in (term,) if entry.phrases else _within(scene, term) if scene.chinese else ():
                for cue, asserts, needs in one.entry.phrases:
                    if scene.allowed(needs):
                        found += _described(scene, one, None, cue, asserts)
        new = len(found) - len(at)
        if not new:
            continue
        head = bound[0] if bound is not None else None
        if new == 1 and len(found) > 1 and head == last[1] and _continues(scene, found[-2], found[-1], last[0], term.i):
            found[-2:] = [_joined(scene, found[-2], found[-1])]
        else:
            at += [term.i] * new
        last = (term.j, head)
    return _paired(scene, found, at), frozenset(describing)


def _within(scene: Scene, term: Term) -> list[Term]:
    """The phrases inside a Chinese term that describes nothing here: `颤音` of `颤音很明显`."""
    if scene.word(term.i) < "\u3400":
        return []
    for j in range(term.j - 1, term.i + 1, -1):
        inside = terms(scene.text.words, scene.vocabulary.sound, (term.i,), j)
        if inside and inside[0].entry.phrases:
            return inside
    return []


def _continues(scene: Scene, one: Claim, other: Claim, i: int, j: int) -> bool:
    """`husky, slightly cracked`, `bright and jangly`: words of one cue, only adverbs and joints in tokens [i, j)."""
    alike = (
        one.cue == other.cue and one.kind == other.kind and one.polarity == other.polarity and one.scope == other.scope
    )
    return (
        alike
        and not one.cue.startswith(("source.", "event."))
        and (one.asserts == other.asserts or one.cue == "voice.quality")
        and all(
            scene.listed("joins", k) or scene.listed("adverbs", k) or scene.word(k).endswith(("ly", "和", "与"))
            for k in range(i, j)
        )
        and scene.clause(i - 1) == scene.clause(j)
    )


def _joined(scene: Scene, one: Claim, other: Claim) -> Claim:
    start, end = min(one.start, other.start), max(one.end, other.end)
    return replace(one, start=start, end=end, text=scene.text.raw[start:end])


_TRENDS = {"pitch.level": "pitch.contour", "loudness.level": "loudness.trend"}
_OPPOSITES = ({"male", "female"}, {"major", "minor"})


def _paired(scene: Scene, found: list[Claim], at: list[int]) -> list[Claim]:
    """Opposite words of one cue: `high or low` weighs options; `from low to high`, `starts low, ends high` move."""
    kept = list(found)
    for k in range(len(found) - 1):
        one, other = found[k], found[k + 1]
        if one.cue != other.cue or one.kind != other.kind or not _opposite(one.asserts, other.asserts):
            continue
        between = range(at[k] + 1, at[k + 1])
        if any(scene.listed("either", i) for i in between):
            kept[k : k + 2] = [_weighed(one), _weighed(other)]
        elif one.cue in _TRENDS and (
            (one.scope, other.scope) == ("start", "end")
            or (scene.listed("from", at[k] - 1) and any(scene.listed("to", i) for i in between))
        ):
            rising = _MANNERS.get(other.asserts, other.asserts) in MORE
            moves = scene.claim(at[k], at[k + 1] + 1, _TRENDS[one.cue], "trend", "rising" if rising else "falling")
            kept[k : k + 2] = [moves, moves]
    return kept


_MANNERS = {"shouted": "loud", "whispered": "quiet"}


def _weighed(claim: Claim) -> Claim:
    return replace(claim, modality="option") if claim.modality in ("asserted", "hedged") else claim


def _opposite(one: str, other: str) -> bool:
    one, other = _MANNERS.get(one, one), _MANNERS.get(other, other)
    return (one in MORE and other in LESS) or (one in LESS and other in MORE) or {one, other} in _OPPOSITES


def _bind(scene: Scene, term: Term, here: list[Head], before: list[Head]) -> tuple[Head | None, str, str] | None:
    says = term.entry.says
    begin, end = scene.clause(term.i)
    after = [h for h in here if term.j <= h.i < end and not h.implied]
    head = _attributed(scene, term, after, says) if after else None
    if head is None and here and any(h.i == term.j and h.name in _OF_A_PART for h in here):
        return None  # "over a droning organ": of the organ, or of nothing
    if head is None and _has_own_noun(scene, term):
        return None  # "the voice has a faint rasp"
    short = term.j - term.i == 1 and not scene.word(term.i).isascii()
    if head is None:
        near = [h for h in here if begin <= h.i and term.i - _REACH <= h.j <= term.i]
        head = _subject(scene, [h for h in near if not short or _is_beside(scene, h.j, term.i)], says)
    if head is not None and any(scene.word(k) in ",，" for k in range(head.j, term.i)) and not _ends(scene, term):
        head = None
    chinese = scene.word(term.i) >= "\u3400"
    if head is None and (not _ends(scene, term) or (chinese and not _is_beside(scene, begin, term.i))):
        return None  # a word that may describe what stands by it carries no head over
    mark = "marks.answer" if head is not None else "marks.consequence"
    if head is None:
        head = _subject(scene, [h for h in here if h.i < begin and term.i - 2 * _REACH <= h.j], says)
    if head is not None:
        return None if _is_answered(scene, term, says[head.name][0], mark) else (head, *says[head.name][0])
    if not here or any(scene.listed("pronouns", k) for k in range(begin, term.i)):
        carried = [h for h in before if h.name in says]
        if carried and all(h.i > term.i for h in here):
            said = says[carried[-1].name][0]
            return None if _is_answered(scene, term, said, mark) else (None, *said)
    return None


def _is_answered(scene: Scene, term: Term, said: tuple[str, str], mark: str) -> bool:
    """`the answer is rising`, `the pace is slow, so it is rising`: what is asked for rises, and no pace."""
    begin, _ = scene.clause(term.i)
    answered = any(begin <= t.i < term.i and mark in t.entry.marks for t in scene.frame)
    return answered and said[0] in _PACES and said[1] in ("rising", "falling")


_PACES = ("rate.level", "tempo.level")


def _is_beside(scene: Scene, i: int, j: int) -> bool:
    """Whether little more than adverbs and particles stands in tokens [i, j): `音量一直都非常大`."""
    return sum(not scene.listed("joins", k) for k in range(i, j)) <= 2


def _ends(scene: Scene, term: Term) -> bool:
    """Whether nothing follows that the word could describe: `low.`, `low and slow`, not `low prices`."""
    following = scene.word(term.j)
    return (
        not following[:1].isalnum()
        or scene.listed("stop", term.j)
        or scene.listed("joins", term.j)
        or any(other.i == term.j for other in scene.sound)
        or any(other.i == term.j for other in scene.frame)
    )


def _has_own_noun(scene: Scene, term: Term) -> bool:
    """Whether an English article before the word and a noun of sound right after it claim it: `a faint rasp`."""
    return scene.word(term.i - 1) in ("a", "an") and any(
        other.i == term.j and other.entry.number is None and not other.entry.unit for other in scene.sound
    )


def _is_of_a_quality(scene: Scene, term: Term) -> bool:
    """Whether the word only grades a quality of the voice that follows it: `a slight tremor`, `a soft lisp`."""
    return scene.word(term.i - 1) in ("a", "an") and any(
        other.i == term.j
        and not other.entry.heads
        and ("voice.quality", "texture") in other.entry.says.get("voice", ())
        for other in scene.sound
    )


def _is_a_noun(scene: Scene, term: Term) -> bool:
    """`at a lower level`, `weaker in level`, `the level`, but not `a level tone`."""
    if not (term.entry.heads and scene.listed("also_noun", term.i)) or any(
        other.i == term.j and other.entry.heads for other in scene.sound
    ):
        return False
    before = term.i - 1
    led = scene.listed("article", before) or scene.word(before) in ("a", "in", "of", "loudness", "volume", "sound")
    return led or any(other.j == term.i and other.entry.says for other in scene.sound)


def _attributed(scene: Scene, term: Term, after: list[Head], says: dict[str, list[tuple[str, str]]]) -> Head | None:
    """The noun that the word stands before: `low male voice`, `slow, even pace`, `low in pitch`."""
    for head in after:
        if head.i - term.j > 4:
            return None
        between = range(term.j, head.i)
        if any(_parts(scene, k) for k in between if not (k == term.j and scene.listed("of", k))):
            return None
        if any(scene.word(k) == "," for k in between) and not scene.listed("joins", term.j):
            return None  # "musical elements, singing"
        if scene.listed("of", term.j) and head.name not in _DIMENSIONS:
            return None
        if scene.word(head.i) >= "\u3400" and scene.word(head.i - 1) not in ("的", scene.word(term.j - 1)):
            return None  # Chinese ties a describing word to its noun by 的, or by nothing at all
        if head.name in says:
            return head
    return None


def _parts(scene: Scene, k: int) -> bool:
    """Whether a token keeps a word before it from describing a noun after it."""
    word = scene.word(k)
    return scene.listed("stop", k) or not (word[:1].isalnum() or scene.listed("joins", k))


def _subject(scene: Scene, earlier: list[Head], says: dict[str, list[tuple[str, str]]]) -> Head | None:
    """The nearest head before the word that it can describe; `the volume of the voice` counts as volume."""
    earlier = [h for h in earlier if not h.implied] + [h for h in earlier if h.implied]
    spoken = [k for k, h in enumerate(earlier) if h.name in says and not h.implied]
    for k in spoken[-1:] or range(len(earlier) - 1, -1, -1):
        head = earlier[k]
        if head.name not in says:
            continue
        for other in reversed(earlier[:k]):
            of_it = 0 < head.i - other.j <= 3 and scene.listed("of", other.j)
            if of_it and other.name in _DIMENSIONS and other.name in says:
                return other
        return head
    return None


def _described(scene: Scene, term: Term, head: Head | None, cue: str, asserts: str) -> list[Claim]:
    if (cue, asserts) == _MANNER and (_is_concluded(scene, term) or (head is None and not term.entry.phrases)):
        return []
    i, j = term.i, term.j
    if head is not None and scene.clause(head.i) == scene.clause(term.i):
        i, j = min(i, head.i), max(j, head.j)
    kind = KINDS.get(cue, "level")
    if cue == "voice.quality":
        asserts = scene.text.raw[scene.text.starts[term.i] : scene.text.ends[term.j - 1]].lower()
    if cue == "voice.sex" and any(scene.listed("minor", k) for k in range(term.i, term.j)):
        asserts = "child"
    claim = scene.claim(i, j, cue, kind, asserts, at=term.i)
    if cue == "pause.presence" and claim.polarity < 0 and _is_not_silent(scene, term):
        claim = replace(claim, cue="source.presence", asserts="silence", claimed="silence")
    if asserts == "silence" and term.j - term.i == 1 and scene.word(term.i) == SILENT:
        claim = replace(claim, claimed=SILENT)
    if head is not None and claim.modality == "quoted":
        first = scene.sentence.i
        apart = scene.stance.apart((head.i - first, head.j - first), (term.i - first, term.j - first))
        claim = replace(claim, modality=apart) if head.i >= first else claim
    asserts = asserts.replace("none", "no present") if cue == "pause.presence" else asserts
    if asserts.startswith(_NO):  # "in one breath", "nobody speaks"
        asserts = asserts.removeprefix(_NO)
        if any(scene.word(k) in ("没", "不") for k in range(term.i, term.j)):
            claim = replace(claim, polarity=1)  # "中间没有停": its own denial is not denied once more
        claim = replace(claim, asserts=asserts, claimed=asserts, polarity=-claim.polarity)
    if kind == "level" and (sign := _comparing(scene, term)):
        return [_compared(scene, term, claim, sign if asserts in MORE else -sign)]
    if cue in ("rate.level", "tempo.level") and asserts in ("rising", "falling"):
        return [replace(claim, kind="trend")]
    if kind in ("level", "trend"):
        ordinal = scene.part(term.i) if kind == "level" else scene.ordinal(term.i)
        place = scene.place(term.i)
        if ordinal is not None:
            claim = replace(claim, scope=ordinal)
        elif kind == "trend" and _of_each(scene, term):
            claim = replace(claim, scope="span")
        elif place is not None:
            claim = replace(claim, scope=place)
        elif _of_one_event(scene, term, head):
            claim = replace(claim, scope="span")
    return [claim]


def _is_not_silent(scene: Scene, term: Term) -> bool:
    """`不是静音的`: that there is sound, and not that there is no pause (`没有静音`)."""
    named = "".join(scene.word(k) for k in range(term.i, term.j))
    return named in ("静音", "寂静") and scene.word(term.i - 1) in ("是", "非", "不")


def _compared(scene: Scene, term: Term, claim: Claim, sign: int) -> Claim:
    """What is higher or louder than something; two parts that are set side by side are for `contrasts`.

    `sign` is 1 when what is spoken of has more: `higher at the end` is a rise.
    """
    part, place = scene.part(term.i), scene.place(term.i)
    if part is None and place in ("start", "end") and claim.cue in _TRENDS:
        asserts = "rising" if (sign > 0) == (place == "end") else "falling"
        said = f"{scene.text.words[term.i]} at the {place}"
        return replace(claim, cue=_TRENDS[claim.cue], kind="trend", asserts=asserts, claimed=said)
    scope = part if part is not None else "span" if _of_each(scene, term) else claim.scope
    return replace(claim, kind="comparison", scope=scope)


def _comparing(scene: Scene, term: Term) -> int:
    """1 for `higher` and `more rapid`, -1 for `less rapid`, 0 for what is no comparison."""
    if scene.listed("less", term.i - 1):
        return -1
    return 1 if "degree.comparative" in term.entry.marks or scene.listed("more", term.i - 1) else 0


def _of_each(scene: Scene, term: Term) -> bool:
    """`each tone is steady`: true of every part by itself, and of no stretch that is measured."""
    begin, _ = scene.clause(term.i)
    nouns = {t.i for t in scene.sound if t.entry.heads}
    return any(
        scene.listed("each", k) and (scene.listed("of", k + 1) or not nouns.isdisjoint((k + 1, k + 2)))
        for k in range(max(begin, term.i - _REACH), term.i)
    )


def _is_concluded(scene: Scene, term: Term) -> bool:
    """`so the speaker sounds calm` says what follows from the sound, not how it sounds."""
    begin, _ = scene.clause(term.i)
    return any(begin <= t.i < term.i and "marks.consequence" in t.entry.marks for t in scene.frame)


def _of_one_event(scene: Scene, term: Term, head: Head | None) -> bool:
    """`a loud bang`, `the crash is very loud`: true of a moment that nothing in the text places."""
    if head is not None and head.name in _OF_A_PART:
        return True
    if head is not None and head.name not in ("timbre",):
        return head.name == "music" and scene.listed("background", head.i - 1)
    begin, end = scene.clause(term.i)
    return any(
        "events.sounding" in t.entry.marks and not t.entry.heads and begin <= t.i < end and abs(t.i - term.i) <= 6
        for t in scene.sound
        if t is not term
    )
