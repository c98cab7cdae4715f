"""One response, one answer: what is resolved, what is left unresolved, and what counts as right."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.answers import Resolved, conclusion, gold_choice, is_correct, resolve
from mgrd.errors import InputError

MOODS = ["calm", "excited"]


@pytest.mark.parametrize(
    "response",
    [
        "excited",
        "Excited.",
        "B",
        "b",
        "(b)",
        "B.",
        "Ｂ",
        "B) excited",
        "(B) excited",
        "option B",
        "The answer is excited.",
        "The correct answer is (B) excited. The pitch jumps up.",
        "Final Answer: The final answer is $\\boxed{B}$",
        "<answer>excited</answer>",
        "<RESPONSE>\nB\n</RESPONSE>",
        "**B. excited**",
        "I hear it.\n\n**excited**",
        "**Answer:**\nexcited",
        '{"answer": "B"}',
        "The answer would be the second option.",
        "She sounds excited.",
        "Excited, because the pitch jumps up.",
        "It is excited rather than calm.",
        "It is not calm but excited.",
        "The pitch jumps. I'd go with excited",
        "B. A is wrong.",
        "The answer is B since A is wrong.",
        "It is excited; calm is wrong.",
        "The incorrect answer is A, so the answer is B.",
        "不应选A，应选B",
        "选B",
        "答案是：excited",
        "所以选B。",
        "正确选项：B",
        "第二个选项",
        "应该是excited，不是calm。",
        "选B！A是错的。",
        "答案是excited的那一个！calm的人不会这样喊。",
    ],
)
def test_one_endorsed_choice_is_resolved_to_its_text(response):
    assert resolve(response, MOODS).value == "excited"


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("", "there is no response"),
        ("Either calm or excited.", "the response names both 'calm' and 'excited'"),
        ("The answer is A or B.", "the stated answer names both 'calm' and 'excited'"),
        ("The answer is calm. Wait, the answer is excited.", "the stated answer names both 'calm' and 'excited'"),
        ("(A) excited", "a line of its own names both 'calm' and 'excited'"),
        ("A. calm\nB. excited", "a line of its own names both 'calm' and 'excited'"),
        ("The answer is bored. She is not calm.", "the stated answer names none of the choices"),
        ("The answer isn't calm.", "names none of the choices"),
        ("<answer>A, B</answer>", "the stated answer names both 'calm' and 'excited'"),
        ("Answer: A, B", "the stated answer names both 'calm' and 'excited'"),
        ("\\boxed{A, B}", "the stated answer names both 'calm' and 'excited'"),
        ("(A) calm and (B) excited", "a line of its own names both 'calm' and 'excited'"),
        ("A) calm, B) excited", "a line of its own names both 'calm' and 'excited'"),
        ("A: wrong", "names none of the choices"),
        ("(A) wrong", "names none of the choices"),
        ("(A) and (B)", "a line of its own names both 'calm' and 'excited'"),
        ("A, B and C", "a line of its own names both 'calm' and 'excited'"),
        ("<answer>calm, excited</answer>", "the stated answer names both 'calm' and 'excited'"),
        ("The wrong answer is calm.", "names none of the choices"),
        ("The least likely answer is calm.", "names none of the choices"),
        ("Calm is the least likely.", "names none of the choices"),
        ("Option A is wrong", "names none of the choices"),
        ("(A) is wrong.", "names none of the choices"),
        ("She sounds anything but calm.", "names none of the choices"),
        ("The voice is far from calm.", "names none of the choices"),
        ("不选A", "names none of the choices"),
        ("我不会选A", "names none of the choices"),
        ("没有选A", "names none of the choices"),
        ("我不应该选A。", "names none of the choices"),
        ("错误的答案是A", "names none of the choices"),
        ("I cannot hear the audio.", "names none of the choices"),
        ("C", "names none of the choices"),
    ],
)
def test_two_choices_or_none_leave_a_response_unresolved(response, why):
    found = resolve(response, MOODS)

    assert found.value is None
    assert found.why == why


@pytest.mark.parametrize(
    ("response", "choices", "value"),
    [
        ("not sing", ["sing", "not sing"], "not sing"),
        ("They do not sing.", ["sing", "not sing"], "not sing"),
        ("They sing.", ["sing", "not sing"], "sing"),
        ("an electric piano", ["piano", "electric piano"], "electric piano"),
        ("It is the piano.", ["piano", "electric piano"], "piano"),
        ("What I hear is an electric piano.", ["piano", "electric piano"], "electric piano"),
        (
            "one hundred and ninety-one",
            ["one hundred and ninety", "one hundred and ninety-one"],
            "one hundred and ninety-one",
        ),
        ("190", ["one hundred and ninety", "one hundred and ninety-one"], "one hundred and ninety"),
        ("C", ["G", "D", "E", "C"], "C"),  # the exact text beats the letter of E
        ("(A)", ["G", "D", "E", "C"], "G"),
        ("(C)", ["G", "D", "E", "C"], None),  # both readings
        ("(C) E", ["G", "D", "E", "C"], "E"),
        ("A:7/1. It resolves.", ["E:min7/1", "A:7/1"], "A:7/1"),
        ("7.40 to 10.10. As heard.", ["1.50 to 4.00", "7.40 to 10.10"], "7.40 to 10.10"),
        ("2.0 s", ["2.00 seconds", "2.00 minutes"], "2.00 seconds"),
        ("三个", ["2", "3"], "3"),
        ("There are three people.", ["2", "3"], "3"),
        ("No one speaks in this 10 second clip.", ["1", "2"], None),
        ("Yes, she does.", ["Yes", "No"], "Yes"),
        ("There is no sign of joy.", ["Yes", "No"], None),
        ("No doubt: yes", ["Yes", "No"], None),
        ("Yes and no", ["Yes", "No"], None),
        ("Yes, but also no.", ["Yes", "No"], None),
        ("No, there are none.", ["Yes", "No"], "No"),
        ("(A) false", ["True", "False"], None),
        ("(B) false", ["True", "False"], "False"),
        ("没错，是平静。", ["平静", "激动"], "平静"),
        ("没错是平静的", ["平静", "激动"], "平静"),
        ("是的。", ["是", "否"], "是"),
        ("1,000", ["1000", "1"], "1000"),
        ("A hundred and one, I think.", ["1", "101"], "101"),
        ("1, 2 and 3", ["1, 2 and 3", "1"], "1, 2 and 3"),
        ("A. A dog barks, B is too quiet.", ["A dog barks", "a cat"], "A dog barks"),
        ("A, because B is too quiet.", ["a dog", "a cat"], "a dog"),
        ("nothing but the cat", ["a dog", "a cat"], "a cat"),
        ("<answer><answer>B</answer></answer>", ["a dog", "a cat"], "a cat"),
        ("No", ["Yes, it is the second.", "No, it is not present."], "No, it is not present."),
        (
            "first is joy, second is fear",
            ["first is fear, second is joy", "first is joy, second is fear"],
            "first is joy, second is fear",
        ),
        ("E", ["a cat", "a dog", "a cow", "a pig", "a dog"], "a dog"),  # a repeated text keeps all its letters
        ("1. Cooking", ["1. Cooking", "2. Reading"], "1. Cooking"),
        ("Cooking", ["1. Cooking", "2. Reading"], "1. Cooking"),
        ("(B) Bird", ["(A) Human", "(B) Bird"], "(B) Bird"),
    ],
)
def test_choices_that_contain_each_other_letters_or_numbers_are_told_apart(response, choices, value):
    assert resolve(response, choices).value == value


@pytest.mark.parametrize(
    ("response", "answer", "right"),
    [
        ("3", "three", True),
        ("There are 3 knocks.", "3", True),
        ("There are 3 knocks in 2 seconds.", "3", False),
        ("The answer is 3.5 s", "3.5 seconds", True),
        ("The answer is 3.5 minutes", "3.5 seconds", False),
        ("Yes, it does.", "yes", True),
        ("No.", "yes", False),
        ("是的", "是", True),
        ("不是", "是", False),
        ("是的，有人说话。", "是", True),
        ("不是，没有人说话。", "否", True),
        ("No", "no", True),
        ("No it does not.", "no", True),
        ("Not sure", "no", False),
        ("no idea", "no", False),
        ("valid point, but no", "yes", False),
        ("Yes and no", "yes", False),
        ("对不起，我不知道", "是", False),
        ("不知道", "否", False),
        ("不错，是的", "否", False),
        ("The answer is 1,000", "1000", True),
        ("There are 1,000, more or less.", "1000", True),
        ("a hundred and one", "1", False),
        ("a hundred and one", "101", True),
        ("a thousand", "1000", True),
        ("The speaker sounds excited.", "excited", True),
        ("The speaker is not excited.", "excited", False),
        ("calm or excited", "excited", False),
        ("A dog", "dog", True),
        ("A dog.\nOr a cat.", "dog", False),
    ],
)
def test_an_open_answer_is_compared_as_number_polarity_or_words(response, answer, right):
    assert is_correct(resolve(response, None, answer).value, answer, None) is right


def test_without_gold_nobody_is_right_or_wrong():
    assert is_correct("calm", None, MOODS) is None
    assert is_correct(None, "calm", MOODS) is False


def test_gold_may_be_a_text_or_a_letter_but_not_something_else():
    assert [gold_choice(gold, MOODS) for gold in ("excited", " Excited ", "B", "(b)", "B. excited")] == ["excited"] * 5
    assert gold_choice("C", ["G", "D", "E", "C"]) == "C"
    with pytest.raises(InputError, match="the answer 'angry' is none of the choices 'calm', 'excited'"):
        gold_choice("angry", MOODS)


@pytest.mark.parametrize(
    ("think", "value"),
    [
        ("It jumps up, so the answer is excited.", "excited"),
        ("The answer is calm? No. So the answer is excited.", "excited"),
        ("The answer is calm. But the pitch jumps.", None),
        ("It jumps up. Therefore she is excited.", "excited"),
        ("Excited voices jump up. This one does.", None),
        ("She is excited, so it must be a birthday.", None),  # a premise
        ("So the excited one is lower.", None),  # a property of one choice is no choice
        ("So the lower one is the excited.", None),
        ("It jumps up, so the speaker is most likely excited.", "excited"),
        ("音调升高，所以她很excited。", "excited"),
        ("音调升高，所以选B。", "excited"),
        ("音调升高，所以不选B。", None),
        ("It jumps up. So the wrong answer is excited.", None),
    ],
)
def test_the_conclusion_of_a_trace_is_what_it_states_last_and_never_takes_back(think, value):
    found = conclusion(think, MOODS)

    assert (found and found.value) == value


@pytest.mark.parametrize(
    "unit",
    [
        "not calm, ",
        "x calm ",
        "final ",
        "the answer is ",
        "<answer>",
        "\\boxed{",
        "A, ",
        "(A) and ",
        " ",
        "\n",
        "1,000,",
        "so. ",
    ],
)
def test_an_answer_is_resolved_in_time_proportional_to_its_text(unit):
    def seconds(characters):
        text = "x" + unit * (characters // len(unit)) + "x."
        start = time.process_time()
        resolve(text, MOODS)
        resolve(f"<answer>{text}", None, "3")
        conclusion(text, MOODS)
        return time.process_time() - start

    # up to three tries: what else the machine does only adds
    assert any(seconds(80_000) < 8 * max(seconds(20_000), 0.05) for _ in range(3))


@pytest.mark.parametrize(
    "response",
    [
        "Calm would be wrong here.", "I doubt it is calm.", "Hardly calm.", "The opposite of calm.", "Calm? No.",
        "Is it calm?",
        "If he were calm, he would speak slowly.", "Incorrect: calm", "Ruled out: calm", "Calm - wrong.",
        "**Calm** is the distractor.", "The answer is the opposite of calm",
        "The answer is either calm or something else",
        '{"rejected": "calm"}', "The answer is calm? No.", "Calm is what she is not.", "~~calm~~ excited",
        "It is not, whatever anyone might say about the whole long recording, calm.", "Nobody would call this calm.",
    ],
)  # fmt: skip
def test_a_choice_that_is_denied_doubted_asked_or_excluded_is_never_resolved_to(response):
    assert resolve(response, MOODS).value is None


@pytest.mark.parametrize("response", ["at least 3", "3 or more", "3+1", "-3", "3%", "not 3", "more than 3"])
def test_a_number_with_a_bound_a_sign_or_arithmetic_is_another_number(response):
    assert resolve(response, ["3", "4", "5"]).value is None
    assert is_correct(resolve(response, None, "3").value, "3", None) is False


@pytest.mark.parametrize(
    ("response", "gold"), [("hot dog", "dog"), ("He is far from happy", "happy"), ("a dog?", "dog")]
)
def test_an_open_answer_that_ends_with_the_gold_one_may_be_another(response, gold):
    assert is_correct(resolve(response, None, gold).value, gold, None) is False


@pytest.mark.parametrize(
    "marker",
    ["选", "故选", "选A", "选择", "my choice is ", "答案:", "the answer is ", "I choose ", "Answer: ", "option="],
)
def test_a_marker_repeated_without_end_neither_nests_nor_takes_long(marker):
    for text in (marker * 5_000, marker * (100_000 // len(marker))):
        start = time.process_time()
        resolve(text, MOODS)
        resolve(text, None, "3")
        conclusion(text, MOODS)

        assert time.process_time() - start < 3


words = st.text(st.characters(categories=("L", "N")), min_size=2, max_size=12).filter(lambda text: text.strip())
choices = st.lists(words, min_size=2, max_size=5, unique_by=lambda text: text.casefold())


@given(st.text(), st.none() | choices, st.none() | st.text())
def test_any_text_is_resolved_to_a_choice_or_to_a_reason(response, options, gold):
    found = resolve(response, options, gold)

    assert isinstance(found, Resolved)
    assert found.why
    assert found.value is None or options is None or found.value in options


@given(choices, st.data())
def test_a_choice_to_the_letter_is_that_choice_in_every_dress(options, data):
    choice = data.draw(st.sampled_from(options))
    dresses = [
        choice,
        f"<answer>{choice}</answer>",
        f"The answer is {choice}.",
        f"**{choice}**",
        f"{choice}. As heard.",
    ]

    for dress in dresses:
        assert resolve(dress, options).value in (choice, None), dress
    assert resolve(choice, options).value == choice


@given(choices)
def test_all_choices_at_once_are_none(options):
    assert resolve("\n".join(options), options).value is None


def dresses(text, letter):
    """The forms in which models give an answer."""
    yield from (text, f"The answer is {text}.", f"<answer>{text}</answer>", f"**{text}**", f"答案是：{text}")
    yield from (f"({letter}) {text}", f"Answer: {text}", f"<RESPONSE>\n{text}\n</RESPONSE>")
    yield f"{text.rstrip('.')}. The sound at the start makes this clear."
    yield f"{text.rstrip('.')} because the recording points that way."
    yield from (letter, f"({letter})", f"The answer is {letter}.", f"<answer>{letter}</answer>", f"选{letter}")


def test_benchmark_questions_are_resolved_in_all_forms_and_no_wrong_choice_counts(real):
    forms = resolved = 0
    counted = []
    for line in (real / "mmau_questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for i, choice in enumerate(row["choices"]):
            letter = chr(65 + i)
            is_gold = choice.strip() == row["answer"].strip()
            for form in dresses(choice, letter):
                right = is_correct(resolve(form, row["choices"]).value, row["answer"], row["choices"])
                forms, resolved = forms + is_gold, resolved + (is_gold and right)
                # where the choices are letters themselves, a letter is the text that it spells
                if right and not is_gold and letter not in row["choices"]:
                    counted.append((form, row["choices"], row["answer"]))

    assert counted == []
    assert resolved >= 0.998 * forms


def test_published_predictions_are_judged_as_their_own_benchmark_did(real):
    lines = (real / "mmau_predictions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    differing = [
        row["prediction"]
        for row in rows
        if is_correct(resolve(row["prediction"], row["choices"]).value, row["reference"], row["choices"])
        is not bool(row["string_match"])
    ]

    assert differing == []
