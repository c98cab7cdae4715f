"""Pairs of judged traces, and training on them, with a Qwen2-Audio of random weights and sines for clips."""

import math
import signal
from dataclasses import replace

import pytest
from distilling import FAST, run, weights
from distilling import trace as survivor
from judged_rows import trace as judged
from test_distill_processes import start

from mgrd import progress, tables
from mgrd.distill import pairs
from mgrd.distill.survivors import read
from mgrd.errors import MgrdError, MisusedError, Stopped
from mgrd.options import Distill

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mgrd.distill import dpo  # noqa: E402

DENIES, FALSE, WRONG = "acoustic.hears_audio", "acoustic.true_to_waveform", "correctness.right_answer"
DPO = replace(FAST, objective="dpo", beta=0.5)


def row(number, sample, *objections, **given):
    """One judged trace of a question about the clip of 220 or of 440 Hz."""
    about = survivor(number, trace_id=f"q{number}.1.{sample}", question=f"High or low, {number}?")
    about["passed"] = not objections
    if objections:
        about |= {"think": f"I cannot hear it, {sample}", "response": "low" if number % 2 else "high"}
    return judged(f"q{number}", sample, objections=objections, **about | given)


@pytest.fixture
def filtered(tmp_path, clips):
    """Write a filtered folder: all judged traces, those that passed as survivors, and where their audio is."""

    def write(*rows, name="round"):
        folder = tmp_path / name
        tables.write_table(list(rows), folder / "judged" / "part-000000.parquet", tables.JUDGED)
        tables.write_table([one for one in rows if one["passed"]], folder / "survivors.parquet", tables.JUDGED)
        tables.write_json({"generate": {"audio_root": str(clips)}}, folder / "manifest.json")
        return folder

    return write


def made(folder, **options):
    return pairs.make([folder], read([folder], None, ("question_id",)), Distill(objective="dpo", **options))


def ids(found):
    return [(pair.reason, pair.chosen.lesson_id, pair.rejected.lesson_id) for pair in found.pairs]


def test_a_survivor_is_paired_with_traces_of_its_own_question_and_what_is_left_over_is_counted(filtered):
    folder = filtered(
        row(0, 0),
        row(0, 1, DENIES, WRONG),
        row(0, 2, WRONG),
        row(0, 3, FALSE),
        row(0, 4, "logic.fluent"),
        row(1, 0),
        row(2, 0, WRONG),
        row(3, 0),
        row(3, 1, "correctness.no_gold"),
        row(3, 2, WRONG, finish_reason="length"),
    )

    found = made(folder)

    assert ids(found) == [
        ("denial", "q0.1.0", "q0.1.1"),
        ("contradicted", "q0.1.0", "q0.1.3"),
        ("wrong", "q0.1.0", "q0.1.2"),
    ]
    assert found.counts == {
        "pairs": 3,
        "denial": 1,
        "contradicted": 1,
        "wrong": 1,
        "questions": 1,
        "no_survivor": 1,
        "nothing_rejected": 2,
        "unusable": 1,
        "beyond": 0,
    }
    assert found.unusable == {"q3.1.2": "was cut at --max-tokens"}


def test_reasons_are_chosen_and_their_order_says_which_one_a_trace_has(filtered):
    folder = filtered(row(0, 0), row(0, 1, DENIES, WRONG), row(0, 2, WRONG), row(0, 3, FALSE))

    assert {pair.reason for pair in made(folder, rejected_for="denial").pairs} == {"denial"}
    assert made(folder, rejected_for="wrong, denial").counts["wrong"] == 2
    with pytest.raises(MisusedError, match=r"--rejected-for 'rude': name some of denial,contradicted,wrong"):
        made(folder, rejected_for="rude")


def test_a_question_gives_no_more_pairs_than_asked_for_of_each_reason_in_turn_and_uses_all_its_survivors(filtered):
    rows = [row(0, sample) for sample in range(2)]
    rows += [row(0, sample, WRONG) for sample in range(2, 8)] + [row(0, sample, DENIES) for sample in (8, 9)]
    folder = filtered(*rows)

    found = made(folder, pairs_per_question=3)

    assert [pair.reason for pair in found.pairs] == ["denial", "wrong", "denial"]
    assert {pair.chosen.lesson_id for pair in found.pairs} == {"q0.1.0", "q0.1.1"}
    assert found.counts["beyond"] == 5
    shuffled = filtered(*reversed(rows), name="shuffled")
    assert ids(made(shuffled, pairs_per_question=3)) == ids(found)
    assert ids(made(folder, pairs_per_question=3, seed=1)) != ids(found)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"error": "no audio"}, "is a failed sample (no audio)"),
        ({"control": "silence"}, "was sampled under --control silence"),
        ({"response": " "}, "has no response"),
        ({"think": "a </think> b"}, "has think tags inside its think part or its response"),
    ],
)
def test_what_cannot_be_learned_from_is_named_and_never_paired(filtered, given, why):
    found = made(filtered(row(0, 0), row(0, 1, WRONG), row(0, 2, WRONG, **given)))

    assert ids(found) == [("wrong", "q0.1.0", "q0.1.1")]
    assert found.unusable == {"q0.1.2": why}


def test_no_pair_is_an_error_that_says_what_is_missing(filtered):
    with pytest.raises(
        MgrdError,
        match=r"^no pairs to learn from: of 2 questions 1 have no survivor and 1 no trace that is rejected for denial",
    ):
        made(filtered(row(0, 0), row(0, 1, WRONG), row(1, 0, DENIES)), rejected_for="denial")


def test_the_loss_is_that_of_the_paper_and_its_fillers_weigh_nothing():
    logits = torch.randn(6, 5, 7, generator=torch.Generator().manual_seed(0))
    tokens = torch.full((6, 5), -100)
    tokens[:, 2:] = torch.randint(7, (6, 3), generator=torch.Generator().manual_seed(1))
    tokens[0, 4] = -100  # shorter than the others
    labels = {
        "tokens": tokens,
        "reference": torch.tensor([0.5, -0.25, 9.0]),
        "learned": torch.tensor([True, True, False]),
    }
    objective = dpo.objective(0.3)

    loss = objective.loss(type("Outputs", (), {"logits": logits}), labels, num_items_in_batch=4)

    def log_p(row):
        each = torch.log_softmax(logits[row], -1)
        return sum(each[at - 1, tokens[row, at]].item() for at in range(1, 5) if tokens[row, at] != -100)

    margins = [0.3 * (log_p(number) - log_p(number + 3) - labels["reference"][number].item()) for number in (0, 1)]
    assert loss.item() == pytest.approx(sum(math.log(1 + math.exp(-one)) for one in margins) / 4, rel=1e-5)
    assert objective.count(labels) == 2
    told = objective.figures("cpu")
    assert told == {
        "margin": pytest.approx(sum(margins) / 2, rel=1e-5),
        "preferred": sum(one > 0 for one in margins) / 2,
    }
    assert objective.figures("cpu") == {"margin": 0.0, "preferred": 0.0}


def rows_to_learn():
    return [row(number, sample, *([DENIES] if sample % 2 else [])) for number in range(6) for sample in range(2)]


@pytest.mark.parametrize("lora", [None, 4])
def test_dpo_comes_to_prefer_the_survivors(filtered, model, tmp_path, lora):
    options = replace(DPO, epochs=6, lora=lora, held_out_share=0.2)

    figures = run(filtered(*rows_to_learn()), model, tmp_path / "out", options)

    assert {name: figures[name] for name in ("pairs", "denial", "held_out", "left_out", "steps")} == {
        "pairs": 6,
        "denial": 6,
        "held_out": 1,
        "left_out": 0,
        "steps": 12,
    }
    written = tables.read_json(tmp_path / "out" / "distill.json")
    assert written["losses"][0] == pytest.approx(math.log(2), abs=1e-2)  # the model is its own reference
    assert written["margins"][0] == pytest.approx(0, abs=1e-2)
    assert figures["loss_last"] < 0.5 < math.log(2)
    assert figures["preferred"] == 1.0
    assert figures["margin"] > 1.0
    before, after = weights(model), weights(tmp_path / "out" / "model")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"language_model"}
    table = tables.read_table(tmp_path / "out" / "pairs.parquet", pairs.COLUMNS)
    assert table.select("reason", "why", "chosen_id", "rejected_id", "rejected_think").row(0) == (
        "denial",
        "because",
        "q0.1.0",
        "q0.1.1",
        "I cannot hear it, 1",
    )
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_pairs_that_do_not_fill_a_step_are_told_with_what_gives_more(filtered, model, tmp_path, capsys):
    folder = filtered(row(0, 0), row(0, 1, DENIES), row(0, 2, DENIES), row(0, 3, WRONG))
    options = replace(DPO, epochs=1, rejected_for="denial", pairs_per_question=1)

    run(folder, model, tmp_path / "few", options, story=progress.Story())
    told = capsys.readouterr().err
    run(folder, model, tmp_path / "enough", replace(options, batch_size=1), story=progress.Story())

    assert (
        "Fewer pairs (1) than one step takes (4): little is learned of so few; sample more questions, or more of each "
        "(mgrd generate --samples), or add contradicted and wrong to --rejected-for, or raise "
        "--pairs-per-question (1 rejected traces are beyond it)\n"
    ) in told
    assert "Fewer pairs" not in capsys.readouterr().err


def test_accumulated_micro_batches_of_pairs_train_as_one_batch(filtered, model, tmp_path):
    folder = filtered(*rows_to_learn())
    whole = run(folder, model, tmp_path / "whole", DPO)
    split = run(folder, model, tmp_path / "split", replace(DPO, accumulate=4))

    assert split["loss_first"] == pytest.approx(whole["loss_first"], abs=2e-3)
    assert split["margin"] == pytest.approx(whole["margin"], rel=0.02)


def test_a_stopped_preference_training_goes_on_and_ends_where_it_would_have(filtered, model, tmp_path, monkeypatch):
    folder = filtered(*rows_to_learn())
    run(folder, model, tmp_path / "whole", DPO)
    asked = []

    def preferences(*given):
        asked.append(given[-1])
        return was(*given)

    was = dpo.preferences
    monkeypatch.setattr(dpo, "preferences", preferences)
    count = progress.Steps.__call__

    def stopping(self, n=1):
        count(self, n)
        if self.unit == "steps" and self.done == 2:
            monkeypatch.setattr(progress.stop, "signal_name", signal.Signals.SIGTERM.name)

    monkeypatch.setattr(progress.Steps, "__call__", stopping)
    with pytest.raises(Stopped, match="at step 2 of 4"):
        run(folder, model, tmp_path / "cut", DPO)
    monkeypatch.setattr(progress.Steps, "__call__", count)
    monkeypatch.setattr(progress.stop, "signal_name", None)
    run(folder, model, tmp_path / "cut", DPO)

    assert asked == ["Asking the reference", "Asking the trained model"]
    whole, cut = weights(tmp_path / "whole" / "model"), weights(tmp_path / "cut" / "model")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_pair_that_is_too_long_or_cannot_be_written_is_left_out_whole_and_named(filtered, model, tmp_path):
    rows = [*rows_to_learn(), row(6, 0), row(6, 1, DENIES, think="so " * 1100)]
    rows += [row(7, 0), row(7, 1, DENIES, think="<|AUDIO|>")]

    run(filtered(*rows), model, tmp_path / "out", DPO)

    written = tables.read_json(tmp_path / "out" / "distill.json")
    assert (written["pairs"], written["left_out"]) == (8, 2)
    assert written["left_out_traces"] == [
        {"trace_id": "q6.1.1", "why": written["left_out_traces"][0]["why"]},
        {"trace_id": "q7.1.1", "why": "it holds the special token <|AUDIO|>; filter it out"},
    ]
    assert "are more than the 1024 that the model takes" in written["left_out_traces"][0]["why"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(FAST, beta=0.5), "--beta: goes with --objective dpo"),
        (replace(DPO, replay_ratio=2.0), "--replay-ratio: goes with --objective sft"),
        (replace(DPO, rejected_for="rude"), "--rejected-for 'rude'"),
    ],
)
def test_options_of_another_objective_are_misused(filtered, model, tmp_path, options, message):
    with pytest.raises(MisusedError, match=message):
        run(filtered(*rows_to_learn()), model, tmp_path / "out", options)


def test_two_processes_prefer_as_one_does(filtered, model, tmp_path):
    folder = filtered(*rows_to_learn(), row(6, 0), row(6, 1, DENIES))
    options = ["--objective", "dpo", "--beta", "0.5", "--epochs", "2", "--lr", "1e-4", "--batch-size", "2"]
    both = start(folder, model, tmp_path / "both", *options)
    run(folder, model, tmp_path / "one", replace(DPO, lr=1e-4))
    _, errors = both.communicate(timeout=300)
    assert both.returncode == 0, errors

    one, two = (tables.read_json(tmp_path / name / "distill.json") for name in ("one", "both"))
    assert two["losses"] == pytest.approx(one["losses"], rel=0.02)
    assert two["margins"] == pytest.approx(one["margins"], rel=0.02, abs=0.02)
    assert two["margin"] == pytest.approx(one["margin"], rel=0.02)
