"""Sentences end where a reader sees an end, in English and Chinese."""

import pytest

from mgrd.stances import STATED, folded, sentences, stances


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("他很激动！所以答案是平静。", ("他很激动!", "所以答案是平静。")),
        ("是平静吗？不是。", ("是平静吗?", "不是。")),
        ("他问：“真的吗？”她没有回答！！语气平静。", ("他问:“真的吗?", "她没有回答!!", "语气平静。")),
        ("It is 5!x and calm? Yes.", ("It is 5!x and calm?", "Yes.")),
    ],
)
def test_full_width_marks_end_a_sentence(text, wanted):
    assert sentences(text) == wanted


def test_a_question_does_not_hedge_the_sentence_after_it():
    said = stances("是激动吗？所以答案是平静。", ["平静", "激动"])

    assert [(one.place, one.choice) for one in said if one.kind == STATED] == [(1, "平静")]


def test_folding_keeps_every_letter_in_its_place():
    assert folded("İ THINK STRASSE, straße") == "İ think strasse, straße"
    assert folded("CALM") == "calm"
