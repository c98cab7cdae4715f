"""Object to a trace that goes round in circles.

Reinforcement learning on length leaves loops behind (one published trace of Step-Audio-R1 restarts with "Wait" more
than ten times), and a student that learns them never ends. Three signs: the same stretch of words several times in a
row, the same sentence again and again, and a spiral of sentences that take back the one before. One "wait, actually"
is reasoning.
"""

import re
from collections import Counter
from itertools import chain, compress
from operator import eq

from mgrd.rulebook import Trace, example

_TOKEN = re.compile(r"[a-z]++(?=[ ,]|$)|[^\W\u4e00-\u9fff]+(?:['’]\w+)?|[\u4e00-\u9fff]")
"""Of case-folded text; the first is of the second, for most words are plain."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+")
_AGAIN = re.compile(
    r"\W*(?:(?:but|oh|hmm+|okay|no)\W+)?"
    r"(?:wait\b|hold on\b|hmm+\b|let me (?:re-?)?(?:check|think|listen)\b[^.]*\bagain\b"
    r"|等等|等一下|不对|再想想|再听一遍)",
    re.IGNORECASE,
)
_HEARD = re.compile(
    r"(\b(?:repeats?|repeated|repeating|goes|sings?|chants?|says?|plays?|loops?|hums?|shouts?|pattern|melody|rhythm"
    r"|refrain|lyrics?|beats?)\b[^.!?\n:]{0,40}:|(?:重复|反复|唱|喊|说|循环)[^。！？\n:：]{0,10}[:：])[^.!?。！？\n]{1,160}",
    re.IGNORECASE,
)
"""What a clip is said to repeat: a loop of the clip is none of the trace. Longer than this it is one all the same."""
_LONGEST_PERIOD = 60


def check(
    trace: Trace,
    *,
    rounds: int = 4,
    least_tokens: int = 12,
    repeats: int = 4,
    rephrased: int = 6,
    spirals: int = 6,
    share: float = 0.2,
) -> str | None:
    """Object to a stretch that comes `rounds` times in a row over at least `least_tokens` words, to a sentence of 5
    words or more that comes `repeats` times, to `rephrased` sentences of the same words in any order, or to `spirals`
    restarts that begin more than `share` of the sentences.
    """
    lines = trace.think.casefold().split("\n")
    own = [_HEARD.sub(r"\1", line) if ":" in line or "：" in line else line for line in lines]
    sentences = [one for line in lines for one in _SENTENCE.findall(line) if not one.isspace()]
    words = [_TOKEN.findall(sentence) for sentence in sentences]
    tokens = list(chain.from_iterable(words)) if own == lines else _TOKEN.findall("\n".join(own))
    if found := _in_a_row(tokens, rounds, least_tokens):
        start, period, times = found
        return f"says {' '.join(tokens[start : start + period])[:80]!r} {times} times in a row"
    long = Counter(" ".join(some) for some in words if len(some) >= 5)
    sentence, times = max(long.items(), key=lambda one: one[1], default=("", 0))
    if times >= repeats:
        return f"says {sentence[:80]!r} {times} times"
    if turned := _same_words(sentences, words, rephrased):
        return f"says one thing {turned[1]} times in other words: {turned[0][:80]!r}"
    restarts = sum(_AGAIN.match(sentence) is not None for sentence in sentences)
    if restarts >= spirals and restarts > share * len(sentences):
        return f"starts again {restarts} times in {len(sentences)} sentences"
    return None


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
    example("声音在上升，" * 8 + "所以是疑问句。"),
    example("loud loud loud loud loud loud loud loud loud loud loud loud loud"),
]
