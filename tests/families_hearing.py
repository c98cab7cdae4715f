"""Models that hear and read, of random weights: what each family is made of, see tests/families.py."""

import json
import shutil
import weakref
from base64 import b64encode
from pathlib import Path
from tempfile import mkdtemp

from family_parts import SPECIAL, TEMPLATE, TEXT, extractor, tokenizer


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


def music_flamingo():
    from transformers import MusicFlamingoConfig, MusicFlamingoForConditionalGeneration, MusicFlamingoProcessor

    config = MusicFlamingoConfig(
        audio_config={
            "model_type": "audioflamingo3_encoder", "num_mel_bins": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 64, "hidden_size": 32,
        },
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_id=SPECIAL.index("<sound>"),
        audio_bos_token_id=SPECIAL.index("<|audio_start|>"),
        audio_eos_token_id=SPECIAL.index("<|audio_end|>"),
    )  # fmt: skip
    processor = MusicFlamingoProcessor(
        extractor(16, return_attention_mask=True), tokenizer(), chat_template=TEMPLATE.replace("AUDIO", "<sound>"),
        audio_bos_token="<|audio_start|>", audio_eos_token="<|audio_end|>",
    )  # fmt: skip
    return MusicFlamingoForConditionalGeneration(config), processor


def glm_asr():
    from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, GlmAsrProcessor

    config = GlmAsrConfig(
        audio_config={
            "num_mel_bins": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64 * 2,
            "hidden_size": 32,
        },
        text_config=TEXT,
        audio_token_id=SPECIAL.index("<|audio_pad|>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    processor = GlmAsrProcessor(
        extractor(16, return_attention_mask=True), tokenizer(), audio_token="<|audio_pad|>",
        chat_template=TEMPLATE.replace("AUDIO", "<|audio_start|><|audio_pad|><|audio_end|>"),
    )  # fmt: skip
    return GlmAsrForConditionalGeneration(config), processor


def qwen3_asr():
    from transformers import (
        Qwen3ASRConfig,
        Qwen3ASRFeatureExtractor,
        Qwen3ASRForConditionalGeneration,
        Qwen3ASRProcessor,
    )

    config = Qwen3ASRConfig(
        audio_config={
            "num_mel_bins": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32,
            "output_dim": 32, "downsample_hidden_size": 16,
        },
        text_config=TEXT,
        audio_token_id=SPECIAL.index("<|audio_pad|>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    names = {"audio_token": "<|audio_pad|>", "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>"}
    processor = Qwen3ASRProcessor(
        Qwen3ASRFeatureExtractor(feature_size=16), tokenizer(**names),
        chat_template=TEMPLATE.replace("AUDIO", "<|audio_start|><|audio_pad|><|audio_end|>"),
    )  # fmt: skip
    return Qwen3ASRForConditionalGeneration(config), processor


def voxtral():
    from transformers import VoxtralConfig, VoxtralForConditionalGeneration, VoxtralProcessor

    config = VoxtralConfig(
        audio_config={
            "num_mel_bins": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128,
            "hidden_size": 32,
        },
        text_config=TEXT | {"bos_token_id": 1, "pad_token_id": 11, "vocab_size": 296},
        audio_token_id=24,
    )  # fmt: skip
    return VoxtralForConditionalGeneration(config), VoxtralProcessor(extractor(16), tekken())


def tekken():
    """Voxtral's kind of tokenizer: it writes a conversation's tokens itself, so its model has no chat template."""
    from transformers import MistralCommonBackend

    control = {
        0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 11: "<pad>", 17: "[SYSTEM_PROMPT]",
        18: "[/SYSTEM_PROMPT]", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]", 5: "[AVAILABLE_TOOLS]",
        6: "[/AVAILABLE_TOOLS]", 7: "[TOOL_RESULTS]", 8: "[/TOOL_RESULTS]", 9: "[TOOL_CALLS]", 10: "[IMG]",
        12: "[IMG_BREAK]", 13: "[IMG_END]", 14: "[PREFIX]", 15: "[MIDDLE]", 16: "[SUFFIX]", 19: "[TOOL_CONTENT]",
        32: "[ARGS]", 33: "[CALL_ID]",
    }  # fmt: skip
    special = [{"rank": n, "token_str": control.get(n, f"<SPECIAL_{n}>"), "is_control": True} for n in range(40)]
    letters = [{"rank": n, "token_bytes": b64encode(bytes([n])).decode(), "token_str": None} for n in range(256)]
    sizes = {"num_vocab_tokens": 256, "default_vocab_size": 296, "default_num_special_tokens": 40}
    spectrogram = {"num_mel_bins": 16, "hop_length": 160, "window_size": 400}
    whole = {
        "config": {"pattern": "[\\s\\S]", "version": "v7", **sizes},
        "vocab": letters,
        "special_tokens": special,
        "audio": {
            "sampling_rate": 16000, "frame_rate": 12.5, "chunk_length_s": 30.0, "audio_encoding_config": spectrogram,
        },
    }  # fmt: skip
    path = Path(mkdtemp()) / "tekken.json"
    path.write_text(json.dumps(whole))
    made = MistralCommonBackend(path)
    weakref.finalize(made, shutil.rmtree, path.parent)  # the tokenizer reads the file again when it is saved
    return made


def _granite_speech(kind, **more):
    import transformers
    from transformers import GraniteSpeechFeatureExtractor, GraniteSpeechProcessor

    config = getattr(transformers, f"{kind}Config")(
        encoder_config={
            "input_dim": 160, "num_layers": 2, "hidden_dim": 32, "num_heads": 2, "context_size": 20, "max_pos_emb": 32,
            **more,
        },
        projector_config={
            "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
            "encoder_hidden_size": 64 if more else 32, "cross_attention_frequency": 1, "vocab_size": 8,
        },
        text_config={"model_type": "granite", **TEXT},
        audio_token_index=SPECIAL.index("<sound>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    processor = GraniteSpeechProcessor(
        GraniteSpeechFeatureExtractor(), tokenizer(), audio_token="<sound>",
        chat_template=TEMPLATE.replace("AUDIO", "<sound>"),
    )  # fmt: skip
    return getattr(transformers, f"{kind}ForConditionalGeneration")(config), processor


def granite_speech():
    return _granite_speech("GraniteSpeech")


def granite_speech_plus():
    return _granite_speech("GraniteSpeechPlus", cat_hidden_layers=[0])
