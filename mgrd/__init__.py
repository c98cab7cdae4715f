"""mgrd: Modality-Grounded Reasoning Distillation for audio language models."""

__version__ = "0.1.0"
