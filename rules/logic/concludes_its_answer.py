"""Object to a response that is not what the reasoning concludes.

When the last thing a trace settles on is one choice and the response is another, the reasoning did not lead to the
answer: it is decoration, and a right answer under it is luck. Only what the trace states outright counts as its
conclusion ("so the answer is", "I choose", a last sentence that names one choice plainly); a trace that leaves it to
the response is not objected to. A last sentence also concludes when it answers the question in the question's own words
("the second speaker is closer", "so there is no music", 因此没有音乐). A response that does not resolve but names one
choice counts as that one.
"""

import re

from mgrd.answers import conclusion, is_correct
from mgrd.choices import exact, options_of
from mgrd.numerals import as_number, with_digits
from mgrd.rulebook import Trace, example
from mgrd.stances import (
    HEDGED,
    NAMED,
    REJECTED,
    STATED,
    folded,
    own_words,
    revised,
    sentences,
    stances,
    tells_of_others,
)

_DRAWN = re.compile(
    r"\b(?:so|therefore|thus|hence|overall|which (?:is|makes|means)|must|has to|only|left|settles|conclu\w+)\b"
    r"|所以|因此|综上|因而|故|总之|可见|只能|只剩|应该是",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:points? to|fits? best|(?:best|closest) (?:fit|match|explain\w*|describ\w*|description|characteri[sz]\w+"
    r"|label|account|reading|interpretation|answer|choice|option)|most (?:plausible|likely"
    r"|consistent|fitting|convincing)|it is[.!]?$"
    r"|clearly|leaves? (?:us )?(?:with|only)|agrees? with|consistent with|in favou?r of|speaks? for|confirms?"
    r"|gives? us|amounts? to|adds? up to|aligns? (?:perfectly|precisely|exactly|best|closely|fully)"
    r"|match\w* (?:perfectly|precisely|exactly|best|closely|fully)|(?:fully|strongly|directly|best) supported)\b"
    r"|最(?:符合|像|可能|合适|合理)|符合|显然|很明显|无疑|就是|指向|说明|吻合|正是",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(?:not|no|but|however|although|while|than|without|unlike|against|wrong)\b|n't\b|不|没|但|而", re.IGNORECASE
)
_HAN_DRAWN = re.compile(
    r"^\W*(?:所以|因此|因而|可见|综上)[^,，;；不没但而或]{0,12}(?:是|在|从|到|为|属于)从?⁂[^,，;；不没但而或]{0,12}$"
)
_ALIGNS = re.compile(
    r"\b(?:aligns? (?:perfectly|precisely|exactly|best|fully)|match\w* (?:perfectly|precisely|exactly|best)"
    r"|fits? (?:perfectly|best)|(?:best|fully|strongly) supported)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[\s\"'”’」)*.!。！的]*$")
_IS = re.compile(
    r"(?:\b(?:is|are|was|were|be|'s|it|go with|going with|choose|:)\s+(?:an?\s+|the\s+)?|是|为|^)\W*$", re.IGNORECASE
)


def check(trace: Trace) -> str | None:
    """Object when the last stated conclusion resolves to another answer than the response."""
    predicted = trace.predicted if trace.predicted is not None else _named_alone(trace)
    if predicted is None:
        return None
    if not trace.choices and as_number(with_digits(predicted.casefold())) is None:
        return None  # two wordings of an open answer cannot be told from two answers
    found = conclusion(own_words(trace.think), trace.choices)
    if found is not None and found.value is not None:
        if is_correct(found.value, predicted, trace.choices):
            return None
        return f"concludes {found.value!r} ({found.why}), but answers {predicted!r}"
    drawn = (_drawn(trace) or _in_its_words(trace)) if trace.choices else None
    if drawn is None or is_correct(drawn[0], predicted, trace.choices):
        return None
    return f"concludes {drawn[0]!r} ({drawn[1]!r}), but answers {predicted!r}"


def _named_alone(trace: Trace) -> str | None:
    """The only choice that a short response names and does not reject."""
    if not trace.choices or len(trace.response) > 300:
        return None
    found = stances(trace.response, trace.choices)
    named = {one.choice for one in found if one.kind != REJECTED}
    return named.pop() if len(named) == 1 and not HEDGED.search(trace.response) else None


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
    if not last:
        return _aligned(trace)
    if len(last) != 1 or last[0].kind != NAMED or HEDGED.search(said[-1]):
        return None
    one, sentence = last[0], said[-1]
    if one.choice.isascii() is False and _HAN_DRAWN.search(sentence.replace(one.choice, "⁂")):
        return one.choice, sentence[:80]
    at = folded(sentence).rfind(folded(one.choice).strip(" ."))
    before, after = sentence[:at], sentence[at + len(one.choice.strip(" .")) :]
    if at >= 0 and _POINTS.search(sentence) and not _CONTRAST.search(f"{before} {after}"):
        return one.choice, sentence[:80]
    if at >= 0 and (_DRAWN.search(sentence) or _IS.search(before)) and (_ENDS.match(after) or _DRAWN.search(after)):
        return one.choice, sentence[:80]
    return None


def _aligned(trace: Trace) -> tuple[str, str] | None:
    """The choice of which the last paragraph says that it alone fits, where it names and takes back nothing else."""
    paragraph = trace.think.rstrip().rpartition("\n\n")[2]
    if not _ALIGNS.search(paragraph):
        return None
    said, found = sentences(paragraph), stances(paragraph, trace.choices or [])
    fits = {one.choice for one in found if one.kind != REJECTED and _ALIGNS.search(said[one.place])}
    if len(fits) != 1 or {one.choice for one in found} != fits or revised(paragraph, found[-1].place, len(said) - 1):
        return None
    place = found[-1].place
    if HEDGED.search(said[place]) or _CONTRAST.search(_ALIGNS.split(said[place])[0].replace(found[-1].choice, "")):
        return None
    return found[-1].choice, said[place][:80]


def _in_its_words(trace: Trace) -> tuple[str, str] | None:
    """The choice that the last sentence gives when it says nothing but words of the question and of one choice."""
    said = sentences(trace.think)
    if not said or HEDGED.search(said[-1]) or tells_of_others(said[-1]):
        return None
    choices, shown = trace.choices or [], said[-1][:80]
    clause = re.split(r"[,;:，；：]\s*", said[-1].strip(" .!。！"))[-1]
    if _RETURNS.search(clause):
        return None
    if (polar := _polar(trace.question, clause, choices)) is not None:
        return polar, shown
    if not clause.isascii() or _CONTRAST.search(clause):
        return None
    words, asked = _stems(clause), _stems(trace.question)
    parts = [_stems(choice) for choice in choices]
    within = [part for part in parts if part and part <= words]
    if len(within) != 1 or not words & asked - within[0] or not words - within[0] <= asked | _FILLER:
        return None
    return choices[parts.index(within[0])], shown


def _polar(question: str, clause: str, choices: list[str]) -> str | None:
    """Yes or no, where a clause repeats a question that is answered so, plainly or with one negation."""
    keys = [choice.casefold().strip(" .。") for choice in choices]
    pair = next((pair for pair in _YES_NO if sorted(keys) == sorted(pair)), None)
    if pair is None:
        return None
    if question.isascii() and clause.isascii():
        drawn = _SO.match(clause) or _SO.search(clause)
        clause = clause[drawn.end() :] if drawn else clause
        words, asked = _stems(clause), _stems(question) - _FILLER
        negated = len(_NEGATES.findall(clause))
        if not _ASKS.match(question.strip()) or _NEGATES.search(question) or negated > 1:
            return None
        told = words - _FILLER
        if not told <= asked or 2 * len(told) < len(asked) or not told:
            return None
    else:
        clause = re.sub(r"^(?:所以|因此|因而|可见|说明|综上|故)+", "", clause)
        negated = len(re.findall(r"[没不无未]", clause))
        told = frozenset(re.findall(r"[\u4e00-\u9fff]", clause)) - _FILLER_HAN
        if negated > 1 or len(told) < 2 or not told <= set(question):
            return None
    return choices[keys.index(pair[negated])]


def _stems(text: str) -> frozenset[str]:
    """The words of a text without their endings, and without articles."""
    return frozenset(_STEM.sub("", word) for word in re.findall(r"[a-z0-9']+", text.casefold())) - {"th", "a", "an", ""}


_STEM = re.compile(r"(?:ions?|ing|ed|es|s|e|ly|'s)$")
_SO = re.compile(r"\b(?:so|therefore|thus|hence|which means|that means|meaning)(?: that)?\b", re.IGNORECASE)
_ASKS = re.compile(r"(?:is|are|was|were|does|do|did|can|could|has|have|will)\b", re.IGNORECASE)
_NEGATES = re.compile(r"\b(?:no|not|never|without|neither|nobody|nothing|none)\b|n't\b", re.IGNORECASE)
_RETURNS = re.compile(r"\b(?:only|rather|not only|either|both|or|if)\b|或|只", re.IGNORECASE)
_YES_NO = (
    ("yes", "no"),
    ("true", "false"),
    ("有", "没有"),
    ("是", "不是"),
    ("是", "否"),
    ("会", "不会"),
    ("能", "不能"),
    ("对", "不对"),
)
_FILLER = _stems(
    "is are was were be it its this that there here so therefore thus hence to of in on by at with for and clip must he"
    " she they his her does do did has have had can recording audio indeed clearly then no not don't doesn't didn't"
    " isn't aren't wasn't weren't hasn't haven't cannot can't all any some which one who what makes making"
)
_FILLER_HAN = frozenset("没不无未有是的了在里中着过这那录音段")


def _numbered(sentence: str, choices: list[str]) -> list[str]:
    """The choice that the only number of a sentence is, where all choices are numbers and nothing qualifies it."""
    numbers = [as_number(with_digits(choice.casefold().strip(" ."))) for choice in choices]
    if any(number is None for number in numbers) or HEDGED.search(sentence) or _CONTRAST.search(sentence):
        return []
    result = _RESULT.split(sentence.casefold())[-1]  # "two pairs, so four": what it was counted from is before
    told = {match[0] for match in _NUMBER.finditer(with_digits(result))}
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
_RESULT = re.compile(
    r"\b(?:so|therefore|thus|hence|mak(?:es|ing)|adds? up to|which (?:is|gives)|total(?:s|ing)?(?: of)?)\b|="
    r"|所以|因此|一共是?|总共是?"
)
_LETTER = re.compile(r"\b(?:leaves|is|be|:|choose|pick|option|with|to|选项?|是|为)\s*\(?([A-H])\)?[.!。]?\W*$")

MOODS = ["calm", "excited"]
KEEP = [
    example("Two dogs and then three dogs, so five dogs.", response="5", choices=["2", "3", "5"]),
    example(
        "The first is thin. The second speaker is louder.",  # louder is not closer
        question="Which voice is closer to the microphone?",
        response="The first speaker",
        choices=["The first speaker", "The second speaker"],
    ),
    example(
        "A cab costs little. She never suggests to take a taxi.",
        question="What does the woman suggest?",
        response="Walking",
        choices=["Walking", "Taking a taxi"],
    ),
    example(
        "The piano stops, so there is no music at the end.",
        question="Is there music in the background?",
        response="Yes",
        choices=["Yes", "No"],
    ),
    example("后半段没有音乐。", question="背景中有没有音乐？", response="有", choices=["有", "没有"]),
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
    example("所以她是从平静变得激动的。", response="激动", choices=["平静", "激动"]),
    example("所以平静的可能很低。", response="激动", choices=["平静", "激动"]),
    example("这说明他说不满意不是真的。", response="满意", choices=["满意", "不满意"]),
    example(
        "Calm aligns perfectly with the pitch. But excited aligns perfectly with the pace.",
        response="excited",
        choices=MOODS,
    ),
    example("She starts out calm.", response="excited", choices=MOODS),
]
DROP = [
    example("A pair, a gap, a pair. Two pairs, so four knocks altogether.", response="5", choices=["2", "4", "5"]),
    example(
        "The first is thin and roomy. Proximity effect: the second speaker is closer.",
        question="Which voice is closer to the microphone?",
        response="The first speaker",
        choices=["The first speaker", "The second speaker"],
    ),
    example(
        "The cab costs little. That is a suggestion to take a taxi.",
        question="What does the woman suggest?",
        response="Walking",
        choices=["Walking", "Taking a taxi"],
    ),
    example(
        "Only a fan and keys. So there is no music in the background.",
        question="Is there music in the background?",
        response="Yes",
        choices=["Yes", "No"],
    ),
    example(
        "只有空调声，没有旋律，因此背景中没有音乐。",
        question="背景中有没有音乐？",
        response="有",
        choices=["有", "没有"],
    ),
    example(
        "The pitch jumps up, so the answer is excited.",
        response="On the whole, calm fits best, given the voice.",
        choices=MOODS,
        predicted=None,
    ),
    example('The kick is slow. So "calm" is the best description of this piece.', response="excited", choices=MOODS),
    example("他叹了口气。这些都说明他对服务不满意。", response="满意", choices=["满意", "不满意"]),
    example("雨声变密。所以雨声是从七秒开始变大的。", response="十秒", choices=["三秒", "七秒", "十秒"]),
    example(
        "Excited would be loud.\n\nThe choice calm aligns perfectly with the pitch. The pace is low as well.",
        response="excited",
        choices=MOODS,
    ),
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
