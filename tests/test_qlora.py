"""Adapters on weights of 4 bits, with bitsandbytes on this machine's CPU; without it only that it is asked for."""

import importlib.util
import json
from dataclasses import replace

import pytest
from distilling import FAST, weights
from distilling import run as distil
from test_dpo import DPO, filtered, rows_to_learn  # noqa: F401  (a fixture)
from test_grpo import GRPO, by_letters, four  # noqa: F401  (fixtures)

from mgrd.engines.models import load_audio_lm, tensor_names
from mgrd.errors import MgrdError, MisusedError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mgrd.distill import quantized, saving, trial  # noqa: E402
from mgrd.distill.training import language_linears, prepare  # noqa: E402

QLORA = replace(FAST, lora=4, qlora=True, epochs=4)
installed = pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs mgrd[qlora]")


def test_weights_of_4_bits_without_adapters_are_misused(survivors, model, tmp_path):
    with pytest.raises(MisusedError, match="--qlora: needs --lora R"):
        distil(survivors(), model, tmp_path / "out", replace(FAST, qlora=True))


def test_a_rank_behind_qlora_is_told_where_it_belongs(survivors, model, tmp_path, run):
    code, _, told = run("distill", survivors(), "-m", model, "-o", tmp_path / "out", "--qlora", "8")

    assert (code, told) == (2, "Error: --qlora 8: takes no number; give the adapters' rank with --lora 8 --qlora\n")


def test_without_bitsandbytes_the_extra_is_named_before_anything_is_written(survivors, model, tmp_path, monkeypatch):
    monkeypatch.setattr(quantized, "find_spec", lambda _: None)

    with pytest.raises(MgrdError, match=r"pip install 'mgrd\[qlora\]'"):
        distil(survivors(), model, tmp_path / "out", QLORA)
    assert not (tmp_path / "out").exists()


@installed
def test_only_the_linear_layers_beneath_adapters_are_held_in_4_bits(model):
    loaded, _ = load_audio_lm(model, torch.float32)
    before = {name: parameter.numel() for name, parameter in loaded.named_parameters()}
    names = language_linears(loaded)
    quantized.quantize(loaded, names, torch.float32)
    loaded = loaded.to("cpu")

    packed = {name for name, parameter in loaded.named_parameters() if parameter.dtype == torch.uint8}
    assert packed == {f"{name}.weight" for name in names}
    assert len(names) == 2 * 7
    assert {name: quantized.size(parameter) for name, parameter in loaded.named_parameters()} == before
    learned = [name for name, parameter in prepare(loaded, QLORA).named_parameters() if parameter.requires_grad]
    assert len(learned) == 2 * len(names)
    assert all("lora_" in name for name in learned)


@installed
def test_what_was_learned_on_4_bits_is_added_to_the_whole_weights(survivors, model, tmp_path):
    folder = survivors()
    distil(folder, model, tmp_path / "lora", replace(QLORA, qlora=False))
    figures = distil(folder, model, tmp_path / "out", QLORA)

    usual, found = (json.loads((tmp_path / name / "distill.json").read_text()) for name in ("lora", "out"))
    assert found["losses"] != usual["losses"]
    assert found["losses"] == pytest.approx(usual["losses"], rel=0.05)
    assert (figures["parameters"], figures["trainable"]) == (usual["parameters"], usual["trainable"])
    assert tensor_names(tmp_path / "out" / "model") == tensor_names(model)
    before, after = weights(model), weights(tmp_path / "out" / "model")
    moved = {name: after[name] - before[name] for name in before if not torch.equal(before[name], after[name])}
    assert len(moved) == 2 * 7
    # what 4 bits lose has any rank; an adapter's product has its own
    assert {torch.linalg.matrix_rank(tensor, rtol=1e-4).item() for tensor in moved.values()} == {4}


def test_what_was_trained_has_left_its_device_when_the_new_model_is_tried(survivors, model, tmp_path, monkeypatch):
    rebuilt, events = saving.rebuilt, []

    def as_if_of_4_bits(trained, base):
        trained.is_loaded_in_4bit = True
        move = trained.to
        trained.to = lambda device: (events.append(device), move(device))[1]
        return rebuilt(trained, base)

    monkeypatch.setattr(saving, "rebuilt", as_if_of_4_bits)
    monkeypatch.setattr(trial, "in_transformers", lambda *_, **__: events.append("tried"))
    distil(survivors(), model, tmp_path / "out", replace(FAST, lora=4, epochs=1))

    assert events == ["cpu", "tried"]


@installed
def test_preferences_are_learned_on_4_bits(filtered, model, tmp_path):  # noqa: F811
    figures = distil(filtered(*rows_to_learn()), model, tmp_path / "out", replace(DPO, lora=4, qlora=True, epochs=3))

    assert figures["loss_first"] == pytest.approx(0.693, abs=0.02)
    assert figures["margin"] > 0
    assert tensor_names(tmp_path / "out" / "model") == tensor_names(model)


@installed
def test_rewards_are_learned_on_4_bits(four, model, tmp_path, by_letters):  # noqa: F811
    figures = distil(four, model, tmp_path / "out", replace(GRPO, lora=4, qlora=True, epochs=4, samples=8))

    assert figures["drift"] < 0.05
    before, after = weights(model), weights(tmp_path / "out" / "model")
    whole = sum(tensor.numel() for tensor in before.values())
    assert figures["parameters"] == whole + figures["trainable"]  # as if no two of them were packed into a byte
    assert len([name for name in before if not torch.equal(before[name], after[name])]) == 2 * 7
