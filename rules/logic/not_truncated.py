"""Object to a completion that was cut off before the model ended it.

What was cut off teaches a student to stop in the middle, and its conclusion is unknown. The engine says why sampling
stopped; of traces made elsewhere, where nobody recorded it, an open think block is the sign, and whatever the record
says, reasoning or a response that ends in the middle of a sentence: on an article, a conjunction, a comma.
"""

import re

from mgrd.rulebook import Trace, example
from mgrd.traces import blocks

_DANGLING = re.compile(
    r"(?:(?<![\w'])(?:the|an|and|or|but|of|to|with|for|from|because|which|that's|is|are|was|were|very|my|their|its"
    r"|whose|if|than|as|into|between|while|although)"
    r"|(?:而|和|与|或者|但是?|因为|所以|如果|虽然|并且|以及|比如|例如|的是|由于|然后|不过|而且|由|从|把|被|向|对于"
    r"|关于))\s*$"
    r"|[,，、;；(（\[{\u201c\u2018「『]\s*$|\w-$"
)

_ENDED = re.compile(r"[.!?。！？…\"”’'」』)）\]}*:：`|>\d%~-]\s*$")
_HAN = re.compile("[\u4e00-\u9fff]")
_LETTER_LAST = re.compile(r"(?:^|[^A-Za-z])[A-H]$")
_BEGUN = re.compile(
    r"(?:there|the|it|this|that|he|she|they|we|an?|another|however|but|since|because|although|while|if|as|when)\s+\w+\s+\w+",
    re.IGNORECASE,
)
"""A short line that begins as a sentence does."""
_STOP = re.compile(r"[.!?](?=\s|$)|[。！？]")


def _is_choice(text: str, trace: Trace) -> bool:
    end = text.rstrip(" .*").casefold()
    return any(end.endswith(one.rstrip(" .").casefold()) for one in (*(trace.choices or ()), trace.predicted or "\0"))


def check(trace: Trace) -> str | None:
    """Object when sampling ended by anything but the model's own end of text."""
    if trace.finish_reason not in ("stop", None):
        return f"sampling ended by {trace.finish_reason} after {len(trace.completion)} characters"
    if blocks(trace.completion)[1] == 0:
        return f"ends inside its think block, with {trace.completion[-40:].strip()!r}"
    for part, text in (("reasoning", trace.think), ("response", trace.response)):
        # a bare choice may be any word
        if len(text) > 12 and not _is_choice(text, trace) and _DANGLING.search(text[-30:]):
            return f"its {part} breaks off with {text[-40:].strip()!r}"
    last = trace.think.rsplit("\n", 1)[-1]
    if _ENDED.search(trace.think[-3:]) or _is_choice(trace.think, trace) or _LETTER_LAST.search(last):
        return None
    if len(last) + 2 * len(_HAN.findall(last)) < 25 and not _BEGUN.match(last):  # a heading, a bare word
        return None
    if _STOP.search(last[-1:]):
        return None
    ends = len(_STOP.findall(trace.think))
    if ends >= 2:  # a text without full stops ends nowhere
        return f"its reasoning breaks off with {last[-40:].strip()!r}, after {ends} whole sentences"
    return None


KEEP = [
    example("Two voices. One is high. The other is low. So it is B", response="B"),
    example(
        "She laughs. He hums. The mood is bright.\n\nFinal verdict happy", response="happy", choices=["happy", "sad"]
    ),
    example("The voice rises at the end.", response="A question."),
    example("声音上扬。", response="疑问句", finish_reason=None),
]
DROP = [
    example("She laughs twice. The mood is bright. He hums along.\n\nThere is moderate", response="happy"),
    example("她笑了两次。气氛很轻松。语速不快。背景里还能听到一种很低", response="高兴"),
    example("The voice rises at the end.", response="A quest", finish_reason="length"),
    example("", completion="<think>The voice rises at the", finish_reason=None),
    example("声音上扬。", response="疑问", finish_reason="abort"),
    example("The voice rises at the end, and that is why I think that the", response="A question."),
    example("声音上扬，语速很快，停顿很少，而", response="疑问句"),
]
