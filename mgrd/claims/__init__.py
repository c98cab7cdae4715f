"""Claims: what a trace asserts about how this clip sounds, and whether the waveform agrees.

`extract` reads text alone, `verify` compares a claim with measurements; neither opens a file or runs a model.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal

Modality = Literal["asserted", "hedged", "option", "hypothetical", "general", "question", "quoted", "presupposed"]
Verdict = Literal["supported", "contradicted", "unverifiable"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A span of a think text that asserts something about the clip; the columns of `judged.claims`.

    Only `asserted` and `hedged` spans get a verdict. The fields below `why` are None before verification.
    """

    start: int
    end: int
    text: str
    """`think[start:end]`, to the letter."""
    cue: str
    """`family.kind` of the vocabulary, e.g. `pitch.level`, `event.count` (DESIGN, section 5)."""
    kind: Literal["level", "value", "trend", "comparison", "presence", "count"]
    scope: str
    """`whole`, `start`, `middle`, `end`, `span` (see t0_s, t1_s), `first`, `second`, ... `last`, `first_vs_second`."""
    polarity: int
    """1, or -1 when the claim is negated."""
    modality: Modality
    asserts: str
    """The normalised value: `low`, `rising`, `present`, `first`, `slow`, ...; `value` for a bare number."""
    claimed: str
    """For people: `low`, `about 110 Hz`."""
    claimed_value: float | None = None
    unit: str | None = None
    """Of `claimed_value`, and of `measured`, which gives it where the text states none."""
    t0_s: float | None = None
    t1_s: float | None = None
    measured: float | None = None
    z: float | None = None
    """Signed distance to the claimed interval over sigma: supported at >= 1, contradicted at <= -2."""
    verdict: Verdict | None = None
    why: str | None = None
    """The evidence with numbers, or the named reason why it cannot be verified."""
    confidence: float | None = None


def as_row(claim: Claim) -> dict[str, Any]:
    """The claim as a row of the `claims` column: what `asdict` gives, without its deep copies."""
    return dict(zip(_COLUMNS, _values(claim), strict=True))


_COLUMNS = [field.name for field in fields(Claim)]
_values = attrgetter(*_COLUMNS)
