"""The language model's linear layers in 4 bits, so that a card holds a model which it could not hold in 16 (QLoRA).

NF4 with double quantization (arXiv 2305.14314) by bitsandbytes, on a GPU or a CPU. Only what adapters lie upon is
quantized, nothing that hears. Knows nothing about training; what is trained is merged into whole weights at the end.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from mgrd.errors import MgrdError


def check() -> None:
    """Raise MgrdError where bitsandbytes is not installed."""
    if find_spec("bitsandbytes") is None:
        raise MgrdError("--qlora: bitsandbytes is not installed; pip install 'mgrd[qlora]'")


def quantize(model: Any, names: list[str], dtype: Any) -> None:
    """Put 4-bit layers in the place of the linear layers of these names; they compute in `dtype`.

    The weights are quantized when the model moves to its device, a layer at a time, so it need never be there whole.
    """
    import bitsandbytes

    for name in names:
        parent, _, own = name.rpartition(".")
        linear = model.get_submodule(name)
        layer = bitsandbytes.nn.Linear4bit(
            linear.in_features, linear.out_features, compute_dtype=dtype, quant_type="nf4", device="meta"
        )  # without weights of its own, which would be drawn at random
        layer.weight = bitsandbytes.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4")
        layer.bias = linear.bias
        layer.support_avx512bf16_for_cpu = False  # would repack the weights in a pass without gradients, for good
        setattr(model.get_submodule(parent), own, layer)
    model.is_loaded_in_4bit = True  # so peft puts adapters on them that know of it


def size(parameter: Any) -> int:
    """How many numbers a parameter holds, be they packed, or split among processes."""
    packed = getattr(parameter, "quant_state", None)
    return int(packed.shape.numel()) if packed is not None else int(parameter.numel())
