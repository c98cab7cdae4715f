"""Object to a trace that says of one thing that it is so and that it is not, and takes neither back.

What the trace says of the sound is compared claim by claim: a pitch of 120 and of 300 Hz, a voice that is high and
low, music that is there and not there, three knocks and five. Both must speak of the same voice or sound and of the
same part of the clip. Then plain prose is compared by its phrases ("as even as a timetable" and "his fury", 清读 and a
zither throughout). Of other plain statements the words are compared: opposite attributes of one subject, a sentence
and its negation, two values of what has one ("the last sound is"), two exact counts of people. Nothing near the second
may read as a revision ("wait", "on closer listening", 其实), and a report of what others claim is no statement.
Contradictions that need knowledge of the world (a chord with B natural and B flat) go unseen.
"""

import re
from collections.abc import Iterator
from itertools import islice

from mgrd.claims.conflicts import conflicts
from mgrd.claims.portrayed import portrayed
from mgrd.opposites import OPPOSITES
from mgrd.rulebook import Trace, example
from mgrd.stances import revised, sentences, words_of

_SIDES = {
    word: (i, side) for i, pair in enumerate(OPPOSITES) for side, words in enumerate(pair) for word in words.split("|")
}
_LATIN = "|".join(sorted((re.escape(word) for word in _SIDES if word.isascii()), key=len, reverse=True))
_HAN = "|".join(sorted((word for word in _SIDES if not word.isascii()), key=len, reverse=True))
_MAY_SAY = frozenset(word for phrase in _SIDES for word in re.findall("[a-z]+", phrase) if len(word) > 2)
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
    rf"(?P<attribute>(?a:{_LATIN}))(?![\w-])(?!\s+(?:to|for|enough|than|when|as|then|or|but|frequenc|range|part|string"
    rf"|register)\b)",
    re.IGNORECASE,
)
_SAYS_HAN = re.compile(
    r"(?:^|[,;:，；：]\s*(?:而且|所以|因为|但是?)?)"
    r"(?P<subject>(?:[她他它这该]的?|说话人的?|[男女][声士]的?|整段的?|全程的?)?"
    r"[\u4e00-\u9fff]{0,4}?(?:声音|语气|音色|录音|情绪|环境|嗓音|声线|音频|说话人|态度))"
    r"(?:听起来|显得|始终|一直|全程|整体|都|从头到尾)*(?P<not>并?不(?!断|变|稳)|并?没有)?(?P<never>)"
    r"(?:是|很|非常|比较|相当|特别|太|在|十分|极其|极|属于|带有|有|明显|强烈|的)*"
    rf"(?P<attribute>{_HAN})(?!得|声乐|有致)"
)
_ONLY_VALUE = re.compile(
    r"^(?:the|its|his|her)\s+(?P<subject>(?:very\s+)?(?:last|first|only|final|main|loudest|opening|closing|lowest"
    r"|highest|quietest|longest|dominant|tonic|leading|principal)"
    r"\s+[\w' -]{3,50}?)\s+(?:is|was)\s+(?P<value>[^,;]{3,80})",
    re.IGNORECASE,
)
_PEOPLE_HAN = re.compile(
    r"(?:只有|总共|一共|仅有|共有|恰好|里的|中的)(?P<value>\d+|[一二两三四五六七八九十])[个位名](?:说话)?人"
)
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
_HAN_TIMED = re.compile(
    r"如果|当|然后|后来|之前|之后|开始|开头|结尾|最后|有时|可能|也许|或者|选项|比|相对|虽然|第|时而|说(?![话得])"
    r"|时候|接着|随后|转|变|前半|后半|起初"
)
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
_NOT_SIGNS = frozenset("not never no t".split())  # noqa: SIM905
_MOST = 300


def check(trace: Trace) -> str | None:
    """Object to two claims or plain statements about one thing that exclude each other, with no revision between."""
    if found := next(conflicts(trace.think, trace.claims), None):
        return _objection(found.first.text, found.second.text)
    if opposed := next(portrayed(trace.think), None):
        return _objection(*opposed)
    # the latest of each kind, because a revision after it comes after the earlier ones too
    said: dict[tuple[str, int, bool], tuple[int, str]] = {}
    values: dict[str, tuple[int, str, str]] = {}
    plain: list[tuple[int, str, frozenset[str]]] = []
    for place, (sentence, own) in enumerate(zip(sentences(trace.think), words_of(trace.think), strict=True)):
        if not own.isdisjoint(_TIMED) and not (own & _TIMED == {"while"} and "all the while" in sentence.lower()):
            continue
        short = sentence[:400]
        if _MARKS.search(short) or (not short.isascii() and _HAN_TIMED.search(short)):
            continue
        plain.append((place, short, own))
        for key, value, words in _values(short):
            before = values.get(key)
            if before is not None and _differ(before[1], value) and not revised(trace.think, before[0], place):
                return _objection(before[2], words)
            values[key] = place, value, words
        if short.isascii() and own.isdisjoint(_MAY_SAY):
            continue
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
                    return _objection(other, words)
            said[subject, side, holds] = place, words
    return _denied(trace.think, plain)


def _objection(one: str, other: str) -> str:
    return f"says {one[:100]!r} and {other[:100]!r}, and takes neither back"


def _statements(sentence: str) -> Iterator[tuple[str, int, int, bool, str]]:
    """What a sentence says: subject and scale, the scale's place, which side of it, whether it holds, the words."""
    for pattern in (_SAYS,) if sentence.isascii() else (_SAYS, _SAYS_HAN):
        for match in islice(pattern.finditer(sentence), 20):
            pair, side = _SIDES[match["attribute"].casefold()]  # matched as ASCII: `thİn` folds to no word of it
            words = match[0].strip(" ,;:，")
            denied = bool(match["not"] or match["never"]) or " no " in words
            yield f"{_subject(match['subject'])} {pair}", pair, side, not denied, words


def _subject(words: str) -> str:
    """A subject's key: a man and his voice are one, and so are a woman and hers."""
    key = re.sub(r"^(?:the|its|this|that)\s+", "", " ".join(words.casefold().split()))
    key = re.sub(r"^(?:whole |entire |main )?(?:recording|clip|audio|file|track|signal)$", "clip", key)
    if re.search(r"^(?:he|his|man|male speaker)\b|\bman's\b", key):
        return "he"
    if re.search(r"^(?:she|her|woman|female speaker)\b|\bwoman's\b", key):
        return "she"
    return key


def _values(sentence: str) -> Iterator[tuple[str, str, str]]:
    """What has one value only: the key, the value, and the words."""
    if match := _ONLY_VALUE.match(sentence):
        yield match["subject"].casefold(), match["value"], match[0]
    if not sentence.isascii():
        for match in islice(_PEOPLE_HAN.finditer(sentence), 5):
            yield "人", match["value"].replace("两", "二"), match[0]


def _differ(one: str, other: str) -> bool:
    """Whether two values of one thing exclude each other, because they have nothing in common."""
    a, b = ({value} if not value.isascii() else _content(value) for value in (one, other))
    return bool(a) and bool(b) and not a & b and not {"similar", "unclear", "clear", "audible"} & (a | b)


def _content(text: str) -> set[str]:
    """The words that carry a sentence, without their endings."""
    return {_ENDING.sub("", word) for one in _WORD.findall(text) if (word := one.casefold()) not in _GRAMMAR}


_ENDING = re.compile(r"(?:ing|ed|es|s)$")


def _denied(think: str, plain: list[tuple[int, str, frozenset[str]]]) -> str | None:
    """A sentence, and another one that is its negation, word for word but for what it adds."""
    negative = [
        (place, text, own) for place, text, own in plain if not own.isdisjoint(_NOT_SIGNS) and _NOT.search(text)
    ][:_MOST]
    if not negative:
        return None
    denying = {place for place, _, _ in negative}
    positive: dict[str, list[tuple[int, str]]] = {}
    for place, text, _ in plain[: 4 * _MOST]:
        if place not in denying:
            positive.setdefault(_opening(text), []).append((place, text))
    for place, text, own in negative:
        words = _content(text)
        for other, stated in positive.get(_opening(text), ())[-_MOST:]:
            content = _content(stated)
            wide = len(content) >= 4 and len(content - words) <= len(content) // 6 and len(words) <= 3 * len(content)
            narrow = (
                len(words) >= 3
                and words <= content
                and ("never" in own or _PARTS.isdisjoint(_WORD.findall(stated.lower())))
            )
            first, second = sorted((place, other))
            if (wide or narrow) and not revised(think, first, second):
                return _objection(stated, text)
    return None


def _opening(text: str) -> str:
    """The first word of a sentence that carries something: what it is about."""
    return next((word for one in _WORD.finditer(text) if (word := one[0].casefold()) not in _GRAMMAR), "")


KEEP = [
    example("He stays composed. A furious man would shout. So he is calm."),
    example("He is calm in the first half. In the last he is furious."),
    example("She is not angry. She is calm. There is no fury in it."),
    example("The man is calm. The woman is furious. They are two people."),
    example("The words tumble out. She slows down until she takes her time."),
    example("There is minimal echo. The room has no echo to speak of."),
    example("There is no wind. A flute plays. The song goes on for a minute."),
    example("语气从容。如果生气，他会咆哮。"),
    example("The speech lasts 12 seconds. The whole clip lasts 30 seconds, so the rest is music."),
    example("The narrator's voice is low, around 110 Hz. The girl he imitates is high, around 280 Hz."),
    example("The piano is quiet. The trumpet is loud. Together they make the contrast."),
    example("前半段语速很慢。后半段语速很快，所以越来越着急。"),
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
    example("He stays composed all along. He reads a number. Every word of his is seething."),
    example("Nobody but the guide speaks. She names a tower. I count a pair of voices in total."),
    example("The words tumble out. She reads a list. She takes her time over every word."),
    example("No song accompanies them. They talk of a film. A piano loop runs softly beneath their chat."),
    example(
        "There isn't a wind instrument in it. It is a dance. The tune is taken by a flute, which can be heard well."
    ),
    example("The speaker is clearly a woman. She names the gate. His relaxed baritone is that of a pilot."),
    example("他语气从容。他在念号码。每个字里都是怒火。"),
    example("整段没有配乐。她在念诗。从头伴到尾的古筝很雅致。"),
    example("His pitch is about 120 Hz. He asks for bread. With a pitch of 300 Hz, he is a child."),
    example("The speaker is a man. A bus passes. The speaker is female, so the answer is B."),
    example("The background is very noisy. He explains a recipe. The recording is completely clean."),
    example("I count four beeps. They are evenly spaced. There are six beeps in total."),
    example("Nobody speaks in the recording. Rain falls. The woman who speaks sounds sad."),
    example("这段录音长8秒。有人在敲门。整段音频时长为25秒，所以足够说完这句话。"),
    example("The clip lasts exactly eight seconds. It is loud. The clip lasts exactly forty seconds."),
    example("The last sound is a door being shut. She is calm. The last sound is a telephone, and that is all."),
    example("Exactly two dogs bark in the yard. Someone coughs. The three dogs bark in turn."),
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
    example("I hear a dog. Someone speaks. There is no dog, so it is indoors."),
    example("她的声音很高。背景有铃声。她的声音很低沉，所以她累了。"),
    example("语速很快，所以他着急。语速并不快。"),
    example("她的音调上扬。背景安静。她的音调在下降，所以是陈述句。"),
]
