"""Training on rewarded samples of its own, with a small Qwen2-Audio and sines for clips."""

import gc
import math
from dataclasses import replace

import pytest
from distilling import FAST, run, weights
from distilling import trace as survivor
from test_distill_processes import start
from test_dpo import filtered, row  # noqa: F401  (a fixture)

from mgrd import progress, rewards, tables
from mgrd.distill import questions, rollouts, tracking, trial
from mgrd.errors import MgrdError, Stopped
from mgrd.options import Distill
from mgrd.report import facts, sections

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mgrd.distill import grpo  # noqa: E402

GRPO = replace(
    FAST, objective="grpo", epochs=4, lr=3e-3, batch_size=2, samples=4, max_tokens=8, save_steps=3, pass_rate=(0.5, 0.5)
)
WRONG = "correctness.right_answer"


def half_right(number):
    """A question of which one of two samples is right."""
    return [row(number, 0, answer="high"), row(number, 1, WRONG, correct=False, answer="high")]


@pytest.fixture
def by_letters(monkeypatch):
    """Reward a random model for what it can learn in seconds: small letters."""

    def reward(completions, **columns):
        assert columns["answer"] == ["high"] * len(completions)
        return [sum(letter.islower() for letter in text) / max(len(text), 1) for text in completions]

    monkeypatch.setattr(rewards, "published", reward)


@pytest.fixture
def four(filtered):  # noqa: F811
    return filtered(*[one for number in range(4) for one in half_right(number)])


@pytest.fixture(scope="module")
def policy(tmp_path_factory, model, clips):
    """A model that writes a think block and an answer, more or less."""
    folder = tmp_path_factory.mktemp("policy")
    rows = [survivor(number, question=f"High or low, {number % 4}?") for number in range(24)]
    tables.write_table(rows, folder / "survivors.parquet", tables.JUDGED)
    tables.write_json({"generate": {"audio_root": str(clips)}}, folder / "manifest.json")
    run(folder, model, folder / "out", replace(FAST, epochs=12, batch_size=8))
    return folder / "out" / "model"


def test_questions_of_medium_difficulty_are_kept_and_the_others_counted(filtered, clips):  # noqa: F811
    rows = [*half_right(0), row(1, 0), row(1, 1), row(2, 0, WRONG, correct=False), row(3, 0, correct=None)]
    rows += [row(4, 0), row(4, 1, correct=False, error="no audio"), row(4, 2, correct=False, control="silence")]
    folder = filtered(*rows)

    found, counts = questions.medium([folder], None, Distill(objective="grpo"))

    assert counts == {"too_easy": 2, "too_hard": 1, "no_answer": 1}
    (one,) = found
    assert one.lesson.lesson_id == "q0"
    assert one.lesson.turns[0].text == (
        "High or low, 0?\n(A) high\n(B) low\nThink inside <think> </think>, then give the answer."
    )
    assert one.columns == {
        "answer": "high",
        "choices": ["high", "low"],
        "question": "High or low, 0?",
        "task": None,
        "language": None,
        "audio": [str(clips / "220.wav")],
    }
    with pytest.raises(
        MgrdError, match=r"of 5 2 are too easy, 2 too hard \(--pass-rate 0.6 0.7\) and 1 have no answer"
    ):
        questions.medium([folder], None, Distill(objective="grpo", pass_rate=(0.6, 0.7)))


def test_an_advantage_is_the_reward_less_the_mean_of_its_group_undivided():
    assert rollouts.advantages([1.0, 0.0, None, 0.2]) == pytest.approx([0.6, -0.4, None, -0.2])
    assert rollouts.advantages([0.8, 0.8]) == [0.0, 0.0]
    assert rollouts.advantages([None, None]) == [None, None]


def test_a_token_whose_probability_has_moved_beyond_the_clip_is_no_longer_pushed_there():
    new = torch.tensor([0.5, 1.5, 0.5, 1.5]).log().requires_grad_()
    advantage = torch.tensor([1.0, 1.0, -1.0, -1.0])

    costs = grpo.clipped(new, torch.zeros(4), advantage, 0.2, 0.3)
    costs.sum().backward()

    assert costs.tolist() == pytest.approx([-0.5, -1.3, 0.8, 1.5])
    assert new.grad.tolist() == pytest.approx([-0.5, 0.0, 0.0, 1.5])


@pytest.mark.parametrize("more", [{}, {"lora": 8, "lr": 1e-2}, {"updates": 2, "accumulate": 2}])
def test_what_is_rewarded_becomes_more_likely(four, model, tmp_path, by_letters, more):
    figures = run(four, model, tmp_path / "out", replace(GRPO, epochs=8, samples=8, **more))

    assert {name: figures[name] for name in ("questions", "too_easy", "left_out", "steps", "samples", "unrated")} == {
        "questions": 4,
        "too_easy": 0,
        "left_out": 0,
        "steps": 16,
        "samples": 16 * 2 * 8,
        "unrated": 0,
    }
    assert figures["reward_last"] > figures["reward_first"] + 0.1
    assert figures["drift"] < 0.05
    before, after = weights(model), weights(tmp_path / "out" / "model")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"language_model"}
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_samples_of_equal_reward_teach_nothing(four, model, tmp_path):
    figures = run(four, model, tmp_path / "out", replace(GRPO, epochs=1))

    assert (figures["no_signal"], figures["reward_last"]) == (4, 0.0)  # a random model reasons about nothing
    before, after = weights(model), weights(tmp_path / "out" / "model")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_stopped_training_goes_on_and_ends_where_it_would_have(four, model, tmp_path, by_letters, monkeypatch):
    run(four, model, tmp_path / "whole", GRPO)
    update = grpo._update

    def stopping(*given):
        if list((tmp_path / "cut" / "checkpoints").glob("step-3")):
            monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM")
        return update(*given)

    monkeypatch.setattr(grpo, "_update", stopping)
    with pytest.raises(Stopped, match="at step 4 of 8"):
        run(four, model, tmp_path / "cut", GRPO)
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").iterdir()] == ["step-4"]
    monkeypatch.setattr(grpo, "_update", update)
    monkeypatch.setattr(progress.stop, "signal_name", None)
    run(four, model, tmp_path / "cut", GRPO)

    whole, cut = weights(tmp_path / "whole" / "model"), weights(tmp_path / "cut" / "model")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    told = [tables.read_json(tmp_path / name / "distill.json") for name in ("whole", "cut")]
    assert [told[0][name] for name in grpo.LISTS.values()] == [told[1][name] for name in grpo.LISTS.values()]


def test_a_killed_training_goes_on_from_its_last_checkpoint(four, model, tmp_path, by_letters, monkeypatch):
    run(four, model, tmp_path / "whole", GRPO)
    update, steps = grpo._update, iter(range(8))

    class Killed(BaseException):
        """Nothing of ours runs after it."""

    def killed(*given):
        if next(steps) == 4:
            raise Killed
        return update(*given)

    monkeypatch.setattr(grpo, "_update", killed)
    with pytest.raises(Killed):
        run(four, model, tmp_path / "cut", GRPO)
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").iterdir()] == ["step-3"]
    monkeypatch.setattr(grpo, "_update", update)
    run(four, model, tmp_path / "cut", GRPO)

    whole, cut = weights(tmp_path / "whole" / "model"), weights(tmp_path / "cut" / "model")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_training_whose_model_fails_its_try_is_gone_on_from_after_its_last_step(
    four, model, tmp_path, by_letters, monkeypatch
):
    def fail(*_, **__):
        raise MgrdError("it does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(trial, "in_transformers", fail)
        with pytest.raises(MgrdError, match="it does not answer"):
            run(four, model, tmp_path / "out", replace(GRPO, save_steps=200))
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-8"]

    story = progress.Story()
    told = []
    monkeypatch.setattr(story, "note", told.append)
    assert run(four, model, tmp_path / "out", replace(GRPO, save_steps=200), story=story)["steps"] == 8
    assert "going on from step 8" in told


def test_the_optimizer_is_gone_when_the_new_model_is_tried(four, model, tmp_path, by_letters, monkeypatch):
    held = []

    def look(*_, **__):
        gc.collect()
        alive = [one for one in gc.get_objects() if issubclass(type(one), torch.optim.Optimizer)]
        held.extend(sum(tensor.numel() for entry in one.state.values() for tensor in entry.values()) for one in alive)
        held.append("tried")

    monkeypatch.setattr(trial, "in_transformers", look)
    run(four, model, tmp_path / "out", replace(GRPO, epochs=1))

    assert held == ["tried"]


def test_a_policy_that_learns_to_reason_less_is_stopped_and_what_was_good_is_kept(four, policy, tmp_path, monkeypatch):
    asked = []

    def brevity(completions, **columns):
        asked.append(completions)
        return [-float(len(text.partition("</think>")[0])) / 64 for text in completions]

    monkeypatch.setattr(rewards, "published", brevity)
    options = replace(GRPO, epochs=40, lr=1e-2, batch_size=4, samples=8, max_tokens=48, save_steps=1)
    with pytest.raises(MgrdError, match=r"the reasoning collapsed: its median fell to \S+ tokens at step") as stopped:
        run(four, policy, tmp_path / "out", options)

    steps = len(asked) // 4  # the questions of a step
    assert 6 <= steps < 40
    ((kept, log),) = [
        (path, tables.read_json(path / "log.json")) for path in (tmp_path / "out" / "checkpoints").iterdir()
    ]
    assert f"{kept} is the last one before that" in str(stopped.value)
    assert kept.name == f"step-{steps - 1}"
    lengths = [entry["think"] for entry in log]
    assert sum(lengths[-2:]) / 2 < 0.75 * sum(lengths[:3]) / 3  # it was no single step
    assert not (tmp_path / "out" / "model").exists()


def test_two_processes_make_the_steps_of_one_with_the_whole_batch(four, policy, tmp_path):
    words = {"--objective": "grpo", "--epochs": 3, "--lr": "1e-3", "--samples": 4, "--max-tokens": 48}
    words |= {"--save-steps": 3, "--batch-size": 1}
    options = [part for pair in words.items() for part in pair] + ["--pass-rate", "0.5", "0.5"]
    both = start(four, policy, tmp_path / "both", *options)
    run(four, policy, tmp_path / "one", replace(GRPO, epochs=3, lr=1e-3, batch_size=2, max_tokens=48))
    _, errors = both.communicate(timeout=300)
    assert both.returncode == 0, errors

    one, two = (tables.read_json(tmp_path / name / "distill.json") for name in ("one", "both"))
    assert (one["steps"], one["samples"]) == (two["steps"], two["samples"]) == (6, 48)
    assert one["no_signal"] < 12  # there was something to learn
    assert {name: two[name][0] for name in ("rewards", "corrects", "thinks")} == {
        name: one[name][0] for name in ("rewards", "corrects", "thinks")
    }
    assert two["losses"][0] == pytest.approx(one["losses"][0], abs=1e-3)
    before, alone, together = (
        weights(folder) for folder in (policy, *(tmp_path / n / "model" for n in ("one", "both")))
    )
    moved, apart = (
        math.sqrt(sum((ones[name] - others[name]).square().sum().item() for name in ones))
        for ones, others in ((alone, before), (alone, together))
    )
    assert moved > 0
    assert apart < 0.1 * moved


def test_every_step_is_told_to_tensorboard_or_to_the_service_that_is_named(
    four, model, tmp_path, by_letters, monkeypatch
):
    pytest.importorskip("tensorboard")
    from accelerate import tracking as services
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(four, model, tmp_path / "out", replace(GRPO, epochs=2, report_to=None))
    written = tables.read_json(tmp_path / "out" / "distill.json")
    read = EventAccumulator(str(tmp_path / "out" / "tensorboard")).Reload()
    told = [(event.step, event.value) for event in read.Scalars("train/reward")]
    assert told == [(step, pytest.approx(reward)) for step, reward in enumerate(written["rewards"], 1)]

    heard = []

    class Service:
        def __init__(self, project):
            heard.append(project)

        def start(self):
            heard.append("started")

        def log(self, values, step):
            heard.append((step, values["train/reward"]))

        def finish(self):
            heard.append("finished")

    monkeypatch.setitem(services.LOGGER_TYPE_TO_CLASS, "trackio", Service)
    monkeypatch.setattr(tracking, "check", lambda report_to: None)
    run(four, model, tmp_path / "other", replace(GRPO, epochs=2, report_to="trackio"))
    assert heard == ["mgrd", "started", *enumerate(written["rewards"], 1), "finished"]
    assert not (tmp_path / "other" / "tensorboard").exists()

    run(four, model, tmp_path / "none", replace(GRPO, epochs=1, report_to="none"))
    assert not (tmp_path / "none" / "tensorboard").exists()


def test_the_report_draws_the_curve_of_a_training_by_reward(four, model, tmp_path, by_letters):
    run(four, model, four, replace(GRPO, epochs=2))
    written = tables.read_json(four / "distill.json")
    assert [len(written[name]) for name in ("losses", "rewards", "corrects", "thinks")] == [4] * 4

    (made,) = facts.read_rounds(four)
    assert facts.training_of(made) == written
    first, last = written["rewards"][0], written["rewards"][-1]
    told = f"Reward from {first:.3f} to {last:.3f} (means of the first and last tenth of 4 entries)."
    assert told in str(sections.training([made]))


def test_an_engine_that_was_given_a_model_samples_with_its_weights_as_they_are_now(model):
    import numpy as np

    from mgrd.engines import Request, Sampling
    from mgrd.engines.models import load_audio_lm
    from mgrd.engines.transformers import TransformersEngine

    loaded, processor = load_audio_lm(model, torch.float32)
    engine = TransformersEngine(model, loaded=(loaded, processor))
    request = Request("q", "High?", [np.zeros(engine.sr, np.float32)], ["c"], {0: 1})

    (before,) = engine.sample([request], Sampling(max_tokens=6))
    with torch.no_grad():
        loaded.get_output_embeddings().weight.mul_(-1)
    (after,) = engine.sample([request], Sampling(max_tokens=6))

    assert before.tokens != after.tokens
    text = [token for token in before.tokens if token not in engine.stops]
    assert processor.tokenizer.decode(text, skip_special_tokens=False) == before.text
