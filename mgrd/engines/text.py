"""A text model where an engine expects one that hears: for judges, which are given text alone.

Its tokenizer is dressed up as a processor without a feature extractor. Knows nothing about sampling.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mgrd.engines.models import check_model_folder, load_audio_lm, load_weights, quiet
from mgrd.errors import InputError

if TYPE_CHECKING:
    import torch


class TextProcessor:
    """What the engines use of an audio LM's processor, from a tokenizer alone."""

    feature_extractor = None

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.chat_template = tokenizer.chat_template

    def apply_chat_template(self, messages: list[dict[str, Any]], **options: Any) -> Any:
        """The prompt, of messages whose parts are text: many templates of text models know no parts."""
        flat = [one | {"content": "".join(part["text"] for part in one["content"])} for one in messages]
        return self.tokenizer.apply_chat_template(flat, **options)

    def __call__(self, *, text: list[str], text_kwargs: dict[str, Any], return_tensors: str) -> Any:
        """The tokens of prompts; a template has written its special tokens itself."""
        return self.tokenizer(text, add_special_tokens=False, return_tensors=return_tensors, **text_kwargs)


def is_text_lm(path: Path) -> bool:
    """Whether a model folder holds a text model; InputError when transformers does not know it."""
    from transformers import AutoModelForCausalLM, AutoModelForMultimodalLM

    kind = type(check_model_folder(path))
    return kind in AutoModelForCausalLM._model_mapping and kind not in AutoModelForMultimodalLM._model_mapping


def load_text_processor(path: Path) -> TextProcessor:
    """The tokenizer of a text model, as a processor; InputError when it has no chat template."""
    from transformers import AutoTokenizer

    quiet()
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: its tokenizer cannot be loaded ({str(error).splitlines()[0][:200]})") from error
    if not tokenizer.chat_template:
        raise InputError(f"{path}: its tokenizer has no chat template; a model that judges must follow instructions")
    return TextProcessor(tokenizer)


def load_any_lm(path: Path, dtype: torch.dtype | Literal["auto"]) -> tuple[Any, Any]:
    """Load (model, processor) of a text model, or of an audio LM as mgrd.engines.models does."""
    from transformers import AutoModelForCausalLM

    if not is_text_lm(path):
        return load_audio_lm(path, dtype)
    quiet()
    processor = load_text_processor(path)
    return load_weights(AutoModelForCausalLM, path, check_model_folder(path), dtype), processor
