"""Evaluation: every figure is the share it says, of the traces it says."""

import json

import numpy as np
import polars as pl
import pytest
from judged_rows import claim, trace, write

from mgrd import tables
from mgrd.errors import InputError
from mgrd.evaluate import interval, lines, metrics, print_rounds, rounds_lines, rounds_table
from mgrd.evaluate.intervals import paired, wilson
from mgrd.report import facts

FAILED = {"error": "a.wav: is empty", "think": None, "response": None, "completion": None, "correct": None}


def test_every_figure_of_a_small_table_is_what_one_counts_by_hand(tmp_path):
    first = [
        trace("q1", 0, claims=["supported", "supported", "unverifiable", None], think="It falls, I think.", task="a"),
        trace("q1", 1, claims=["supported", "contradicted"], objections=["acoustic.true_to_waveform"], task="a"),
        trace("q1", 2, objections=["acoustic.cites_sound", "acoustic.hears_audio", "logic.length"], think="", task="a"),
    ]
    second = [
        trace(
            "q2",
            0,
            correct=False,
            objections=["correctness.right_answer"],
            claims=["unverifiable"],
            completion_tokens=30,
        ),
        trace("q2", 1, answer=None, correct=None, objections=["correctness.no_gold"]),
        trace("q3", 0, correct=None, predicted=None, objections=["correctness.right_answer"], task="b"),
        trace("q3", 1, **FAILED, passed=False, objections=["generate.failed"], completion_tokens=None, task="b"),
    ]
    found = metrics(write(tmp_path, first, second))
    intervals = found.pop("intervals")
    assert found == {
        "n_questions": 3,
        "n_traces": 7,
        "failed": 1,
        "accuracy": 3 / 6,
        "majority": 1 / 3,
        "pass_at": {"1": (1 + 0 + 0) / 3},
        "passed": 1 / 7,
        "cites_sound": 5 / 6,
        "denies_hearing": 1 / 6,
        "contradicted": 1 / 6,
        "fully_grounded": 1 / 6,
        "claims": 6,
        "claims_supported": 3 / 4,
        "supported_of_all": 3 / 6,
        "think_words": (4 + 2 + 0 + 2 + 2 + 2) / 6,
        "completion_tokens": (10 * 5 + 30) / 6,
        "answered": 1.0,
        "tokens_to_answer": pytest.approx(
            sum(
                n * (1 - 4 / (len("<think></think>down") + len(think)))
                for n, think in zip(
                    (10, 10, 10, 30, 10, 10), ("It falls, I think.", "It falls.", "", *["It falls."] * 3), strict=True
                )
            )
            / 6
        ),
        "objections": {
            "acoustic": 2,
            "acoustic.cites_sound": 1,
            "acoustic.hears_audio": 1,
            "acoustic.true_to_waveform": 1,
            "correctness": 3,
            "correctness.no_gold": 1,
            "correctness.right_answer": 2,
            "generate": 1,
            "generate.failed": 1,
            "logic": 1,
            "logic.length": 1,
        },
        "by_task": {
            "(no task)": {"accuracy": 0.0, "interval": wilson(0, 1), "fully_grounded": 0.0, **counts(1, 2)},
            "a": {"accuracy": 1.0, "interval": wilson(1, 1), "fully_grounded": 1 / 3, **counts(1, 3)},
            "b": {"accuracy": 0.0, "interval": wilson(0, 1), "fully_grounded": 0.0, **counts(1, 2)},
        },
        "interval_method": "wilson",
    }
    for low, high in intervals.values():
        assert 0 <= low <= high <= 1
    assert json.loads(json.dumps(found)).keys() == found.keys()


def counts(n_questions, n_traces):
    return {"n_questions": n_questions, "n_traces": n_traces}


def test_figures_do_not_depend_on_how_rows_lie_in_parts(tmp_path):
    rows = [trace(f"q{i % 5}", i, correct=i % 3 > 0, claims=["supported"] * (i % 2)) for i in range(20)]
    assert metrics(write(tmp_path / "a", rows)) == metrics(write(tmp_path / "b", rows[13:], rows[:4], rows[4:13]))


def test_what_cannot_be_counted_is_null_and_not_zero(tmp_path):
    found = metrics(write(tmp_path, [trace(answer=None, correct=None)]))
    assert (found["accuracy"], found["claims_supported"], found["intervals"]["accuracy"]) == (None, None, None)
    only_failed = metrics(write(tmp_path / "failed", [trace(**FAILED, passed=False)]))
    assert (only_failed["accuracy"], only_failed["think_words"], only_failed["fully_grounded"]) == (0.0, None, None)
    assert len(lines(only_failed)) > 10


def test_a_chinese_character_counts_as_a_word(tmp_path):
    assert metrics(write(tmp_path, [trace(think="音调下降 about 200 Hz。")]))["think_words"] == 7


def test_an_empty_folder_is_an_error_and_not_an_empty_result(tmp_path):
    (tmp_path / "judged").mkdir()
    with pytest.raises(InputError, match="holds no judged traces"):
        metrics(tmp_path / "judged")
    with pytest.raises(InputError, match="has no column"):
        tables.write_table([], tmp_path / "x.parquet", tables.TRACES)
        metrics(tmp_path / "x.parquet")


def test_the_interval_resamples_questions_and_is_the_same_every_time():
    """100 questions of 4 equal samples carry the information of 100 draws, not of 400."""
    rng = np.random.default_rng(1)
    right = rng.random(100) < 0.5
    rows = pl.DataFrame(
        {"question_id": [f"q{i:03d}" for i in range(100)] * 4, "right": list(right) * 4, "gold": [True] * 400}
    )
    low, high = interval(rows, "right", "gold")
    p = right.mean()
    expected = 1.96 * np.sqrt(p * (1 - p) / 100)
    assert [low, high] == pytest.approx([p - expected, p + expected], abs=0.02)
    assert interval(rows.sample(fraction=1.0, shuffle=True, seed=3), "right", "gold") == [low, high]


def test_one_sample_a_question_has_wilsons_interval_and_says_so(tmp_path):
    """Of 10 with 1 right: 0.0179 to 0.4042 (Brown, Cai and DasGupta 2001, equation 4, worked by hand)."""
    found = metrics(write(tmp_path, [trace(f"q{i}", correct=i == 0) for i in range(10)]))
    assert found["interval_method"] == "wilson"
    assert found["intervals"]["accuracy"] == pytest.approx([0.01788, 0.40415], abs=1e-5)


def test_questions_that_all_go_alike_still_leave_doubt(tmp_path):
    found = metrics(write(tmp_path, [trace(f"q{i}", k) for i in range(5) for k in range(8)]))
    assert found["interval_method"] == "wilson"
    assert found["intervals"]["accuracy"] == wilson(5, 5) == [pytest.approx(0.5655, abs=1e-4), 1.0]


@pytest.mark.parametrize(("questions", "method"), [(9, "wilson"), (10, "bootstrap over questions")])
def test_few_questions_are_not_resampled(tmp_path, questions, method):
    rows = [trace(f"q{i}", k, correct=k < i) for i in range(questions) for k in range(4)]
    assert metrics(write(tmp_path, rows))["interval_method"] == method


def test_pass_at_k_is_the_unbiased_estimator(tmp_path):
    """Of 4 samples with 1 right, two drawn hold it in 3 of 6 ways."""
    rows = [trace("one", i, correct=i == 0) for i in range(4)] + [trace("none", i, correct=False) for i in range(5)]
    assert metrics(write(tmp_path, rows))["pass_at"] == {"1": 0.25 / 2, "2": 0.5 / 2, "4": 1 / 2}


def test_the_most_frequent_answer_decides_and_a_tie_is_shared(tmp_path):
    def said(question_id, *answers):
        return [trace(question_id, i, predicted=one, correct=one == "down") for i, one in enumerate(answers)]

    rows = [
        *said("won", "down", "down", "up"),
        *said("tied", "down", "up", None),
        *said("lost", "up", "up", "down"),
        *said("silent", None, None, None),
        *[trace("open", i, answer=None, correct=None) for i in range(3)],
    ]
    assert metrics(write(tmp_path, rows))["majority"] == (1 + 0.5 + 0 + 0) / 4


def test_what_was_never_answered_has_no_tokens_before_its_answer(tmp_path):
    cut = trace("q1", completion="<think>It goes on", think="It goes on", response="", correct=False)
    done = trace("q2", completion="12345678</think>down", response="down", completion_tokens=40)
    found = metrics(write(tmp_path, [cut, done]))
    assert (found["answered"], found["tokens_to_answer"]) == (0.5, pytest.approx(40 * 16 / 20))


def test_a_paired_difference_is_surer_than_two_intervals(tmp_path):
    """Questions that are hard for both cancel out: here each is solved in exactly one sample more."""
    rng = np.random.default_rng(2)
    right = rng.integers(0, 7, size=60)
    sides = [
        pl.DataFrame({"question_id": [f"q{i}" for i in range(60)], "hits": right + more, "of": [8] * 60})
        for more in (1, 0)
    ]
    found = paired(*sides, "hits", "of")
    assert found["difference"] == pytest.approx(1 / 8)
    assert found["interval"] == pytest.approx([1 / 8, 1 / 8])
    low, high = interval(sides[0], "hits", "of")
    assert high - low > 0.1


def test_a_paired_interval_is_that_of_the_mean_difference_in_closed_form():
    """With as many samples a question in both, the difference is a mean over questions: 1.96 sd / sqrt(n) a side."""
    rng = np.random.default_rng(3)
    rights = rng.binomial(8, 0.6, size=400), rng.binomial(8, 0.5, size=400)
    ids = [f"q{i:03d}" for i in range(400)]
    found = paired(
        *(pl.DataFrame({"question_id": ids, "hits": right, "of": [8] * 400}) for right in rights), "hits", "of"
    )
    each = (rights[0] - rights[1]) / 8
    half = 1.96 * each.std(ddof=1) / 20
    assert (found["n_questions"], found["difference"]) == (400, pytest.approx(each.mean()))
    assert found["interval"] == pytest.approx([each.mean() - half, each.mean() + half], rel=0.1)


def test_the_interval_of_few_questions_holds_the_share_that_it_is_of():
    """The samples of a question count, also where one has many more: 3 of 102, and not the mean of 1 and .02."""
    rows = pl.DataFrame({"question_id": ["a", "b"], "supported": [1, 2], "verified": [1, 101]})
    low, high = interval(rows, "supported", "verified")
    assert [low, high] == wilson(2 * 3 / 102, 2)
    assert low < 3 / 102 < high


@pytest.mark.parametrize("questions", [9, 10])
def test_a_mean_that_is_no_share_is_resampled_or_has_no_interval(questions):
    rows = pl.DataFrame({"question_id": [f"q{i}" for i in range(questions)], "words": range(questions), "made": 1})
    found = interval(rows, "words", "made", share=False)
    if questions < 10:
        assert found is None
    else:
        low, high = found
        assert 2 < low < 4.5 < high < 7


def test_a_mean_that_happens_to_lie_between_0_and_1_is_no_share_for_that(tmp_path):
    for words, expected in (([0] * 12, [0.0, 0.0]), ([1] * 6 + [0] * 6, [0.25, 0.75])):
        rows = pl.DataFrame({"question_id": [f"q{i}" for i in range(12)], "words": words, "made": 1})
        assert interval(rows, "words", "made", share=False) == pytest.approx(expected, abs=0.01)
    judged = write(tmp_path, [trace(f"q{i}", 0, think="") for i in range(12)])
    found = facts.read_rounds(judged.parent)[0].own.measures["think_words"]
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def round_row(number, survivors=None, **held_out):
    return {
        "round": number,
        "eval": held_out or None,
        "filter": None
        if survivors is None
        else {"n_traces": 80, "survivors": survivors, "accuracy": 0.25, "objections": {}},
    }


HELD_OUT = {
    "n_traces": 200,
    "accuracy": 0.5,
    "cites_sound": 0.9,
    "claims_supported": None,
    "fully_grounded": 0.351,
    "passed": 0.3,
    "think_words": 21.26,
    "objections": {"acoustic": 50, "acoustic.cites_sound": 20, "logic": 3},
}


def test_the_table_of_rounds_shows_held_out_figures_of_every_round():
    rows = [round_row(0, **HELD_OUT), round_row(1, 1031, **HELD_OUT | {"accuracy": 0.75})]
    assert rounds_lines(rows) == [
        "Held-out questions; round 0 is the model before training",
        "               cites cues    fully        think                correct-",
        "round accuracy sound true grounded passed words acoustic logic     ness  kept",
        "    0    50.0% 90.0%    -    35.1%  30.0%  21.3    25.0%  1.5%     0.0%     -",
        "    1    75.0% 90.0%    -    35.1%  30.0%  21.3    25.0%  1.5%     0.0% 1,031",
    ]


def test_without_held_out_questions_the_table_shows_the_rounds_own_samples():
    title, *_, row = rounds_lines([round_row(1, 0)])
    assert title.startswith("Each round's own samples")
    assert row.split() == ["1", "25.0%", "-", "-", "-", "-", "-", "0.0%", "0.0%", "0.0%", "0"]


def test_a_round_in_which_nothing_survived_has_no_held_out_figures():
    last = rounds_lines([round_row(0, **HELD_OUT), round_row(1, 0)])[-1]
    assert last.split() == ["1", *["-"] * 9, "0"]


def test_off_a_terminal_the_table_is_plain_lines(capsys):
    rows = [round_row(0, **HELD_OUT)]
    print_rounds(rows)
    assert capsys.readouterr().out.splitlines() == rounds_lines(rows)
    assert rounds_table(rows).row_count == 1


def test_an_evaluation_reads_as_lines(tmp_path):
    shown = lines(metrics(write(tmp_path, [trace(task="pitch", claims=[claim("supported")])])))
    assert shown[:4] == [
        "         n_questions  1",
        "            n_traces  1",
        "              failed  0",
        "            accuracy  1.000  (95 %: 0.207 to 1.000)",
    ]
    assert "     accuracy, pitch  1.000  (95 %: 0.207 to 1.000)" in shown
    assert "              pass@1  1.000" in shown
