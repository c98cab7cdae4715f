"""A processor that takes whole conversations (Voxtral's) where the engines expect prompts and clips."""

import families_hearing
import pytest
import tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("mistral_common")

HEARD = {"type": "audio", "audio": "clip"}


@pytest.fixture(scope="module")
def processor():
    from mgrd.engines.templated import Templated, is_templated

    _, theirs = families_hearing.voxtral()
    assert is_templated(theirs)
    return Templated(theirs)


def user(*parts):
    return {"role": "user", "content": [*parts]}


def text(words):
    return {"type": "text", "text": words}


def test_a_conversation_becomes_the_tokens_that_its_tokenizer_writes(processor):
    """[BEGIN_AUDIO] and 375 [AUDIO] per 30 s begun, where each clip belongs; an assistant's turn ends with </s>."""
    said = {"role": "assistant", "content": [text("A bell.")]}
    prompt = processor.apply_chat_template(
        [user(HEARD, text("What is it?")), said, user(HEARD, HEARD, text("And these?"))], tokenize=False
    )
    clips = [tiny_model.tone(seconds, 220) for seconds in (1, 31, 2)]
    inputs = processor(text=[prompt], audio=clips, audio_kwargs={"sampling_rate": 16000}, return_tensors="pt")
    ids = inputs["input_ids"][0].tolist()
    parts = processor.tokenizer.decode([one for one in ids if one != 24], skip_special_tokens=False)
    assert parts == (
        "<s>[INST][BEGIN_AUDIO]What is it?[/INST]A bell.</s>[INST][BEGIN_AUDIO][BEGIN_AUDIO]And these?[/INST]"
    )
    assert ids.count(24) == 375 * 4
    assert inputs["input_features"].shape == (4, 16, 3000)


def test_prompts_of_a_batch_are_padded_on_the_side_that_is_asked_for(processor):
    prompts = [processor.apply_chat_template([user(text(words))]) for words in ("Hi", "Hello there")]
    inputs = processor(text=prompts, text_kwargs={"padding": True, "padding_side": "left"}, return_tensors="pt")
    assert inputs["attention_mask"].tolist() == [[0] * 9 + [1] * 5, [1] * 14]
    assert set(inputs) == {"input_ids", "attention_mask"}
    inputs = processor(text=prompts, text_kwargs={"padding": True, "padding_side": "right"}, return_tensors="pt")
    assert inputs["attention_mask"].tolist() == [[1] * 5 + [0] * 9, [1] * 14]


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_tokenizer_pads_afterwards_as_it_did_before_also_when_it_has_failed(processor, side, monkeypatch):
    monkeypatch.setattr(processor.tokenizer, "padding_side", side)
    other = {"left": "right", "right": "left"}[side]
    prompt = processor.apply_chat_template([user(text("Hi"))])
    processor(text=[prompt], text_kwargs={"padding_side": other}, return_tensors="pt")
    assert processor.tokenizer.padding_side == side
    with pytest.raises(ValueError, match="Expecting value"):
        processor(text=["no JSON"], text_kwargs={"padding_side": other}, return_tensors="pt")
    assert processor.tokenizer.padding_side == side


def test_a_clip_is_heard_as_it_is_to_the_last_bit(processor):
    clip = tiny_model.tone(1.2, 220)
    prompt = processor.apply_chat_template([user(HEARD, text("?"))])
    inputs = processor(text=[prompt], audio=[clip], audio_kwargs={"sampling_rate": 16000}, return_tensors="pt")
    padded = torch.nn.functional.pad(torch.from_numpy(clip), (0, 480_000 - len(clip))).numpy()
    direct = processor.feature_extractor(padded, sampling_rate=16000, return_tensors="pt")["input_features"]
    assert torch.equal(inputs["input_features"], direct)
