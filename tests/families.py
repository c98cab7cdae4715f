"""Audio language models of several families, of random weights, small enough to train a step of in a test.

Each is a folder as its makers publish one: weights, configs, tokenizer, processor and chat template. What is not known
here is how a family is trained: that mgrd finds out by itself.
"""

from pathlib import Path

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<sound>", "<|audio_pad|>", "<|audio_start|>", "<|audio_end|>",
    "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>",
]  # fmt: skip
TEXT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
    "intermediate_size": 64, "vocab_size": 320, "max_position_embeddings": 1024, "tie_word_embeddings": False,
    "pad_token_id": 0, "eos_token_id": 2, "bos_token_id": None,
}  # fmt: skip
TEMPLATE = (
    "{% for one in messages %}<|im_start|>{{ one['role'] }}\n{% for part in one['content'] %}"
    "{% if part['type'] == 'audio' %}AUDIO{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(**extra):
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(SPECIAL + alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=1024,
        extra_special_tokens=extra,
    )  # fmt: skip


def extractor(bins, **more):
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=bins, sampling_rate=16000, hop_length=160, n_fft=400, **more)


def audio_flamingo_3():
    from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration, AudioFlamingo3Processor

    config = AudioFlamingo3Config(
        audio_config={
            "num_mel_bins": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
            "hidden_size": 32,
        },
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_id=SPECIAL.index("<sound>"),
    )  # fmt: skip
    processor = AudioFlamingo3Processor(
        extractor(16, return_attention_mask=True), tokenizer(), chat_template=TEMPLATE.replace("AUDIO", "<sound>")
    )
    return AudioFlamingo3ForConditionalGeneration(config), processor


def _omni(audio, text, config_class, model_class, processor_class, vision):
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    names = {
        "audio_token": "<|audio_pad|>", "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>",
        "image_token": "<|image_pad|>", "video_token": "<|video_pad|>", "vision_bos_token": "<|vision_start|>",
        "vision_eos_token": "<|vision_end|>",
    }  # fmt: skip
    ids = {
        "audio_token_id": "<|audio_pad|>", "image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>",
        "audio_token_index": "<|audio_pad|>", "image_token_index": "<|image_pad|>",
        "video_token_index": "<|video_pad|>",
        "audio_start_token_id": "<|audio_start|>", "audio_end_token_id": "<|audio_end|>",
        "vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>",
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = config_class(
        audio_config=audio,
        vision_config=vision,
        text_config={**TEXT, "rope_parameters": rope, **text},
        **{name: SPECIAL.index(token) for name, token in ids.items()},
    )
    template = TEMPLATE.replace("AUDIO", "<|audio_start|><|audio_pad|><|audio_end|>")
    processor = processor_class(
        Qwen2VLImageProcessor(), Qwen2VLVideoProcessor(), extractor(16, return_attention_mask=True), tokenizer(**names),
        chat_template=template,
    )  # fmt: skip
    return model_class(config), processor


def qwen2_5_omni_thinker():
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
    )

    audio = {
        "num_mel_bins": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32,
        "output_dim": 32, "n_window": 100,
    }  # fmt: skip
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
    return _omni(
        audio, {}, Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration, Qwen2_5OmniProcessor, vision
    )


def qwen3_omni_moe_thinker():
    from transformers import (
        Qwen3OmniMoeProcessor,
        Qwen3OmniMoeThinkerConfig,
        Qwen3OmniMoeThinkerForConditionalGeneration,
    )

    audio = {
        "num_mel_bins": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32,
        "output_dim": 32, "n_window": 50, "downsample_hidden_size": 16,
    }  # fmt: skip
    vision = {
        "depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
    }  # fmt: skip
    text = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    return _omni(
        audio, text, Qwen3OmniMoeThinkerConfig, Qwen3OmniMoeThinkerForConditionalGeneration, Qwen3OmniMoeProcessor,
        vision,
    )  # fmt: skip


FAMILIES = {
    "audio_flamingo_3": audio_flamingo_3,
    "qwen2_5_omni_thinker": qwen2_5_omni_thinker,
    "qwen3_omni_moe_thinker": qwen3_omni_moe_thinker,
}


def build(family: str, folder: Path) -> Path:
    """Write a model of a family to `folder`; ImportError where it needs a package that is not installed."""
    import torch
    from transformers import GenerationConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, processor = FAMILIES[family]()
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
