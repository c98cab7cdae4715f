"""Training on rewarded samples of its own, with a Qwen2-Audio of random weights and sines for clips."""

from dataclasses import replace

import pytest
from distilling import FAST, run, weights
from test_dpo import filtered, row  # noqa: F401  (a fixture)

from mgrd import progress, rewards, tables
from mgrd.distill import questions
from mgrd.errors import MgrdError, MisusedError, Stopped
from mgrd.options import Distill

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
    assert grpo.advantages([1.0, 0.0, None, 0.2]) == pytest.approx([0.6, -0.4, None, -0.2])
    assert grpo.advantages([0.8, 0.8]) == [0.0, 0.0]
    assert grpo.advantages([None, None]) == [None, None]


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
    logs = [tables.read_json(tmp_path / name / "distill.json")["log"] for name in ("whole", "cut")]
    assert logs[0] == logs[1]


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


def test_a_collapse_of_the_reasoning_stops_the_run_and_keeps_what_was_good(
    four, model, tmp_path, by_letters, monkeypatch
):
    lengths = iter([20.0, 22.0, 18.0, 20.0, 8.0, 8.0, 8.0, 8.0])
    rewarded = grpo._rewarded

    def shrinking(*given):
        made, figures = rewarded(*given)
        return made, figures | {"think": next(lengths)}

    monkeypatch.setattr(grpo, "_rewarded", shrinking)
    with pytest.raises(MgrdError, match=r"collapsed: its median fell to 8 tokens at step 7, from 20; .*step-6 is the"):
        run(four, model, tmp_path / "out", GRPO)

    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-6"]
    assert not (tmp_path / "out" / "model").exists()


def test_several_processes_are_refused(four, model, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MisusedError, match="--objective grpo: trains in one process"):
        run(four, model, tmp_path / "out", GRPO)


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
