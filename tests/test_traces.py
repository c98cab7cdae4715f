"""Completions in, think and response out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.traces import blocks, closed_once, join, split


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("<think>\nIt is low.\n</think>\nlow", ("It is low.", "low")),
        ("It is low.\n</think>\nlow", ("It is low.", "low")),
        ("<|THINK_START|>It is low.<|THINK_END|>low", ("It is low.", "low")),
        ("<THINK>It is low.</THINK><RESPONSE>low</RESPONSE>", ("It is low.", "<RESPONSE>low</RESPONSE>")),
        ("<think>\n\n</think>\nlow", ("", "low")),
        ("</think>low", ("", "low")),
        ("<think>It is low, so", ("It is low, so", "")),
        ("low", ("low", "")),
        ("<think>a</think>b</think>c", ("a", "b</think>c")),
        ("", ("", "")),
    ],
)
def test_a_completion_splits_at_its_first_end_tag(completion, expected):
    assert split(completion) == expected


@given(st.text(), st.text())
def test_what_is_joined_splits_again(think, response):
    if blocks(think) == (0, 0):
        assert split(join(think, response)) == (think.strip(), response.strip())


@given(st.text(alphabet="<think>/ |THINK_STARTEND"))
def test_any_text_splits_without_an_error_and_loses_no_letter(completion):
    think, response = split(completion)

    assert think in completion
    assert response in completion


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("a\n</think>\n</think>\nlow", "a\n</think>\nlow"),
        ("a<|THINK_END|> <|THINK_END|>low", "a<|THINK_END|>\nlow"),
        ("a</think>low</think>b", "a</think>low</think>b"),
        ("a</think>low", "a</think>low"),
    ],
)
def test_a_closing_tag_right_after_another_is_taken_out(completion, expected):
    assert closed_once(completion) == expected
