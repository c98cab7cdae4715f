"""Families of audio language models: found by their processors and modules, trained, saved, loaded and sampled from."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import families
import pytest
import tiny_model
from distilling import FAST, run, weights

from mgrd.distill.examples import Ears
from mgrd.engines import Request, Sampling, adapters, open_engine
from mgrd.engines.models import load_audio_lm, tensor_names
from mgrd.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

DOCS = Path(__file__).parents[1] / "docs" / "distill.md"
LANGUAGE = re.compile(
    r"(?:^|\.)(?:layers\.\d+\.|(?:un)?embed\w*\.weight|lm_head\.|norm\w*\.|per_layer\w*\.|altup\w*\.\d+\.)"
)
NOT_LANGUAGE = re.compile(r"audio|speech|sound|vis|image|encoder|projector|tower|adaptor|tokenizer")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folders of families, each built once; a family that needs a package that is not installed is skipped."""
    folders = {}

    def folder(name):
        if name not in folders:
            try:
                folders[name] = families.build(name, tmp_path_factory.mktemp("families") / name)
            except ImportError as error:
                pytest.skip(f"{name}: {str(error).strip().splitlines()[0]}")
        return folders[name]

    return folder


@pytest.fixture(params=sorted(families.FAMILIES))
def family(request, built):
    return built(request.param)


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
    assert [name for name in changed if NOT_LANGUAGE.search(name) or not LANGUAGE.search(name)] == []
    engine = open_engine("transformers", saved)
    asked = Request("q", "High or low?", [tiny_model.tone(1.2, 220)], ["a"], {0: 1})
    (completion,) = engine.sample([asked], Sampling(max_tokens=4))
    assert completion.error is None
    assert completion.completion_tokens > 0


def test_the_docs_have_a_row_for_each_family_that_is_tested(family):
    (name,) = json.loads((family / "config.json").read_text())["architectures"]
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| yes \| yes \| (?:yes|no) \|", DOCS.read_text(), re.MULTILINE)
    assert rows.count(name) == 1
    assert len(rows) == len(set(families.FAMILIES.values())) + 1  # Qwen2-Audio is in every other test


def test_clips_of_other_lengths_in_the_batch_change_nothing(family):
    """Not a bit of a logit that matters: encoders that hear padding are given clips of one length at a time."""
    model, _ = loaded = load_audio_lm(family, torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # far enough from uniform that what is heard shows
    from mgrd.engines.transformers import TransformersEngine

    engine = TransformersEngine(family, loaded=loaded)
    asked = [
        Request(str(hz), "High or low?", [tiny_model.tone(seconds, hz)], [str(hz)], {0: 1})
        for seconds, hz in ((1.23, 220), (2.9, 440), (0.61, 330))
    ]
    greedy = Sampling(temperature=0, max_tokens=4)
    alone = [completion for one in asked for completion in engine.sample([one], greedy)]
    together = list(engine.sample(asked, greedy))
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert [one.logprob for one in together] == pytest.approx([one.logprob for one in alone], abs=1e-3)
    assert len({round(one.logprob, 4) for one in alone}) > 1


def test_a_pass_holds_one_trace_where_the_encoder_hears_padding(family, survivors, tmp_path):
    from mgrd.engines.chat import hears_padding

    _, processor = load_audio_lm(family, torch.float32)
    found = hears_padding(processor)
    assert found == any(word in family.name for word in ("granite", "phi"))
    if found:
        one = run(survivors(), family, tmp_path / "a", replace(FAST, accumulate=4, epochs=1))
        assert run(survivors(), family, tmp_path / "b", replace(FAST, accumulate=1, epochs=1)) == one | {
            "seconds": pytest.approx(one["seconds"], abs=60)
        }


@pytest.mark.parametrize("name", sorted(families.ADAPTERS))
def test_an_adapter_that_a_model_ships_is_merged_and_heard_with(built, name):
    """The logits are those of transformers with the adapter on, and not those without it."""
    from transformers import AutoModelForMultimodalLM

    from mgrd.engines.chat import render_chat

    folder = built(name)
    model, processor = load_audio_lm(folder, torch.float32)
    assert [part for part, _ in model.named_modules() if "lora" in part] == []
    theirs = AutoModelForMultimodalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if families.ADAPTERS[name]:
        theirs.load_adapter(str(folder / families.ADAPTERS[name]), adapter_name="speech")
    inputs = processor(
        text=[render_chat(processor, "High or low?", 1)],
        audio=[tiny_model.tone(1.2, 220)],
        audio_kwargs={"sampling_rate": tiny_model.SR},
        return_tensors="pt",
    )
    with torch.no_grad():
        ours, with_it = model(**inputs).logits, theirs(**inputs).logits
        theirs.disable_adapters()
        without = theirs(**inputs).logits
    assert (ours - with_it).abs().max() < 1e-5
    assert (ours - without).abs().max() > 1e-3


def test_the_adapter_to_hear_with_is_found_by_its_folder_and_several_are_refused(tmp_path):
    for name in ("vision-lora", "my_soundless"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text("{}")
    assert adapters.find(tmp_path) is None
    (tmp_path / "speech-lora").mkdir()
    (tmp_path / "speech-lora" / "adapter_config.json").write_text("{}")
    assert adapters.find(tmp_path) == tmp_path / "speech-lora"
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"several adapters to hear with \(audio, speech-lora\); keep one"):
        adapters.find(tmp_path)


def test_an_adapter_of_a_model_is_part_of_its_identity(built, tmp_path):
    import shutil

    from mgrd.engines.models import model_fingerprint

    changed = shutil.copytree(built("phi_4_multimodal_adapter"), tmp_path / "changed")
    assert model_fingerprint(changed) == model_fingerprint(built("phi_4_multimodal_adapter"))
    (changed / "speech-lora" / "adapter_model.safetensors").write_bytes(b"another")
    assert model_fingerprint(changed) != model_fingerprint(built("phi_4_multimodal_adapter"))


def test_too_few_audio_tokens_stop_the_job_before_the_first_step(family, survivors, tmp_path, monkeypatch):
    whole = Ears.hear

    def one_less(self, *given, **named):
        ids = whole(self, *given, **named)
        (audio_token, many), *_ = Counter(ids).most_common()
        assert many > 6
        ids.remove(audio_token)
        return ids

    monkeypatch.setattr(Ears, "hear", one_less)
    with pytest.raises(InputError, match=r"trace q.*(audio tokens for|does not take it)"):
        run(survivors(), family, tmp_path / "out", FAST)
    assert not (tmp_path / "out" / "model").exists()


@pytest.mark.parametrize("kind", ["AutoProcessor", "AutoModelForMultimodalLM"])
@pytest.mark.parametrize(
    ("package", "mend"), [("torchvision", "pip install 'mgrd[families]'"), ("einops", "install it")]
)
def test_a_package_that_a_family_needs_is_named_in_one_line(built, monkeypatch, kind, package, mend):
    import transformers

    def without(*_, **__):
        raise ImportError(f"\nSome class requires the {package} library but it was not found. Please look at\nmore")

    folder = built("glm_asr")
    monkeypatch.setattr(getattr(transformers, kind), "from_pretrained", without)
    with pytest.raises(InputError) as error:
        load_audio_lm(folder, torch.float32)
    needs = f"Some class requires the {package} library but it was not found"
    assert str(error.value) == f"{folder}: {needs}; {mend}"


def test_a_row_that_a_processor_does_not_take_stops_the_job_by_its_name(built, clips, tmp_path):
    """Two clips where the family takes one a question; the row is replayed, a round's questions were sampled before."""
    row = {"question": "Which?", "completion": "This one.", "audio": ["220.wav", "440.wav"]}
    (tmp_path / "more.jsonl").write_text(json.dumps(row))
    options = replace(FAST, replay=str(tmp_path / "more.jsonl"))
    says = r"^more\.jsonl line 1: the processor does not take it \(Got 1 text but 2 audios"
    with pytest.raises(InputError, match=says):
        run(None, built("glm_asr"), tmp_path / "out", options, audio_root=clips)


def test_a_tokenizer_that_cannot_write_conversations_is_no_voxtrals():
    """Without mistral-common transformers reads the same file as another tokenizer."""
    pytest.importorskip("mistral_common")
    from mgrd.engines.templated import writes_conversations

    assert writes_conversations(families.hearing.tekken())
    assert not writes_conversations(families.hearing.tokenizer())
