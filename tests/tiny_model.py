"""A Qwen2-Audio of random weights, small enough to build, train and sample from in tests."""

from pathlib import Path

WINDOW_S = 20
SR = 16000
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]


def build(folder: Path, seed: int = 0) -> Path:
    """Write model, tokenizer and processor to `folder`, laid out as transformers and vLLM load them; return it."""
    import torch
    from transformers import GenerationConfig, Qwen2AudioConfig, Qwen2AudioForConditionalGeneration
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    processor = build_processor()
    tokenizer, extractor = processor.tokenizer, processor.feature_extractor
    config = Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "d_model": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "num_mel_bins": extractor.feature_size,
            "max_source_positions": extractor.nb_max_frames // 2,
        },
        text_config={
            "model_type": "qwen2",
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "intermediate_size": 64,
            "vocab_size": 320,
            "max_position_embeddings": 1024,
            "initializer_range": 0.2,  # far enough from uniform that a wrong input shows in the logits
            "tie_word_embeddings": False,  # vLLM would obey it, transformers does not
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2AudioForConditionalGeneration(config)
    table = model.get_encoder(modality="audio").embed_positions.weight
    table.data.copy_(sinusoids(*table.shape))
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    _rename_tensors(folder / "model.safetensors")
    return folder


def build_text(folder: Path, seed: int = 0) -> Path:
    """Write a Qwen2 of random weights with the same tokenizer, which hears nothing; its template knows no parts."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = build_processor().tokenizer
    tokenizer.chat_template = (
        "{% for one in messages %}<|im_start|>{{ one['role'] }}\n{{ one['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = Qwen2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=64,
        vocab_size=320, max_position_embeddings=4096, initializer_range=0.2, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_processor():
    """Byte-level tokenizer (a token per byte), mel extractor of a 20 s window, the family's default chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2AudioProcessor, WhisperFeatureExtractor

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(SPECIAL + alphabet)}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    raw.add_tokens(["<think>", "</think>"])  # not special: decoding must keep them
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        model_max_length=1024,
        extra_special_tokens={
            "audio_token": "<|AUDIO|>",
            "audio_bos_token": "<|audio_bos|>",
            "audio_eos_token": "<|audio_eos|>",
        },
    )
    extractor = WhisperFeatureExtractor(
        feature_size=16, sampling_rate=SR, hop_length=320, chunk_length=WINDOW_S, n_fft=1024, return_attention_mask=True
    )
    return Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer)


def sinusoids(positions: int, channels: int):
    """Whisper's position table, shape (positions, channels)."""
    import torch

    rates = torch.exp(-torch.arange(channels // 2) * (torch.log(torch.tensor(10000.0)) / (channels // 2 - 1)))
    angles = torch.arange(positions)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def tone(duration_s: float, hz: float):
    """A sine at half of full scale: mono float32 samples at SR."""
    import numpy as np

    times_s = np.arange(round(duration_s * SR)) / SR
    return (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def _rename_tensors(path: Path) -> None:
    # transformers 5.19 writes language_model.model.model.* for a model that was built, not loaded; vLLM refuses it
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    renamed = {name.replace("language_model.model.model.", "language_model.model."): t for name, t in tensors.items()}
    save_file(renamed, path, metadata={"format": "pt"})
