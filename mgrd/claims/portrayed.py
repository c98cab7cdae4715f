"""Two sentences of one text that portray one thing as so and as its opposite: calm and furious, alone and in a pair.

Reads plain prose by the phrases of `mgrd.portrayals`, where no figure of the clip is claimed. A sentence that compares,
supposes, reports, names a part or a time of the clip or argues for an answer is passed over; so is a voice among
several. Knows nothing of the waveform and of claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mgrd.claims.conflicts import DENIES, PART_HAN, SET_APART_HAN, SEVERAL, SEXES, WHOLE, blank, named
from mgrd.portrayals import SCALES, Scale
from mgrd.stances import folded, revised, sentences, words_of

_ENDINGS = ("", "e", "es", "ed", "ing", "s", "y", "er", "al", "d", "ly", "ion", "ant", "ates", "ating", "ate", "ation")
_LATIN = re.compile("[a-z]+")
_APART = frozenset(
    """if when until once later sometimes often occasionally initially finally eventually become becomes turns turned
    shift shifts shifted change changed alternate alternates unlike whereas versus vs compared than relatively
    contrast although though however despite except unless either some analysis analyses model models tool tools
    caption captions transcript claim claims claimed report reports reported described describe describes
    description said identify identifies identified seem seems appear appears usually normally generally typical
    typically expect expected hypothesis interpretation interpretations conflict conflicts conflicting contradict
    contradicts contradiction disagree ambiguous ambiguity mixed uncertain unclear neither nor rather instead
    imagine pretends sounded felt while""".split()  # noqa: SIM905
)
_OTHERS = frozenset(("other", "another", "second", "others"))
_PARTS = frozenset(
    """first third fourth last final start beginning opening intro outro ending middle early late verse chorus bridge
    section segment halfway moment briefly""".split()  # noqa: SIM905
)
_ARGUES = re.compile(
    r"\b(?:answer|options?|choices?|match(?:es)?|fits?|rul(?:e|ed|es) out|label\w*|categor\w+|correct|incorrect"
    r"|evidence|consistent|lyrics?|topic|content|wording|question|contradicted|refut\w+|support\w*"
    r"|incompatib\w+|lacks?|resembl\w+"
    r"|excluded|eliminat\w+|impossible|wrong|reject\w*|would|could|should|might|may|perhaps|maybe)\b"
    r"|答案|选|歌词|内容|话题|排除|符合",
    re.IGNORECASE,
)
"""Of what leads to the phrase, or is beside it in its clause: an argument, a supposition, or somebody's words."""
_ALWAYS = re.compile(
    r"\b(?:never|not|without|no)\s+(?:once\s+|any\s+|an?\s+)?(?:stop\w*|let\w* up|ceas\w+|end\w*|break\w*|paus\w+"
    r"|interruption|doubt)\b|没有?停|不停|不断|不绝|[掩忍藏遮]不住|按捺不住|毫不掩饰|除了",
    re.IGNORECASE,
)
"""What denies nothing for all its negation."""
_LITTLE = re.compile(
    r"\b(?:minimal|little|slight\w*|faint\w*|subtle|low|lower|weak|moderate\w*|some|few|less|reduced|limited|mild"
    r"|hint of)(?:\s+\w+)?\s*$|^\s*or\b|略|稍|有些|一点",
    re.IGNORECASE,
)
"""Before a phrase: what is there, and hardly, takes no side; nor does an alternative."""
_HARDLY = re.compile(r"\b(?:hardly|scarcely|far from|anything but)\b", re.IGNORECASE)
_SPAN = re.compile(r"\bfrom\b.+\bto\b|\bbetween\b.+\band\b|从.+到", re.IGNORECASE)
_ALL_TIME = re.compile(
    r"\b(?:in|for|throughout|across|over|during) (?:these|the|all|its) [\w.]+ (?:seconds|minutes)\b", re.IGNORECASE
)
_BUT = re.compile(r"(?<!nobody )(?<!no one )(?<!nothing )(?<!anything )(?<!all )(?<!no-one )\bbut\b", re.IGNORECASE)
_TIME = re.compile(r"\d(?:\.\d+)?\s*(?:s\b|sec|-?second|ms\b|秒|分)|\d:\d\d")
_MARKS = re.compile(r"[?？\"“”]")
_CLAUSE = re.compile(r"[,;:，；：、]|\b(?:because|since|so)\b")
_NO_PART = re.compile(
    r"\bfrom (?:start|beginning|(?:the |its )?(?:very )?first \w+) to "
    r"(?:finish|end|(?:the |its )?(?:very )?last(?: \w+)?)"
    r"|\bfrom (?:the )?(?:very )?(?:beginning|start)(?: on)?\b|\bstart to finish\b|身[前后]|背后|前后|从头.{0,2}到尾",
    re.IGNORECASE,
)
_OF_SPEECH = frozenset(("child", "word", "sentence", "phrase", "syllable"))
_SPEECH = frozenset("word words syllables sentences sentence speech delivery pace talking phrases vowels".split())  # noqa: SIM905


class Portrayal(NamedTuple):
    """A sentence that takes one side of a scale."""

    place: int
    side: int
    words: str
    things: frozenset[str]
    sexes: frozenset[str]


class _Compiled(NamedTuple):
    scale: Scale
    english: tuple[re.Pattern[str], ...]
    chinese: tuple[re.Pattern[str], ...]


def portrayed(think: str) -> Iterator[tuple[str, str]]:
    """The words of two sentences that portray one thing in opposite ways, of which neither is taken back."""
    said = sentences(think)
    words = words_of(think)
    han = not think.isascii() and re.search("[\u4e00-\u9fff]", think) is not None
    if han or any(not own.isdisjoint(_PERSONS) for own in words):
        yield from _sexes(think, said, words)
    scales, needs, needed = _compiled()
    places: dict[int, dict[int, set[int]]] = {}
    sides: dict[int, set[int]] = {}
    for place, own in enumerate(words):
        latin = own & needed
        other = han and not said[place].isascii()
        if (not latin and not other) or not own.isdisjoint(_APART):
            continue
        denied = not own.isdisjoint(_DENY)
        hits = [one for word in latin for one in needs[word]]
        if other:
            hits += [(index, side) for index in range(len(scales)) for side in (0, 1)]
        for index, side in hits:
            places.setdefault(index, {}).setdefault(place, set()).add(side)
            sides.setdefault(index, set()).update((0, 1) if denied and scales[index].scale.flips else (side,))
    for index, taken in sorted(sides.items()):
        if len(taken) == 2:
            read = ((place, said[place][:400], words[place], likely) for place, likely in places[index].items())
            yield from _opposed(think, scales[index], read)


def _opposed(
    think: str, known: _Compiled, read: Iterable[tuple[int, str, frozenset[str], set[int]]]
) -> Iterator[tuple[str, str]]:
    """The words of the pairs of sentences that take different sides of one scale."""
    found: list[Portrayal] = []
    for place, sentence, own, likely in read:
        for other in _portrayal(known, place, sentence, own, likely):
            for one in found:
                if one.side == other.side or revised(think, one.place, other.place):
                    continue
                if _same(known.scale, one, other, SEVERAL.search(think) is not None):
                    yield one.words, other.words
            found = [*found, other][-_KEPT:]


_DENY = frozenset(
    "no not never without nothing nobody none neither nor t cannot absent absence free far hardly scarcely".split()  # noqa: SIM905
)
_COMMON = frozenset(
    """speaker voice background recording person people second without sound pitch throughout harmony frequency between
    normally completely speakers voices anything almost""".split()  # noqa: SIM905
)
"""Words that nearly every trace has: no sign of a phrase, where it has another."""
_KEPT = 8
"""How many of the latest portrayals of one scale are remembered."""
_PERSONS = frozenset("woman man lady gentleman female male girl boy".split())  # noqa: SIM905


_SPEAKER = re.compile(
    r"\b(?:speaker|voice|singer|narrator|caller|announcer|presenter|performer|it|this)\b"
    r"[^.,;]{0,30}?\b(?:is|belongs to|must be|was)\s+(?:clearly |plainly |definitely |undoubtedly |that of "
    r"|of |an? |the |young |old |adult |grown )*"
    r"(?P<sex>wom[ae]n|man|lady|gentleman|female|male|girl|boy)\b"
    r"|(?:说话[人者]|演唱者|歌手|主播|声音|主持人|朗诵者|讲述者)[^，,。]{0,4}是[^，,。]{0,4}?(?P<han>女|男)",
    re.IGNORECASE,
)
_VOICED = re.compile(
    r"\b(?P<sex>his|her)\s+(?:[\w-]+\s+){0,3}?(?:voice|baritone|tenor|bass|soprano|alto|contralto|tone"
    r"|delivery|register|timbre)\b"
    r"|(?P<han>[他她])[的那][^，,。]{0,10}?(?:嗓音|声音|嗓子|声线|语气)",
    re.IGNORECASE,
)
_FEMALE = frozenset(("woman", "women", "lady", "female", "girl", "her", "女", "她"))


def _sexes(think: str, said: tuple[str, ...], words: tuple[frozenset[str], ...]) -> Iterator[tuple[str, str]]:
    """Where the only speaker is called a woman, and then somebody's voice is his; or the other way round."""
    speaker: tuple[int, bool, str] | None = None
    for place, (sentence, own) in enumerate(zip(said, words, strict=True)):
        if sentence.isascii() and own.isdisjoint(_PERSONS if speaker is None else ("his", "her")):
            continue
        match = _SPEAKER.search(sentence, 0, 400) if speaker is None else _VOICED.search(sentence, 0, 400)
        if match is None or _MARKS.search(sentence) or _ARGUES.search(sentence, 0, match.end()):
            continue
        if DENIES.search(sentence, 0, match.end()):
            continue
        female = (match["sex"] or match["han"]).lower() in _FEMALE
        if speaker is None:
            speaker = place, female, match[0]
        elif female != speaker[1]:
            others = SEXES["female" if female else "male"] | {"男" if not female else "女"}
            before = " ".join(said[:place]).lower()
            known = any(one in before for one in others if not one.isascii()) or others & set(_LATIN.findall(before))
            if not known and not SEVERAL.search(think) and not revised(think, speaker[0], place):
                yield speaker[2], match[0]
            return


def _portrayal(
    known: _Compiled, place: int, sentence: str, own: frozenset[str], likely: set[int]
) -> Iterator[Portrayal]:
    scale = known.scale
    small = folded(sentence)  # patterns in lower case are faster than those of either case
    found = [(side, match) for side in sorted(likely) for match in known.english[side].finditer(small)]
    if not sentence.isascii():
        found += [(side, match) for side in (0, 1) for match in known.chinese[side].finditer(sentence)]
    if not found:
        return
    plain = _ALWAYS.sub(blank, _ALL_TIME.sub(blank, _NO_PART.sub(blank, WHOLE.sub(blank, sentence))))
    if (own & _OTHERS and scale.name != "people") or _MARKS.search(sentence) or _TIME.search(plain):
        return
    if _SPAN.search(plain) or ("but" in own and _BUT.search(sentence)):
        return
    whole = scale.name in ("ending", "name")  # what is said of the end, and what is done once
    if not sentence.isascii() and not whole and (SET_APART_HAN.search(plain) or PART_HAN.search(plain)):
        return
    sides: dict[int, str] = {}
    for side, match in found:
        cuts = [cut.end() for cut in _CLAUSE.finditer(sentence, 0, match.start())]
        begin = cuts[-1] if cuts else 0
        stop = _CLAUSE.search(sentence, match.end())
        end = stop.start() if stop else len(sentence)
        clause = sentence[begin:end]
        if _LITTLE.search(sentence[begin : match.start()]):
            continue
        if _ARGUES.search(sentence, 0, end) or DENIES.search(plain, match.end(), end):
            continue
        if not whole and own & _PARTS and not _PARTS.isdisjoint(_LATIN.findall(plain[:end].lower())):
            continue
        denials = len(DENIES.findall(plain, begin, match.start()))
        denials += len(_HARDLY.findall(plain, begin, match.start()))
        if denials > 1 or (denials and not scale.flips):
            continue
        sides[side ^ denials] = clause.strip(" .。") if len(clause) < 90 else match[0]
    if len(sides) == 1:
        things, sexes = named(sentence)
        if scale.about in ("voice", "speech") and things - _OF_SPEECH and "voice" not in things:
            return
        if scale.about == "speech" and sentence.isascii() and "voice" not in things and own.isdisjoint(_SPEECH):
            return
        if scale.name == "music" and "voice" in things:  # "nothing musical in his voice"
            return
        side, shown = sides.popitem()
        yield Portrayal(place, side, shown, things, sexes)


def _same(scale: Scale, one: Portrayal, other: Portrayal, several: bool) -> bool:
    """Whether two sentences portray one thing."""
    if scale.about in ("voice", "speech"):
        if several:
            return one.sexes == other.sexes and len(one.sexes) == 1
        return not (one.sexes and other.sexes and one.sexes != other.sexes)
    if scale.name in ("people", "background", "music", "mode"):
        return True
    return not one.things or not other.things or not one.things.isdisjoint(other.things)


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[_Compiled, ...], dict[str, frozenset[tuple[int, int]]], frozenset[str]]:
    """The scales with their patterns, and which scales each word may belong to: what has none of them is not read."""
    made = []
    needs: dict[str, set[tuple[int, int]]] = {}
    for index, scale in enumerate(SCALES):
        phrases = [[phrase.strip() for phrase in side.split(",")] for side in scale.english]
        for place, word in {(at, word) for at, side in enumerate(phrases) for one in side for word in _trigger(one)}:
            needs.setdefault(word, set()).add((index, place))
        english = tuple(
            re.compile(rf"\b(?:{'|'.join(map(_pattern, sorted(side, key=len, reverse=True)))})\b") for side in phrases
        )
        made.append(_Compiled(scale, english, tuple(re.compile(side) for side in scale.chinese)))
    return tuple(made), {word: frozenset(known) for word, known in needs.items()}, frozenset(needs)


def _forms(token: str) -> list[str]:
    return [
        form
        for word in token.split("/")
        for form in ([word[:-1] + ending for ending in _ENDINGS] if word.endswith("*") else [word])
    ]


def _trigger(phrase: str) -> set[str]:
    """The forms of the longest token of a phrase, one of which a sentence with the phrase has."""
    longest = max(
        (one for one in phrase.split() if one != "~"),
        key=lambda one: (_COMMON.isdisjoint(one.split("/")), min(map(len, one.split("/")))),
    )
    return {max(_LATIN.findall(form.lower()), key=len) for form in _forms(longest)}


def _pattern(phrase: str) -> str:
    parts = []
    for token in phrase.split():
        if token == "~":
            parts.append(r"(?:[\w'-]+[^\w,;.]+){0,3}?")
        else:
            parts.append(
                f"(?:{'|'.join(re.escape(form) for form in sorted(_forms(token), key=len, reverse=True))})" + r"\W+"
            )
    return "".join(parts).removesuffix(r"\W+")
