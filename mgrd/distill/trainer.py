"""transformers' Trainer where it fits, and what is replaced where it does not.

Replaced are its sampler, because an epoch of it could not be resumed exactly, and its checkpoint's weights: some
families' tensors are renamed on saving and not named back on loading, so nothing would be restored, without a word.
The classes are made on demand, because importing their bases takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mgrd.errors import MgrdError
from mgrd.progress import Steps, stop

WEIGHTS = "trainable.safetensors"


def trainer_class() -> type:
    """A Trainer that takes `order`: a function from the number of an epoch to its indices."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file
    from transformers import Trainer

    class Order(torch.utils.data.Sampler[int]):  # type: ignore[misc]
        """An epoch's order, which depends on the epoch's number alone."""

        def __init__(self, order: Any, n: int) -> None:
            self.order, self.n, self.epoch = order, n, 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __iter__(self) -> Iterator[int]:
            yield from self.order(self.epoch)

        def __len__(self) -> int:
            return self.n

    class SftTrainer(Trainer):  # type: ignore[misc]
        """Keeps only what is trained in a checkpoint, under the model's own names."""

        def __init__(self, order: Any, **settings: Any) -> None:
            self.order = order
            super().__init__(**settings)

        def _get_train_sampler(self, train_dataset: Any = None) -> Order:
            return Order(self.order, len(self.train_dataset))

        def compute_loss(self, model: Any, *inputs: Any, **named: Any) -> Any:
            # Trainer puts the whole model in training mode; what is frozen must not drop out layers or units
            self.accelerator.unwrap_model(model).get_encoder(modality="audio").eval()
            return super().compute_loss(model, *inputs, **named)

        def _save_checkpoint(self, *given: Any, **named: Any) -> None:
            try:
                super()._save_checkpoint(*given, **named)
            except (OSError, RuntimeError, SafetensorError) as error:  # torch says RuntimeError for a full disk
                raise MgrdError(
                    f"{self.args.output_dir}: a checkpoint cannot be written ({error}); free some space and rerun"
                ) from error

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_file({name: p.detach().contiguous() for name, p in _learned(self.model)}, folder / WEIGHTS)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            saved, learned = load_file(Path(resume_from_checkpoint) / WEIGHTS), dict(_learned(self.model))
            if saved.keys() != learned.keys():
                raise MgrdError(f"{resume_from_checkpoint}: holds other weights than are trained; remove it and rerun")
            with torch.no_grad():
                for name, parameter in learned.items():
                    parameter.copy_(saved[name])

    return SftTrainer


def _learned(model: Any) -> list[tuple[str, Any]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def watch_class() -> type:
    """A callback that takes the `Steps` to count on; it looks at the stop flag after every step."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Tells the progress, and ends the training with a checkpoint when the process is asked to stop."""

        def __init__(self, step: Steps) -> None:
            self.step = step

        def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            self.step(state.global_step - self.step.done)
            if stop:
                control.should_save = control.should_training_stop = True

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if not math.isfinite((logs or {}).get("loss", 0.0)):
                raise MgrdError(f"the loss is not finite at step {state.global_step}; lower --lr")

    return Watch
