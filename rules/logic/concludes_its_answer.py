"""Object to a response that is not what the reasoning concludes.

When the last thing a trace settles on is one choice and the response is another, the reasoning did not lead to the
answer: it is decoration, and a right answer under it is luck. Only what the trace states outright counts as its
conclusion ("so the answer is", "I choose", a last sentence that draws it); a trace that leaves it to the response is
not objected to.
"""

from mgrd.answers import conclusion, is_correct
from mgrd.numerals import as_number, with_digits
from mgrd.rulebook import Trace, example


def check(trace: Trace) -> str | None:
    """Object when the last stated conclusion resolves to another answer than the response."""
    if trace.predicted is None:
        return None
    if not trace.choices and as_number(with_digits(trace.predicted.casefold())) is None:
        return None  # two wordings of an open answer cannot be told from two answers
    found = conclusion(trace.think, trace.choices)
    if found is None or is_correct(found.value, trace.predicted, trace.choices):
        return None
    return f"concludes {found.value!r} ({found.why}), but answers {trace.predicted!r}"


MOODS = ["calm", "excited"]
KEEP = [
    example("The pitch jumps up, so the answer is excited.", response="excited", choices=MOODS),
    example("The answer is calm? No, the pitch jumps up. So the answer is excited.", response="B", choices=MOODS),
    example("The pitch jumps up. Calm would be flat.", response="excited", choices=MOODS),  # draws no conclusion
    example("I would expect excited, but the voice is flat. Therefore it is calm.", response="calm", choices=MOODS),
    example("音调突然升高，所以选B。", response="激动", choices=["平静", "激动"]),
    example("Three knocks, so the answer is three.", response="3"),
    example("The second jumps. So the wrong answer is second.", response="first", choices=["first", "second"]),
    example("音调平稳，所以不选B。", response="平静", choices=["平静", "激动"]),
]
DROP = [
    example("The pitch jumps up, so the answer is excited.", response="calm", choices=MOODS),
    example("The voice is flat. Therefore, it is calm.", response="excited", choices=MOODS),
    example("It might be calm. But the pitch jumps up, so I choose (B).", response="The answer is A.", choices=MOODS),
    example("音调突然升高，所以选B。", response="平静", choices=["平静", "激动"]),
    example("音调平稳。因此答案是平静。", response="激动", choices=["平静", "激动"]),
    example("Three knocks, so the answer is three.", response="The answer is 4."),
]
