"""Object to a trace that a judge finds incoherent; needs `mgrd filter --judge MODEL`.

The paper's gate has a judge for the first two criteria, whose model, prompt and threshold are not published (arXiv
2511.15848, figure 3). Here a rubric of five grades (mgrd/prompts.py, COHERENT) is put to a model `--judge-votes` times;
what counts is the mean of the votes without the lowest and the highest. Votes that are further apart than `most_apart`
settle nothing, and are objected to as such (4, the whole scale, lets every disagreement pass). Every vote and its
reason is kept (asked/verdicts). Without the option nobody is asked and the check says nothing. How good it is depends
on the model: a small one judges at random.
"""

from mgrd.rulebook import Trace, example
from mgrd.verdicts import Verdict


def check(trace: Trace, *, least: float = 3.0, most_apart: float = 4.0, unanswered_passes: bool = False) -> str | None:
    """Object to a mean below `least`, of 1 to 5."""
    verdict = trace.verdicts.get("judged_coherent")
    if verdict is None:
        return None
    if verdict.score is None:
        return None if unanswered_passes else f"the judge gave no verdict: {verdict.why}"
    votes = " ".join(f"{vote:g}" for vote in verdict.votes)
    if max(verdict.votes) - min(verdict.votes) > most_apart:
        return f"the judge's votes {votes} are further apart than {most_apart:g}"
    if verdict.score >= least:
        return None
    lowest = verdict.words[verdict.votes.index(min(verdict.votes))]
    return f"judged {verdict.score:.2f}, below {least:g} (votes {votes}): {lowest[:200]}"


def _voted(*votes: float) -> dict[str, Verdict]:
    kept = sorted(votes)[1:-1] if len(votes) > 2 else votes
    words = [f"the reason of a {vote:g}" for vote in votes]
    return {"judged_coherent": Verdict(score=sum(kept) / len(kept), votes=list(votes), words=words)}


MOODS = ["calm", "excited"]
KEEP = [
    example("The pitch jumps up, which says excited.", response="excited", choices=MOODS, verdicts=_voted(5, 4, 5)),
    example(
        "The pitch jumps up, which says excited.", response="excited", choices=MOODS, verdicts=_voted(1, 4, 5, 4, 5)
    ),
    example("A banana, so excited.", response="excited", choices=MOODS),  # nobody was asked
]
DROP = [
    example("Bananas, so excited.", response="excited", choices=MOODS, verdicts=_voted(2)),
    example("音调很高，所以他在厨房。", response="激动", choices=["平静", "激动"], verdicts=_voted(1, 2, 5, 2, 1)),
    example(
        "The pitch jumps up.",
        response="excited",
        choices=MOODS,
        verdicts={"judged_coherent": Verdict(why="1 of 5 votes fit the schema")},
    ),
]
