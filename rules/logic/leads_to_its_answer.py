"""Object to a trace whose reasoning leads another reader to another answer; needs `mgrd filter --blind MODEL`.

A model reads the question and the reasoning, the response hidden, and says which answer it leads to (Sound-CoT's
LLM_predict, arXiv 2508.11818). Where that is another one, or none, the reasoning is decoration and a right answer under
it is luck. Without the option, and for an open answer that is no number (two wordings cannot be told from two answers),
nobody is asked and the check says nothing. How good it is depends on the model: a small one objects at random.
`unanswered_passes` lets a trace pass for which the model's answer did not fit the form.
"""

from mgrd.answers import is_correct, resolve
from mgrd.rulebook import Trace, example
from mgrd.verdicts import Verdict


def check(trace: Trace, *, unanswered_passes: bool = False) -> str | None:
    """Object when the blind answer is not the trace's own."""
    verdict = trace.verdicts.get("leads_to_its_answer")
    if verdict is None or trace.predicted is None:
        return None
    if verdict.value is None:
        return None if unanswered_passes else f"the model that was to answer blindly did not: {verdict.why}"
    why = f" ({verdict.words[0][:200]})" if verdict.words else ""
    if not verdict.value:
        return f"settles on no answer for a reader who does not see {trace.predicted!r}{why}"
    blind = resolve(verdict.value, trace.choices, trace.predicted).value
    if is_correct(blind, trace.predicted, trace.choices):
        return None
    return f"leads a reader to {verdict.value[:80]!r}, but answers {trace.predicted!r}{why}"


def _read(answer: str | None, words: str = "the pitch jumps", why: str | None = None) -> dict[str, Verdict]:
    return {"leads_to_its_answer": Verdict(value=answer, words=[] if answer is None else [words], why=why)}


MOODS = ["calm", "excited"]
KEEP = [
    example("The pitch jumps up.", response="excited", choices=MOODS, verdicts=_read("excited")),
    example("The pitch jumps up.", response="B", choices=MOODS, verdicts=_read("(B) excited")),
    example("Two knocks, then one.", response="The answer is three.", verdicts=_read("3")),
    example("The pitch jumps up.", response="calm", choices=MOODS),  # nobody was asked
    example("The pitch jumps up.", response="calm or excited", choices=MOODS, verdicts=_read("excited")),  # unresolved
]
DROP = [
    example("The pitch jumps up.", response="calm", choices=MOODS, verdicts=_read("excited")),
    example("There is a voice.", response="calm", choices=MOODS, verdicts=_read("", "it names no mood")),
    example("音调突然升高。", response="选A", choices=["平静", "激动"], verdicts=_read("激动", "音调升高")),
    example("Two knocks, then one.", response="4", verdicts=_read("3")),
    example("The pitch jumps up.", response="excited", choices=MOODS, verdicts=_read(None, why="no JSON")),
]
