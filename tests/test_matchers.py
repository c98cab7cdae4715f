"""The public benchmarks' own matchers, blind spots included: what their published scripts say of these responses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.errors import InputError
from mgrd.matchers import decide, never_right

ANIMALS = ["a dog barking", "a cat", "a dog whining", "birds"]


def correct(matcher, response, answer, choices=None):
    return decide(response, choices, answer, matcher).correct


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("a dog barking", True),
        ("A DOG, barking!", True),
        ("barking: a loud dog", True),  # a set of words has no order
        ("It is not a dog barking", True),  # and no negation
        ("a dog barking or whining", False),
        ("(A) a dog barking", True),
        ("a dog barking, no cat", False),
        ("A", False),  # a letter alone never passes
        ("dog", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("matcher", ["mmau", "mmar"])
def test_mmau_and_mmar_compare_sets_of_words(matcher, response, right):
    assert correct(matcher, response, "a dog barking", ANIMALS) is right


def test_mmau_counts_words_of_the_sentence_against_the_answer():
    choices = ["The whistle is loud", "a drum"]

    assert correct("mmau", "The answer is a drum.", "a drum", choices) is False
    assert decide("The answer is a drum.", choices, "a drum", "mmau").predicted == "a drum"  # as ours reads it


@pytest.mark.parametrize("matcher", ["mmsu", "airbench"])
@pytest.mark.parametrize(
    ("response", "predicted"),
    [
        ("B", "a cat"),
        ("B. a cat", "a cat"),
        ("\n B\n", "a cat"),
        ("The answer is B.", "a cat"),
        ("the answer is (B)", "a cat"),  # its last but one
        ("a cat", None),
        ("b", None),
        ("Dogs bark", "birds"),  # the letter D
        ("Because of A.", "a cat"),
        ("None", None),
        ("", None),
        ("?", None),
    ],
)
def test_mmsu_and_airbench_read_the_first_letter_or_the_last_but_one(matcher, response, predicted):
    found = decide(response, ANIMALS, "a cat", matcher)

    assert (found.predicted, found.correct) == (predicted, predicted == "a cat")


def test_a_letter_beyond_the_choices_is_no_answer():
    assert decide("D", ["yes", "no"], "yes", "airbench").why == "says D, and there are 2 choices"


def test_a_letter_matcher_without_choices_says_so():
    with pytest.raises(InputError, match="need choices"):
        decide("A", None, "3", "mmsu")


@pytest.mark.parametrize(
    ("response", "answer", "predicted", "right"),
    [
        ("He has 3 and then 12 apples.", "12", "12", True),
        ("The answer is 12. That is 3 more than 9.", "12", "12", True),
        ("The answer is 1,200.00", "#### 1,200", "1200", True),
        ("7.50 dollars", "7.5", "7.5", True),
        ("3/4", "0.75", "0.75", True),
        ("The answer is: -4.", "-4", "-4", True),
        ("twelve", "12", None, False),
        ("The answer is 5.\n\nQ: next\nThe answer is 6.", "5", "5", True),
        ("5 plus 7 is 12, as 5 and 7", "12", "7", False),
    ],
)
def test_spoken_mqa_takes_the_number_after_the_answer_is_or_the_last_one(response, answer, predicted, right):
    found = decide(response, None, answer, "spoken-mqa")

    assert (found.predicted, found.correct) == (predicted, right)


@pytest.mark.parametrize(
    ("response", "answer", "predicted"),
    [
        ("First it looks valid. Final answer: invalid", "Invalid", "invalid"),
        ("The argument is not deductively valid.", "invalid", "invalid"),
        ("I am not sure, but the argument is valid.", "valid", "valid"),
        ("At first no, but you do land back at the start. Yes.", "Yes", "yes"),
        ("So my answer is nope", "No", "no"),
        ("That gives seven instruments.", "7", "7"),
        ("Final answer: 12. I counted 3 twice.", "12", "12"),
        ("in-valid", "valid", "invalid"),
        ("That isn't valid.", "invalid", "invalid"),
        ("That wasn't valid.", "invalid", "valid"),  # a blind spot of theirs: isn't and aren't are the only ones
        ("Hmm, hard to say.", "Yes", None),
    ],
)
def test_big_bench_audio_takes_what_follows_the_last_answer_or_comes_last(response, answer, predicted):
    found = decide(response, None, answer, "big-bench-audio")

    assert (found.predicted, found.correct) == (predicted, predicted == answer.lower())


def test_without_gold_nothing_is_right_or_wrong():
    for matcher in ("ours", "mmau", "mmsu", "mmar", "airbench", "spoken-mqa", "big-bench-audio"):
        assert decide("A", ANIMALS, None, matcher).correct is None


MATCHERS = st.sampled_from(["mmau", "mmsu", "mmar", "airbench", "spoken-mqa", "big-bench-audio"])


@given(MATCHERS, st.text(), st.sampled_from(["a cat", "birds"]))
def test_any_response_is_decided(matcher, response, answer):
    found = decide(response, ANIMALS, answer, matcher)

    assert found.correct in (True, False)
    assert found.why


def test_published_verdicts_on_published_predictions_are_met(real):
    rows = [json.loads(line) for line in (real / "mmau_predictions.jsonl").read_text(encoding="utf-8").splitlines()]

    missed = [
        row["prediction"]
        for row in rows
        if correct("mmau", row["prediction"], row["reference"], row["choices"]) is not bool(row["string_match"])
    ]

    assert missed == []


def test_a_gold_answer_that_a_matcher_can_never_find_right_is_known_beforehand():
    assert never_right(None, "a dog", "big-bench-audio").startswith("the gold answer 'a dog' is neither")
    assert never_right(None, "a dog", "spoken-mqa") == "the gold answer 'a dog' is no number"
    assert never_right(list("vwxyz"), "z", "mmsu") == "the gold answer 'z' is the choice E, and A to D are read"
    assert [never_right(None, gold, "big-bench-audio") for gold in ("Yes", "07", "invalid")] == [None] * 3
    assert never_right(None, "1,200.50", "spoken-mqa") is None
    assert never_right(list("vwxyz"), "z", "ours") is None
