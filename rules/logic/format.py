"""Object to a completion that is not one think block, closed, with a response after it.

The student learns the shape it is shown, and later rounds and the reward read it (arXiv 2511.15848, sections 3.1 and
4.3). Chat templates often end their prompt with `<think>`, so a completion may start inside the block; Step-Audio-R1's
`<|THINK_START|>` and `<|THINK_END|>` count as the same tags.
"""

import re

from mgrd.rulebook import Trace, example
from mgrd.traces import blocks

_OPENING = re.compile(r"<think>|<\|THINK_START\|>", re.IGNORECASE)


def check(trace: Trace) -> str | None:
    """Object to missing, repeated or misplaced tags, and to a block that nothing follows."""
    opening, closing = blocks(trace.completion)
    if closing == 0:
        return "its think block is never closed"
    if opening > 1 or closing > 1:
        return f"has {max(opening, 1)} opening and {closing} closing think tags, not one think block"
    start = _OPENING.search(trace.completion)
    if start is not None and trace.completion[: start.start()].strip():
        return f"{len(trace.completion[: start.start()].split())} words stand before its think block"
    if not trace.response:
        return "nothing follows its think block"
    return None


KEEP = [
    example("The voice rises at the end.", response="A question."),
    example("", completion="The voice rises at the end.\n</think>\nA question."),  # starts inside the block
    example("", completion="<|THINK_START|>声音在句尾上扬。<|THINK_END|>疑问句"),
    example("", response="A question."),  # an empty block is a block; its length is judged elsewhere
]
DROP = [
    example("", completion="<think>The voice rises at the end."),
    example("", completion="<think>It rises.</think>No.<think>It falls.</think>A statement."),
    example("", completion="<think>It rises.</think>"),
    example("", completion="A question, I would say. <think>It rises.</think>A question."),
    example("", completion="她的声音上扬，所以是疑问句。"),
]
