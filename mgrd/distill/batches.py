"""Examples in, batches out: which traces share a batch, and how they are padded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from mgrd.distill.examples import Ears, Example
from mgrd.options import Distill

IGNORED = -100
"""The label of a token that is not learned."""
JITTER = 0.05
"""Share of its length by which an example may leave its place in the order."""


def collate(examples: Sequence[Example], ears: Ears) -> dict[str, Any]:
    """A batch: tokens padded on the right, labels that are IGNORED but for the target, and the clips' features."""
    import torch

    tokenizer = ears.processor.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    shape = (len(examples), max(example.length for example in examples))
    batch = {
        "input_ids": torch.full(shape, pad),
        "attention_mask": torch.zeros(shape, dtype=torch.long),
        "labels": torch.full(shape, IGNORED),
    }
    for row, example in enumerate(examples):
        batch["input_ids"][row, : example.length] = torch.tensor(example.prompt_ids + example.target_ids)
        batch["attention_mask"][row, : example.length] = 1
        if example.learned:
            batch["labels"][row, len(example.prompt_ids) : example.length] = torch.tensor(example.target_ids)
    features = [ears.features(example.prompt, example.files) for example in examples if example.files]
    for name in features[0] if features else ():
        batch[name] = _stacked([clips[name] for clips in features])
    return batch


def _stacked(tensors: Sequence[Any]) -> Any:
    """Concatenate along the clips, padded with zeros where a family's features are as long as its clips."""
    import torch

    widest = [max(tensor.shape[axis] for tensor in tensors) for axis in range(1, tensors[0].ndim)]
    padded = []
    for tensor in tensors:
        missing = [n for axis in range(tensor.ndim - 1, 0, -1) for n in (0, widest[axis - 1] - tensor.shape[axis])]
        padded.append(torch.nn.functional.pad(tensor, missing) if any(missing) else tensor)
    return torch.cat(padded)


def epoch_order(lengths: Sequence[int], batch: int, seed: int, epoch: int) -> Iterator[int]:
    """Indices of one epoch: batches of similar length in random order, the incomplete batch last.

    Sorted by length, each first stretched by up to JITTER so that no epoch has another's batches, and the batches
    shuffled. (Pools, as of transformers' LengthGroupedSampler, lose 17 to 20 % to padding on few examples.)
    Depends on its arguments alone, so an epoch can be resumed.
    """
    import numpy as np

    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(lengths)).tolist()  # those of equal length, too, meet others
    stretched = np.asarray(lengths) * rng.uniform(1 - JITTER, 1 + JITTER, len(lengths))
    flat = sorted(shuffled, key=lambda index: -stretched[index])
    whole = len(flat) // batch
    for number in rng.permutation(whole):
        yield from flat[number * batch : (number + 1) * batch]
    yield from flat[whole * batch :]


def filled(order: Sequence[int], lengths: Sequence[int], multiple: int) -> list[int]:
    """An order made a multiple long with the shortest example, by an index that says it is not learned from.

    That index is `len(lengths)` beyond the example's. Processes that train together need equally many whole batches.
    """
    shortest = min(range(len(lengths)), key=lambda index: lengths[index])
    return [*order, *[len(lengths) + shortest] * (-len(order) % multiple)]


def padding(lengths: Sequence[int], options: Distill, processes: int) -> float:
    """Share of the tokens computed in the first epoch that are padding."""
    order = list(epoch_order(lengths, options.batch_size * processes, options.seed, 0))
    micro = options.batch_size // options.accumulate
    batches = [[lengths[i] for i in order[at : at + micro]] for at in range(0, len(order), micro)]
    return 1 - sum(lengths) / sum(max(batch) * len(batch) for batch in batches)


class _Grouped(Protocol):
    @property
    def group(self) -> str: ...


Grouped = TypeVar("Grouped", bound=_Grouped)


def held_out(examples: Sequence[Grouped], share: float, seed: int) -> tuple[list[Grouped], list[Grouped]]:
    """Examples to train on, and those of about this share of the questions, to look at only.

    A question goes with all of its traces: another trace of it would give away what is asked. At least one stays.
    """
    key = {one.group: hashlib.blake2b(f"{seed}\n{one.group}".encode()).digest() for one in examples}
    groups = sorted(key, key=lambda name: key[name])
    aside = {*groups[: min(round(len(groups) * share), len(groups) - 1)]}
    return [one for one in examples if one.group not in aside], [one for one in examples if one.group in aside]
