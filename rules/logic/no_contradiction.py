"""Object to a trace that says of one thing that it is so and that it is not, and takes neither back.

Only plain statements are compared: one subject in the same words (or the same man, or woman) with opposite
attributes; a sentence and its negation; two values of what has one ("the last sound is", "the clip lasts exactly");
two exact counts of the same. No time or condition may be attached, and nothing near the second that reads as a
revision ("wait", "on closer listening", 其实). A voice that is low at first and high later is no contradiction, and a
report of what others claim is no statement. Contradictions that need knowledge of the world (a chord with B natural
and B flat) go unseen.
"""

import re
from collections.abc import Iterator
from itertools import islice

from mgrd.numerals import with_digits
from mgrd.opposites import OPPOSITES
from mgrd.rulebook import Trace, example
from mgrd.stances import revised, sentences, words_of

_SIDES = {
    word: (i, side) for i, pair in enumerate(OPPOSITES) for side, words in enumerate(pair) for word in words.split("|")
}
_LATIN = "|".join(sorted((re.escape(word) for word in _SIDES if word.isascii()), key=len, reverse=True))
_HAN = "|".join(sorted((word for word in _SIDES if not word.isascii()), key=len, reverse=True))
_CLAUSE = (
    r"(?:^(?:(?:all the while|here|overall|throughout|in fact|clearly|indeed|moreover|also|furthermore"
    r"|the whole time|all the time|meanwhile),?\s+)?|[,;:]\s*+(?:(?:and|so|because|but|as)\b)?+\s*+|\b(?:because"
    r"|and)\s)"
)
_SAYS = re.compile(
    rf"{_CLAUSE}(?P<subject>(?:the|her|his|its|their|this|that)\s+(?:[\w'-]+\s+){{0,3}}?[\w'-]+|she|he|it)\s+"
    r"(?:(?:is|sounds|was|remains|stays|has|comes from|takes place|was recorded|is recorded|is spoken by|is sung by"
    r"|is played on|is played by|belongs to|speaks|talks|plays|sings|keeps|shows)(?P<not>\s+not|n't|\s+never"
    r"|\s+no)?\s+(?:in\s+)?"
    r"|(?P<never>does\s+not\s+|doesn't\s+|never\s+)?)"
    r"(?:(?:very|quite|really|so|also|an?|in|at|all|too|extremely|completely|clearly|definitely|entirely|fully"
    r"|always|strong|wide|heavy|long|typical"
    r"|the|much|most|remarkably|noticeably|unusually|full|pure|purely|rather|exceptionally|perfectly|young|old|adult"
    r"|middle-aged|completely|nearly|almost|tone|voice|key|recording)\s+){0,3}"
    rf"(?P<attribute>{_LATIN})(?![\w-])(?!\s+(?:to|for|enough|than|when|as|then|or|but|frequenc|range|part|string"
    rf"|register)\b)",
    re.IGNORECASE,
)
_SAYS_HAN = re.compile(
    r"(?:^|[,;:，；：]\s*(?:而且|所以|因为|但是?)?)"
    r"(?P<subject>(?:[她他它这该]的?|说话人的?|男声的?|女声的?|男士的?|女士的?|整段的?"
    r"|全程的?)?[\u4e00-\u9fff]{0,4}?(?:声音|音调|音高|语速|音量|语气|音色|节奏"
    r"|录音|背景|旋律|情绪|环境|速度|嗓音|声线|混响|音频|说话人)|[她他](?:说话?|讲话?|唱)得)"
    r"(?:听起来|显得|始终|一直|全程|整体|都|从头到尾)*(?P<not>并?不(?!断|变|稳)|并?没有(?!混响))?(?P<never>)(?:是|很"
    r"|非常|比较|相当|特别|太|在|十分|极其|极|属于|带有"
    r"|有|明显|强烈|的)*"
    rf"(?P<attribute>{_HAN})(?!得|声乐|有致)"
)
_THING = r"(?P<thing>(?:[a-z'-]+\s){0,3}?[a-z'-]+)"
_UNTIL = (
    r"(?=\s*[,.;!]|$|\s+(?:in|at|behind|throughout|anywhere|whatsoever|from|on|under|and|between|of any|during|all"
    r"|to|plays|playing|with)\b)"
)
_THERE = re.compile(
    rf"(?:{_CLAUSE}(?:there\s+(?:is|are)|(?:I|you|one|we)\s+(?:can\s+)?(?:clearly\s+)?hear|(?:the|this)\s+(?:clip"
    rf"|recording|audio|track|background|piece|song|scene)\s+(?:clearly\s+)?(?:contains|has|features|includes))"
    rf"\s+(?:(?:an?|some|the|clearly|constant|audible|several|many|also)\s+)*{_THING}{_UNTIL}"
    rf"|{_CLAUSE}(?:an?\s+|the\s+|some\s+|his\s+|her\s+)?(?P<heard>(?:[a-z'-]+\s){{0,2}}?[a-z'-]+)\s+(?:(?:is"
    rf"|are)\s+(?:clearly\s+|constantly\s+|always\s+)?(?:audible|heard|present|playing)"
    rf"|can\s+(?:clearly\s+)?be\s+heard|(?:is|are)\s+(?:very\s+|quite\s+)?(?:loud|constant|strong|steady|continuous"
    rf"|noticeable|heavy)|(?:plays?|runs?|continues?|goes on|sounds?)\s+(?:throughout|in the background|all the time"
    rf"|from start|the whole|without)))",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    rf"\b(?:there\s+(?:is|are|was|were)\s+(?:no|not\s+an?|not\s+any|never\s+any|not\s+a\s+single)|there\s+(?:isn't"
    rf"|aren't)\s+(?:an?|any)|without\s+an?y?|not\s+a\s+single|(?:contains|has|features|includes)\s+no|free\s+of"
    r"|(?:I|you|one|we)\s+(?:do\s+not|don't|cannot|can't|never)\s+hear\s+(?:an?|any|the)|(?:does\s+not"
    r"|doesn't)\s+(?:contain|have|include|feature)\s+(?:an?|any))\s+"
    rf"(?:audible\s+|other\s+)?{_THING}{_UNTIL}"
    r"|\bno\s+(?P<heard>(?:[a-z'-]+\s){0,2}?[a-z'-]+)\s+(?:is|are|can\s+be|plays?|at\s+all|whatsoever|anywhere)\b",
    re.IGNORECASE,
)
_HAS_HAN = re.compile(
    r"(?<!没)(?<!没有)(?:有|能听到|可以听到|传来|听得见|听得到|夹杂着|伴随着|播放着|放着"
    r"|响着)[\u4e00-\u9fff]{0,6}?(?P<thing>音乐|人声|说话声|脚步声|笑声|掌声|鸟叫"
    r"|狗叫|雨声|风声|回声|混响|噪声|噪音|杂音|伴奏|鼓声|车声|哭声|歌声|铃声|停顿|口音|呼吸声|钢琴|水声)"
)
_NO_HAN = re.compile(
    r"(?:没有|听不到|听不见|没听到|毫无|不带|不含|无)(?:任何|一点|丝毫|什么|半点|明显的?|一丝|其他"
    r"|别的)?(?P<thing>音乐|人声|说话声|脚步声|笑声|掌声|鸟叫|狗叫|雨声|风声|回声|混响"
    r"|噪声|噪音|杂音|伴奏|鼓声|车声|哭声|歌声|铃声|停顿|口音|呼吸声|钢琴|水声)"
)
_ONLY_VALUE = re.compile(
    r"^(?:the|its|his|her)\s+(?P<subject>(?:very\s+)?(?:last|first|only|final|main|loudest|opening|closing|lowest"
    r"|highest|quietest|longest|dominant|tonic|leading|principal)"
    r"\s+[\w' -]{3,50}?)\s+(?:is|was)\s+(?P<value>[^,;]{3,80})",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\b(?P<subject>clip|recording|audio|file|tempo|key|piece|track|duration|声音|音频|录音|片段|时长|全长|基频|速度"
    r"|节拍)[^.,;，。]{0,20}?"
    r"(?:lasts?|is|runs?|has a duration of|of|takes|约|为|是|长|共"
    r"|持续)[^.,;，。\d]{0,16}?(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>seconds?|s\b|minutes?|bpm|beats per minute|hz|赫兹"
    r"|秒|分钟"
    r"|拍)",
    re.IGNORECASE,
)
_EXACT = re.compile(
    r"\b(?:(?P<exact>exactly|precisely|only|just|a total of)|(?P<the>^the|all"
    r"|both))\s+(?P<value>\d+)\s+(?:other\s+)?(?:distinct\s+|separate\s+|different\s+)?(?P<noun>[a-z]+)",
    re.IGNORECASE,
)
_DOES = re.compile(r"(?:^|\b(?P<exact>only|exactly|just)\s+)(?P<value>\d+)\s+(?P<noun>[a-z]+\s+[a-z]+)", re.IGNORECASE)
_DOES_HAN = re.compile(
    r"(?P<exact>只|仅)?有(?P<value>\d+|[一二两三四五六七八九十])[个位名声次种条只](?P<noun>[\u4e00-\u9fff]{3,4})"
)
_EXACT_HAN = re.compile(
    r"(?P<exact>只有|总共|一共|仅有|共有|恰好)?(?P<the>里的|中的)?(?P<value>\d+|[一二两三四五六七八九十])(?:个|位|名"
    r"|声|次|种|条"
    r"|只)(?P<noun>[\u4e00-\u9fff]{1,2})"
)
_HAN_DIGITS = {one: str(i + 1) for i, one in enumerate("一二三四五六七八九十")} | {"两": "2"}
_TIMED = frozenset(
    """if when while until once then later after before second third beginning start middle sometimes often times
    initially finally
    would could might may perhaps maybe or analysis analyses say says said claim claims claimed suggest suggests
    suggested other another compared than
    relatively option options choice choices whether although though interpretation interpretations tool tools model
    models listener listeners source sources some
    described description descriptions describes report reports reported reporting state states stated listed identify
    identifies identified according confidence
    conflict conflicts conflicting contradict contradicts contradicted contradicting contradictory contradiction
    disagree disagrees disagreement disagreements
    expected typical typically usually generally not_only""".split()  # noqa: SIM905
)
_PARTS = frozenset(("first", "last", "end"))
_WITHIN = re.compile(r"\b(?:in|at|during|within|on) the\b", re.IGNORECASE)
_MARKS = re.compile(r"[?？\"“”]")
_HAN_TIMED = (
    r"如果|当|然后|后来|之前|之后|开始|开头|结尾|最后|有时|可能|也许|或者|选项|比|相对|虽然|第|时而|说(?![话得])"
    r"|时候|接着|随后|转|变|前半|后半|起初"
)
_HAN_REPORTED = re.compile(_HAN_TIMED)
_NOT = re.compile(
    r"\b(?:does|do|did|is|are|was|were|has|have|can|could|will)\s+(?:not|never)\b|n't\b|\bnever\b|\bis no\b|\bare no\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]{2,}|\d+", re.IGNORECASE)
_GRAMMAR = frozenset(
    """the of and is are was were to in it that this with for as be on not by from at an has have had does do did
    never so
    no can could will there its his her their all any either""".split()  # noqa: SIM905
)
_MOST = 300


def check(trace: Trace) -> str | None:
    """Object to two plain statements about one subject that exclude each other, with no revision between them."""
    # the latest of each kind, because a revision after it comes after the earlier ones too
    said: dict[tuple[str, int, bool], tuple[int, str]] = {}
    values: dict[tuple[str, str], tuple[int, str, str]] = {}
    plain: list[tuple[int, str]] = []
    for place, (sentence, own) in enumerate(zip(sentences(trace.think), words_of(trace.think), strict=True)):
        short = sentence[:400]
        timed = own & _TIMED - ({"while"} if "all the while" in short.lower() else set())
        if timed or _MARKS.search(short) or (not short.isascii() and _HAN_REPORTED.search(short)):
            continue
        plain.append((place, short))
        for key, value, words in _values(short):
            before = values.get(key)
            if before is not None and _differ(before[1], value) and not revised(trace.think, before[0], place):
                return f"says {before[2]!r} and {words!r}, and takes neither back"
            values[key] = place, value, words
        # "at the end" and the like: only the same words about the same part exclude each other
        part = not own.isdisjoint(_PARTS) or _WITHIN.search(short) is not None
        for about, pair, side, holds, words in _statements(short):
            # "not high" leaves low open, so only a thing and its own negation, or both opposites, exclude
            subject = f"{about} {short.casefold().replace(words.casefold(), '')}" if part else about
            excluded = [
                (subject, side, not holds),
                *((subject, one, True) for one in range(len(OPPOSITES[pair])) if holds and one != side),
            ]
            for start, other in sorted(said[one] for one in excluded if one in said):
                if not revised(trace.think, start, place):
                    return f"says {other!r} and {words!r}, and takes neither back"
            said[subject, side, holds] = place, words
    return (
        _counted(plain, trace.think)
        or _denied(trace.think, plain)
        or _there_and_not(trace.think, plain)
        or _one_and_two(trace.think, plain)
    )


def _statements(sentence: str) -> Iterator[tuple[str, int, int, bool, str]]:
    """What a sentence says: subject and scale, the scale's place, which side of it, whether it holds, the words."""
    for pattern in (_SAYS,) if sentence.isascii() else (_SAYS, _SAYS_HAN):
        for match in islice(pattern.finditer(sentence), 20):
            pair, side = _SIDES[match["attribute"].casefold()]
            words = match[0].strip(" ,;:，")
            denied = bool(match["not"] or match["never"]) or " no " in words
            yield f"{_subject(match['subject'])} {pair}", pair, side, not denied, words


def _subject(words: str) -> str:
    """A subject's key: a man and his voice, pitch or pace are one, and so are a woman and hers."""
    key = re.sub(r"^(?:the|its|this|that)\s+", "", " ".join(words.casefold().split()))
    key = re.sub(r"^(?:whole |entire |main )?(?:recording|clip|audio|file|track|signal)$", "clip", key)
    key = re.sub(
        r"^(?:speaker's )?(?:speech|speaking|talking)(?: (?:rate|pace|tempo|speed))?$|^delivery$", "speech", key
    )
    if re.search(r"^(?:he|his|man|the man|male speaker)\b|\bman's\b", key):
        return "he"
    if re.search(r"^(?:she|her|woman|female speaker)\b|\bwoman's\b", key):
        return "she"
    return key


def _values(sentence: str) -> Iterator[tuple[tuple[str, str], str, str]]:
    """What has one value only: the key, the value, and the words."""
    digits = with_digits(sentence.casefold()) if sentence.isascii() else sentence
    if match := _ONLY_VALUE.match(sentence):
        yield ("value", match["subject"].casefold()), match["value"], match[0]
    for match in islice(_AMOUNT.finditer(digits), 5 if any(one.isdigit() for one in digits) else 0):
        if re.search(r"exactly|precisely|\blasts\b|全长|时长|基频|tempo|共", match[0]):
            yield ("amount", match["subject"].casefold() + match["unit"].casefold()[:1]), match["value"], match[0]
    for match in islice(_EXACT.finditer(digits), 5):
        noun = match["noun"].casefold().removesuffix("s")
        if noun not in _UNCOUNTED:
            yield ("count", noun), match["value"], match[0]
    for match in islice(_EXACT_HAN.finditer(sentence), 0 if sentence.isascii() else 5):
        if (match["exact"] or match["the"]) and match["noun"][:1] in "人狗猫鸟孩声说男女":
            yield ("count", match["noun"][:1]), _HAN_DIGITS.get(match["value"], match["value"]), match[0]


def _counted(plain: list[tuple[int, str]], think: str) -> str | None:
    """Two counts of those who do one thing, one of them exact: "three people talk", "only two people talk"."""
    seen: dict[str, tuple[int, str, bool, str]] = {}
    for place, text in plain:
        for pattern, shown in ((_DOES, with_digits(text.casefold()) if text.isascii() else ""), (_DOES_HAN, text)):
            for match in islice(pattern.finditer(shown), 3):
                key, value = match["noun"].casefold(), _HAN_DIGITS.get(match["value"], match["value"])
                before = seen.get(key)
                if (
                    before
                    and before[1] != value
                    and (before[2] or match["exact"])
                    and not revised(think, before[0], place)
                ):
                    return f"says {before[3]!r} and {match[0]!r}, and takes neither back"
                seen[key] = place, value, bool(match["exact"]), match[0]
    return None


_UNCOUNTED = frozenset("second minute hz khz db bpm time percent of s beat hour one option choice answer".split())  # noqa: SIM905


def _differ(one: str, other: str) -> bool:
    """Whether two values of one thing exclude each other: numbers that differ, words with nothing in common."""
    numbers = [float(part) if re.fullmatch(r"\d+(?:\.\d+)?", part) else None for part in (one, other)]
    first, second = numbers
    if first is not None and second is not None:
        return abs(first - second) > 0.25 * max(first, second)
    a, b = (_content(part) for part in (one, other))
    return bool(a) and bool(b) and not a & b and not {"similar", "unclear", "clear", "audible"} & (a | b)


def _content(text: str) -> set[str]:
    """The words that carry a sentence, without their endings."""
    return {
        re.sub(r"(?:ing|ed|es|s)$", "", word) for one in _WORD.findall(text) if (word := one.casefold()) not in _GRAMMAR
    }


def _denied(think: str, plain: list[tuple[int, str]]) -> str | None:
    """A sentence, and another one that is its negation, word for word but for what it adds."""
    negative = [(place, text, _content(text)) for place, text in plain if _NOT.search(text)][:_MOST]
    if not negative:
        return None
    positive = [(place, text, _content(text)) for place, text in plain[: 4 * _MOST] if not _NOT.search(text)]
    for place, text, words in negative:
        never = re.search(r"\bnever\b", text, re.IGNORECASE) is not None
        for other, stated, content in positive:
            wide = len(content) >= 4 and len(content - words) <= len(content) // 6 and len(words) <= 3 * len(content)
            narrow = (
                len(words) >= 3 and words <= content and (never or _PARTS.isdisjoint(_WORD.findall(stated.lower())))
            )
            if not (wide or narrow):
                continue
            first, second = sorted((place, other))
            if _opening(text) == _opening(stated) and not revised(think, first, second):
                return f"says {stated[:100]!r} and {text[:100]!r}, and takes neither back"
    return None


def _there_and_not(think: str, plain: list[tuple[int, str]]) -> str | None:
    """A thing that is there in one sentence and not in another."""
    there: list[tuple[int, str, frozenset[str]]] = []
    absent: list[tuple[int, str, frozenset[str]]] = []
    for place, text in plain:
        for pattern, kept in ((_THERE, there), (_NOT_THERE, absent), (_HAS_HAN, there), (_NO_HAN, absent))[
            : 2 if text.isascii() else 4
        ]:
            for match in islice(pattern.finditer(text), 5):
                groups = match.groupdict()
                thing = (groups["thing"] or groups.get("heard") or "").casefold()
                words = _content(thing) if thing.isascii() else {thing}
                if words and not words & _VAGUE and not re.search(r"\b(?:no|not|only|but|more|other)\b", thing):
                    kept.append((place, match[0].strip(" ,;:，")[:80], frozenset(words)))
    for place, denied, missing in absent[:_MOST]:
        for other, said, things in there[:_MOST]:
            if other != place and missing <= things:
                first, second = sorted((place, other))
                if not revised(think, first, second):
                    return f"says {said!r} and {denied!r}, and takes neither back"
    return None


_VAGUE = frozenset(
    """sound evidence indication doubt need support mention clear sign other reason way one thing cue conflict
    contradiction
    change difference nothing anything choice option direct explicit audio it match contradict disagreement
    ambiguity""".split()  # noqa: SIM905
)


def _opening(text: str) -> str:
    """The first word of a sentence that carries something: what it is about."""
    return next((word.casefold() for word in _WORD.findall(text) if word.casefold() not in _GRAMMAR), "")


_ALONE = re.compile(
    r"\b(?:only|just|exactly)\s+(?:one|a single)\s+(?:speaker|person|voice|human)|\ba single (?:speaker|person) (?:is"
    r"|talks|speaks)",
    re.IGNORECASE,
)
_HE = re.compile(
    r"^(?:the|a|an)\s+(?:\w+\s+)?(?:man|boy)\b|\bspeaker is (?:a|an) (?:\w+ )?(?:man|boy)\b", re.IGNORECASE
)
_SHE = re.compile(
    r"^(?:the|a|an)\s+(?:\w+\s+)?(?:woman|girl)\b|\bspeaker is (?:a|an) (?:\w+ )?(?:woman|girl)\b", re.IGNORECASE
)


def _one_and_two(think: str, plain: list[tuple[int, str]]) -> str | None:
    """One speaker only, who is a man in one sentence and a woman in another."""
    if not _ALONE.search(think):
        return None
    found = [
        next(((place, text) for place, text in plain if pattern.search(text)), None) for pattern in (_ALONE, _HE, _SHE)
    ]
    alone, he, she = found
    if alone is None or he is None or she is None:
        return None
    places = sorted(one[0] for one in (alone, he, she))
    if revised(think, places[0], places[-1]) or revised(think, places[0], places[1]):
        return None
    return f"says {alone[1][:60]!r}, {he[1][:60]!r} and {she[1][:60]!r}, and takes none back"


KEEP = [
    example("Her voice is high. Wait, listening again, her voice is low. So it is the older speaker."),
    example("At first her voice is high. At the end her voice is low. So the pitch falls."),
    example("The first voice is high. The second voice is low."),
    example("If the pitch is high it is a child. The pitch is low, so it is a man."),
    example("The music is loud, and the voice is not loud."),
    example("The voice is not high. The voice is not low. It is in the middle."),
    example("There is a bell. There is no dog."),
    example("One analysis says the pitch rises. The pitch falls."),
    example("The last sound is a door. Wait, the last sound is a telephone."),
    example("The clip lasts exactly 8 seconds. The dog does not bark. A dog next door barks twice."),
    example("The recording does not contain a voice that speaks. The recording contains music."),
    example("There are exactly two dogs. The three cats are silent."),
    example("她的声音很高。等等，再听一遍，她的声音很低。"),
    example("开头她的声音很高。结尾她的声音很低。"),
]
DROP = [
    example("The clip lasts exactly eight seconds. It is loud. The clip lasts exactly forty seconds."),
    example("The last sound is a door being shut. She is calm. The last sound is a telephone, and that is all."),
    example("Exactly two bells ring in the tower. Someone coughs. The three bells ring in turn."),
    example("The speaker drops the glass on the floor. It breaks. The speaker does not drop the glass on the floor."),
    example("There is only one speaker. The man laughs. The woman sings."),
    example("The man's speech is slow. A dog barks. He speaks very quickly."),
    example("The recording is dry. It is short. The recording has strong reverberation."),
    example("屋里只有一个人。他很累。屋里的三个人都在笑。"),
    example("Her voice is high. There is a bell behind it. Her voice is low, so she is tired."),
    example("The music is loud. The music is not loud. It is a lullaby."),
    example("The pitch is very high, so it is a child. The pitch is deep and it is a man."),
    example("The pitch rises. She asks something. The pitch falls, so it is a statement."),
    example("The pitch rises, so she is asking. The pitch does not rise."),
    example("The piece is in a major key. It is bright. The piece is in a minor key."),
    example("There is a bell. She is calm. There is no bell."),
    example("I hear a dog. Someone speaks. I do not hear a dog, so it is indoors."),
    example("她的声音很高。背景有铃声。她的声音很低沉，所以她累了。"),
    example("语速很快，所以他着急。语速并不快。"),
    example("她的音调上扬。背景安静。她的音调在下降，所以是陈述句。"),
]
