"""A completion in, the think part and the response out; and the way back.

Knows nothing about models, audio or rules: it is about text alone.
"""

from __future__ import annotations

import re

# Step-Audio-R1 writes <|THINK_START|> and <|THINK_END|> where others write <think> and </think>
# (vllm-omni's StepAudioReasoningParser); Audio-Reasoner's CoTA uses capitals.
_START = re.compile(r"\s*(?:<think>|<\|THINK_START\|>)", re.IGNORECASE)
_END = re.compile(r"</think>|<\|THINK_END\|>", re.IGNORECASE)


def split(completion: str) -> tuple[str, str]:
    """Split a completion into (think, response), both without surrounding white space.

    A missing opening tag is normal: many chat templates end their prompt with it. Without an end tag nothing has been
    answered yet, so all of it is think and the response is empty. Text after a second end tag stays in the response.
    """
    start = _START.match(completion)
    body = completion[start.end() :] if start else completion
    end = _END.search(body)
    if end is None:
        return body.strip(), ""
    return body[: end.start()].strip(), body[end.end() :].strip()


def join(think: str, response: str) -> str:
    """The canonical completion that `distill` trains on; an empty think keeps its block (paper, section 3.1)."""
    return f"<think>\n{think}\n</think>\n{response}"


def blocks(completion: str) -> tuple[int, int]:
    """How many opening and closing think tags a completion has."""
    opening = len(re.findall(r"<think>|<\|THINK_START\|>", completion, re.IGNORECASE))
    return opening, len(_END.findall(completion))
