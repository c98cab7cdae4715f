"""Families of audio language models: found by their processors and modules, trained, saved, loaded and sampled from."""

from dataclasses import replace

import families
import pytest
import tiny_model
from distilling import FAST, run, weights

from mgrd.engines import Request, Sampling, open_engine
from mgrd.engines.models import tensor_names

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="session", params=sorted(families.FAMILIES))
def family(request, tmp_path_factory):
    try:
        return families.build(request.param, tmp_path_factory.mktemp("families") / request.param)
    except ImportError as error:
        pytest.skip(f"{request.param}: {str(error).strip().splitlines()[0]}")


@pytest.mark.parametrize("lora", [None, 2])
def test_a_family_is_trained_saved_loaded_and_sampled_from(family, survivors, tmp_path, lora):
    figures = run(survivors(), family, tmp_path / "out", replace(FAST, lora=lora, epochs=3))

    assert figures["traces"] == 10
    assert figures["loss_last"] < figures["loss_first"]
    saved = tmp_path / "out" / "model"
    assert tensor_names(saved) == tensor_names(family)
    before, after = weights(family), weights(saved)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert [name for name in changed if any(word in name for word in ("audio", "visual", "projector"))] == []
    engine = open_engine("transformers", saved)
    asked = Request("q", "High or low?", [tiny_model.tone(1.2, 220)], ["a"], {0: 1})
    (completion,) = engine.sample([asked], Sampling(max_tokens=4))
    assert completion.error is None
    assert completion.completion_tokens > 0
