"""What must hold of every token sequence before the first step, and the table that says that it does.

A trace that breaks one of these would teach something else than it says, and the loss would not show it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mgrd.distill.quantized import size
from mgrd.engines.chat import opens_think
from mgrd.engines.placeholders import audio_token
from mgrd.errors import InputError, MgrdError
from mgrd.traces import blocks

if TYPE_CHECKING:
    from mgrd.distill.examples import Example, LeftOut


_LENGTHS = "_get_feat_extract_output_lengths"
"""What says in transformers how many features an encoder makes of so many frames, after a convolution and in all."""


def check_target(where: str, target: str, ids: Sequence[int], model: Any, tokenizer: Any) -> None:
    """Raise InputError unless the tokens decode to the target's letters and hold no special token but think tags."""
    if special := sorted(set(ids) & _forbidden(model, tokenizer)):
        raise InputError(f"{where} holds the special token {tokenizer.decode(special[:1])}; filter it out")
    if (back := tokenizer.decode(ids, clean_up_tokenization_spaces=False)) != target:
        at = next((n for n, (a, b) in enumerate(zip(back, target, strict=False)) if a != b), len(back))
        raise InputError(
            f"{where}: the tokenizer cannot write it to the letter ({target[at : at + 12]!r} comes back as "
            f"{back[at : at + 12]!r}); filter it out"
        )


def check_prompt(where: str, prompt_ids: Sequence[int], features: dict[str, Any], model: Any) -> int | None:
    """Raise InputError unless there are as many audio tokens as features; returns how many.

    None where the family does not say how many features a clip has: it compares the two in its forward pass, which is
    tried before the first step.
    """
    placeholders = sum(token in audio_tokens(model) for token in prompt_ids)
    if not features:
        if placeholders:
            raise InputError(f"{where}: its prompt has {placeholders} audio tokens and no audio")
        return 0
    expected = _n_features(features, model)
    if expected is None:
        return None
    if placeholders != expected or expected == 0:
        raise InputError(f"{where}: its prompt has {placeholders} audio tokens for {expected} features")
    return expected


def _n_features(features: dict[str, Any], model: Any) -> int | None:
    """How many features the encoder will make, where the processor or the encoder says so."""
    if "audio_embed_sizes" in features:
        return int(features["audio_embed_sizes"].sum())
    mask = features.get("feature_attention_mask")
    if mask is None:
        return None
    encoder = model.get_encoder(modality="audio")
    places = (encoder, sys.modules[type(encoder).__module__])  # Qwen3-Omni's is a function of its own
    lengths = next((found for place in places if (found := getattr(place, _LENGTHS, None)) is not None), None)
    if lengths is None:
        return None
    counted = lengths(mask.sum(-1))
    return int((counted[1] if isinstance(counted, tuple) else counted).sum())


def audio_tokens(model: Any) -> set[int]:
    """Ids of the tokens in whose place a model puts what it hears."""
    token = audio_token(model)
    return set() if token is None else {token}


def _forbidden(model: Any, tokenizer: Any) -> set[int]:
    """Special tokens that a target must not hold: all of them but think tags."""
    ids = {*tokenizer.all_special_ids, *audio_tokens(model)}
    return ids - {tokenizer.convert_tokens_to_ids(tag) for tag in ("<think>", "</think>")}


def report(
    examples: Sequence[Example], left_out: Sequence[LeftOut], model: Any, processor: Any
) -> list[dict[str, str]]:
    """What holds of all examples, counted from their tokens: rows of `check` and `found`.

    Raises MgrdError for an example of which something does not hold: it would be a bug of whoever made it.
    """
    tokenizer, heard = processor.tokenizer, audio_tokens(model)
    thinks = ends = clean = placeholders = 0
    for example in examples:
        opened = "<think>" if opens_think(example.prompt) else ""
        thinks += blocks(opened + tokenizer.decode(example.target_ids[:-1])) == (1, 1)
        ends += example.target_ids[-1] == tokenizer.eos_token_id
        clean += not heard.intersection(example.target_ids)
        placeholders += sum(token in heard for token in example.prompt_ids)
    many = len(examples)
    if min(thinks, ends, clean) < many:
        raise MgrdError(
            f"of {many} targets {thinks} have one think block, {ends} end with EOS and {clean} are free of audio tokens"
        )
    features = [one.n_features for one in examples]
    per = "which every forward pass compares" if None in features else f"for {sum(n or 0 for n in features):,} features"
    return [
        {"check": "targets with exactly one think block", "found": f"{thinks:,} of {many:,}"},
        {"check": "targets that decode to the letter", "found": f"{many:,} of {many:,}"},
        {"check": "targets that end with EOS, which is learned", "found": f"{ends:,} of {many:,}"},
        {"check": "targets without an audio placeholder", "found": f"{clean:,} of {many:,}"},
        {"check": "audio tokens of the prompts", "found": f"{placeholders:,} {per}"},
        {"check": "cut inside of audio or think", "found": f"0; {len(left_out):,} left out whole"},
        {"check": "chat template, of a past turn's reasoning", "found": _past_reasoning(processor)},
    ]


def parameters(model: Any) -> list[dict[str, str]]:
    """What is trained, by the model's parts: rows of `check` and `found`, in millions of parameters."""
    parts: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        path = name.removeprefix("base_model.model.").split(".")
        part = ".".join(path[:2] if path[0] in ("model", "thinker") else path[:1])
        counted = parts.setdefault(part, [0, 0])
        counted[0] += size(parameter) if parameter.requires_grad else 0
        counted[1] += size(parameter)
    return [
        {"check": f"trained of {part}", "found": f"{trained / 1e6:,.2f} M of {whole / 1e6:,.2f} M"}
        for part, (trained, whole) in parts.items()
    ]


def _past_reasoning(processor: Any) -> str:
    """What the template does to an assistant's turn that reasons; targets are not put through it."""
    asked: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    said = {"role": "assistant", "content": [{"type": "text", "text": "<think>\nbecause\n</think>\nyes"}]}
    rendered = processor.apply_chat_template([*asked, said], tokenize=False)
    if "because" in rendered:
        return "kept"
    return "cut; targets are appended to the prompt as they are, so theirs is kept"
