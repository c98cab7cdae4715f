"""A question as an OpenAI-compatible chat endpoint wants it, and what it answers; JSON values in and out, no network.

What a served model wants otherwise than the convention is a preset: a row of data. Knows nothing of retries or seeds.
"""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgrd import traces
from mgrd.engines import FinishReason, Sampling

SR = 16_000
"""Rate in Hz of the WAV that is sent: what speech encoders want, so that no server needs to resample."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What one served model wants otherwise."""

    role: str = "user"
    """Of who asks."""
    prefill: str | None = None
    """What the answer begins with; the completion goes on from there and does not repeat it."""
    stop_token_ids: tuple[int, ...] = ()
    end: str = ""
    """The stop token's text, where a server leaves it in."""
    chunk_s: float | None = None
    """Longest part that a clip is sent in; a longer clip becomes several parts, heard one after the other."""


PRESETS: Mapping[str, Preset] = {
    # Step-Audio-R1's own client (github.com/stepfun-ai/Step-Audio-R1 at 6685e7c, stepaudior1vllm.py): its chat template
    # puts one <audio_patch> for every audio part, and the turn of the assistant is begun for it.
    "step-audio-r1": Preset(role="human", prefill="<think>\n", stop_token_ids=(151665,), end="<|EOT|>", chunk_s=25.0),
}
PLAIN = Preset()

OPTIONAL = ("n", "seed", "logprobs", "response_format", "top_k", "min_p", "repetition_penalty", "skip_special_tokens")
"""Fields that an endpoint may refuse by name: it is then asked without them, and does without."""

_FINISH: dict[str, FinishReason] = {"stop": "stop", "eos_token": "stop", "length": "length", "abort": "abort"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One sampled answer as it was sent."""

    text: str
    finish_reason: FinishReason
    tokens: int
    logprob: float | None
    error: str | None = None


def audio_parts(clips: Sequence[NDArray[np.float32]], preset: Preset, *, as_url: bool) -> list[dict[str, Any]]:
    """The parts of a message that hold its clips (mono at SR), each clip whole, in chunks of equal length."""
    chunks = []
    for clip in clips:
        count = math.ceil(len(clip) / (preset.chunk_s * SR)) if preset.chunk_s else 1
        chunks += np.array_split(clip, count)
    encoded = [base64.b64encode(wav(chunk)).decode("ascii") for chunk in chunks]
    if as_url:
        return [{"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{data}"}} for data in encoded]
    return [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}} for data in encoded]


def wav(samples: NDArray[np.float32]) -> bytes:
    """A WAV file of mono samples at SR: 16 bits, exact for what had 16, or floats where 16 bits would clip them."""
    import soundfile

    file, scaled = io.BytesIO(), np.rint(samples * 2**15)
    if scaled.max(initial=0) < 2**15 and scaled.min(initial=0) >= -(2**15):
        soundfile.write(file, scaled.astype(np.int16), SR, format="WAV", subtype="PCM_16")
    else:
        soundfile.write(file, samples, SR, format="WAV", subtype="FLOAT")
    return file.getvalue()


def body(
    model: str,
    text: str,
    audio: Sequence[dict[str, Any]],
    preset: Preset,
    sampling: Sampling,
    seed: int,
    n: int,
    begun: str = "",
) -> dict[str, Any]:
    """What is posted to ask for `n` samples; with several, sample i is drawn with seed + i (vLLM does so).

    `begun` is what of a sample is there already: it goes on from there.
    What the question leaves open a server takes from the model's own generation_config.json: nothing is left open.
    """
    messages: list[dict[str, Any]] = [
        {"role": preset.role, "content": [*audio, {"type": "text", "text": text}] if audio else text}
    ]
    made: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": seed,
        "logprobs": True,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "skip_special_tokens": False,
    }
    if n > 1:
        made["n"] = n
    if preset.prefill is not None or begun:
        turn = {"role": "assistant", "content": (preset.prefill or "") + begun}
        messages.append(turn if preset.prefill is None else turn | {"eot": False})
        made |= {"continue_final_message": True, "add_generation_prompt": False}
    if preset.stop_token_ids:
        made["stop_token_ids"] = list(preset.stop_token_ids)
    if sampling.schema:
        named = {"name": "answer", "schema": dict(sampling.schema), "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": named}
    return made


def largest(sampling: Sampling, n: int) -> int:
    """More bytes than any honest answer has: a token with its text, bytes and log probability takes 200."""
    return 2**20 + n * sampling.max_tokens * 1024


def read(answer: Any, preset: Preset) -> tuple[list[Choice], int]:
    """The choices of an answer by index, and the tokens of its prompt; ValueError when it is no such answer."""
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or not answer["choices"]:
        raise ValueError("answers without choices")
    rows = answer["choices"]
    if not all(isinstance(row, dict) and isinstance(row.get("message"), dict) for row in rows):
        raise ValueError("answers with a choice without a message")
    rows = sorted(rows, key=lambda row: _count(row.get("index")))
    texts = [_text(row["message"], preset) for row in rows]
    usage = answer["usage"] if isinstance(answer.get("usage"), dict) else {}
    drawn = [_drawn(row) for row in rows]
    whole = _count(usage.get("completion_tokens"))
    # Usage is told of all choices together; without log probabilities a choice gets its share by length.
    shares = _shares(whole, [len(text) for text in texts])
    found = []
    for row, text, values, share in zip(rows, texts, drawn, shares, strict=True):
        ended = row.get("finish_reason")
        reason = _FINISH.get(str(ended), "error") if text or row["message"].get("content") == "" else "error"
        found.append(
            Choice(
                text,
                reason,
                tokens=share if values is None else len(values),
                logprob=None if values is None or not math.isfinite(sum(values)) else sum(values),
                error=f"the server ended it: {ended}" if reason == "error" else None,
            )
        )
    return found, _count(usage.get("prompt_tokens"))


def _text(message: Mapping[str, Any], preset: Preset) -> str:
    """The completion as it was sampled; a reasoning that the server has taken out is put back into its tags."""
    content, thought = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(content, str | None) or not isinstance(thought, str | None):
        raise ValueError("answers with a message that is no text")
    text = (content or "").removesuffix(preset.end)
    if thought:
        text = traces.join(thought.strip("\n"), text.lstrip("\n")) if text else f"<think>\n{thought}"
    # JSON may hold halves of a character, which no table can
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _drawn(row: Mapping[str, Any]) -> list[float] | None:
    """The log probability of every token of a choice, None when they are not told."""
    told = row.get("logprobs")
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list) or not content:
        return None
    values = [one.get("logprob") if isinstance(one, dict) else None for one in content]
    known = [float(value) for value in values if isinstance(value, float | int)]
    return known if len(known) == len(values) else None


def _shares(whole: int, lengths: Sequence[int]) -> list[int]:
    """`whole` cut in proportion to `lengths`; the parts add up to it."""
    total = sum(lengths) or 1
    edges = [round(whole * sum(lengths[:index]) / total) for index in range(len(lengths))] + [whole]
    return [end - start for start, end in itertools.pairwise(edges)]


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
