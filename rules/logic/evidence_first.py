"""Object to a trace that announces its answer before it gives any evidence.

What follows such an opening is a justification, and it would be written as fluently for any other choice. A remark
about the task ("Let me listen", "The question asks") is no evidence yet, a first guess that is taken back is
reasoning, and an opening that gives its reason before the answer ("No flats, so C major") is in order.
"""

import re

from mgrd.choices import TRIM, exact, key_of, options_of
from mgrd.rulebook import Trace, example
from mgrd.stances import REVISION, STATED, folded, sentences, stances

_PREAMBLE = re.compile(
    r"\W*(?:okay|ok|alright|sure|hmm|let me|let's|let us|i need to|we need to|i have to|i must|i should|we have to"
    r"|the question|the user|the task|"
    r"to answer|first,? i|here is|here's|question:|options?:|choices?:|#|好的|嗯|让我|我(?:需要|要|来)|题目|问题|用户"
    r"|首先)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"^(?:I\s+(?:think|believe|say|am sure|would say|know)|I'd say|I'm sure|my (?:answer|choice|pick|guess|vote) is"
    r"|without (?:listening|a doubt)[^,]{0,20},|no need to (?:listen|think)[,:])\s*(?:that\s+)?(?:(?:it|this|that|he"
    r"|she)(?:'s|\s+is|\s+was)\s+)?(?:(?:obviously|clearly)\s+)?|"
    r"^(?:it|this|that|he|she|they|these)(?:'s|'re|\s+(?:is|are|was|were))\s+(?:(?:obviously|clearly|definitely"
    r"|certainly|surely|of course)\s+)*|"
    r"^(?:obviously|clearly|definitely|of course|easy)[,:]?\s+|^(?:这|那|显然|当然|肯定|一定|很明显|毫无疑问"
    r"|应该)(?:是|就是)?,?",
    re.IGNORECASE,
)
_REASON_BEFORE = re.compile(
    r"\b(?:so|therefore|thus|hence|because|since|as|given|based on|with|which means)\b|所以|因此|因为|由于|可见|说明",
    re.IGNORECASE,
)

_REASON_AFTER = re.compile(r"^[^。.!?]{0,12}?(?:是因为|是由于|的?(?:理由|原因)是)")
"""The sentence gives its reasons at once."""

_JUSTIFIES = re.compile(
    r"\blet (?:me|us)\s+(?:\w+\s+){0,2}?(?:look for|look at why|see why|find|give|list|explain|justify|support|back"
    r"|show|gather|collect|name|argue|lay out|say why|tell|defend|work backwards?|add|provide|write|walk)\b",
    re.IGNORECASE,
)
"""To look for reasons is no second thought."""


def check(trace: Trace, *, preamble: int = 4) -> str | None:
    """Object when the first sentence, after at most `preamble` remarks about the task, states the answer given."""
    if not trace.choices or trace.predicted is None:
        return None
    said = sentences(trace.think)
    place = next((i for i, one in enumerate(said[:preamble]) if not _PREAMBLE.match(one) or _states(trace, i)), None)
    if place is None or not _states(trace, place):
        return None
    if any(REVISION.search(_JUSTIFIES.sub("", one)) for one in said[place : place + 3]):
        return None
    return f"announces {trace.predicted!r} before any evidence: {said[place][:100]!r}"


def _states(trace: Trace, place: int) -> bool:
    """Whether a sentence is the answer, or begins with its announcement."""
    choices, answered = trace.choices or [], key_of(trace.predicted or "")
    sentence = sentences(trace.think)[place].strip(TRIM + "#")
    for one in stances(trace.think, choices):
        if one.place == place and one.kind == STATED and key_of(one.choice) == answered:
            at = folded(sentence).rfind(folded(one.choice).strip(TRIM))
            before = sentence[:at] if at >= 0 else sentence
            if _REASON_AFTER.search(sentence[len(before) :]):
                return False
            return not (found := _REASON_BEFORE.search(before)) or (found.start() == 0 and len(before) < 30)
    options = options_of(choices)
    clause = re.split(r"[,.;:!?，。；：！？]", _BARE.sub("", sentence), maxsplit=1)[0]
    whole = _BARE.sub("", sentence)
    return any(
        key_of(choices[index]) == answered for part in (whole, clause) for index in exact(part, options)
    ) and not (clause != whole and _REASON_BEFORE.search(whole))


MOODS = ["calm", "excited"]
KEEP = [
    example("I choose calm. Let me listen once more. Her pitch jumps.", response="calm", choices=MOODS),
    example("我认为答案是激动，是因为音调高，语速快。", response="激动", choices=["平静", "激动"]),
    example("选A是由于声音低沉，停顿很长。", response="平静", choices=["平静", "激动"]),
    example("The pitch jumps up, so the answer is excited.", response="excited", choices=MOODS),
    example(
        "The answer is calm. Wait, the voice jumps up. So the answer is excited.", response="excited", choices=MOODS
    ),
    example("Excited at first hearing, since she is loud. But calm fits the rest.", response="calm", choices=MOODS),
    example(
        "The question is whether she is calm or excited. Her pitch jumps. The answer is excited.",
        response="excited",
        choices=MOODS,
    ),
    example("她的声音突然升高，所以选B。", response="B", choices=["平静", "激动"]),
]
DROP = [
    example("I choose excited. Let me look for reasons. Her pitch jumps.", response="excited", choices=MOODS),
    example("Calm is the correct option here. Let me now find reasons for it. Slow.", response="calm", choices=MOODS),
    example("The answer is excited. Her pitch jumps up at the end.", response="excited", choices=MOODS),
    example("Okay, let me see. Excited. Her pitch jumps up, which supports that.", response="excited", choices=MOODS),
    example("**Answer: B**\n\nHer pitch jumps up.", response="excited", choices=MOODS),
    example("It's clearly excited. The other one does not fit.", response="excited", choices=MOODS),
    example("答案是激动。她的声音突然升高。", response="激动", choices=["平静", "激动"]),
    example("选B。因为声音突然升高。", response="B", choices=["平静", "激动"]),
]
