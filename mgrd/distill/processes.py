"""One training in several processes, as torchrun and `accelerate launch` start them: who is first, who waits for whom.

Without a launcher everything here is a matter of one process, and torch is not asked. Knows nothing about training.
"""

from __future__ import annotations

import os
from typing import Any

from mgrd.errors import MisusedError


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process among them, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return rank() == 0


def join() -> None:
    """Meet the other processes; must come before anything else here that waits.

    Raises MisusedError for launchers that split the weights, because only whole ones are trained and saved.
    """
    for variable, name in (("ACCELERATE_USE_FSDP", "FSDP"), ("ACCELERATE_USE_DEEPSPEED", "DeepSpeed")):
        if os.environ.get(variable, "false").lower() in ("1", "true"):
            raise MisusedError(f"{name}: it splits the weights, which distill keeps whole; use --multi_gpu, and --lora")
    if count() > 1:
        from accelerate import PartialState

        PartialState()


def wait() -> None:
    """Return when every process has come here."""
    if count() > 1:
        import torch

        torch.distributed.barrier()


def total(numbers: list[float], device: Any) -> list[float]:
    """The sums of all processes' numbers, to each of them."""
    if count() == 1:
        return numbers
    import torch

    # MPS and some others know no 64 bit floats, but they have no process groups either
    tensor = torch.tensor(numbers, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(tensor)
    return [float(number) for number in tensor.tolist()]
