"""What the small models of tests/families.py are made of: tokenizer, template, sizes of the text model."""

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<sound>", "<|audio_pad|>", "<|audio_start|>", "<|audio_end|>",
    "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|video|>",
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
