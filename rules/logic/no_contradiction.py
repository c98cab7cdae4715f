"""Object to a trace that says of one thing that it is so and that it is not, and takes neither back.

Only plain statements are compared: the same subject, in the same words, with an attribute and its negation or opposite,
no time or condition attached, and nothing between them that reads as a revision ("wait", "on closer listening", 其实).
A voice that is low at first and high later is no contradiction, and a report of what others claim is no statement.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from mgrd.rulebook import Trace, example

OPPOSITES = (
    ("high|high-pitched", "low|low-pitched|deep"),
    ("loud", "quiet|soft|faint"),
    ("fast|rapid|quick", "slow"),
    ("rising|rises|goes up|climbs", "falling|falls|goes down|drops"),
    ("speeds up|accelerates", "slows down"),
    ("gets louder", "gets softer|gets quieter"),
    ("male", "female"),
    ("young", "old|elderly"),
    ("calm", "agitated|excited|angry"),
    ("happy|cheerful", "sad|sorrowful"),
    ("relaxed", "tense"),
    ("clear", "muffled"),
    ("bright", "dark|dull"),
    ("major", "minor"),
    ("steady|constant", "unsteady|irregular|changing"),
    ("audible|present", "inaudible|absent"),
    ("高|高亢|尖锐", "低|低沉"),
    ("大|响亮", "小|微弱"),
    ("快|急促", "慢|缓慢"),
    ("上升|上扬", "下降|下行"),
    ("平静", "激动|愤怒"),
    ("清晰|清亮", "模糊|浑浊"),
)
_SIDES = {
    word: (i, side) for i, pair in enumerate(OPPOSITES) for side, words in enumerate(pair) for word in words.split("|")
}
_ATTRIBUTE = "|".join(sorted(map(re.escape, _SIDES), key=len, reverse=True))
_CLAUSE = r"(?:^|[,;:]\s*+(?:(?:and|so|because|but)\b)?+\s*+)"
_SAYS = (
    re.compile(
        rf"{_CLAUSE}(?P<subject>(?:the|her|his|its|their|this|that)\s+(?:[\w'-]+\s+){{0,2}}?[\w'-]+)\s+"
        r"(?:(?:is|sounds|was|remains|stays)(?P<not>\s+not|n't)?\s+(?:in\s+)?|(?P<never>does\s+not\s+|doesn't\s+)?)"
        r"(?:(?:very|quite|really|rather|clearly|definitely|so|also|a)\s+)*"
        rf"(?P<attribute>{_ATTRIBUTE}|rise|fall)(?=\s*(?:[,.;!?]|$|and\b|so\b|because\b|key\b))",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:^|[，,；：]\s*(?:而且|所以|因为|但是?)?)"
        r"(?P<subject>(?:[她他它这该]的?)?[\u4e00-\u9fff]{0,4}?(?:声音|音调|音高|语速|音量|语气|音色|节奏))"
        r"(?:听起来|显得)?(?P<not>并?不|并?没有)?(?P<never>)(?:是|很|非常|比较|相当|特别|太|在)*"
        rf"(?P<attribute>{_ATTRIBUTE})(?=的?\s*(?:[，,。；！]|$|所以|因为))"
    ),
)
_THERE = re.compile(
    rf"{_CLAUSE}(?:there\s+(?:is|are)|I\s+(?:can\s+)?hear)\s+(?:an?\s+|some\s+|the\s+)?"
    r"(?P<thing>[a-z]+(?:\s[a-z]+)?)(?=\s*[,.;!])",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    rf"{_CLAUSE}(?:there\s+(?:is|are)\s+(?:no|not\s+an?|not\s+any)|there\s+(?:isn't|aren't)\s+(?:an?|any)|"
    r"I\s+(?:do\s+not|don't|cannot|can't)\s+hear\s+(?:an?|any|the))\s+(?P<thing>[a-z]+(?:\s[a-z]+)?)(?=\s*[,.;!])",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")
_QUALIFIED = re.compile(
    r"\b(?:if|when|while|until|once|then|later|after|before|first|second|third|last|beginning|start|middle|end|"
    r"sometimes|often|at times|initially|finally|would|could|might|may|perhaps|maybe|or|analys[ei]s|says?|said|claims?|"
    r"suggests?|other|another|compared|than|relatively|option|choice|whether|although|though|not only)\b|"
    r"[?？\d\"“”]|如果|当|然后|后来|之前|之后|开始|开头|结尾|最后|有时|可能|也许|或者|选项|比|相对|虽然|第|时而|说",
    re.IGNORECASE,
)
_REVISED = re.compile(
    r"\b(?:wait|actually|on second thought|correction|i was wrong|rather|instead|no,|hmm|let me|listening again|"
    r"re-?listen\w*|closer|however|but|yet|now|becomes?|turns?|changes?|scratch that|i mean)\b|"
    r"等等|等一下|不对|其实|实际上|再听|仔细听|更正|但|不过|然而|却|变得|转为|现在",
    re.IGNORECASE,
)


def check(trace: Trace) -> str | None:
    """Object to two plain statements about one subject that exclude each other, with no revision between them."""
    # the latest of each kind, because a revision after it comes after the earlier ones too
    said: dict[tuple[str, int, bool], tuple[int, str]] = {}
    revised = [match.start() for match in _REVISED.finditer(trace.think)]
    for sentence in _SENTENCE.finditer(trace.think):
        if _QUALIFIED.search(sentence[0]):
            continue
        for subject, side, holds, words in _statements(sentence[0].strip()):
            # "not high" leaves low open, so only a thing and its own negation, or both opposites, exclude
            excluded = [(subject, side, not holds), *([(subject, 1 - side, True)] if holds else [])]
            for start, other in sorted(said[one] for one in excluded if one in said):
                if bisect_left(revised, start) == bisect_left(revised, sentence.end()):
                    return f"says {other!r} and {words!r}, and takes neither back"
            said[subject, side, holds] = sentence.start(), words
    return None


def _statements(sentence: str) -> Iterator[tuple[str, int, bool, str]]:
    """What a sentence says: the subject with the scale, which end of the scale, whether it holds, and the words."""
    for pattern in _SAYS:
        for match in pattern.finditer(sentence):
            word = match["attribute"].casefold()
            pair, side = _SIDES[{"rise": "rises", "fall": "falls"}.get(word, word)]
            subject = " ".join(match["subject"].casefold().split())
            yield f"{subject} {pair}", side, not (match["not"] or match["never"]), match[0].strip(" ,;:，")
    for pattern, holds in ((_THERE, True), (_NOT_THERE, False)):
        for match in pattern.finditer(sentence):
            thing = match["thing"].casefold()
            if holds and thing.startswith(("no ", "not ", "nothing")):
                continue
            yield f"there is {thing}", 0, holds, match[0].strip(" ,;:")


KEEP = [
    example("Her voice is high. Wait, listening again, her voice is low. So it is the older speaker."),
    example("At first her voice is high. At the end her voice is low. So the pitch falls."),
    example("The first voice is high. The second voice is low."),
    example("If the pitch is high it is a child. The pitch is low, so it is a man."),
    example("The music is loud, and the voice is not loud."),
    example("The voice is not high. The voice is not low. It is in the middle."),
    example("There is a bell. There is no dog."),
    example("One analysis says the pitch rises. The pitch falls."),
    example("她的声音很高。等等，再听一遍，她的声音很低。"),
    example("开头她的声音很高。结尾她的声音很低。"),
]
DROP = [
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
