"""Object to an open answer that a judge finds to be another than the gold one; needs `mgrd filter --judge MODEL`.

Two wordings of an open answer cannot be told from two answers by rules alone. Where a question has a gold answer and no
choices, and the response is not the gold one by rule, a model is asked once, at temperature 0, by a fixed rubric
(mgrd/prompts.py, RIGHT); its verdict becomes `correct`, and its words are kept (asked/verdicts). Two numbers are never
left to it. Where it gives no verdict, `right_answer` judges by rule as it does without the option.
"""

from mgrd.rulebook import Trace, example
from mgrd.verdicts import Verdict


def check(trace: Trace) -> str | None:
    """Object when the judge says that the answer is wrong."""
    verdict = trace.verdicts.get("judged_right")
    if verdict is None or verdict.value != "wrong":
        return None
    return f"judged another answer than {trace.answer!r}: {verdict.words[0][:200]}"


def _judged(value: str | None, words: str = "it says the same") -> dict[str, Verdict]:
    return {"judged_right": Verdict(value=value, words=[words] if value else [], why=None if value else "no JSON")}


DOG = "a dog barking"
KEEP = [
    example("Sharp short bursts.", response="Some hound is yapping.", verdicts=_judged("right"), answer=DOG),
    example("短促的吠声。", response="一只狗在叫。", verdicts=_judged("right"), answer=DOG),
    example("Sharp short bursts.", response="A cat.", answer=DOG),  # nobody was asked: for right_answer to judge
    example("Sharp short bursts.", response="A cat.", verdicts=_judged(None), answer=DOG),
]
DROP = [
    example("Sharp short bursts.", response="A cat.", verdicts=_judged("wrong", "a cat is no dog"), answer=DOG),
    example("短促的吠声。", response="一只猫在叫。", verdicts=_judged("wrong", "a cat is no dog"), answer=DOG),
]
