"""Object to a trace of a question that has no gold answer.

Nobody can say whether it is right, and a filter that let it pass in silence would claim a correctness it never checked.
`--no-gold keep` leaves this check out, for open questions where the other two rules are all there is; `--no-gold
majority` leaves it out too, and selection then keeps what most samples of the question answer.
"""

from mgrd.rulebook import Trace, example


def check(trace: Trace) -> str | None:
    """Object when the answer is unknown."""
    return "the question has no gold answer (--no-gold keep accepts such traces)" if trace.answer is None else None


KEEP = [
    example("The pitch jumps up.", response="excited", choices=["calm", "excited"], answer="excited"),
    example("The pitch jumps up.", response="calm", choices=["calm", "excited"], answer="excited"),  # wrong, but known
]
DROP = [
    example("The pitch jumps up.", response="excited", choices=["calm", "excited"]),
    example("她的声音清亮。", response="一段清亮的女声。"),
]
