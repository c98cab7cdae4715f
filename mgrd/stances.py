"""What a think text says about the choices: which it states as the answer, which it rejects, and where.

Shared by the logic checks. Reads sentences, not meaning: what is hedged, asked, supposed or reported of others is no
stance, and an answer that a text merely leans to has none. Knows nothing of the gold answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from mgrd.choices import TRIM, exact, opening, options_of
from mgrd.rejections import BUT_YES, NO_AFTER, NO_BEFORE, NONE, NUMBER_BEFORE, NUMBER_NO, NUMBER_NO_SIGNS, ONCE

STATED, NAMED, REJECTED = "stated", "named", "rejected"
_MOST = 40
"""How many mentions of one kind are read in one sentence: what has no full stops is no argument."""


@dataclass(frozen=True, slots=True)
class Stance:
    """One sentence's word on one choice."""

    place: int
    """Which sentence."""
    choice: str
    kind: str
    """`stated` as the answer, `rejected`, or merely `named`."""
    text: str
    """The sentence, at most 100 characters of it."""


_END = re.compile(r"[.!?][\"'”’)*]*\s+|[!?][\"'”’」』)*]*(?=[\u4e00-\u9fff“「『])|。[”’」』)]*|\n+")
"""Begins with what is rare, so that a search is fast; the sign that ends a sentence is of the sentence.

In NFKC form ！ and ？ are ! and ?, which end a Chinese sentence without white space after them.
"""


@lru_cache(maxsize=8)  # several checks ask about one trace
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text in NFKC form, without white space around them; headings and list items are sentences."""
    normal = text if text.isascii() else unicodedata.normalize("NFKC", text)
    begin, parts = 0, []
    for end in _END.finditer(normal):
        parts.append(normal[begin : end.start() + (normal[end.start()] != "\n")])
        begin = end.end()
    return tuple(part for one in [*parts, normal[begin:]] if (part := one.strip()) and part.strip(TRIM))


def folded(text: str) -> str:
    """A text in case-folded letters, each in its place: one whose folded form is longer (`İ`) stays as it is."""
    small = text.casefold()
    if len(small) == len(text):
        return small
    return "".join(one.casefold() if len(one.casefold()) == 1 else one for one in text)


_WORDS = re.compile(r"[a-z_]+")
_TO_WORDS = {i: " " for i in range(128) if not _WORDS.match(chr(i)) and chr(i) != "\n"}


@lru_cache(maxsize=8)
def words_of(text: str) -> tuple[frozenset[str], ...]:
    """The distinct words of each of `sentences(text)`, in lower case: runs of the letters a to z and underscores."""
    if not (said := sentences(text)):
        return ()
    small = "\n".join(said).lower()  # no sentence holds a line break
    if not small.isascii():
        small = small.encode("ascii", "replace").decode()
    return tuple(frozenset(line.split()) for line in small.translate(_TO_WORDS).split("\n"))


REVISION = re.compile(
    r"\b(?:wait|actually|on (?:second thought|reflection)|correction|i (?:was|am) wrong|was wrong|hold on|hmm|let me"
    r"|listening again|re-?listen\w*|(?:listen|check|count|look)(?:ing|ed)? (?:\w+ )?(?:again|closer|more closely)"
    r"|on closer|closer (?:look|listen\w*|inspection|hearing|examination|attention)|scratch that|scrap|i mean|no,"
    r"|(?:i |to )?revise|mistook|misheard|mistaken|premature|superseded"
    r"|(?:change|changing|take|taking) (?:my|that|it|this) (?:answer|mind|back)|change from|first impression|at first"
    r"|initially|had (?:me|i|first)|turns? out|(?:i|we) (?:first |initially )?(?:thought|assumed|believed|guessed)"
    r"|second (?:pass|listen)|better not|not .{1,30} after all"
    r"|(?:from which|which is why|so|which made me|that made me) i (?:had )?(?:concluded|inferred|took|gathered|said"
    r"|counted))\b"
    r"|等等|等一下|慢着|不对[,，。;]|其实|实际上|再(?:听|数|核对|看|想)|仔细(?:听|看)|更正|改(?:为|判|选|成)|哦不|漏"
    r"|原来|回头"
    r"|起初|一开始|本来|最初|刚才|先前|乍一|以为|第一印象|听错|看错|搞错|后来|而不是|重新",
    re.IGNORECASE,
)
"""What takes back something said before, or marks that as a first impression."""

CONTRAST = re.compile(
    r"\b(?:but|however|yet|though|although|nevertheless|instead)\b|但|不过|然而|却|虽然", re.IGNORECASE
)

HEDGED = re.compile(
    r"[?？]|\b(?:if|would|could|might|may|maybe|perhaps|seem\w*|appear\w*|either|whether|at first|initially|thought"
    r"|tempt\w*"
    r"|assum\w+|guess|hypothes\w+|unless|until|not yet|say that)\b|如果|假如|似乎|好像|可能|也许|以为|倾向|乍一|要是"
    r"|会不会|是否|还是",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:analys[ei]s|models?|tools?|interpretations?|sources?|listeners?|annotators?|reports?|outputs?|one|another"
    r"|others|some|LLMs?|Qwen\w*|speaker|he|she|they)\s+(?:\w+\s+){0,3}?(?:conclud\w+|stat(?:es?|ed|ing)|suggest\w*"
    r"|claim\w*|sa(?:ys?|id)"
    r"|indicat\w+|propos\w+|support\w*|favou?r\w*|identif\w+|argu\w+|believ\w+|report\w*)\b",
    re.IGNORECASE,
)
_THEIRS = re.compile(
    r"(?:\b(?:his|her|their)|(?<!\bit)(?<!\bthat)(?<!\bthis)(?<!\bhere)(?<!\bquestion)['’]s)\s+(?:\w+\s+){0,2}"
    r"(?:answer|choice|option|response)\b|(?:他|她|他们|对方|主持人|老师|选手)的(?:\w{0,2})(?:回答|答案|选择)",
    re.IGNORECASE,
)
_SPEAKING = re.compile(
    r"\b(?:speaker|voice|host|hostess|teacher|interviewer|interviewee|presenter|announcer|narrator|caller|operator"
    r"|agent|contestant|candidate|singer|actor|guest|driver|customer|man|woman|boy|girl|child|person|lady|he|she|they"
    r"|who)(?:\s+\w+){0,3}?\s+(?:sa(?:ys?|id)|saying|tells?|told|telling|reads?|reading|announc\w+|shouts?|whispers?"
    r"|replies|replied|repeats?|repeated|insists?|explain\w*|mentions?|asks?|sings?|calls out)\b"
    r"|(?:他|她|他们|人|老师|主持人|女声|男声|选手|广播)[^。,;!?]{0,4}(?:说|念|读|喊|问|回答|播报|告诉)",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:so|therefore|thus|hence|but|which means)\b|所以|因此|但", re.IGNORECASE)
_SAYING = frozenset(
    """says said say saying tells told telling reads reading announces announced shouts whispers replies replied repeats
    repeated insists explains explained mentions asks sings calls his her their s""".split()  # noqa: SIM905
)
_SPEECH = _SAYING - frozenset(("his", "her", "their", "s"))
_ANSWER = frozenset(("answer", "choice", "option", "response"))
"""What `_THEIRS` finds has one of them; what `_SPEAKING` finds has one of `_SPEECH`, or what `_may_say` looks for."""


_SAY = frozenset(
    "say tell read reading shout whisper repeat insist mention ask sing calls".split()  # noqa: SIM905
)
"""Beside `_SAYING`, words with which somebody says something."""


def spoken_before(sentence: str, at: int) -> bool:
    """Whether what stands at a place of a sentence is what somebody in the clip says, and not a conclusion from it."""
    found = _SPEAKING.search(sentence, 0, at)
    return found is not None and not _OWN.search(sentence, found.end(), at)


def own_words(text: str) -> str:
    """The sentences of a text but for those that tell somebody else's answer."""
    said = sentences(text)
    kept = [
        one
        for one, words in zip(said, words_of(text), strict=True)
        if (words.isdisjoint(_SAYING) and (one.isascii() or not _may_say(one, words)))
        or (words.isdisjoint(_SPEECH) and words.isdisjoint(_ANSWER) and not _may_say(one, words))
        or not tells_of_others(one)
    ]
    return text if len(kept) == len(said) else "\n".join(kept)


def _may_say(sentence: str, words: frozenset[str]) -> bool:
    """Whether a sentence that is not of ASCII alone may hold what `tells_of_others` looks for."""
    stems = not words.isdisjoint(_SAY) or any("announc" in word or "explain" in word for word in words)
    return stems or _HAN.search(sentence) is not None


def tells_of_others(sentence: str) -> bool:
    """Whether a sentence tells what somebody in the clip answers or says, and draws nothing from it."""
    theirs = _THEIRS.search(sentence) or _SPEAKING.search(sentence)
    return theirs is not None and not _OWN.search(sentence, theirs.end())


_ADVERBS = (
    r"(?:(?:therefore|thus|clearly|then|hence|indeed|definitely|obviously|most likely|probably|simply|also"
    r"|surely)\s+)*"
)
_ANNOUNCES = re.compile(
    r"(?<!wrong )(?<!incorrect )(?<!false )(?<!worst )(?<!unlikely )(?<!each )(?<!every )(?<!per )(?<!following )"
    r"\b(?:answer|choice|option|response)\b(?:\s+(?:here|then))?\s*+"
    rf"(?:(?:is|must be|has to be|should be|can only be|will be)\s+{_ADVERBS}:?|[:=])\s*"
    r"|\b(?:I|we)(?:'d|'ll|'m|\s+am|\s+will|\s+would|\s+can|\s+must|\s+have\s+to)?\s+(?:therefore\s+|thus\s+|then\s+"
    r"|now\s+)?"
    r"(?:choose|pick|select|answer|go\s+(?:with|for)|going\s+(?:with|for)|opt\s+for|settle\s+(?:on|for)"
    r"|conclude\s+(?:on|with))\s+"
    r"|^\W*(?:choosing|picking|selecting|going with|settling on)\s+"
    rf"|\b(?:it|this|that|he|she)\s+{_ADVERBS}(?:has\s+to|must|can\s+only)\s+be\s+"
    r"|(?<!错误)(?<!错误的)(?<!不正确的)(?:答案|选项|选择)(?:应该?|应当|就|只能|必须|当然|显然|肯定)*(?:是|为|:|选)+\s*"
    r"|(?<![不没别勿可挑再重备])(?<!不能)(?<!不该)(?<!不应)(?<!不会)选(?:择"
    r"|项)?:?(?=[\s\"'“「(\[]*[A-Z\u4e00-\u9fff])\s*",
    re.IGNORECASE,
)
_IS_RIGHT = re.compile(
    r"^[\"'”’」)\]*]*\s*(?:"
    rf"(?:is|are|was|remains|has to be|must be)\s+{_ADVERBS}(?:the\s+|my\s+)?(?:(?:only|best|single|final|one"
    rf"|most\s+\w+|overwhelmingly)\s+)*"
    r"(?:(?:right|correct|true|accurate)(?:\s+(?:answer|choice|option|one|response))?\b(?!\s+(?:hand|ear|side"
    r"|channel|foot|about|for|that))"
    r"|answer\b|(?:choice|option|one)\s+(?:left|that\s+(?:match\w*|fits?|remains?|is left))|left\b)"
    r"|(?:the\s+)(?:right|correct)\s+(?:answer|choice|option)\b|it is\s*[.,!]"
    r"|(?:就|才|应该|无疑|显然|也|都|同样)*是?(?:正确(?:的|答案|选项)?|对的|答案)(?:[.。,，;!]|$))",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\bboth\b[^.]*\b(?:are|is)\s+(?:the\s+)?(?:correct|right|true|answers?)\b|都(?:是)?(?:对|正确|答案)", re.IGNORECASE
)
_POLAR = frozenset(
    ("yes", "no", "true", "false", "是", "否", "不是", "有", "没有", "会", "不会", "对", "不对", "能", "不能")
)


def stances(think: str, choices: Sequence[str]) -> list[Stance]:
    """What the sentences of `think` say about the choices, in order; one entry a sentence and choice."""
    return list(_stances(think, tuple(choices)))


@lru_cache(maxsize=8)
def _stances(think: str, choices: tuple[str, ...]) -> tuple[Stance, ...]:
    options = options_of(choices)
    own, bare = _own_words(choices), _bare(choices)
    any_own = frozenset().union(*own) if all(own) else None
    found: list[Stance] = []
    for place, (sentence, words) in enumerate(zip(sentences(think), words_of(think), strict=True)):
        other = not sentence.isascii() and _HAN.search(sentence) is not None
        none = other or (not words.isdisjoint(_NONE_SIGNS) and any(sign in sentence.lower() for sign in _NONE_OF))
        if none and NONE.search(sentence) and not HEDGED.search(sentence):
            found += [Stance(place, choices[option.index], REJECTED, sentence[:100]) for option in options]
            continue
        by_letter = (
            other
            or "(" in sentence
            or not words.isdisjoint(_LETTER_SIGNS)
            or ((sentence[1:2] == "i" or not sentence[1:2].isalpha()) and _LETTER_FIRST.match(sentence) is not None)
        )
        mentions = []
        if by_letter or any_own is None or not words.isdisjoint(any_own):
            may_name = tuple([by_letter or name <= words for name in own])
            mentions = list(_mentions(sentence, _patterns(choices, may_name))) if any(may_name) else []
        announces = other or not words.isdisjoint(_ANNOUNCE_SIGNS) or ("be" in words and not words.isdisjoint(_MUST_BE))
        if not (mentions or announces or bare):
            continue
        said = _mentioned(sentence, mentions)
        if bare and (other or not words.isdisjoint(NUMBER_NO_SIGNS)):
            said |= dict.fromkeys(_numbers_rejected(sentence, bare), REJECTED)
        stated = _announced(sentence, choices) if announces else set()
        if other or not words.isdisjoint(_RIGHT_SIGNS) or words.issuperset(("it", "is")):
            stated |= _called_right(sentence, mentions, bare)
        if stated and not (HEDGED.search(sentence) or _REPORTED.search(sentence)):
            said |= dict.fromkeys(stated, STATED)
        if len(said) > 1 and ("both" in words or other) and _BOTH.search(sentence) and not HEDGED.search(sentence):
            said = dict.fromkeys(said, STATED)
        found += [Stance(place, choices[index], kind, sentence[:100]) for index, kind in said.items()]
    return tuple(found)


@lru_cache(maxsize=256)
def _own_words(choices: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """The words that a sentence must have to name each option by its text; none where the text is not of letters."""
    return tuple(frozenset(_WORDS.findall(one.text.lower())) - {"a", "an", "the"} for one in options_of(choices))


_HAN = re.compile("[\u4e00-\u9fff]")
_LETTER_FIRST = re.compile(r"[A-Z](?:[.:,、]|\s*(?:不|也不|错|排除|is\b))")
_LETTER_SIGNS = frozenset(("option", "choice"))
_NONE_SIGNS = frozenset("none neither no not all every each".split())  # noqa: SIM905
_NONE_OF = ("option", "choice", "answer", "candidate", "possibilit", "of them")
_ANNOUNCE_SIGNS = frozenset(
    """answer choice option response choose pick select go going opt settle conclude choosing picking selecting
    settling""".split()  # noqa: SIM905
)
_MUST_BE = frozenset(("must", "has", "can"))
_RIGHT_SIGNS = frozenset("right correct true accurate answer choice option one left".split())  # noqa: SIM905
"""One of them (or `it is`) is in every English sentence that states an answer or rejects all: looking is cheap."""


@lru_cache(maxsize=1024)
def _patterns(choices: tuple[str, ...], may_name: tuple[bool, ...] | None = None) -> re.Pattern[str] | None:
    """Finds any choice of words by its text, or by its letter where that stands for a choice; a group each.

    `may_name`: of the options, those to look for; each that is looked for in vain takes time.
    """
    options = [one for place, one in enumerate(options_of(choices)) if may_name is None or may_name[place]]
    parts = []
    for option in sorted(options, key=lambda one: -len(one.text)):
        text = re.sub(r"^(?:an?|the)\s+", "", option.text.strip(TRIM), flags=re.IGNORECASE)
        letter = chr(65 + option.index)
        own = [
            rf"(?:[Oo]ption|[Cc]hoice|选项)\s*{letter}\b|\({letter}\)"
            rf"|^{letter}(?=[.:,、]|\s*(?:不|也不|错|排除|is\b))"
        ]
        if text and text.casefold() not in _POLAR and not re.fullmatch(r"\W*[\x00-\x7f]\W*", text):
            left = r"(?<![\w-])" if text[0].isascii() and text[0].isalnum() else ""
            right = r"(?![\w-])" if text[-1].isascii() and text[-1].isalnum() else ""
            own.append(left + "(?i:" + re.escape(text).replace(r",\ ", r",?\s+").replace(r"\ ", r"\s+") + ")" + right)
        parts.append(f"(?P<o{option.index}>{'|'.join(own)})")
    return re.compile("|".join(parts)) if parts else None


def _mentions(sentence: str, pattern: re.Pattern[str] | None) -> Iterator[tuple[int, int, int]]:
    for match in islice(pattern.finditer(sentence), _MOST) if pattern else ():
        yield int((match.lastgroup or "o0")[1:]), match.start(), match.end()


def _mentioned(sentence: str, mentions: list[tuple[int, int, int]]) -> dict[int, str]:
    """The choices that a sentence names, each rejected or merely named; named wins where it does both."""
    if not mentions:
        return {}
    said: dict[int, str] = {}
    insisted = BUT_YES.search(sentence) is not None or ONCE.search(sentence) is not None
    neither = re.match(r"\W*(?:neither|none of|not)\b[^.]*\b(?:nor|or)\b", sentence, re.IGNORECASE) is not None
    for place, (index, start, end) in enumerate(mentions):
        until = mentions[place + 1][1] if place + 1 < len(mentions) else len(sentence)
        since = mentions[place - 1][2] if place else 0
        after = sentence[end : min(until, end + 100)]
        rejected = neither or bool(
            NO_BEFORE.search(sentence[max(since, start - 60) : start])
            or NO_AFTER.match(after if len(mentions) > 1 else sentence[end : end + 100].replace(";", ","))
        )
        rejected = rejected and not insisted
        if said.get(index) != NAMED:
            said[index] = REJECTED if rejected else NAMED
    return said


def _announced(sentence: str, choices: tuple[str, ...]) -> set[int]:
    """The choices that a sentence announces as the answer ("the answer is")."""
    options = options_of(choices)
    found: set[int] = set()
    for match in islice(_ANNOUNCES.finditer(sentence), _MOST):
        theirs = _THEIRS.search(sentence, max(0, match.start() - 40), match.end())
        if (theirs and theirs.end() > match.start()) or spoken_before(sentence, match.start()):
            continue
        slot = sentence[match.end() : match.end() + 200].strip().strip("*").strip()
        named = exact(slot, options) or opening(slot, options)
        if not named:  # "a church, given the bells": a choice that only begins what follows
            bare = re.sub(r"^(?:an?|the|option|choice)\s+", "", slot.lstrip("\"'“「* "), flags=re.IGNORECASE)
            first = next(_mentions(bare, _patterns(choices)), None)
            named = [first[0]] if first is not None and first[1] == 0 else []
        if len(named) == 1:
            found.add(named[0])
    return found


def _called_right(
    sentence: str, mentions: list[tuple[int, int, int]], bare: list[tuple[int, re.Pattern[str]]]
) -> set[int]:
    """The choices that a sentence calls right ("is correct")."""
    found: set[int] = set()
    for index, start, end in mentions:
        if _IS_RIGHT.match(sentence[end : end + 80]) and not NO_BEFORE.search(
            re.sub(r"no doubt", "", sentence[max(0, start - 60) : start])
        ):
            found.add(index)
    for index, pattern in bare:
        for match in islice(pattern.finditer(sentence), _MOST):
            if _IS_RIGHT.match(sentence[match.end() : match.end() + 80]):
                found.add(index)
    return found


def _numbers_rejected(sentence: str, bare: list[tuple[int, re.Pattern[str]]]) -> set[int]:
    """The choices of digits alone that a sentence rejects ("Four is clearly too many")."""
    return {
        index
        for index, pattern in bare
        for match in islice(pattern.finditer(sentence), _MOST)
        if match[0].casefold() not in _POLAR
        and NUMBER_BEFORE.search(sentence[: match.start()])
        and NUMBER_NO.match(sentence[match.end() : match.end() + 60])
    }


_SPELT = {
    str(value): (english, chinese)
    for value, (english, chinese) in enumerate(
        zip("zero one two three four five six seven eight nine ten".split(), "零一二三四五六七八九十", strict=True)  # noqa: SIM905
    )
}
"""How the choices of one digit are said in words."""


@lru_cache(maxsize=256)
def _bare(choices: tuple[str, ...]) -> list[tuple[int, re.Pattern[str]]]:
    """The options that are yes or no, a number or a single letter, and what finds each as it stands."""
    texts = [(option.index, option.text.strip(TRIM)) for option in options_of(choices)]
    return [
        (
            index,
            re.compile(
                rf"(?<![\w.])(?:{'|'.join([re.escape(text), *_SPELT.get(text, ())])})(?![\w.]\w)", re.IGNORECASE
            ),
        )
        for index, text in texts
        if text.casefold() in _POLAR or re.fullmatch(r"\d+|\w", text)
    ]


def revised(think: str, first: int, second: int) -> bool:
    """Whether what sentence `first` says is taken back on the way to sentence `second`, or near it."""
    said = sentences(think)
    near = {first, min(first + 1, second), *range(max(first, second - 2), second + 1)}
    return any(REVISION.search(said[one][:400]) for one in near) or any(
        CONTRAST.search(said[one][: 400 if one == second else 20]) for one in near - {first}
    )
