"""Claims against measurements: what the waveform supports, contradicts, or cannot settle, and why.

Reads named figures (mgrd.audio.measure) and norms (`rules/cues/norms.toml`); opens no audio and reads no text. A false
contradiction costs a good trace, so a claim is contradicted only when every admissible frame of reference agrees.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from mgrd.claims import Claim, Verdict
from mgrd.claims.calibration import Corpus
from mgrd.claims.levels import doubts, levels, of_corpus
from mgrd.claims.numbers import SPECIAL, numbers
from mgrd.claims.readings import CONTRADICTED_Z, SUPPORTED_Z, Finding

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements


def verify(claims: Sequence[Claim], measurements: Sequence[Measurements], corpus: Corpus | None = None) -> list[Claim]:
    """The claims with `measured`, `z`, `verdict`, `why` and `confidence` for those asserted or hedged.

    What is only presupposed (a woman, in `her voice is low`) gives a frame of reference and is left out. `corpus`
    (mgrd.claims.calibration) is one frame more, beside those that are always admissible. What a text says again is
    judged once.
    """
    admissible, denies_more = _frames(claims), _denying_more(claims)
    measurements = [replace(one, memo={}) for one in measurements]
    found: dict[tuple[Any, ...], Claim] = {}
    judged = []
    for claim in claims:
        if claim.modality not in ("asserted", "hedged"):
            judged += [claim] if claim.modality != "presupposed" else []
            continue
        further = denies_more(claim)
        key = (_read(claim), further)
        if (known := found.get(key)) is None:
            found[key] = new = _judged(claim, measurements, admissible, corpus, further)
        else:
            new = replace(known, start=claim.start, end=claim.end, text=claim.text, modality=claim.modality)
        judged.append(new)
    return judged


_read = attrgetter(
    "cue", "kind", "scope", "polarity", "asserts", "claimed", "claimed_value", "unit", "t0_s", "t1_s",
)  # fmt: skip
"""The fields of a claim that its judgement reads: not where in the text it stands, and not its words."""


_BESIDE = 40
"""Characters between a denial and what else it may deny."""


def _denying_more(claims: Sequence[Claim]) -> Callable[[Claim], bool]:
    """Whether a denied source is denied something: `not two beeps but three`, `no low tone`."""
    others = sorted((one.start, one.end) for one in claims if one.polarity < 0 and one.cue != "source.presence")
    starts = [start for start, _ in others]
    ends = list(accumulate((end for _, end in others), max))

    def denies_more(claim: Claim) -> bool:
        if (claim.cue, claim.polarity) != ("source.presence", -1):
            return False
        before = bisect_left(starts, claim.end + _BESIDE)
        return before > 0 and ends[before - 1] > claim.start - _BESIDE

    return denies_more


def _frames(claims: Sequence[Claim]) -> frozenset[str]:
    """The frames of reference that a text invokes: `any`, and the sexes of the voices that it speaks of."""
    sexes = {
        one.asserts
        for one in claims
        if one.cue == "voice.sex" and one.polarity > 0 and one.modality in ("asserted", "hedged", "presupposed")
    }
    return frozenset({"any"} | sexes)


def _judged(
    claim: Claim,
    measurements: Sequence[Measurements],
    admissible: frozenset[str],
    corpus: Corpus | None,
    denies_more: bool,
) -> Claim:
    if len(measurements) != 1:
        several = f"{len(measurements)} clips, and the text does not say which"
        return _undecided(claim, several if measurements else "nothing was measured")
    if denies_more:
        return _undecided(claim, "it denies something of a sound, not the sound")
    findings = _findings(claim, measurements[0], admissible)
    if corpus is not None and all(one.z is not None for one in findings):
        findings += of_corpus(claim, measurements[0], corpus)
    decided = [one for one in findings if one.z is not None]
    if not decided:
        return _undecided(claim, findings[0].why)
    best = max(decided, key=lambda one: one.z if one.z is not None else 0.0)
    worst = min(decided, key=lambda one: one.z if one.z is not None else 0.0)
    contradicted = worst.z is not None and worst.z <= CONTRADICTED_Z
    # support in one frame and contradiction in another is no verdict
    chosen = best
    if contradicted and best.z is not None and best.z > CONTRADICTED_Z:
        chosen = replace(best, z=min(best.z, 0.0))
    z = chosen.z if chosen.z is not None else 0.0
    for doubt, least_z in doubts(claim, measurements[0], admissible) if z <= CONTRADICTED_Z else ():
        if doubt.z is not None and doubt.z > least_z:
            chosen, z = doubt, min(doubt.z, 0.0)
    verdict: Verdict = "unverifiable"
    if len(decided) == len(findings) and z <= CONTRADICTED_Z:
        verdict = "contradicted"
    elif z >= SUPPORTED_Z:
        verdict = "supported"
    why = chosen.why if verdict != "unverifiable" else f"not clear enough: {chosen.why}"
    confidence = 0.5 * (1 + math.erf(abs(z) / math.sqrt(2)))
    unit = claim.unit or chosen.unit
    return replace(
        claim, measured=chosen.measured, unit=unit, z=round(z, 3), verdict=verdict, why=why,
        confidence=round(confidence, 4),
    )  # fmt: skip


def _undecided(claim: Claim, why: str) -> Claim:
    return replace(claim, verdict="unverifiable", why=why, confidence=None)


def _findings(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    special = SPECIAL.get((claim.cue, claim.kind))
    if special is not None:
        return [special(claim, clip)]
    if claim.kind in ("value", "count"):
        return [numbers(claim, clip)]
    return levels(claim, clip, admissible) or [Finding(None, "norms.toml has no frame of reference for it")]
