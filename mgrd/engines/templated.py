"""A processor that takes clips in conversations alone, where the engines expect one that takes a prompt and clips.

Voxtral's tokenizer writes the tokens of a conversation itself: there is no chat template, and never a text in between.
Here the prompt is the conversation, as JSON. Knows nothing about sampling.
"""

from __future__ import annotations

import base64
import inspect
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any


def is_templated(processor: Any) -> bool:
    """Whether a processor has no template and its call no argument for audio: only a whole conversation can hold it."""
    return not processor.chat_template and "audio" not in inspect.signature(processor.__call__).parameters


def writes_conversations(tokenizer: Any) -> bool:
    """Whether a tokenizer has a way of its own to write them, and not only a template that it may lack."""
    from transformers import PreTrainedTokenizerBase

    return type(tokenizer).apply_chat_template is not PreTrainedTokenizerBase.apply_chat_template


class Templated:
    """What the engines use of an audio LM's processor, from one that is given whole conversations."""

    chat_template = "its tokenizer's own"
    max_audio_len = math.inf
    """Seconds: a clip is cut into windows, and none of them is left out."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.feature_extractor = processor.feature_extractor

    def apply_chat_template(self, messages: Sequence[dict[str, Any]], **_: Any) -> str:
        """The prompt: the messages, as JSON."""
        return json.dumps(messages, ensure_ascii=False)

    def __call__(
        self,
        *,
        text: Sequence[str],
        return_tensors: str,
        audio: Sequence[Any] = (),
        audio_kwargs: dict[str, Any] | None = None,
        text_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Tokens and features of prompts; `audio` are their clips in order, mono samples at `sampling_rate`."""
        clips = iter(audio)
        before = self.tokenizer.padding_side  # conversations take it from the tokenizer alone
        self.tokenizer.padding_side = (text_kwargs or {}).get("padding_side", before)
        try:
            return self.processor.apply_chat_template(
                [_heard(json.loads(prompt), clips, self.feature_extractor.sampling_rate) for prompt in text],
                processor_kwargs={"audio_kwargs": audio_kwargs or {}, "return_tensors": return_tensors},
            )
        finally:
            self.tokenizer.padding_side = before


def _heard(messages: list[dict[str, Any]], clips: Iterator[Any], sr: int) -> list[dict[str, Any]]:
    """The messages with their clips inside; a message without any is its text, as an assistant's must be."""
    heard = []
    for message in messages:
        parts = [
            {"type": "audio", "base64": _wav(next(clips), sr)} if part["type"] == "audio" else part
            for part in message["content"]
        ]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        heard.append(message | {"content": parts if len(texts) < len(parts) else "".join(texts)})
    return heard


def _wav(samples: Any, sr: int) -> str:
    """A clip as a WAV file of 32-bit floats, in base64: nothing of it is rounded."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, sr, format="WAV", subtype="FLOAT")
    return base64.b64encode(file.getvalue()).decode()
