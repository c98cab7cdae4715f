"""Object to a trace whose claims about the sound the waveform contradicts.

A model can reach the right answer and still invent what it heard, and a student trained on that learns to write about
sound without listening. Each asserted claim is compared with measurements of its clip; only a clear contradiction
counts (z <= -2 in every admissible frame of reference), so a claim that cannot be checked never speaks against a trace.
Where words leave open which part of a clip they mean (which sentence, which tone), every reading must agree.
"""

from mgrd.rulebook import Trace, example


def check(trace: Trace, *, tolerate: int = 0) -> str | None:
    """Object when more than `tolerate` claims are contradicted."""
    wrong = [claim for claim in trace.claims if claim.verdict == "contradicted"]
    if len(wrong) <= tolerate:
        return None
    worst = min(wrong, key=lambda claim: (claim.z or 0.0, claim.start))
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return f"says {worst.text!r}: {worst.why}{more}"


KEEP = [
    example("The voice is low, about 112 Hz.", clip={"f0_median_hz": 110.0}),
    example("The voice is low.", clip={"f0_median_hz": 170.0}),  # neither low nor high: too close to call
    example("If the voice were high, it would be a child.", clip={"f0_median_hz": 110.0}),
    example("The speaker sounds sarcastic.", clip={"f0_median_hz": 110.0}),  # no measurement for it
    example("Her voice is low.", clip={"f0_median_hz": 212.0}),  # not low, but no higher than other women's
    example("The pace is slow and the recording is loud.", clip={"syllable_rate_hz": 3.0, "loudness_lufs": -16.0}),
    example("The pitch is around 220 Hz.", clip={"f0_median_hz": 110.0}),  # an octave apart
    example("The speech has no pauses.", clip={"pause_count": 1.0, "longest_pause_s": 0.3}),  # nobody may notice it
    example("The song is in a minor key.", clip={"mode": 1.0, "key_margin": 0.1}),  # its relative has the same notes
    example("声音低沉。", clip={"f0_median_hz": 100.0}),
]
DROP = [
    example("The voice is low.", clip={"f0_median_hz": 280.0}),
    example("His voice is low.", clip={"f0_median_hz": 214.0}),
    example("I hear a voice at about 110 Hz.", clip={"f0_median_hz": 190.0}),
    example("The pitch is around 440 Hz.", clip={"f0_median_hz": 110.0}),  # two octaves apart
    example("The pitch is not low; the speaker talks fast.", clip={"syllable_rate_hz": 2.6, "f0_median_hz": 210.0}),
    example("I hear three beeps.", clip={"event_count": 2.0}),
    example("The pitch rises.", clip={"f0_change_st": -7.0, "f0_final_slope_st_s": -12.0}),
    example("The clip is very loud.", clip={"loudness_lufs": -38.0}),
    example("The speech has no pauses.", clip={"pause_count": 2.0, "longest_pause_s": 0.9}),
    example("The recording is clean.", clip={"snr_db": 6.0}),
    example("The voice is bright.", clip={"brightness_db": -48.0}),  # low-passed: muffled
    example("声音很高。", clip={"f0_median_hz": 95.0}),
]
