"""A completion in, the think part and the response out; and the way back.

Knows nothing about models, audio or rules: it is about text alone.
"""

from __future__ import annotations

import re

# Step-Audio-R1 writes <|THINK_START|> and <|THINK_END|> where others write <think> and </think>
# (vllm-omni's StepAudioReasoningParser); Audio-Reasoner's CoTA uses capitals.
_START = re.compile(r"\s*(?:<think>|<\|THINK_START\|>)", re.IGNORECASE)
_OPENING = re.compile(r"<think>|<\|THINK_START\|>", re.IGNORECASE)
_END = re.compile(r"</think>|<\|THINK_END\|>", re.IGNORECASE)
_TWICE = re.compile(r"(</think>|<\|THINK_END\|>)\s*(?:</think>|<\|THINK_END\|>)\s*", re.IGNORECASE)


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


def is_thinking(completion: str) -> bool:
    """Whether the think block has not ended (with `split`, all of it is think)."""
    return _END.search(completion) is None


def begins(text: str) -> bool:
    """Whether a text begins with a think block's opening tag."""
    return _START.match(text) is not None


def closing(begun: str) -> str:
    """What ends the think block of a text (a prompt, or a completion), in the form of the tag that began it."""
    tags = _OPENING.findall(begun)
    return "\n<|THINK_END|>\n" if tags and tags[-1].startswith("<|") else "\n</think>\n"


def closed_once(completion: str) -> str:
    """The completion without a closing tag that follows another at once: a model may end what was ended for it."""
    return _TWICE.sub(lambda tags: tags[1] + "\n", completion, count=1)


def blocks(completion: str) -> tuple[int, int]:
    """How many opening and closing think tags a completion has."""
    opening = len(_OPENING.findall(completion))
    return opening, len(_END.findall(completion))
