"""Object to a trace whose response is not the gold answer, or cannot be resolved to any answer.

The third criterion of the paper (arXiv 2511.15848, section 4.2): final answers align with ground truth when available.
A response that endorses two choices or none is objected to with the reason, never scored by a guess. With `--matcher`
a public benchmark's own script decides what is right (docs/answers.md). An open answer on which a judge gave a verdict
(judged_right) is the judge's to decide.
"""

from mgrd.answers import is_correct
from mgrd.rulebook import Trace, example
from mgrd.verdicts import Verdict


def check(trace: Trace) -> str | None:
    """Object when there is a gold answer and the response does not resolve to it."""
    if trace.answer is None or trace.correct:
        return None
    if (judged := trace.verdicts.get("judged_right")) is not None and judged.value is not None:
        return None  # judged_right says it, in the judge's words
    if trace.predicted is None:
        return f"unresolved: {trace.unresolved}; the answer is {trace.answer!r}"
    if is_correct(trace.predicted, trace.answer, trace.choices):
        return f"answers {trace.predicted!r}, and the benchmark's own matcher counts the response wrong"
    return f"answers {trace.predicted!r}; the answer is {trace.answer!r}"


MOODS = ["calm", "excited"]
KEEP = [
    example("The pitch jumps up.", response="excited", choices=MOODS, answer="excited"),
    example("The pitch jumps up.", response="The answer is (B).", choices=MOODS, answer="excited"),
    example("音调突然升高。", response="选B", choices=["平静", "激动"], answer="激动"),
    example("Three knocks.", response="three", answer="3"),
    example("She tells a story.", response="It is a story about a dog."),  # no gold: for no_gold to judge
    example("Yaps.", response="A cat.", answer="a dog", verdicts={"judged_right": Verdict("wrong", words=["a cat"])}),
]
DROP = [
    example("The voice is flat.", response="calm", choices=MOODS, answer="excited"),
    example("The pitch jumps up.", response="Either calm or excited.", choices=MOODS, answer="excited"),
    example("音调平稳。", response="答案是A", choices=["平静", "激动"], answer="激动"),
    example("Two knocks.", response="2", answer="3"),
    example("The pitch jumps up.", choices=MOODS, answer="excited"),  # never answered
]
