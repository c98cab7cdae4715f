"""Object to a trace that cites a time which the model cannot have heard.

"At 0:45 a door slams" in a clip of ten seconds is invented, whatever the rest says. The limit is what the model was
given (`heard_s`) where that is known, since a long clip may have been cut to the model's window, else the length of the
clip; parts of a clip that were given one after the other are all of it. With several clips the longest counts, because
the text does not say which one a time belongs to.
"""

from mgrd.rulebook import Trace, example


def check(trace: Trace, *, slack_s: float = 0.5) -> str | None:
    """Object to a time more than `slack_s` (and 5 %) beyond what was heard."""
    clips = [one.duration_s for one in trace.measurements]
    given_in_parts = len(trace.heard_s) > len(clips) > 0
    limits = clips if given_in_parts else trace.heard_s or clips
    if not limits:
        return None
    heard_s = max(limits)
    for claim in trace.claims:
        if claim.cue != "time.position" or claim.modality not in ("asserted", "hedged") or claim.t1_s is None:
            continue
        if claim.polarity < 0 or claim.asserts == "at_most":
            continue  # "not after 6 s", "before 5 s": nothing is placed there
        if claim.t1_s > heard_s + max(slack_s, 0.05 * heard_s):
            late_s = claim.t1_s - heard_s
            return f"says {claim.text!r}, {late_s:.1f} s after the end of the {heard_s:.1f} s that were heard"
    return None


KEEP = [
    example("A dog barks at 2.5 s.", clip={"duration_s": 4.0}),
    example("At 0:04 a male voice starts speaking.", clip={"duration_s": 4.2}),
    example("The first bark comes at 4.3 seconds.", clip={"duration_s": 4.2}),  # rounding
    example("He says the train leaves in 40 seconds.", clip={"duration_s": 4.2}),
    example("The clip ends before 5 s.", clip={"duration_s": 2.0}),
    example("By 3 s it is over, and the sound is gone.", clip={"duration_s": 2.0}),
    example("The tone stops after 2 s, not after 6 s.", clip={"duration_s": 2.1}),
    example("A dog barks at 45 s.", clip={"duration_s": 60.0}, heard_s=[30.0, 30.0]),  # two parts of one clip
    example("A dog barks at 45 s."),  # nobody knows how long the clip is
]
DROP = [
    example("A dog barks at 12.5 s.", clip={"duration_s": 4.0}),
    example("At 0:45 a door slams.", clip={"duration_s": 10.0}),
    example("The music starts at 20 seconds.", clip={"duration_s": 60.0}, heard_s=[15.0]),
    example("第45秒处有玻璃破碎的声音。", clip={"duration_s": 10.0}),
]
