"""mgrd under FSDP2 on a machine without GPUs, where accelerate itself splits nothing; `accelerate launch` runs this."""

import sys

from accelerate.state import AcceleratorState, DistributedType, PartialState

_init = AcceleratorState.__init__


def _splits(self, *given, fsdp_plugin=None, **named):
    """What accelerate does for the process groups of any GPU, and for those of a CPU not."""
    _init(self, *given, fsdp_plugin=fsdp_plugin, **named)
    if fsdp_plugin is not None and self.distributed_type != DistributedType.FSDP:
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)
        self.fsdp_plugin = fsdp_plugin
        self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP


AcceleratorState.__init__ = _splits

from mgrd.cli import main  # noqa: E402
from mgrd.distill import training  # noqa: E402

training.precision = lambda: "fp32"  # splitting alone is to make a difference
_look = training.try_longest


def _looks_split(model, *given, **named):
    assert all(hasattr(parameter, "full_tensor") for parameter in model.parameters())
    _look(model, *given, **named)


training.try_longest = _looks_split
main(sys.argv[1:])
