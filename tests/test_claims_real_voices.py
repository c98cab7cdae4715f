"""What docs/grounding.md and mgrd.claims.voices say of the 150 recorded sentences, counted where they are."""

from __future__ import annotations

from collections import Counter

import pytest

from mgrd.audio.load import load
from mgrd.audio.measure import measure
from mgrd.claims.readings import content_of
from mgrd.claims.voices import by_pitch_and_tract

WOMEN = ("08", "13", "16")
SADNESS = "T"


@pytest.fixture(scope="module")
def sentences(real):
    """Each recorded sentence of emodb, measured, by its name: speaker, text, emotion, take."""
    paths = sorted((real / "emodb").glob("*.wav"))
    return {path.stem: measure(load(path)) for path in paths}


def test_pitch_and_tract_say_the_right_sex_of_more_than_half_and_never_the_wrong_one(sentences):
    counts = Counter(("woman" if name[:2] in WOMEN else "man", by_pitch_and_tract(m)) for name, m in sentences.items())
    assert counts == {("man", "male"): 30, ("man", None): 30, ("woman", "female"): 53, ("woman", None): 37}


def test_five_sentences_all_of_acted_sadness_are_taken_for_speech_among_other_sounds(sentences):
    mixed = [name[5] for name, one in sentences.items() if content_of(one) != "voice"]
    assert (mixed, sum(name[5] == SADNESS for name in sentences)) == ([SADNESS] * 5, 19)
