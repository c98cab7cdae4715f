"""The transformers engine: each sample depends on its own seed alone, and greedy is the model's own."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs mgrd[train]")

from tiny_model import build, build_text  # noqa: E402

from mgrd.engines import Request, Sampling, default_engine, open_engine  # noqa: E402
from mgrd.engines.chat import render_chat  # noqa: E402
from mgrd.engines.transformers import uniform  # noqa: E402
from mgrd.errors import InputError, MisusedError  # noqa: E402

SR = 16000


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("model"))
    engine = open_engine("transformers", folder)
    engine.folder = folder
    return engine


def requests(samples=4, clips=5):
    def tone(n):
        return (0.1 * np.sin(2 * np.pi * (150 + 70 * n) * np.arange(int(SR * (0.4 + 0.3 * n))) / SR)).astype(np.float32)

    return [
        Request(f"q{n}", f"Is it high? {'really ' * n}", [tone(n)], [f"c{n}"], {i: 100 * n + i for i in range(samples)})
        for n in range(clips)
    ]


def texts(engine, asked, sampling, batch):
    engine.batch = batch
    return {(done.key, done.sample): done.text for done in engine.sample(asked, sampling)}


def test_samples_do_not_depend_on_the_batch_or_its_order(engine):
    sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=24)

    together = texts(engine, requests(), sampling, batch=5)
    alone = texts(engine, requests()[::-1], sampling, batch=1)
    one = requests()[3]
    last = texts(engine, [Request(one.key, one.text, one.clips, one.clip_ids, {3: one.seeds[3]})], sampling, batch=2)

    assert together == alone
    assert last == {("q3", 3): together["q3", 3]}
    assert len(set(together.values())) > 10


def test_greedy_is_what_the_model_itself_generates(engine):
    asked = requests(samples=1, clips=3)

    ours = texts(engine, asked, Sampling(temperature=0, max_tokens=12), batch=3)

    tokenizer = engine.processor.tokenizer
    for request in asked:
        inputs = engine.processor(
            text=[render_chat(engine.processor, request.text, 1)],
            audio=request.clips,
            audio_kwargs={"sampling_rate": SR},
            return_tensors="pt",
        )
        theirs = engine.model.generate(**inputs, do_sample=False, max_new_tokens=12, pad_token_id=engine.pad)
        new = theirs[0, inputs["input_ids"].shape[1] :]
        assert ours[request.key, 0] == tokenizer.decode([token for token in new.tolist() if token not in engine.stops])


def test_a_penalty_in_the_models_own_generation_config_does_not_act(engine, tmp_path):
    import json
    import shutil

    folder = shutil.copytree(engine.folder, tmp_path / "model")
    config = json.loads((folder / "generation_config.json").read_text()) | {"repetition_penalty": 1.8}
    (folder / "generation_config.json").write_text(json.dumps(config))
    sampling = Sampling(temperature=0, max_tokens=12)

    penalised = open_engine("transformers", folder)

    assert texts(penalised, requests(1, 2), sampling, 2) == texts(engine, requests(1, 2), sampling, 2)


def test_one_odd_question_is_failed_samples_and_the_others_go_on(engine):
    odd = [
        Request("special", "Is <|AUDIO|> it?", *_clip(), {0: 1, 1: 2}),
        Request("long", "word " * 2000, *_clip(), {0: 3}),
    ]
    engine.batch = 5
    done = list(engine.sample([*requests(1, 2), *odd], Sampling(max_tokens=4)))

    errors = {(one.key, one.sample): one.error for one in done if one.error}
    assert sorted((one.key, one.sample) for one in done if not one.error) == [("q0", 0), ("q1", 0)]
    assert set(errors) == {("special", 0), ("special", 1), ("long", 0)}
    assert "special token <|AUDIO|>" in errors["special", 0]
    assert "positions" in errors["long", 0]


@pytest.mark.parametrize("grace_s", [0.0, 60.0])
def test_told_to_stop_in_a_batch_it_begins_no_other_and_this_one_has_the_grace_to_end(engine, monkeypatch, grace_s):
    from mgrd.progress import stop

    sampling = Sampling(temperature=1, max_tokens=100)
    monkeypatch.setattr(engine, "batch", 2)
    whole = {(one.key, one.sample): one.text for one in engine.sample(requests()[:2], sampling)}
    prefill = engine._prefill

    def signalled(*given):
        monkeypatch.setattr(stop, "signal_name", "SIGTERM")
        return prefill(*given)

    monkeypatch.setattr(engine, "_prefill", signalled)
    monkeypatch.setattr(stop, "grace_s", grace_s)
    monkeypatch.setattr(stop, "_since", None)
    done = list(engine.sample(requests(), sampling))

    if grace_s:
        assert {(one.key, one.sample): one.text for one in done} == whole
    else:
        assert len(done) < len(whole)
        assert all(one.finish_reason == "stop" and one.completion_tokens == 1 for one in done)
    assert list(engine.sample(requests(), sampling)) == []


def _clip():
    return [(0.1 * np.sin(np.arange(SR))).astype(np.float32)], ["c"]


def test_a_completion_says_why_it_ended_and_what_was_heard(engine):
    engine.batch = 5
    (done,) = engine.sample(requests(samples=1, clips=1), Sampling(temperature=0, max_tokens=3))

    assert (done.finish_reason, done.completion_tokens, done.heard_s) in [
        ("length", 3, (0.4,)),
        ("stop", done.completion_tokens, (0.4,)),
    ]
    assert done.logprob < 0
    assert done.prompt_tokens > len(["Is", "it", "high?"])


def test_a_prompt_may_be_text_alone_also_beside_others_with_clips(engine):
    sampling = Sampling(temperature=0, max_tokens=12)
    text_alone = [Request("text", "Is it high?", [], [], {0: 0}), Request("long", "Is it? " * 9, [], [], {0: 0})]

    alone = texts(engine, text_alone, sampling, batch=1)

    assert texts(engine, text_alone, sampling, batch=2) == alone
    mixed = texts(engine, [*requests(samples=1, clips=2), *text_alone], sampling, batch=4)
    assert mixed == alone | texts(engine, requests(samples=1, clips=2), sampling, batch=1)
    (done,) = engine.sample(text_alone[:1], sampling)
    assert (done.error, done.heard_s) == (None, ())


def test_a_text_model_answers_where_nothing_is_to_be_heard_and_is_refused_elsewhere(engine, tmp_path):
    folder = build_text(tmp_path / "text")
    judge = open_engine("transformers", folder, hears=False)
    asked = [Request(f"q{n}", f"Is it {'so ' * n}?", [], [], {0: 1, 1: 2}) for n in range(3)]

    together = texts(judge, asked, Sampling(temperature=1.0, max_tokens=8), batch=3)

    assert together == texts(judge, asked, Sampling(temperature=1.0, max_tokens=8), batch=1)
    assert len(set(together.values())) > 3
    assert render_chat(judge.processor, "Is it?", 0) == "<|im_start|>user\nIs it?<|im_end|>\n<|im_start|>assistant\n"
    with pytest.raises(InputError, match="no audio"):
        open_engine("transformers", folder)
    assert open_engine("transformers", engine.folder, hears=False).sr == SR


def test_the_random_numbers_are_uniform_and_differ_by_seed_step_and_token():
    drawn = uniform(torch.arange(40), 3, 2000).numpy()

    assert drawn.min() > 0
    assert drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.005
    assert abs(drawn.var() - 1 / 12) < 0.002
    assert np.abs(np.corrcoef(drawn) - np.eye(40)).max() < 0.1
    assert not np.isin(uniform(torch.arange(40), 4, 2000).numpy(), drawn).any()
    assert np.array_equal(uniform(torch.tensor([7]), 3, 2000).numpy()[0], drawn[7])


def test_top_p_keeps_the_smallest_set_that_reaches_it():
    from mgrd.engines.transformers import _Draw

    probs = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).repeat(4000, 1)
    draw = _Draw(list(range(4000)), Sampling(top_p=0.8), set())

    chosen = draw(torch.zeros(4000, 1), probs.log()).argmax(-1)

    shares = torch.bincount(chosen, minlength=4) / 4000
    assert shares[2:].tolist() == [0.0, 0.0]
    assert abs(shares[0].item() - 0.5 / 0.8) < 0.03


def test_an_unknown_engine_and_a_folder_without_a_model_are_errors_by_name(tmp_path):
    with pytest.raises(MisusedError, match="there is no such engine"):
        open_engine("llama", tmp_path)
    with pytest.raises(InputError, match="is no model folder"):
        open_engine("transformers", tmp_path)
    assert default_engine() in ("transformers", "vllm")
