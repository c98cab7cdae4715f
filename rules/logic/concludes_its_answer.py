"""Object to a response that is not what the reasoning concludes.

When the last thing a trace settles on is one choice and the response is another, the reasoning did not lead to the
answer: it is decoration, and a right answer under it is luck. Only what the trace states outright counts as its
conclusion ("so the answer is", "I choose", a last sentence that names one choice plainly); a trace that leaves it to
the response is not objected to.
"""

import re

from mgrd.answers import conclusion, is_correct
from mgrd.choices import exact, options_of
from mgrd.numerals import as_number, with_digits
from mgrd.rulebook import Trace, example
from mgrd.stances import HEDGED, NAMED, STATED, folded, own_words, revised, sentences, stances, tells_of_others

_DRAWN = re.compile(
    r"\b(?:so|therefore|thus|hence|overall|which (?:is|makes|means)|must|has to|only|left|settles|conclu\w+)\b"
    r"|所以|因此|综上|因而|故|总之|可见|只能|只剩|应该是",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:points? to|fits? best|best (?:fit|match|explain\w*|describe\w*|answer|choice)|most (?:plausible|likely"
    r"|consistent|fitting|convincing)|it is[.!]?$"
    r"|clearly|leaves? (?:us )?(?:with|only)|agrees? with|consistent with|in favou?r of|speaks? for|confirms?"
    r"|gives? us|amounts? to|adds? up to)\b"
    r"|最(?:符合|像|可能|合适|合理)|符合|显然|很明显|无疑|就是|指向|说明|吻合|正是",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(?:not|no|but|however|although|while|than|without|unlike|against|wrong)\b|n't\b|不|没|但|而", re.IGNORECASE
)
_ENDS = re.compile(r"[\s\"'”’」)*.!。！的]*$")
_IS = re.compile(
    r"(?:\b(?:is|are|was|were|be|'s|it|go with|going with|choose|:)\s+(?:an?\s+|the\s+)?|是|为|^)\W*$", re.IGNORECASE
)


def check(trace: Trace) -> str | None:
    """Object when the last stated conclusion resolves to another answer than the response."""
    if trace.predicted is None:
        return None
    if not trace.choices and as_number(with_digits(trace.predicted.casefold())) is None:
        return None  # two wordings of an open answer cannot be told from two answers
    found = conclusion(own_words(trace.think), trace.choices)
    if found is not None and found.value is not None:
        if is_correct(found.value, trace.predicted, trace.choices):
            return None
        return f"concludes {found.value!r} ({found.why}), but answers {trace.predicted!r}"
    drawn = _drawn(trace) if trace.choices else None
    if drawn is None or is_correct(drawn[0], trace.predicted, trace.choices):
        return None
    return f"concludes {drawn[0]!r} ({drawn[1]!r}), but answers {trace.predicted!r}"


def _drawn(trace: Trace) -> tuple[str, str] | None:
    """The choice that the trace states last, or that its last sentence names plainly and alone."""
    said = sentences(trace.think)
    found = stances(trace.think, trace.choices or [])
    if not said:
        return None
    closing = re.sub(
        r"^\W*(?:so|therefore|thus|hence|final(?:ly)?|it's|it is|所以|因此|故|综上|选)[\s,:]*",
        "",
        said[-1],
        flags=re.IGNORECASE,
    )
    if len(bare := exact(closing, options_of(trace.choices or []))) == 1:
        return (trace.choices or [])[bare[0]], said[-1][:80]
    letter = _LETTER.search(said[-1])
    is_plain = not HEDGED.search(said[-1]) and not _CONTRAST.search(said[-1])
    if letter and is_plain and len(bare := exact(letter[1], options_of(trace.choices or []))) == 1:
        return (trace.choices or [])[bare[0]], said[-1][:80]
    if len(found_number := _numbered(said[-1], trace.choices or [])) == 1:
        return found_number[0], said[-1][:80]
    if tells_of_others(said[-1]):
        return None
    last = [one for one in found if one.place == len(said) - 1]
    stated = [one for one in found if one.kind == STATED]
    if stated and stated[-1].place >= len(said) - 3:
        one = stated[-1]
        return (
            None
            if one.place < len(said) - 1 and revised(trace.think, one.place, len(said) - 1)
            else (one.choice, one.text)
        )
    if all(choice.strip(" .").isdecimal() for choice in trace.choices or []):
        return None  # a number in a sentence need not be its result
    if len(last) != 1 or last[0].kind != NAMED or HEDGED.search(said[-1]):
        return None
    one, sentence = last[0], said[-1]
    at = folded(sentence).rfind(folded(one.choice).strip(" ."))
    before, after = sentence[:at], sentence[at + len(one.choice.strip(" .")) :]
    if at >= 0 and _POINTS.search(sentence) and not _CONTRAST.search(sentence):
        return one.choice, sentence[:80]
    if at >= 0 and (_DRAWN.search(sentence) or _IS.search(before)) and (_ENDS.match(after) or _DRAWN.search(after)):
        return one.choice, sentence[:80]
    return None


def _numbered(sentence: str, choices: list[str]) -> list[str]:
    """The choice that the only number of a sentence is, where all choices are numbers and nothing qualifies it."""
    numbers = [as_number(with_digits(choice.casefold().strip(" ."))) for choice in choices]
    if any(number is None for number in numbers) or HEDGED.search(sentence) or _CONTRAST.search(sentence):
        return []
    told = {match[0] for match in _NUMBER.finditer(with_digits(sentence.casefold()))}
    if len(told) != 1 or not _TOTAL.search(sentence):
        return []
    value = as_number(told.pop())
    return [choice for choice, number in zip(choices, numbers, strict=True) if number == value]


_NUMBER = re.compile(r"(?<![\w.:-])\d+(?:\.\d+)?(?![\w:]|\.\d)")
_TOTAL = re.compile(
    r"\b(?:in total|altogether|in all|it is[.!]?$|so there (?:are|is)|total|makes?|count|that's|thus|therefore|so)\b"
    r"|总共|一共|所以|因此|共",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\b(?:leaves|is|be|:|choose|pick|option|with|to|选项?|是|为)\s*\(?([A-H])\)?[.!。]?\W*$")

MOODS = ["calm", "excited"]
KEEP = [
    example("The host says the answer is excited. Her own voice is slow and low.", response="calm", choices=MOODS),
    example("The teacher asks, and a boy replies: the answer is B. He mumbles.", response="calm", choices=MOODS),
    example("The rate is low. The caller's answer is excited, in a flat tone.", response="calm", choices=MOODS),
    example("音调很平。主持人说答案是激动。", response="平静", choices=["平静", "激动"]),
    example("The pitch jumps up, so the answer is excited.", response="excited", choices=MOODS),
    example("The answer is calm? No, the pitch jumps up. So the answer is excited.", response="B", choices=MOODS),
    example("The pitch jumps up. Calm would be flat.", response="excited", choices=MOODS),  # draws no conclusion
    example("I would expect excited, but the voice is flat. Therefore it is calm.", response="calm", choices=MOODS),
    example("音调突然升高，所以选B。", response="激动", choices=["平静", "激动"]),
    example("Three knocks, so the answer is three.", response="3"),
    example("The second jumps. So the wrong answer is second.", response="first", choices=["first", "second"]),
    example("音调平稳，所以不选B。", response="平静", choices=["平静", "激动"]),
    example("She starts out calm.", response="excited", choices=MOODS),
]
DROP = [
    example("She says little and slowly, so the answer is calm.", response="excited", choices=MOODS),
    example("The pitch jumps up, so the answer is excited.", response="calm", choices=MOODS),
    example("The voice is flat. Therefore, it is calm.", response="excited", choices=MOODS),
    example("It might be calm. But the pitch jumps up, so I choose (B).", response="The answer is A.", choices=MOODS),
    example("音调突然升高，所以选B。", response="平静", choices=["平静", "激动"]),
    example("音调平稳。因此答案是平静。", response="激动", choices=["平静", "激动"]),
    example("Three knocks, so the answer is three.", response="The answer is 4."),
    example("The pitch hardly moves. The speaker is calm.", response="excited", choices=MOODS),
    example("The voice is flat, and calm is the only choice left.", response="excited", choices=MOODS),
    example("The pitch jumps up. All things considered, I am going with excited.", response="calm", choices=MOODS),
]
