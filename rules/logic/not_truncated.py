"""Object to a completion that was cut off before the model ended it.

What was cut off teaches a student to stop in the middle, and its conclusion is unknown. The engine says why sampling
stopped; of traces made elsewhere, where nobody recorded it, an open think block is the sign.
"""

from mgrd.rulebook import Trace, example
from mgrd.traces import blocks


def check(trace: Trace) -> str | None:
    """Object when sampling ended by anything but the model's own end of text."""
    if trace.finish_reason not in ("stop", None):
        return f"sampling ended by {trace.finish_reason} after {len(trace.completion)} characters"
    if blocks(trace.completion)[1] == 0:
        return f"ends inside its think block, with {trace.completion[-40:].strip()!r}"
    return None


KEEP = [
    example("The voice rises at the end.", response="A question."),
    example("声音上扬。", response="疑问句", finish_reason=None),
]
DROP = [
    example("The voice rises at the end.", response="A quest", finish_reason="length"),
    example("", completion="<think>The voice rises at the", finish_reason=None),
    example("声音上扬。", response="疑问", finish_reason="abort"),
]
