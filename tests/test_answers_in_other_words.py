"""What an answer may be called: synonyms, units, denials, parts in order, mathematics, JSON; and what it may not."""

import subprocess
import sys
import threading
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mgrd.answers import is_correct, resolve
from mgrd.choices import key_of
from mgrd.mathematics import is_mathematical, same_value
from mgrd.meanings import emotions

FEELINGS = ["angry", "happy", "sad", "neutral", "frustrated", "excited"]
ORDERED = ["first: neutral, second: frustration", "first: frustration, second: neutral"]
SECONDS = ["0.75 seconds", "1.00 seconds", "1.49 seconds", "2.00 seconds"]


@pytest.mark.parametrize(
    ("response", "choices", "value"),
    [
        ("The speaker sounds joyful.", FEELINGS, "happy"),
        ("mad", ["anger", "joy"], "anger"),
        ("The answer is: frustration", FEELINGS, "frustrated"),
        ("她很生气", ["anger", "joy"], "anger"),
        ("She isn't mad.", ["anger", "joy"], None),
        ("mad or glad", ["anger", "joy"], None),
        ("joyful", ["happy", "joy"], None),  # two choices that fold together are two answers
        ("calm", ["neutral", "sad"], None),  # neighbours that a label set tells apart
        ("mad", ["anger", "a dog"], None),  # not all choices are emotions
        ("Mad Men", ["Happy Days", "Mad Men"], "Mad Men"),
    ],
)
def test_a_synonym_of_an_emotion_is_that_emotion_where_the_choices_are_emotions(response, choices, value):
    assert resolve(response, choices).value == value


def test_no_word_stands_for_two_emotions():
    words = [word for word in emotions() if word.isascii()]

    assert len(words) == len(set(words)) > 50
    assert all(resolve(word, ["angry", "calm"]).value in ("angry", "calm", None) for word in emotions())


@pytest.mark.parametrize(
    ("response", "place"),
    [
        ("neutral, then frustration", 0),
        ("neutral → frustrated", 0),
        ("The first speaker is frustrated and the second speaker is neutral.", 1),
        ("<answer>frustrated, neutral</answer>", 1),
        ("Speaker 1: neutral; Speaker 2: frustrated", 0),
        ("first and second show neutral and frustration respectively", 0),
        ("The answer is first: frustration, second: neutral.", 1),
        ("neutral and frustration", None),  # says no order
        ("The first speaker is neutral.", None),
        ("The first speaker is not neutral, the second is frustrated.", None),
        ("First neutral, second frustrated, third sad.", None),
        ("The first is neutral or frustrated, the second is frustrated.", None),
    ],
)
def test_parts_in_order_are_told_apart_from_the_reverse_order(response, place):
    assert resolve(response, ORDERED).value == (None if place is None else ORDERED[place])


@pytest.mark.parametrize(
    ("response", "choices", "value"),
    [
        ("It does not.", ["Yes", "No"], "No"),
        ("It is.", ["Yes", "No"], "Yes"),
        ("There isn't.", ["Yes", "No"], "No"),
        ("No, it isn't.", ["True", "False"], "False"),
        ("不是", ["True", "False"], "False"),
        ("是的", ["Yes", "No"], "Yes"),
        ("The argument is not deductively valid.", ["valid", "invalid"], "invalid"),
        ("It is not necessarily valid.", ["valid", "invalid"], None),
        ("I am not sure whether it is valid or invalid.", ["valid", "invalid"], None),
        ("They don't sing.", ["sing", "not sing"], "not sing"),
        ("There is no music that I can make out.", ["Yes", "No"], None),
        ("It does not sound like rain to me, and it does.", ["Yes", "No"], None),
    ],
)
def test_a_denial_is_a_no_and_a_yes_under_another_name_is_a_yes(response, choices, value):
    assert resolve(response, choices).value == value


@pytest.mark.parametrize(
    ("response", "choices", "value"),
    [
        ("2000 ms", SECONDS, "2.00 seconds"),
        ("2", SECONDS, "2.00 seconds"),
        ("about 1.5 s", SECONDS, "1.49 seconds"),
        ("1.2 s", SECONDS, None),
        ("1.492 seconds", SECONDS, "1.49 seconds"),
        ("120 seconds", ["2 minutes", "3 minutes"], "2 minutes"),
        ("2.14 minutes", ["2.14 seconds", "2.00 seconds", "2.14 minutes"], "2.14 minutes"),
        ("2.14", ["2.14 seconds", "2.00 seconds", "2.14 minutes"], None),
        ("440 Hz", ["0.44 kHz", "4.4 kHz"], "0.44 kHz"),
        ("2.4", ["2", "3"], None),  # a count is exact
        ("21", ["20", "22"], None),
    ],
)
def test_a_quantity_is_itself_in_any_unit_and_as_exactly_as_it_was_written(response, choices, value):
    assert resolve(response, choices).value == value


@pytest.mark.parametrize(
    ("response", "answer", "right"),
    [
        ("3/4", "0.75", True),
        ("\\boxed{\\frac{3}{4}}", "0.75", True),
        ("\\boxed{\\frac{3}{4}}", "3/4", True),
        ("The answer is $2\\sqrt{2}$.", "\\sqrt{8}", True),
        ("3/5", "3/4", False),
        ("2.1 minutes", "2 s", False),
        ("It lasts 2.1 minutes.", "2 s", False),
        ("It lasts 2.1 s.", "2 s", True),
        ("2.6 s", "2 s", False),
        ("1.49 s", "1.5 s", True),
        ("1.5 s", "1.49 s", False),  # the gold answer is more exact
        ("2000 ms", "2.0 s", True),
        ("The argument is deductively valid.", "valid", True),
        ("The argument is not deductively valid.", "valid", False),
        ("The argument is not deductively valid.", "invalid", True),
        ("It does not.", "no", True),
        ("It does not.", "yes", False),
        ("One step.\nAnother.\nNo.", "no", True),
        ("So 3 and 4.\n7", "7", True),
        ("So 3 and 4.\nThat is it, I think, more or less.", "7", False),
        ("The speaker sounds frustrated.", "The speaker's emotion seems frustration.", True),
        ("The speaker sounds frustrated and sad.", "The speaker's emotion seems frustration.", False),
        ("happy", "joy", True),
        ("not happy", "joy", False),
        ("a glad crowd", "joyful singing of a crowd", False),  # no emotion is asked for
    ],
)
def test_an_open_answer_may_be_given_in_other_words(response, answer, right):
    assert is_correct(resolve(response, None, answer).value, answer, None) is right


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ('{"answer": "B", "confidence": 0.9}', "a cat"),
        ('```json\n{"final_answer": "a cat"}\n```', "a cat"),
        ('{"reasoning": "It meows.", "result": {"choice": "(B)"}}', "a cat"),
        ('{"answer": ["A", "B"]}', None),
        ('{"answer": null}', None),
        ('{"answer": "B"', None),  # cut off
        ("答案：（Ｂ）", "a cat"),
        ("Ａｎｓｗｅｒ：Ｂ", "a cat"),
    ],
)
def test_json_and_full_width_answers_are_read(response, value):
    assert resolve(response, ["a dog", "a cat"]).value == value


def test_mathematics_is_bounded_and_works_in_a_thread():
    costly = ["9^999", "((x^99)^99)^99", "x!", "\\sum_{i=1}^{99} i", "1" * 40 + "/3", "a" * 81, "10**10**10", "the cat"]
    costly += ["(a+b+c+d+e)^99", "9^{9^{9}}", "(9^9)^9", "\\sqrt{99^99}", "x^9+y=3", "\\sin(x)", "3=4", "1/2=2/4"]
    assert [text for text in costly if is_mathematical(text)] == []

    found = []
    thread = threading.Thread(target=lambda: found.append(same_value("0.5", "\\frac{1}{2}")))
    thread.start()
    thread.join(60)

    assert found == [True]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="0123456789x+-*/^(){}\\frac sqrt.=%", max_size=40))
def test_no_expression_takes_long_or_escapes_as_an_error(text):
    start = time.process_time()

    assert same_value(text, "3/4") in (True, False)
    assert time.process_time() - start < 10


def test_mathematics_is_loaded_only_where_it_is_asked_for():
    code = "import sys, mgrd.answers; mgrd.answers.resolve('B', ['a', 'b']); print('sympy' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


UNITS = (
    "not calm, ", "first ", "{", '{"answer": ', "(A) ", "the answer is ", "speaker 1 ", "is not ", "2.0 s ", "不是",
    "\\boxed{", "**", "\n", "A, ", "<answer>",
)  # fmt: skip


def test_a_response_of_a_megabyte_is_resolved_in_seconds():
    text = "".join(unit * (1_000_000 // len(UNITS) // len(unit)) for unit in UNITS)
    start = time.process_time()
    resolve(text, ORDERED)
    resolve(text, None, "3")

    assert time.process_time() - start < 30


words = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=14).filter(
    lambda text: text.strip()
)
TOKENS = (
    "the answer is 42", "not", "no", "yes", "A", "B.", "(C)", "option B", "and", "or", "because", "wrong", "first",
    "second", "then", "42", "1.5 s", "a dog", "happy", "sad", "是", "不", "选B", "a", "I",
)  # fmt: skip
tricky = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3).map(" ".join)
lists = st.lists(words | tricky, min_size=2, max_size=6, unique_by=lambda text: text.strip().casefold())
near = st.sampled_from([
    ["sing", "not sing"], ["piano", "electric piano"], ["Yes", "No"], ["A", "B", "C", "D"], ["happy", "joy", "sad"],
    ["one hundred and ninety", "one hundred and ninety-one"], ["2.00 seconds", "2.0 minutes", "2 hours"], ORDERED,
    ["valid", "invalid"], ["男", "女"], ["是", "不是"], ["the first", "the second", "both"], ["1", "2", "3", "4"],
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(lists | near, st.data())
def test_a_choice_in_any_form_is_that_choice_or_nothing_and_never_another(choices, data):
    place = data.draw(st.integers(0, len(choices) - 1))
    text, letter = choices[place], chr(65 + place)
    forms = [
        text, f"<answer>{text}</answer>", f"<RESPONSE>{text}</RESPONSE>", f"**{text}**", f"The answer is {text}.",
        f"Answer: {text}", f"答案是：{text}", f"\\boxed{{{text}}}",
    ]  # fmt: skip
    if not any(key_of(choice).casefold() == letter.casefold() for choice in choices):  # there it is a text
        forms += [f"({letter}) {text}", f"{letter}. {text}"]
    form = data.draw(st.sampled_from(forms))
    assume(not any(key_of(form) == key_of(choice) for choice in choices if choice != text))  # there it is that one

    said = resolve(form, choices).value

    assert said is None or key_of(said) == key_of(text), (form, choices)
