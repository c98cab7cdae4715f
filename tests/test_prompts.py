"""The words that are sent to a model."""

import pytest

from mgrd.errors import MisusedError
from mgrd.prompts import GROUNDED, PLAIN, render, template


def test_the_turn_is_question_then_choices_then_instruction():
    assert render("plain", "High or low?", ["high", "low"]) == f"High or low?\n(A) high\n(B) low\n{PLAIN}"
    assert render("grounded", "What do you hear?", None) == f"What do you hear?\n{GROUNDED}"


def test_a_prompt_file_is_filled_once_whatever_the_question_says(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("Q: {question}\n{choices}\nAnswer {shortly}.")

    assert render(str(path), "Is it {choices}?", ["a"]) == "Q: Is it {choices}?\n(A) a\nAnswer {shortly}."
    assert template(str(path)) == "Q: {question}\n{choices}\nAnswer {shortly}."


def test_a_prompt_file_that_asks_nothing_is_misuse(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("Describe.")

    with pytest.raises(MisusedError, match="no question would be asked"):
        render(str(path), "Why?", None)
    path.write_bytes(b"{question}\xff")
    with pytest.raises(MisusedError, match="byte 11 is no UTF-8"):
        template(str(path))
    with pytest.raises(MisusedError, match="no such file"):
        render(str(tmp_path / "none.txt"), "Why?", None)
