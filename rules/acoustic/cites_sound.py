"""Object to a trace that observes nothing about how its clip sounds.

A trace that reasons over a transcript, the options or general knowledge alone is the textual surrogate that MGRD is
made against (Step-Audio-R1, arXiv 2511.15848, section 4.2: keep traces that "explicitly reference perceptual
features"). Counting acoustic words does not tell: only one in five sentences with such a word is about the clip. What
counts is an observation: a pitch, a pace, a level, a timbre, a manner of speaking or a sound event that the trace
asserts, also with a hedge. Options, hypotheses, general truths, questions and quotations are none, nor is a time, nor
is the answer itself where it is concluded: "she says hello, so the pace is slow" observes nothing. What tells the two
apart is what a claim says of the sound, and not what it names (a voice, a pitch): "so her voice trembles" is no
conclusion that her voice is calm.

`supported` asks for more: so many claims that the waveform itself bears out. It is 0 by default, because good reasons
(a bickering tone, a ball on a table) are often of the kind that no measurement can confirm.
"""

import re

from mgrd.claims import Claim
from mgrd.rulebook import Trace, example

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_DRAWS = re.compile(
    r"(?:[,;:，；：—–-]\s*(?:and\s+)?|^\s*)"
    r"(?:so(?!\s+(?:bright|calm|clear|close|deep|distant|faint|far|fast|few|harsh|high|little|long|loud|low|many|much|quick"
    r"|quiet|rapid|sharp|short|slow|soft)\b|\s+\w+ly\b[^.!?;]*?\bthat\b)"  # of a degree
    r"|therefore|thus|hence|consequently|which (?:means|makes|implies|suggests))\b"
    r"|\b(?:therefore|hence|the (?:\w+ )?answer|my (?:\w+ )?answer|i (?:choose|pick|conclude))\b"
    r"|所以|因此|因而|可见|答案",
    re.IGNORECASE,
)
_HEARS = re.compile(r"\b(?:hear\w*|audible|listen\w*|recording|clip|audio)\b|听", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]{3,}|\d+")
_NAMING = frozenset(
    _WORD.findall(
        "and are both but each for from had has have her hers him his its most not our she some than that the their "
        "them then there these they this those very was were with who you your accent clip noise noises pace person "
        "pitch rate recording someone sound sounds sounding speak speaker speakers speaking speaks speech tempo timbre "
        "tone tones voice voices volume word words"
    )
)
"""What claims and answers have in common though they may say different things: function words, and what is heard."""
_CHARACTER = re.compile(r"[\u3400-\u9fff]")


def check(trace: Trace, *, least: int = 1, supported: int = 0) -> str | None:
    """Object to fewer than `least` observations of the sound, or fewer than `supported` that the waveform supports."""
    spoken = [claim for claim in trace.claims if not claim.cue.startswith("time.")]
    told = [claim for claim in spoken if claim.modality in ("asserted", "hedged")]
    observed = [claim for claim in told if not _is_the_answer(trace, claim)]
    borne_out = sum(claim.verdict == "supported" for claim in observed)
    if len(observed) >= least:
        few = f"the waveform supports {borne_out} of its observations, {supported} needed"
        return None if borne_out >= supported else few
    others = sorted({claim.modality for claim in spoken} - {"asserted", "hedged"})
    beside = f"; {len(spoken) - len(told)} mentions of sound are {', '.join(others)}" if others else ""
    if concluded := len(told) - len(observed):
        beside += f"; {concluded} only conclude{'s' * (concluded == 1)} {trace.predicted!r}"
    return f"{len(observed)} observations of the sound, {least} needed{beside}"


def _is_the_answer(trace: Trace, claim: Claim) -> bool:
    """Whether a claim is what its sentence concludes, and the answer that is given: `..., so the pace is slow`.

    A sentence that the trace begins with concludes nothing, and one that goes on `so I hear` observes.
    """
    if trace.predicted is None:
        return False
    begin = max((end.end() for end in _SENTENCE.finditer(trace.think, 0, claim.start)), default=0)
    ends = _SENTENCE.search(trace.think, claim.end)
    sentence, place = trace.think[begin : ends.start() if ends else None], claim.start - begin
    draws = next((one for one in _DRAWS.finditer(sentence) if one.end() <= place), None)
    if draws is None or (begin == draws.start() == 0) or _HEARS.search(sentence[draws.end() : place]):
        return False
    said, answer = f"{claim.text} {claim.asserts}".casefold(), trace.predicted.casefold()
    characters = set(_CHARACTER.findall(answer))
    if characters:
        return characters <= set(_CHARACTER.findall(said))
    return not (set(_WORD.findall(said)) - _NAMING).isdisjoint(_WORD.findall(answer))


PACES = ["slow", "fast"]
CALM = ["her voice is calm", "her voice is sad"]
LOUD = ["the loud voice", "the soft voice"]
TIRED = ["tired because the pitch falls", "glad"]
DEEP = ["It is a man, since his voice is deep", "It is a woman"]
KEEP = [
    example("The voice is low and slow, so the speaker is calm."),
    example("You can hear a ball bouncing and shoes squeaking on a hard floor, so it is basketball."),
    example("The pitch seems to rise on the last word, perhaps by four semitones."),
    example("他的声音低沉，语速很慢。"),
    example("The syllables are far apart, so the pace is slow and the pitch is low.", response="slow", choices=PACES),
    example("So the pace is slow, with long gaps.", response="slow", choices=PACES),
    example("She greets a class. So I hear a slow pace.", response="slow", choices=PACES),
    example("She greets the class, so her voice is bright and trembles.", response=CALM[0], choices=CALM),
    example("He greets the class, so the loud, fast voice is a teacher's.", response=LOUD[0], choices=LOUD),
    example("He is tired – so slow, so low that the pitch falls.", response=TIRED[0], choices=TIRED),
    example("He stops, so suddenly that the pitch falls.", response=TIRED[0], choices=TIRED),
    example("He pays, so his voice is low and his pace is fast.", response=DEEP[0], choices=DEEP),
]
DROP = [
    example("The words mention a funeral, so the speaker must be sad."),
    example("If the voice were high, the answer would be a child."),
    example("A rising pitch is typical of questions. The options are rising and falling."),
    example("She says 'slow down, it is too loud', which means she is afraid."),
    example("The major premise says that all birds fly, so the conclusion follows."),
    example("She says hello to the class, so the pace is slow.", response="slow", choices=PACES),
    example("The words are solemn. Therefore, her speech is slow.", response="A", choices=PACES),
    example("他说了再见，所以语速很慢。", response="语速慢", choices=["语速慢", "语速快"]),
    example(""),
]
