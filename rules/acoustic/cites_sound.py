"""Object to a trace that observes nothing about how its clip sounds.

A trace that reasons over a transcript, the options or general knowledge alone is the textual surrogate that MGRD is
made against (Step-Audio-R1, arXiv 2511.15848, section 4.2: keep traces that "explicitly reference perceptual
features"). Counting acoustic words does not tell: only one in five sentences with such a word is about the clip. What
counts is an observation: a pitch, a pace, a level, a timbre, a manner of speaking or a sound event that the trace
asserts, also with a hedge. Options, hypotheses, general truths, questions and quotations are none, nor is a time.

`supported` asks for more: so many claims that the waveform itself bears out. It is 0 by default, because good reasons
(a bickering tone, a ball on a table) are often of the kind that no measurement can confirm.
"""

from mgrd.rulebook import Trace, example


def check(trace: Trace, *, least: int = 1, supported: int = 0) -> str | None:
    """Object to fewer than `least` observations of the sound, or fewer than `supported` that the waveform supports."""
    spoken = [claim for claim in trace.claims if not claim.cue.startswith("time.")]
    observed = [claim for claim in spoken if claim.modality in ("asserted", "hedged")]
    borne_out = sum(claim.verdict == "supported" for claim in observed)
    if len(observed) >= least:
        few = f"the waveform supports {borne_out} of its observations, {supported} needed"
        return None if borne_out >= supported else few
    others = sorted({claim.modality for claim in spoken} - {"asserted", "hedged"})
    beside = f"; {len(spoken) - len(observed)} mentions of sound are {', '.join(others)}" if others else ""
    return f"{len(observed)} observations of the sound, {least} needed{beside}"


KEEP = [
    example("The voice is low and slow, so the speaker is calm."),
    example("You can hear a ball bouncing and shoes squeaking on a hard floor, so it is basketball."),
    example("The pitch seems to rise on the last word, perhaps by four semitones."),
    example("他的声音低沉，语速很慢。"),
]
DROP = [
    example("The words mention a funeral, so the speaker must be sad."),
    example("If the voice were high, the answer would be a child."),
    example("A rising pitch is typical of questions. The options are rising and falling."),
    example("She says 'slow down, it is too loud', which means she is afraid."),
    example("The major premise says that all birds fly, so the conclusion follows."),
    example(""),
]
