"""Object to a trace that states two choices as the answer, or rejects the one it answers along with the others.

A text that calls both "calm" and "excited" the answer supports neither, and one that rules out every choice and then
takes one did not reason its way to it. A choice first stated and then taken back ("wait, ...") is a revision; what is
hedged, asked or reported of somebody else is no statement.
"""

from mgrd.choices import key_of
from mgrd.rulebook import Trace, example
from mgrd.stances import NAMED, REJECTED, STATED, Stance, revised, stances


def check(trace: Trace) -> str | None:
    """Object to two stated choices with no revision between them, and to an answer whose last mention rejects it."""
    if not trace.choices:
        return None
    found = stances(trace.think, trace.choices)
    stated = [one for one in found if one.kind == STATED]
    for place, one in enumerate(stated):
        for other in stated[:place]:
            if key_of(other.choice) != key_of(one.choice) and not revised(trace.think, other.place, one.place):
                return (
                    f"states {other.choice!r} as the answer at {other.text!r}, and {one.choice!r} at {one.text!r}, "
                    "and takes neither back"
                )
    return _rejects_all(trace, found)


def _rejects_all(trace: Trace, found: list[Stance]) -> str | None:
    if trace.predicted is None or trace.choices is None:
        return None
    last: dict[str, Stance] = {}
    for one in found:
        if one.kind in (REJECTED, NAMED):
            last[key_of(one.choice)] = one
    closing = [one.place for one in found]
    answered = key_of(trace.predicted)
    keys = {key_of(choice) for choice in trace.choices}
    # the last sentence may announce the answer in words that state nothing ("Thunder.")
    if closing and answered in last and last[answered].kind == NAMED and last[answered].place == max(closing):
        earlier = [one for one in found if key_of(one.choice) == answered and one.place < max(closing)]
        last[answered] = earlier[-1] if earlier else last[answered]
    rejected = {key for key, one in last.items() if one.kind == REJECTED}
    if answered not in rejected or len(rejected) <= (len(keys) + 1) // 2:
        return None
    words = last[answered].text
    return f"rejects {len(rejected)} of {len(keys)} choices and answers {trace.predicted!r}, of which it says {words!r}"


MOODS = ["calm", "excited"]
ROOMS = ["Church", "Gym", "Forest", "Street"]
KEEP = [
    example("Neither option matches exactly. The tempo is high, so excited.", response="excited", choices=MOODS),
    example("None of the choices fits completely, yet calm is closest.", response="calm", choices=MOODS),
    example("The guest's answer is calm. The host's answer is excited.", response="excited", choices=MOODS),
    example("Her first response is calm. Her last response is excited.", response="excited", choices=MOODS),
    example("他的第一个回答是平静。他的第二个回答是激动。", response="激动", choices=["平静", "激动"]),
    example(
        "The answer is calm. Wait, the voice jumps up. So the answer is excited.", response="excited", choices=MOODS
    ),
    example(
        "Not a church: no echo. A gym would ring. No birds, so no forest. Street is what is left.",
        response="Street",
        choices=ROOMS,
    ),
    example(
        "It may be calm. One model says the answer is calm. The pitch jumps, so the answer is excited.",
        response="B",
        choices=MOODS,
    ),
    example("Street is not excluded; cars pass. The answer is Street.", response="Street", choices=ROOMS),
    example("声音平稳，排除激动。答案是平静。", response="平静", choices=["平静", "激动"]),
]
DROP = [
    example(
        "The voice is flat, so calm is the correct answer. It has to be excited, for she shouts.",
        response="calm",
        choices=MOODS,
    ),
    example("I choose calm. I choose excited.", response="excited", choices=MOODS),
    example(
        "A church is ruled out. A gym is ruled out. The forest is ruled out. A street is ruled out. The answer is Gym.",
        response="Gym",
        choices=ROOMS,
    ),
    example("None of the options fits. The answer is Gym.", response="Gym", choices=ROOMS),
    example("答案是平静。她在大喊，所以答案是激动。", response="激动", choices=["平静", "激动"]),
    example("平静不对。激动也不对。所以是平静。", response="平静", choices=["平静", "激动"]),
]
