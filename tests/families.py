"""Audio language models of every family that transformers trains, small enough to train a step of in a test.

Each is a folder as its makers publish one: weights, configs, tokenizer, processor and chat template. What is not known
here is how a family is trained: that mgrd finds out by itself.
"""

import re
from pathlib import Path

import families_hearing as hearing
import families_seeing as seeing

FAMILIES = {
    "audio_flamingo_3": hearing.audio_flamingo_3,
    "gemma_3n": seeing.gemma_3n,
    "gemma_4": seeing.gemma_4,
    "gemma_4_unified": seeing.gemma_4_unified,
    "glm_asr": hearing.glm_asr,
    "granite_speech": hearing.granite_speech,
    "granite_speech_adapter": hearing.granite_speech,
    "granite_speech_plus": hearing.granite_speech_plus,
    "inkling": seeing.inkling,
    "music_flamingo": hearing.music_flamingo,
    "nemotron_omni": seeing.nemotron_omni,
    "phi_4_multimodal": seeing.phi_4_multimodal,
    "phi_4_multimodal_adapter": seeing.phi_4_multimodal,
    "qwen2_5_omni_thinker": seeing.qwen2_5_omni_thinker,
    "qwen3_asr": hearing.qwen3_asr,
    "qwen3_omni_moe_thinker": seeing.qwen3_omni_moe_thinker,
    "voxtral": hearing.voxtral,
}
ADAPTERS = {"granite_speech_adapter": "", "phi_4_multimodal_adapter": "speech-lora"}
"""Families that are published with an adapter to hear with, and the folder that its makers put it in."""


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
    if family in ADAPTERS:
        ship_adapter(model, folder / ADAPTERS[family])
    return folder


def ship_adapter(model, folder):
    """Write an adapter of some of a model's linear layers, as its makers do."""
    import torch
    from peft import LoraConfig, get_peft_model

    names = [
        name for name, _ in model.named_modules() if re.search(r"layers\.\d+\.self_attn\.(q_proj|qkv_proj)$", name)
    ]
    names = [name for name in names if "audio" not in name and "image" not in name]
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=names))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)
    adapted.save_pretrained(folder)
