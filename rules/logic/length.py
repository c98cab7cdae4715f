"""Object to reasoning that is too short to contain any, or too long to be one line of thought.

An empty think block is a legitimate training sample of the cold start (arXiv 2511.15848, section 3.1), but not a trace
to distil reasoning from; and the paper's traces, at sequences of at most 10,240 tokens, do not reach the upper bound.
"""

import re
from itertools import islice

from mgrd.rulebook import Trace, example

_WORD = re.compile(r"[^\W\u3040-\u30ff\u4e00-\u9fff]+(?:['’-]\w+)*|[\u3040-\u30ff\u4e00-\u9fff]")

_CHARACTER = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def check(trace: Trace, *, least: int = 3, most: int = 8000) -> str | None:
    """Object to fewer than `least` or more than `most` words between the tags; a Chinese character is a word."""
    text = trace.think
    at_most = len(text) if _CHARACTER.search(text) else (len(text) + 1) // 2  # something parts two words of letters
    if at_most <= most and sum(1 for _ in islice(_WORD.finditer(text), least)) == least:
        return None
    words = len(_WORD.findall(text))
    if words < least:
        return f"thinks in {words} words, fewer than {least}"
    if words > most:
        return f"thinks in {words} words, more than {most}"
    return None


KEEP = [
    example("The pitch rises, so she is asking.", response="A question."),
    example("句尾上扬。", response="疑问句"),
]
DROP = [
    example("", response="A question."),
    example("Rising.", response="A question."),
    example("疑问", response="疑问句"),
    example("The pitch rises again. " * 2500, response="A question."),
]
