"""Models that hear, read and see, of random weights: what each family is made of, see tests/families.py."""

from family_parts import SPECIAL, TEMPLATE, TEXT, extractor, tokenizer

OMNI_AUDIO = {
    "num_mel_bins": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32,
    "output_dim": 32,
}  # fmt: skip
OMNI_VISION = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}


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

    audio = OMNI_AUDIO | {"n_window": 100}
    return _omni(
        audio, {}, Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration, Qwen2_5OmniProcessor,
        OMNI_VISION,
    )  # fmt: skip


def qwen3_omni_moe_thinker():
    from transformers import (
        Qwen3OmniMoeProcessor,
        Qwen3OmniMoeThinkerConfig,
        Qwen3OmniMoeThinkerForConditionalGeneration,
    )

    audio = OMNI_AUDIO | {"n_window": 50, "downsample_hidden_size": 16}
    vision = OMNI_VISION | {"deepstack_visual_indexes": [0]}
    text = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    return _omni(
        audio, text, Qwen3OmniMoeThinkerConfig, Qwen3OmniMoeThinkerForConditionalGeneration, Qwen3OmniMoeProcessor,
        vision,
    )  # fmt: skip


def nemotron_omni():
    from transformers import (
        NemotronH_Omni_Reasoning_V3,
        NemotronH_Omni_Reasoning_V3_Config,
        NemotronH_Omni_Reasoning_V3ImageProcessor,
        NemotronH_Omni_Reasoning_V3Processor,
        NemotronH_Omni_Reasoning_V3VideoProcessor,
        ParakeetFeatureExtractor,
    )

    config = NemotronH_Omni_Reasoning_V3_Config(
        audio_config={
            "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
            "subsampling_conv_channels": 8, "num_mel_bins": 80, "projection_hidden_size": 32, "projection_bias": False,
        },
        vision_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 16,
                       "video_temporal_patch_size": 2},
        vision_hidden_size=32,
        projector_hidden_size=32,
        video_temporal_patch_size=2,
        text_config={
            **{name: value for name, value in TEXT.items() if name != "num_hidden_layers"},
            "layers_block_type": ["mamba", "attention", "moe"], "mamba_num_heads": 4, "mamba_head_dim": 16,
            "n_groups": 1, "ssm_state_size": 8, "n_routed_experts": 2, "moe_intermediate_size": 16,
            "moe_shared_expert_intermediate_size": 16, "num_experts_per_tok": 1, "chunk_size": 16,
        },
        audio_token_id=SPECIAL.index("<sound>"), image_token_id=SPECIAL.index("<|image_pad|>"),
        video_token_id=SPECIAL.index("<|video_pad|>"),
    )  # fmt: skip
    processor = NemotronH_Omni_Reasoning_V3Processor(
        NemotronH_Omni_Reasoning_V3ImageProcessor(), NemotronH_Omni_Reasoning_V3VideoProcessor(),
        tokenizer(audio_token="<sound>", image_token="<|image_pad|>", video_token="<|video_pad|>"),
        ParakeetFeatureExtractor(feature_size=80), chat_template=TEMPLATE.replace("AUDIO", "<sound>"),
    )  # fmt: skip
    return NemotronH_Omni_Reasoning_V3(config), processor


GEMMA = {
    "image_token": "<|image_pad|>", "boi_token": "<|vision_start|>", "eoi_token": "<|vision_end|>",
    "audio_token": "<|audio_pad|>", "boa_token": "<|audio_start|>", "eoa_token": "<|audio_end|>",
}  # fmt: skip
GEMMA_TEXT = TEXT | {"bos_token_id": 1, "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 64}


def gemma_3n():
    from transformers import (
        Gemma3nAudioFeatureExtractor,
        Gemma3nConfig,
        Gemma3nForConditionalGeneration,
        Gemma3nProcessor,
        SiglipImageProcessor,
    )

    config = Gemma3nConfig(
        audio_config={
            "hidden_size": 32, "input_feat_size": 16, "conf_num_attention_heads": 2, "conf_num_hidden_layers": 1,
            "sscp_conv_channel_size": (8, 4), "vocab_offset": 320 + 8, "vocab_size": 8,
        },
        vision_config={"architecture": "resnet10t", "hidden_size": 512, "vocab_offset": 320, "vocab_size": 8},
        text_config=GEMMA_TEXT | {
            "vocab_size": 320 + 16, "vocab_size_per_layer_input": 320, "hidden_size_per_layer_input": 8,
            "laurel_rank": 4, "num_kv_shared_layers": 0, "tie_word_embeddings": True,
        },
        audio_token_id=SPECIAL.index("<|audio_pad|>"), image_token_id=SPECIAL.index("<|image_pad|>"),
    )  # fmt: skip
    processor = Gemma3nProcessor(
        Gemma3nAudioFeatureExtractor(feature_size=16), SiglipImageProcessor(), tokenizer(**GEMMA),
        chat_template=TEMPLATE.replace("AUDIO", "<|audio_pad|>"),
    )  # fmt: skip
    return Gemma3nForConditionalGeneration(config), processor


def gemma_4():
    from transformers import (
        Gemma4AudioFeatureExtractor,
        Gemma4Config,
        Gemma4ForConditionalGeneration,
        Gemma4ImageProcessor,
        Gemma4Processor,
        Gemma4VideoProcessor,
    )

    config = Gemma4Config(
        audio_config={
            "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "subsampling_conv_channels": [128, 4], "output_proj_dims": 32,
        },
        text_config=GEMMA_TEXT | {
            "vocab_size_per_layer_input": 320, "hidden_size_per_layer_input": 8, "global_head_dim": 16,
            "tie_word_embeddings": True,
        },
        audio_token_id=SPECIAL.index("<|audio_pad|>"), image_token_id=SPECIAL.index("<|image_pad|>"),
        video_token_id=SPECIAL.index("<|video|>"),
    )  # fmt: skip
    processor = Gemma4Processor(
        Gemma4AudioFeatureExtractor(feature_size=128), Gemma4ImageProcessor(), tokenizer(**GEMMA),
        Gemma4VideoProcessor(), chat_template=TEMPLATE.replace("AUDIO", "<|audio_pad|>"),
    )  # fmt: skip
    return Gemma4ForConditionalGeneration(config), processor


def gemma_4_unified():
    from transformers import (
        Gemma4UnifiedAudioFeatureExtractor,
        Gemma4UnifiedConfig,
        Gemma4UnifiedForConditionalGeneration,
        Gemma4UnifiedImageProcessor,
        Gemma4UnifiedProcessor,
        Gemma4UnifiedVideoProcessor,
    )

    config = Gemma4UnifiedConfig(
        audio_config={},
        text_config=GEMMA_TEXT | {"global_head_dim": 16, "tie_word_embeddings": True},
        audio_token_id=SPECIAL.index("<|audio_pad|>"), image_token_id=SPECIAL.index("<|image_pad|>"),
        video_token_id=SPECIAL.index("<|video|>"),
    )  # fmt: skip
    processor = Gemma4UnifiedProcessor(
        Gemma4UnifiedAudioFeatureExtractor(), Gemma4UnifiedImageProcessor(), tokenizer(**GEMMA),
        Gemma4UnifiedVideoProcessor(), chat_template=TEMPLATE.replace("AUDIO", "<|audio_pad|>"),
    )  # fmt: skip
    return Gemma4UnifiedForConditionalGeneration(config), processor


def phi_4_multimodal():
    from transformers import (
        Phi4MultimodalConfig,
        Phi4MultimodalFeatureExtractor,
        Phi4MultimodalForCausalLM,
        Phi4MultimodalImageProcessor,
        Phi4MultimodalProcessor,
    )

    config = Phi4MultimodalConfig(
        **{name: value for name, value in TEXT.items() if name != "head_dim"},
        audio_config={
            "hidden_size": 32, "intermediate_size": 32, "num_blocks": 2, "num_attention_heads": 2,
            "ext_pw_out_channel": 32, "depthwise_separable_out_channel": 32, "nemo_conv_channels": 8,
            "input_size": 16, "audio_token_id": SPECIAL.index("<|audio_pad|>"), "bias_max_distance": 20,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_token_id": SPECIAL.index("<|image_pad|>"), "image_size": 28, "crop_size": 28,
        },
    )  # fmt: skip
    processor = Phi4MultimodalProcessor(
        Phi4MultimodalImageProcessor(), Phi4MultimodalFeatureExtractor(feature_size=16), tokenizer(**GEMMA),
        chat_template=TEMPLATE.replace("AUDIO", "<|audio_pad|>"),
    )  # fmt: skip
    return Phi4MultimodalForCausalLM(config), processor


def inkling():
    from transformers import (
        InklingConfig,
        InklingFeatureExtractor,
        InklingForConditionalGeneration,
        InklingImageProcessor,
        InklingProcessor,
    )

    config = InklingConfig(
        text_config=TEXT | {
            "swa_num_attention_heads": 2, "swa_num_key_value_heads": 1, "swa_head_dim": 16, "sliding_window_size": 64,
            "d_rel": 4, "rel_extent": 64, "layer_types": ["hybrid_sliding", "hybrid"],
            "mlp_layer_types": ["dense", "sparse"], "moe_intermediate_size": 16, "n_routed_experts": 4,
            "num_experts_per_tok": 2, "n_shared_experts": 1, "logits_mup_width_multiplier": 1.0,
        },
        audio_config={"n_mel_bins": 80, "mel_vocab_size": 16},
        vision_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
        audio_token_id=SPECIAL.index("<|audio_pad|>"), image_token_id=SPECIAL.index("<|image_pad|>"),
        audio_bos_token_id=SPECIAL.index("<|audio_start|>"), image_bos_token_id=SPECIAL.index("<|vision_start|>"),
    )  # fmt: skip
    processor = InklingProcessor(
        InklingFeatureExtractor(), InklingImageProcessor(),
        tokenizer(audio_token="<|audio_pad|>", image_token="<|image_pad|>"),
        chat_template=TEMPLATE.replace("AUDIO", "<|audio_start|><|audio_pad|>"),
        audio_bos_token="<|audio_start|>", image_bos_token="<|vision_start|>",
    )  # fmt: skip
    return InklingForConditionalGeneration(config), processor
