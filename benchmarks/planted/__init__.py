"""Planted contradictions: clips with a known edit and claims about them, true and flipped, for a claim verifier.

Whoever wrote the texts and the edits had seen neither the vocabulary nor the code of mgrd.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from planted import pitch as pitch
from planted import scenes as scenes
from planted.claims import Case, Item, real_speech

FAMILIES = (
    pitch.plain, pitch.pitch_compare, pitch.steady_tones, pitch.contours, pitch.ranges, scenes.loudness,
    scenes.trends, scenes.rates, scenes.pauses, scenes.noises, scenes.timbres, scenes.rooms, scenes.beats,
    scenes.harmony, scenes.counts, scenes.orders,
)  # fmt: skip


@lru_cache(maxsize=2)
def items(data: Path | None) -> tuple[Item, ...]:
    """All clips with their claims."""
    return tuple(item for family in FAMILIES for item in family(real_speech(data)))


def clips(data: Path | None) -> Iterator[tuple[str, np.ndarray, int]]:
    """Key, float32 samples in [-1, 1] and rate of each clip; without a folder of real speech, synthesis alone."""
    for item in items(data):
        yield item.key, item.samples, item.rate


def cases(data: Path | None) -> list[Case]:
    """All claims about the clips, true and false."""
    numbers: Counter[tuple[str, str, bool]] = Counter()
    found = []
    for item in items(data):
        for claim in item.claims:
            numbers[claim.cue, item.source, claim.holds] += 1
            number = numbers[claim.cue, item.source, claim.holds]
            name = f"{claim.cue}/{item.source}/{number:03}/{str(claim.holds).lower()}"
            found.append(Case(name, claim.cue, item.source, item.key, claim.text, claim.holds, claim.truth))
    return found
