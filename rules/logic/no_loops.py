"""Object to a trace that goes round in circles.

Reinforcement learning on length leaves loops behind (one published trace of Step-Audio-R1 restarts with "Wait" more
than ten times), and a student that learns them never ends. Four signs: the same stretch of words several times in a
row, the same sentence again and again, a spiral of sentences that take back the one before, and a return from another
choice to one concluded before, over and over. One "wait, actually" is reasoning. The response may not repeat itself
either.
"""

import re
from collections import Counter
from itertools import chain, compress
from operator import eq

from mgrd.rulebook import Trace, example
from mgrd.stances import REJECTED, stances, words_of
from mgrd.stances import sentences as sentences_of

_TOKEN = re.compile(r"[a-z]++(?=[ ,]|$)|[^\W\u4e00-\u9fff]+(?:['’]\w+)?|[\u4e00-\u9fff]")
"""Of case-folded text; the first is of the second, for most words are plain."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+")
_AGAIN = re.compile(
    r"\W*(?:(?:but|oh|okay|no|so|well|alright|actually)\W+){0,2}+"
    r"(?:wait\b|hold on\b|hang on\b|hmm+\b|scratch that\b|on second thought\b"
    r"|(?:let(?:'s| me| us)|i(?:'ll| will| should| must| need to| have to)) (?:just )?"
    r"(?:(?:double|cross)-?check|re-?(?:count|check|think|listen|examine|consider|evaluate|verify|assess)\b"
    r"|(?:check|think|listen|count|verify|look|go|start|try|hear|do|add|play)\b[^.]*"
    r"\b(?:again|once more|(?:one|another) more time|another time|over|from the (?:start|top|beginning))\b)"
    r"|等等|等一下|等下|慢着|且慢|不对|(?:让我|我|那我?|还是)?(?:再|重新|从头)(?:来|数|听|想|算|看|检查|确认|核对|捋))",
    re.IGNORECASE,
)
_HAN = re.compile("[\u4e00-\u9fff]")
_STARTS = frozenset("wait hold hang hmm hmmm hmmmm scratch thought let i".split())  # noqa: SIM905
"""One of them is in each English sentence that starts again."""
_HEARD = re.compile(
    r"(\b(?:repeats?|repeated|repeating|goes|sings?|chants?|says?|plays?|loops?|hums?|shouts?|pattern|melody|rhythm"
    r"|refrain|lyrics?|beats?)\b[^.!?\n:]{0,40}:|(?:重复|反复|唱|喊|说|循环)[^。！？\n:：]{0,10}[:：])[^.!?。！？\n]{1,160}",
    re.IGNORECASE,
)
"""What a clip is said to repeat: a loop of the clip is none of the trace. Longer than this it is one all the same."""
_LONGEST_PERIOD = 60
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|must|still|again|back to|it's|it is|that makes|which makes|as before)\b"
    r"|所以|因此|因而|那就|就是|应该|应当|还是|看来|可见|这样看|只能是|回到",
    re.IGNORECASE,
)


def check(
    trace: Trace,
    *,
    rounds: int = 4,
    least_tokens: int = 12,
    repeats: int = 4,
    rephrased: int = 6,
    spirals: int = 6,
    returns: int = 4,
    share: float = 0.2,
) -> str | None:
    """Object to a stretch that comes `rounds` times in a row over at least `least_tokens` words, to a sentence of 5
    words or more that comes `repeats` times, to `rephrased` sentences of the same words in any order, to `spirals`
    restarts that begin more than `share` of the sentences from the first of them to the last, or to `returns` returns
    from another choice to one concluded before.
    """
    found, sentences = _said_again(trace.think, rounds, least_tokens, repeats, rephrased)
    if found is not None:
        return found
    if len(trace.response) > least_tokens:
        found, _ = _said_again(trace.response, rounds, least_tokens, repeats, rephrased)
        if found is not None:
            return f"{found}, in the response"
    may_restart = sum(not own.isdisjoint(_STARTS) for own in words_of(trace.think)) >= spirals or _HAN.search(
        trace.think
    )
    restarts = (
        [at for at, sentence in enumerate(sentences) if _AGAIN.match(sentence) is not None] if may_restart else []
    )
    for first, last in zip(restarts, restarts[spirals - 1 :], strict=False):
        if spirals > share * (last - first + 1):
            return f"starts again {spirals} times in {last - first + 1} sentences"
    back, choice = _returns(trace, returns)
    return f"comes back to {choice!r} {back} times" if back >= returns else None


def _returns(trace: Trace, least: int) -> tuple[int, str]:
    """How often a choice is concluded anew after another was weighed, and which: the one with the most."""
    found = stances(trace.think, trace.choices or ())
    if max(Counter(one.choice for one in found).values(), default=0) <= least:
        return 0, ""
    said = sentences_of(trace.think)
    back: Counter[str] = Counter()
    concluded: set[str] = set()
    left: set[str] = set()
    for one in found:
        left |= concluded - {one.choice}
        if one.kind != REJECTED and _CONCLUDES.search(said[one.place]):
            back[one.choice] += one.choice in left
            concluded.add(one.choice)
            left.discard(one.choice)
    choice, times = max(back.items(), key=lambda one: one[1], default=("", 0))
    return times, choice


def _said_again(
    text: str, rounds: int, least_tokens: int, repeats: int, rephrased: int
) -> tuple[str | None, list[str]]:
    """What a text says too often, and its sentences."""
    lines = text.casefold().split("\n")
    own = [_HEARD.sub(r"\1", line) if ":" in line or "：" in line else line for line in lines]
    sentences = [one for line in lines for one in _SENTENCE.findall(line) if not one.isspace()]
    words = [_TOKEN.findall(sentence) for sentence in sentences]
    tokens = list(chain.from_iterable(words)) if own == lines else _TOKEN.findall("\n".join(own))
    if found := _in_a_row(tokens, rounds, least_tokens):
        start, period, times = found
        return f"says {' '.join(tokens[start : start + period])[:80]!r} {times} times in a row", sentences
    long = Counter(" ".join(some) for some in words if len(some) >= 5)
    sentence, times = max(long.items(), key=lambda one: one[1], default=("", 0))
    if times >= repeats:
        return f"says {sentence[:80]!r} {times} times", sentences
    if turned := _same_words(sentences, words, rephrased):
        return f"says one thing {turned[1]} times in other words: {turned[0][:80]!r}", sentences
    return None, sentences


_GRAMMAR = frozenset(
    """the a an of is are was were be to in on at by for with and or but so as it its that this these those he she they
    his her their we i one has have had does do did what which who whose then there here how
    """.split()  # noqa: SIM905
)


def _same_words(sentences: list[str], words: list[list[str]], least: int) -> tuple[str, int] | None:
    """A sentence that comes again with no other words than its own, grammar aside, and how often."""
    bags: Counter[frozenset[str]] = Counter()
    first: dict[frozenset[str], list[str]] = {}
    for sentence, own in zip(sentences, words, strict=True):
        if "'s" in sentence or "’s" in sentence:
            bag = frozenset(word.removesuffix("'s").removesuffix("’s") for word in own) - _GRAMMAR
        else:
            bag = frozenset(own) - _GRAMMAR
        if len(bag) >= 3:
            bags[bag] += 1
            first.setdefault(bag, own)
    bag, times = max(bags.items(), key=lambda one: one[1], default=(frozenset(), 0))
    return (" ".join(first[bag]), times) if times >= least else None


def _in_a_row(tokens: list[str], rounds: int, least_tokens: int) -> tuple[int, int, int] | None:
    """Start, period and number of repetitions of the first shortest stretch that repeats itself at once.

    A run of `need` tokens that equal those one period before covers a multiple of `need`, so only those are looked
    at.
    """
    for period in range(1, min(_LONGEST_PERIOD, len(tokens) // rounds) + 1):
        need = max(rounds * period, least_tokens) - period
        again = map(eq, tokens[need + period - 1 :: need], tokens[need - 1 :: need])
        for at in compress(range(need + period - 1, len(tokens), need), again):
            start = at
            while start >= period and tokens[start] == tokens[start - period]:
                start -= 1
            end = at + 1
            while end < len(tokens) and tokens[end] == tokens[end - period]:
                end += 1
            if end - start - 1 >= need:
                first = start + 1 - period
                return first, period, (end - first) // period
    return None


KEEP = [
    example("The crowd chants the same line: we want more, we want more, we want more, we want more, we want more."),
    example("The rhythm is a loop: boom chak boom, boom chak boom, boom chak boom, boom chak boom, boom chak boom."),
    example("他反复喊：快一点，快一点，快一点，快一点，快一点。所以他很着急。"),
    example("The pitch is low. Wait, actually the last word is higher. So it rises, and she is asking."),
    example("I hear three knocks. Knock, knock, knock: evenly spaced. So it is someone at the door."),
    example("先听到一声敲门。等等，其实是两声。所以是两声敲门。"),
    example("Four raps, evenly spaced.", response="Knock, knock, knock, knock."),
    example(
        "It is calm or excited. Calm has a low pitch. Excited has a fast pace. The pitch is low, so calm. But the pace "
        "is fast, so excited cannot be ruled out. Still, she whispers, so it is calm.",
        response="calm",
        choices=["calm", "excited"],
    ),
    example("The first beep is high. The second beep is high. The third beep is low. The fourth beep is low."),
]
DROP = [
    example("The melody repeats: " + "do re mi, " * 40 + "do."),
    example("The pitch is low and it is steady. " * 6),
    example(
        "The first man is hoarse. It is the first man who is hoarse. Hoarse is what the first man is. The hoarse one "
        "is the first man. The first man, then, is hoarse. The man who is hoarse is the first."
    ),
    example("I need to listen to the pitch again. It may be high. " * 5 + "So it is high."),
    example(
        "It rises. Wait, it falls. Wait, it is flat. Wait, no. Wait, the end is high. Wait, the start is. "
        "Wait, it may rise. Wait, I am not sure."
    ),
    example("她的声音很高。等等，也许很低。等等，也许很平。等等，不好说。等等，再听。等等，是高。等等，是低。"),
    example("Three knocks.", response="There are three knocks. " * 9),
    example("一共敲了三下。", response="门被敲了三下。" * 6),
    example(
        "It is a long clip of a street. " * 3
        + " ".join(f"A car passes at {at} s, then a horn, then steps." for at in range(40))
        + " Let me count again. One, two. Hmm, the third? No, two. Let me recount. Two. But wait, the horn. Let me "
        "double-check. Two. Let me count once more. Two. Let me verify again. Two.",
    ),
    example(
        "So it is calm. But it could be excited. Still, she whispers, so calm. Then again, excited people whisper. "
        "Yet the pace is slow, so it is calm. Excited is not out of the question. But the pitch is low, so calm. Or "
        "excited after all? The breath is slow, so calm.",
        response="calm",
        choices=["calm", "excited"],
    ),
    example(
        "所以是平静。但激动也有可能。不过语速慢，所以是平静。可是激动的人也会慢。可她声音低，那就是平静。只是激动也"
        "不能排除。但她在叹气，应该是平静。当然激动也会这样。看来还是平静。",
        response="平静",
        choices=["平静", "激动"],
    ),
    example("声音在上升，" * 8 + "所以是疑问句。"),
    example("loud loud loud loud loud loud loud loud loud loud loud loud loud"),
]
