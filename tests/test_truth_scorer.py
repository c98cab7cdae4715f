"""The independent scorer of benchmarks/truth.py, on sentences whose truth is known."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "truth.py"
spec = importlib.util.spec_from_file_location("truth", PATH)
truth = sys.modules["truth"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(truth)

LOW_SLOW_LOUD = {
    "kind": "speech",
    "f0_hz": 104.0,
    "pitch": "low",
    "syllables_per_s": 2.8,
    "rate": "slow",
    "level": "loud",
}
PAIR_UP = {"kind": "pair", "f1_hz": 440.0, "f2_hz": 620.0, "level": "quiet"}
GLIDE_DOWN = {"kind": "glide", "f1_hz": 640.0, "f2_hz": 330.0, "level": "loud"}
THREE_BEEPS = {"kind": "beeps", "beeps": 3, "f1_hz": 500.0, "level": "loud"}


@pytest.mark.parametrize(
    ("think", "row", "claims", "true"),
    [
        ("The voice is low, around 100 Hz, so the answer is low.", LOW_SLOW_LOUD, 2, 2),
        ("The voice is low, around 230 Hz, so the answer is low.", LOW_SLOW_LOUD, 2, 1),
        ("The speaker has a high voice near 230 Hz, so I choose high.", LOW_SLOW_LOUD, 2, 0),
        ("The pace is slow, about 3 syllables per second and the level is loud.", LOW_SLOW_LOUD, 3, 3),
        ("The speaker talks fast, at about 6 syllables per second, therefore fast fits best.", LOW_SLOW_LOUD, 2, 0),
        ("The volume is low and the pitch is low.", LOW_SLOW_LOUD, 2, 1),
        ("The first tone is near 440 Hz and the second near 620 Hz, so the second is higher.", PAIR_UP, 3, 3),
        ("The first tone is near 440 Hz and the second near 620 Hz, so the first is higher.", PAIR_UP, 3, 2),
        ("One tone of about 620 Hz is followed by another of about 440 Hz, so the answer is first.", PAIR_UP, 2, 0),
        ("The pitch falls from about 640 Hz to 340 Hz, so the tone is falling.", GLIDE_DOWN, 4, 4),
        ("The tone starts near 320 Hz and ends near 640 Hz, so it is rising.", GLIDE_DOWN, 3, 0),
        ("The pitch falls from about 640 to 340 Hz.", GLIDE_DOWN, 3, 3),
        ("I hear that there are three short beeps near 500 Hz, so I count three.", THREE_BEEPS, 3, 3),
        ("The beep sounds four times, each time at about 500 Hz, so the answer is four.", THREE_BEEPS, 2, 1),
        ("The voice is low.", THREE_BEEPS, 1, 0),
    ],
)
def test_claims_are_found_and_checked_against_the_truth(think, row, claims, true):
    assert truth.score(think, row) == {
        "cited": True,
        "claims": claims,
        "true": true,
        "fully_grounded": claims == true,
    }


@pytest.mark.parametrize(
    "think",
    [
        'The words are "a quiet low garden" and that is everyday talk, so the answer is low.',
        "I cannot hear the audio, but such questions usually expect high, so I will say high.",
        "As a text model I have no access to the sound, so I can only guess low.",
        "The audio is what it is and it could be one or the other or both of them, so the answer is slow.",
        "That is thrilling news, so the speaker sounds excited.",
        "",
    ],
)
def test_words_habits_and_denials_are_no_claims(think):
    assert truth.score(think, LOW_SLOW_LOUD) == {"cited": False, "claims": 0, "true": 0, "fully_grounded": False}


@pytest.mark.parametrize(
    "think",
    [
        "The voice is low, around 100 100 Hz.",
        "The voice is low, around Hz.",
        "The pace is slow, syllables 3 about per second.",
        "The voice is low, about 10.",
    ],
)
def test_a_garbled_number_is_never_fully_grounded(think):
    assert truth.garbled(think)
    assert not truth.score(think, LOW_SLOW_LOUD)["fully_grounded"]
