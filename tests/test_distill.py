"""Training on survivors, with a Qwen2-Audio of random weights and sines for clips."""

import json
import os
import random
import re
import resource
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import families
import numpy as np
import pytest
import tiny_model
from distilling import FAST, QUIET, run, trace, weights
from hypothesis import given
from hypothesis import strategies as st

from mgrd import progress, tables
from mgrd.engines.chat import render_chat
from mgrd.engines.models import load_audio_lm, model_fingerprint, tensor_names
from mgrd.engines.window import short_window, window_samples
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError, Stopped

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mgrd.distill import distill, state  # noqa: E402
from mgrd.distill.batches import IGNORED, collate, epoch_order  # noqa: E402
from mgrd.distill.examples import Ears, encode  # noqa: E402
from mgrd.distill.lessons import of_survivors  # noqa: E402
from mgrd.distill.survivors import TABLE, content_hash, read, tell_later  # noqa: E402
from mgrd.distill.trainer import rates  # noqa: E402
from mgrd.distill.training import WRITE, check_frozen, prepare, token_loss  # noqa: E402


def test_distill_lowers_the_loss_and_leaves_the_audio_side_as_it_was(survivors, model, tmp_path):
    figures = run(survivors(), model, tmp_path / "out", replace(FAST, epochs=8))

    assert figures["traces"] == 10
    assert figures["steps"] == 8 * 3
    assert figures["loss_last"] < 0.7 * figures["loss_first"]
    before, after = weights(model), weights(tmp_path / "out" / "model")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert {name.split(".")[0] for name in changed} == {"language_model"}
    assert not (tmp_path / "out" / "checkpoints").exists()
    assert not (tmp_path / "out" / "model.partial").exists()


def test_a_training_of_one_step_changes_the_model(survivors, model, tmp_path):
    folder = survivors(*map(trace, range(4)))
    run(folder, model, tmp_path / "out", replace(FAST, epochs=1))

    before, after = weights(model), weights(tmp_path / "out" / "model")
    assert json.loads((tmp_path / "out" / "distill.json").read_text())["steps"] == 1
    assert max((after[name] - before[name]).abs().max().item() for name in before) > 1e-4


@given(st.integers(1, 500), st.floats(0, 0.5))
def test_no_step_has_a_learning_rate_of_zero_and_one_has_the_peak(steps, warmup):
    rate = rates(steps, warmup)
    found = [rate(step) for step in range(steps)]

    assert min(found) > 0
    assert max(found) == 1.0
    assert rate(steps) == 0


def test_the_saved_model_answers_as_the_trained_one_and_has_the_layout_of_its_base(survivors, model, tmp_path):
    run(survivors(), model, tmp_path / "out")
    saved = tmp_path / "out" / "model"

    assert tensor_names(saved) == tensor_names(model)
    assert {path.name for path in saved.iterdir()} == {path.name for path in model.iterdir()}
    assert (saved / "config.json").read_bytes() == (model / "config.json").read_bytes()
    assert model_fingerprint(saved) != model_fingerprint(model)
    loaded, _ = load_audio_lm(saved, torch.float32)
    assert loaded.get_encoder(modality="audio").embed_positions.weight.shape == (tiny_model.WINDOW_S * 25, 32)


def test_weights_keep_the_number_format_of_their_base(survivors, model, tmp_path):
    from safetensors.torch import save_file

    def halve(folder):
        halved = {name: tensor.bfloat16() for name, tensor in weights(folder).items()}
        save_file(halved, folder / "model.safetensors", metadata={"format": "pt"})

    base = changed_copy(model, tmp_path, halve)
    run(survivors(), base, tmp_path / "out")

    before, after = weights(base), weights(tmp_path / "out" / "model")
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    assert {name for name in before if not torch.equal(before[name], after[name])}
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("audio_tower"))


def test_labels_are_the_target_and_eos_and_nothing_else(survivors, model):
    lessons = of_survivors(read([survivors(trace(0), trace(3))], None), "plain")
    loaded, processor = load_audio_lm(model, torch.float32)
    ears = Ears(processor, None)

    examples, left_out = encode(lessons, loaded, ears, None, QUIET)
    batch = collate(examples, ears)

    assert left_out == []
    assert [processor.tokenizer.decode(labels[labels != IGNORED]) for labels in batch["labels"]] == [
        "<think>\nIt is near 220 Hz\n</think>\nlow<|im_end|>",
        "<think>\nIt is near 440 Hz, steady, steady, steady\n</think>\nhigh<|im_end|>",
    ]
    learned = batch["labels"] != IGNORED
    assert torch.equal(batch["labels"][learned], batch["input_ids"][learned])
    sampled = processor(
        text=[
            render_chat(
                processor, "High or low?\n(A) high\n(B) low\nThink inside <think> </think>, then give the answer.", 1
            )
        ],
        audio=[tiny_model.tone(1.22, 220)],
        audio_kwargs={"sampling_rate": tiny_model.SR},
        return_tensors="pt",
    )
    prompt = sampled["input_ids"][0]
    assert torch.equal(batch["input_ids"][0][: len(prompt)], prompt)
    assert bool((batch["labels"][0][: len(prompt)] == IGNORED).all())
    assert batch["labels"][0][len(prompt)] == processor.tokenizer.convert_tokens_to_ids("<think>")


def test_a_template_that_opens_the_think_block_is_not_answered_with_a_second_tag(survivors, model):
    lessons = of_survivors(read([survivors(trace(0))], None), "plain")
    loaded, processor = load_audio_lm(model, torch.float32)
    processor.chat_template = processor.chat_template.replace("assistant\n", "assistant\n<think>\n")

    (example,), _ = encode(lessons, loaded, Ears(processor, None), None, QUIET)

    assert example.prompt.endswith("<think>\n")
    assert processor.tokenizer.decode(example.target_ids) == "It is near 220 Hz\n</think>\nlow<|im_end|>"


def test_the_prompt_that_was_sampled_with_can_be_kept(survivors, model):
    lessons = of_survivors(read([survivors(trace(0, prompt="Say it."))], None), "same")
    loaded, processor = load_audio_lm(model, torch.float32)

    (example,), _ = encode(lessons, loaded, Ears(processor, None), None, QUIET)

    assert example.prompt == render_chat(processor, "Say it.", 1)


def test_accumulated_micro_batches_train_as_one_batch(survivors, model, tmp_path):
    folder = survivors(*(trace(number, response="low" * (1 + number)) for number in range(10)))
    run(folder, model, tmp_path / "whole", replace(FAST, lr=1e-3, epochs=3))
    run(folder, model, tmp_path / "split", replace(FAST, lr=1e-3, epochs=3, accumulate=4))

    whole, split = (json.loads((tmp_path / name / "distill.json").read_text())["losses"] for name in ("whole", "split"))
    assert len(whole) == len(split) == 9
    assert split == pytest.approx(whole, rel=0.01)


def test_a_resumed_training_equals_one_that_was_never_stopped(survivors, model, tmp_path, monkeypatch):
    options = replace(FAST, epochs=3)
    expected = run(survivors(), model, tmp_path / "whole", options)
    stop_after(4, monkeypatch)
    with pytest.raises(Stopped, match="stopped by SIGTERM at step 4 of 9"):
        run(survivors(), model, tmp_path / "out", options)
    assert not (tmp_path / "out" / "model").exists()
    monkeypatch.setattr(progress.stop, "signal_name", None)
    (tmp_path / "out" / "checkpoints" / "checkpoint-9").mkdir()  # as kill -9 leaves one behind

    figures = run(survivors(), model, tmp_path / "out", options)

    assert figures | {"seconds": 0} == expected | {"seconds": 0}
    whole, resumed = weights(tmp_path / "whole" / "model"), weights(tmp_path / "out" / "model")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_ctrl_c_saves_a_checkpoint_and_the_training_goes_on_from_there(survivors, model, tmp_path, monkeypatch):
    options = replace(FAST, epochs=3)
    expected = run(survivors(), model, tmp_path / "whole", options)
    count = progress.Steps.__call__

    def counted(self, n=1):
        count(self, n)
        if self.unit == "steps" and self.done == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(progress.stop, "signal_name", None)
        patch.setattr(progress.Steps, "__call__", counted)
        run(survivors(), model, tmp_path / "out", options)
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["checkpoint-4"]

    assert run(survivors(), model, tmp_path / "out", options) | {"seconds": 0} == expected | {"seconds": 0}


def test_a_checkpoint_is_no_pickle_and_what_is_dropped_by_chance_is_the_same_after_it(
    survivors, model, tmp_path, monkeypatch
):
    shutil.copytree(model, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config["text_config"]["attention_dropout"] = 0.5
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    run(survivors(), tmp_path / "model", tmp_path / "whole", FAST)
    stop_after(4, monkeypatch)
    with pytest.raises(Stopped):
        run(survivors(), tmp_path / "model", tmp_path / "out", FAST)
    monkeypatch.setattr(progress.stop, "signal_name", None)
    left = sorted(path.name for path in (tmp_path / "out" / "checkpoints" / "checkpoint-4").iterdir())
    kept = ["moments", "random-0-of-1", "schedule", "trainable", "trainer_state"]
    assert [name.partition(".") for name in left] == [
        (name, ".", "json" if name in ("schedule", "trainer_state") else "safetensors") for name in kept
    ]

    run(survivors(), tmp_path / "model", tmp_path / "out", FAST)

    whole, resumed = weights(tmp_path / "whole" / "model"), weights(tmp_path / "out" / "model")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_every_kind_of_random_number_goes_on_where_it_was(tmp_path):
    def drawn():
        return [torch.rand(2).tolist(), np.random.rand(2).tolist(), np.random.randn(), random.gauss(0, 1)]

    np.random.randn()  # one of a pair: the other is kept for the next call, as Python does
    random.gauss(0, 1)
    state.save_random(tmp_path)
    before = drawn()
    assert drawn() != before
    state.load_random(tmp_path)
    assert drawn() == before


def stop_after(steps, monkeypatch):
    """Raise the stop flag when a story has counted `steps` training steps."""
    count = progress.Steps.__call__

    def counted(self, n=1):
        count(self, n)
        if self.unit == "steps" and self.done == steps:
            monkeypatch.setattr(progress.stop, "signal_name", "SIGTERM")

    monkeypatch.setattr(progress.Steps, "__call__", counted)


def test_lora_trains_the_language_model_alone_and_is_merged(survivors, model, tmp_path):
    loaded, _ = load_audio_lm(model, torch.float32)
    adapted = prepare(loaded, replace(FAST, lora=2))
    learned = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert len(learned) == 2 * 2 * 7  # A and B, two layers, seven projections
    assert all(".language_model." in name and "lora_" in name for name in learned)

    figures = run(survivors(), model, tmp_path / "out", replace(FAST, lora=2, epochs=4))

    assert figures["loss_last"] < figures["loss_first"]
    before, after = weights(model), weights(tmp_path / "out" / "model")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[-2] for name in changed} == {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    }
    assert all(name.startswith("language_model.model.layers.") for name in changed)


def test_an_adapter_in_the_tower_is_refused(model):
    loaded, _ = load_audio_lm(model, torch.float32)
    loaded.requires_grad_(False)
    loaded.get_encoder(modality="audio").layers[0].self_attn.q_proj.requires_grad_(True)

    with pytest.raises(
        MgrdError, match=r"2 parameters outside of the language model would be trained, e\.g\. model\.audio_tower"
    ):
        check_frozen(loaded)


def test_what_is_too_long_is_left_out_by_name_and_never_cut(survivors, model, tmp_path):
    folder = survivors(trace(0), trace(1, think="so " * 400), trace(2, audio=["long.wav"]), trace(3))

    figures = run(folder, model, tmp_path / "out")

    assert (figures["traces"], figures["left_out"]) == (2, 2)
    left_out = json.loads((tmp_path / "out" / "distill.json").read_text())["left_out_traces"]
    assert [one["trace_id"] for one in left_out] == ["q1.0.0", "q2.0.0"]
    assert left_out[1]["why"] == "a clip of 21.0 s is longer than the 20 s that the model hears"
    assert "tokens are more than the 1024 that the model takes" in left_out[0]["why"]


def test_no_survivors_is_an_error_that_says_so(survivors, model, tmp_path, clips):
    folder = survivors(trace(0))
    tables.write_table([], folder / "survivors.parquet", tables.JUDGED)
    with pytest.raises(MgrdError, match="no survivors to distill"):
        run(folder, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"passed": False}, "has not passed the filter"),
        ({"control": "swap"}, "sampled under --control swap"),
        ({"response": "low</think>"}, "has think tags inside"),
        ({"think": "a <think> b"}, "has think tags inside"),
        ({"response": " "}, "has no response"),
        ({"error": "no such file"}, "is a failed sample"),
        ({"response": "low<|AUDIO|>"}, r"holds the special token <\|AUDIO\|>"),
        ({"response": "low<|im_end|>high"}, r"holds the special token <\|im_end\|>"),
        ({"audio_sha": ["0" * 32]}, "has changed since the trace was sampled"),
        ({"audio": ["../220.wav"]}, "lies outside"),
        ({"audio": ["none.wav"]}, "no such audio file"),
    ],
)
def test_a_trace_that_must_not_be_trained_on_stops_the_job_before_its_first_step(
    survivors, model, tmp_path, columns, message
):
    with pytest.raises(InputError, match=message):
        run(survivors(trace(0), trace(1, **columns)), model, tmp_path / "out")
    assert not (tmp_path / "out" / "model").exists()


def test_survivors_of_several_rounds_are_trained_on_together_but_none_twice(survivors, clips):
    first, second = survivors(trace(3), trace(1)), survivors(trace(2), name="second")

    assert [row["trace_id"] for row in read([second, first], None)] == ["q1.0.0", "q2.0.0", "q3.0.0"]
    assert content_hash(read([second, first], None)) == content_hash(read([first, second], clips))
    with pytest.raises(InputError, match="name each round once"):
        read([first, first / "survivors.parquet"], None)


def test_embedded_clips_are_found_where_they_were_written(survivors, clips):
    name = f"audio/{'a' * 64}.wav"
    folder = survivors(trace(0, audio=[name]))
    for written in (folder / "audio", folder.parent / "elsewhere"):
        written.mkdir()
        (written / Path(name).name).write_bytes((clips / "220.wav").read_bytes())

    assert read([folder], None)[0]["files"] == [folder / name]
    note = {"audio_root": str(clips), "audio_out": str(folder.parent / "elsewhere")}
    tables.write_json({"filter": note}, folder / "manifest.json")
    assert read([folder], None)[0]["files"] == [folder.parent / "elsewhere" / Path(name).name]
    tables.write_json({}, folder / "manifest.json")
    with pytest.raises(InputError, match="does not say where the audio is; give --audio-root"):
        read([folder], None)


def test_what_was_sampled_or_judged_since_the_survivors_were_chosen_is_told(survivors, tmp_path, capsys):
    folder = survivors(trace(0), trace(1))
    rows = [trace(number, error=None) for number in range(6)]
    rows[4]["error"] = "no such file"
    sampled = [{name: row.get(name) for name in tables.TRACES} for row in rows]
    tell_later([folder], TABLE, progress.Story())  # it has no other tables
    chosen_of = [{"trace_id": f"q{number}.0.0"} for number in range(3)]
    tables.write_table(chosen_of, folder / "selection.parquet", tables.SELECTION)
    tables.write_table(rows[:3], folder / "judged" / "part-0.parquet", tables.JUDGED)
    tables.write_table(sampled[:3], folder / "traces" / "part-0.parquet", tables.TRACES)
    tell_later([folder], TABLE, progress.Story())
    assert capsys.readouterr().err == ""

    tables.write_table(sampled[3:], folder / "traces" / "part-1.parquet", tables.TRACES)  # one of them has failed
    tables.write_table([rows[3] | {"error": "before"}], folder / "judged" / "part-1.parquet", tables.JUDGED)  # retried
    tell_later([folder, folder], "judged", progress.Story())
    assert capsys.readouterr().err == (
        f"2 traces of {folder} were sampled or judged after its survivors were chosen; give `mgrd filter {folder} -o "
        f"{folder}` again to choose among them too\n"
    )


def test_training_tells_of_later_traces(survivors, model, tmp_path, capsys):
    folder = survivors()
    tables.write_table([], folder / "selection.parquet", tables.SELECTION)
    tables.write_table([trace(0)], folder / "judged" / "part-0.parquet", tables.JUDGED)

    run(folder, model, tmp_path / "out", replace(FAST, epochs=1), story=progress.Story())

    assert f"1 traces of {folder} were sampled or judged after" in capsys.readouterr().err


def test_a_finished_model_is_not_made_again_and_other_settings_are_refused(survivors, model, tmp_path, capsys):
    made = run(survivors(), model, tmp_path / "out")
    stamp = (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns

    assert run(survivors(), model, tmp_path / "out", replace(FAST, accumulate=2)) == made
    assert (tmp_path / "out" / "model" / "model.safetensors").stat().st_mtime_ns == stamp
    with pytest.raises(SettingsError, match=r"lr 0\.01 -> 0\.02"):
        run(survivors(), model, tmp_path / "out", replace(FAST, lr=0.02))
    distill([survivors()], model, tmp_path / "out", replace(FAST, lr=0.02), overwrite=True)
    assert (tmp_path / "out" / "model.old-1").is_dir()
    assert f"Set aside: {tmp_path / 'out' / 'model'}, as model.old-1\n" in capsys.readouterr().err


def test_a_batch_that_cannot_be_split_evenly_is_misused(survivors, model, tmp_path):
    with pytest.raises(MisusedError, match="--accumulate 3: must divide --batch-size 4"):
        run(survivors(), model, tmp_path / "out", replace(FAST, accumulate=3))


def test_token_loss_is_the_sum_over_targets_divided_by_those_of_the_whole_step():
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[IGNORED, IGNORED, 1, 2], [IGNORED, 3, IGNORED, IGNORED]])
    logprobs = logits.log_softmax(-1)
    by_hand = -(logprobs[0, 1, 1] + logprobs[0, 2, 2] + logprobs[1, 0, 3])

    class Outputs:
        pass

    Outputs.logits = logits
    assert token_loss(Outputs, labels) == pytest.approx(by_hand.item() / 3)
    assert token_loss(Outputs, labels, torch.tensor(12)) == pytest.approx(by_hand.item() / 12)


def test_an_epoch_visits_everything_once_in_batches_of_like_length_the_same_each_time():
    lengths = [int(n) for n in np.random.default_rng(0).integers(10, 500, 70)]

    order = list(epoch_order(lengths, 8, seed=1, epoch=2))

    assert sorted(order) == list(range(70))
    assert order == list(epoch_order(lengths, 8, seed=1, epoch=2))
    assert order != list(epoch_order(lengths, 8, seed=1, epoch=3))
    spread = np.mean([np.ptp([lengths[i] for i in order[at : at + 8]]) for at in range(0, 64, 8)])
    assert spread < 0.6 * np.ptp(lengths)


@pytest.mark.parametrize("what", ["a checkpoint", "out/model"])
def test_a_full_disk_is_said_in_one_line_and_the_job_goes_on_later(survivors, model, tmp_path, monkeypatch, what):
    folder, usual = survivors(), resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(*_):
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, usual[1]))
        return torch.float32

    with monkeypatch.context() as patch, pytest.raises(MgrdError, match="cannot be written") as refused:
        if what == "out/model":
            patch.setattr("mgrd.distill.saving._stored_dtype", fill_the_disk)
        else:
            fill_the_disk()
        try:
            run(folder, model, tmp_path / "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "out").glob("model*"))

    assert run(folder, model, tmp_path / "out")["steps"] == 6


def test_each_epoch_is_trained_in_its_own_order(survivors, model, tmp_path, monkeypatch):
    seen = []

    def recorded(examples, ears):
        seen.extend((example.trace_id, example.length) for example in examples)
        return collate(examples, ears)

    monkeypatch.setattr("mgrd.distill.training.WRITE", replace(WRITE, collate=recorded))
    run(survivors(), model, tmp_path / "out")

    rows = sorted(set(seen))
    expected = [rows[i] for epoch in (0, 1) for i in epoch_order([n for _, n in rows], FAST.batch_size, 0, epoch)]
    assert [example for example in seen if example in rows][-20:] == expected
    assert seen[-20:-10] != seen[-10:]


def test_features_are_computed_once_a_clip_and_again_when_the_cache_was_full(survivors, model, monkeypatch):
    lessons = of_survivors(read([survivors()], None), "plain")
    loaded, processor = load_audio_lm(model, torch.float32)
    ears, calls = Ears(processor, None), []
    hear = ears.hear
    monkeypatch.setattr(ears, "hear", lambda *given: calls.append(given) or hear(*given))

    examples, _ = encode(lessons, loaded, ears, None, QUIET)
    for _ in range(3):
        collate(examples, ears)
    assert len(calls) == 2

    monkeypatch.setattr("mgrd.distill.examples.CACHED_BYTES", 1)
    ears._kept.clear()
    assert collate(examples, ears)["input_features"].shape == (10, 16, 1000)


@pytest.mark.parametrize("seconds", [(1.0, 2.37, 3.0), (0.02, 7.9), (19.9,)])
def test_a_short_window_changes_no_logit_and_is_undone(model, seconds):
    loaded, processor = load_audio_lm(model, torch.float32)
    clips = [tiny_model.tone(duration_s, 300) for duration_s in seconds]

    def logits(padded):
        inputs = processor(
            text=[render_chat(processor, "Hm?", 1)] * len(clips),
            audio=clips,
            text_kwargs={"padding": True},
            audio_kwargs={"sampling_rate": tiny_model.SR} | ({"max_length": padded} if padded else {}),
            return_tensors="pt",
        )
        with torch.no_grad():
            return loaded(**inputs).logits[inputs["attention_mask"].bool()], inputs["input_features"].shape[-1]

    whole, whole_frames = logits(None)
    with pytest.raises(RuntimeError, match="inside"), short_window(loaded, processor, max(seconds)) as padded:
        short, short_frames = logits(padded)
        raise RuntimeError("inside")
    again, _ = logits(None)

    assert torch.equal(whole, again)
    assert torch.allclose(whole, short, atol=1e-4)
    assert whole_frames == tiny_model.WINDOW_S * 50
    assert short_frames == {3.0: 200, 7.9: 450, 19.9: 1000}[max(seconds)]
    assert (padded is None) == (max(seconds) == 19.9)


def test_a_window_is_not_shortened_for_families_that_listen_to_their_padding(model):
    loaded, processor = load_audio_lm(model, torch.float32)
    loaded.config.model_type = "voxtral"

    assert window_samples(loaded, processor, 1.0) is None


def changed_copy(model, tmp_path, change):
    """A copy of the model folder that `change` has been at."""
    import shutil

    folder = tmp_path / "changed"
    shutil.copytree(model, folder)
    change(folder)
    return folder


def without_a_tensor(folder):
    from safetensors.torch import save_file

    tensors = weights(folder)
    del tensors["language_model.lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def cut_short(folder):
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1000])


def set_type(folder, name):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": name}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "it has no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "is not safetensors"),
        (lambda folder: set_type(folder, "unheard_of"), "transformers does not know this model"),
        (lambda folder: (folder / "config.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "processor_config.json").unlink(), "processor"),
        (without_a_tensor, "lack 1 tensors of qwen2_audio, e.g. lm_head.weight"),
        (cut_short, "the weights cannot be loaded"),
    ],
)
def test_a_folder_that_is_no_audio_model_is_refused_in_one_line(model, tmp_path, change, message):
    with pytest.raises(InputError, match=message) as refused:
        load_audio_lm(changed_copy(model, tmp_path, change), torch.float32)
    assert "\n" not in str(refused.value)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such model folder"):
        load_audio_lm(tmp_path / "none", torch.float32)
    with pytest.raises(InputError, match="no such model folder"):
        model_fingerprint(tmp_path / "none")


def test_a_fingerprint_follows_the_content_not_the_place(model, tmp_path):
    copy = changed_copy(model, tmp_path, lambda folder: (folder / "README.md").write_text("notes"))

    assert model_fingerprint(copy) == model_fingerprint(model)
    (copy / "chat_template.jinja").write_text("other")
    assert model_fingerprint(copy) != model_fingerprint(model)


def test_the_table_of_checks_is_counted_from_the_tokens_and_kept(survivors, model, tmp_path, capsys):
    run(survivors(trace(0), trace(1), trace(2, think="so " * 400)), model, tmp_path / "out", story=progress.Story())

    found = {
        row["check"]: row["found"] for row in json.loads((tmp_path / "out" / "distill.json").read_text())["checks"]
    }
    assert found == {
        "targets with exactly one think block": "2 of 2",
        "targets that decode to the letter": "2 of 2",
        "targets that end with EOS, which is learned": "2 of 2",
        "targets without an audio placeholder": "2 of 2",
        "audio tokens of the prompts": "33 for 33 features",
        "cut inside of audio or think": "0; 1 left out whole",
        "chat template, of a past turn's reasoning": "kept",
        "trained of model.audio_tower": "0.00 M of 0.02 M",
        "trained of model.multi_modal_projector": "0.00 M of 0.00 M",
        "trained of model.language_model": "0.03 M of 0.03 M",
        "trained of lm_head": "0.01 M of 0.01 M",
    }
    told = capsys.readouterr().err
    assert "  targets with exactly one think block           2 of 2\n" in told
    assert "The model loads and begins to answer trace q0.0.0: " in told


def test_max_length_leaves_out_what_has_more_tokens(survivors, model, tmp_path):
    folder = survivors(trace(0), trace(1, think="so " * 60))

    figures = run(folder, model, tmp_path / "out", replace(FAST, max_length=200))

    assert (figures["traces"], figures["left_out"]) == (1, 1)
    (left_out,) = json.loads((tmp_path / "out" / "distill.json").read_text())["left_out_traces"]
    assert re.fullmatch(r"its \d+ tokens are more than the 200 that --max-length allows", left_out["why"])


def test_training_ends_when_the_held_out_loss_rises_and_keeps_the_best_epoch(survivors, model, tmp_path):
    folder = survivors(*(trace(n, question=f"{n}: high or low?", think=f"{n * 7919}") for n in range(12)))
    options = replace(FAST, lr=3e-2, epochs=12, held_out_share=0.3, patience=2)

    figures = run(folder, model, tmp_path / "out", options)
    losses = json.loads((tmp_path / "out" / "distill.json").read_text())["losses_held_out"]

    best = losses.index(min(losses))
    assert (figures["traces"], figures["held_out"]) == (8, 4)
    assert len(losses) == best + 1 + 2 < 12
    assert figures["loss_held_out"] == round(losses[best], 4)
    assert figures["steps"] == 2 * len(losses)


def test_patience_without_a_held_out_share_is_misused(survivors, model, tmp_path):
    with pytest.raises(MisusedError, match="--patience 2: needs --held-out-share"):
        run(survivors(), model, tmp_path / "out", replace(FAST, patience=2))


def test_gradient_checkpointing_changes_no_loss(survivors, model, tmp_path):
    run(survivors(), model, tmp_path / "kept")
    run(survivors(), model, tmp_path / "again", replace(FAST, gradient_checkpointing=True))

    kept, again = (json.loads((tmp_path / name / "distill.json").read_text())["losses"] for name in ("kept", "again"))
    assert again == pytest.approx(kept, rel=1e-4)


def test_curves_go_to_tensorboard_unless_told_otherwise(survivors, model, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    run(survivors(), model, tmp_path / "out", replace(FAST, report_to="none"))
    assert not (tmp_path / "out" / "tensorboard").exists()

    run(survivors(), model, tmp_path / "told")
    assert len(list((tmp_path / "told" / "tensorboard").glob("events*"))) == 1
    with pytest.raises(MgrdError, match="--report-to trackio: it is not installed; pip install trackio"):
        run(survivors(), model, tmp_path / "other", replace(FAST, report_to="trackio"))


def test_an_adapter_that_a_model_ships_is_named_when_it_is_merged(survivors, model, tmp_path, capsys):
    shutil.copytree(model, tmp_path / "hears")
    families.ship_adapter(load_audio_lm(model, torch.float32)[0], tmp_path / "hears" / "speech-lora")

    run(survivors(), tmp_path / "hears", tmp_path / "out", replace(FAST, epochs=1), story=progress.Story())

    said = f"{tmp_path / 'hears' / 'speech-lora'}: the adapter that hears ships to hear with is merged into its weights"
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "out" / "model").glob("**/adapter*"))


def test_a_model_that_does_not_answer_never_appears(survivors, model, tmp_path, monkeypatch):
    from mgrd.engines.transformers import TransformersEngine

    def broken(*_):
        raise ValueError("no tokens came")

    with monkeypatch.context() as patch, pytest.raises(MgrdError, match=r"does not answer \(.*no tokens came"):
        patch.setattr(TransformersEngine, "_prefill", broken)
        run(survivors(), model, tmp_path / "out")
    assert not (tmp_path / "out" / "model").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: set_type(folder, "ultravox"), "transformers does not know this model .*--export ms-swift"),
        (lambda folder: set_type(folder, "qwen2"), "is no audio LM .*--export ms-swift"),
        (lambda folder: set_type(folder, "qwen2_5_omni"), "save its thinker alone .*Qwen2_5OmniThinkerForCond.*swift"),
    ],
)
def test_a_family_that_cannot_be_trained_says_what_to_use_instead(survivors, model, tmp_path, change, message):
    with pytest.raises(InputError, match=message) as refused:
        run(survivors(), changed_copy(model, tmp_path, change), tmp_path / "out")
    assert "\n" not in str(refused.value)
