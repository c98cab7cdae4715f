"""One training in several processes, as torchrun and `accelerate launch` start them: who is first, who waits for whom.

Each holds the whole weights, or, under FSDP2, a part of each of them. Without a launcher everything here is a matter of
one process, and torch is not asked. Knows nothing about training.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mgrd.errors import MisusedError

PATIENCE = timedelta(hours=2)
"""How long one waits for the others, e.g. while the first writes the model and tries it; a launcher sees the dead."""


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process among them, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that writes and tells."""
    return rank() == 0


def splits() -> bool:
    """Whether each process holds a part of the weights only: under FSDP2."""
    return _asked_for("ACCELERATE_USE_FSDP")


def _asked_for(variable: str) -> bool:
    return os.environ.get(variable, "false").lower() in ("1", "true")


def join() -> None:
    """Meet the other processes; must come before anything else here that waits.

    Raises MisusedError for launchers that split the weights in other ways than FSDP2, or that would change its layers.
    """
    if _asked_for("ACCELERATE_USE_DEEPSPEED"):
        raise MisusedError(
            "DeepSpeed: saves what it splits in pickles, which mgrd neither writes nor reads; use "
            "examples/accelerate/fsdp2.yaml, which splits alike"
        )
    if splits() and (version := os.environ.get("FSDP_VERSION", "1")) != "2":
        raise MisusedError(f"FSDP {version}: give fsdp_version: 2, as examples/accelerate/fsdp2.yaml does")
    if splits() and _asked_for("FSDP_ACTIVATION_CHECKPOINTING"):
        raise MisusedError(
            "FSDP: fsdp_activation_checkpointing: true is not supported; give --gradient-checkpointing instead"
        )
    if splits() and _asked_for("FSDP_OFFLOAD_PARAMS"):
        raise MisusedError(
            "FSDP: fsdp_offload_params: true is not supported; split over more GPUs, or train with --qlora"
        )
    if count() > 1:
        from accelerate import PartialState

        PartialState(timeout=PATIENCE)


def layers(model: Any) -> None:
    """Have FSDP2 split a model by the layers of its decoder, unless its config names others."""
    if not splits():
        return
    import torch

    stacks = [module for module in model.get_decoder().modules() if isinstance(module, torch.nn.ModuleList)]
    if stacks:  # the first is the outermost: of layers, not of a layer's experts
        os.environ.setdefault("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")
        os.environ.setdefault("FSDP_TRANSFORMER_CLS_TO_WRAP", type(stacks[0][0]).__name__)


def add_up_in_fp32(accelerator: Any) -> None:
    """Have FSDP2 sum gradients in 32 bits, as DDP does; accelerate would in those of the forward pass."""
    policy = accelerator.state.fsdp_plugin.mixed_precision_policy if splits() else None
    if policy is not None:
        import torch

        accelerator.state.fsdp_plugin.mixed_precision_policy = replace(policy, reduce_dtype=torch.float32)


def whole(tensor: Any) -> Any:
    """All of a tensor of which this process may hold a part; every process must ask for it."""
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach()


def part(tensor: Any, like: Any) -> Any:
    """What this process holds of a whole tensor, where it holds a part of `like`, which is as large."""
    if not hasattr(like, "full_tensor") or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    # all have the whole one, so nothing is sent
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


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
