"""transformers' Trainer where it fits, and what is replaced where it does not.

Replaced are its sampler, because an epoch of it could not be resumed exactly, and what its checkpoints hold: some
families' tensors are renamed on saving and not named back on loading, so nothing would be restored, without a word;
moments and random numbers are pickled; and a job may go on with other processes than it began with. The classes are
made on demand, because importing their bases takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mgrd.distill import processes, state
from mgrd.distill.state import load_learned, save_learned
from mgrd.errors import MgrdError
from mgrd.progress import Steps, stop


def trainer_class() -> type:
    """A Trainer that takes `order`, a function from the number of an epoch to its indices, and an objective's parts."""
    import torch
    from safetensors import SafetensorError
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

        def __init__(self, order: Any, count: Any, figures: Any, **settings: Any) -> None:
            self.order, self.count, self.figures = order, count, figures
            super().__init__(**settings)
            self.frozen = list(_frozen(self.model))

        def _get_train_sampler(self, train_dataset: Any = None) -> Order:
            return Order(self.order, len(self.order(0)))

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            schedule = rates(num_training_steps, self.args.warmup_steps)
            self.lr_scheduler: Any = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, schedule)
            self._created_lr_scheduler = True
            return self.lr_scheduler

        def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
            counted = float(sum(self.count(batch["labels"]) for batch in batch_samples))
            return torch.tensor(processes.total([counted], device)[0], device=device)

        def log(self, logs: dict[str, float], *given: Any) -> None:
            more = self.figures(self.args.device) if self.figures and "loss" in logs else {}
            super().log(logs | more, *given)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            """The loss per item (a target's token, a pair) of what is held out, over all processes."""
            micro, many = self.args.per_device_train_batch_size, processes.count()
            # Sorted by length, so all have about the same work; as many for all, because each may need the others'
            # parts of the weights.
            missing = -len(self.eval_dataset) % many
            filled = [*self.eval_dataset, *[replace(self.eval_dataset[-1], learned=False)] * missing]
            mine = filled[processes.rank() :: many]
            summed = items = 0.0
            self.model.eval()
            for at in range(0, len(mine), micro):
                batch = self._prepare_inputs(self.data_collator(mine[at : at + micro]))
                labels = batch.pop("labels")
                with torch.no_grad(), self.compute_loss_context_manager():
                    summed += self.compute_loss_func(self.model(**batch), labels, 1).item()
                items += self.count(labels)
            self.model.train()
            if self.figures:
                self.figures(self.args.device)  # of what is held out: no step's
            summed, items = processes.total([summed, items], self.args.device)
            found = {"eval_loss": summed / items}
            self.log(dict(found))
            self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
            return found

        def compute_loss(self, model: Any, *inputs: Any, **named: Any) -> Any:
            # Trainer puts the whole model in training mode; what is frozen must not drop out layers or units
            for part in self.frozen:
                part.eval()
            return super().compute_loss(model, *inputs, **named)

        def _save_checkpoint(self, *given: Any, **named: Any) -> None:
            try:
                super()._save_checkpoint(*given, **named)
            except (OSError, RuntimeError, SafetensorError) as error:  # torch says RuntimeError for a full disk
                raise MgrdError(
                    f"{self.args.output_dir}: a checkpoint cannot be written ({error}); free some space and rerun"
                ) from error

        def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
            save_learned(self.model, Path(output_dir or self.args.output_dir))

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            load_learned(self.model, Path(resume_from_checkpoint))

        def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
            state.save_moments(self.optimizer, self.lr_scheduler, Path(output_dir))

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            if checkpoint is not None:
                state.load_moments(self.optimizer, self.lr_scheduler, Path(checkpoint))

        def _save_rng_state(self, output_dir: str) -> None:
            state.save_random(Path(output_dir))

        def _load_rng_state(self, checkpoint: str | None) -> None:
            if checkpoint is not None:
                state.load_random(Path(checkpoint))

    return SftTrainer


def rates(steps: int, warmup: float) -> Callable[[int], float]:
    """The share of the peak learning rate at each step: it rises for `warmup` of them, then falls along a cosine.

    No step has a rate of 0, as the first of transformers' schedules has: a training of one step would teach nothing.
    """
    rising = math.floor(warmup * steps)

    def rate(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * min((step - rising) / max(steps - rising, 1), 1.0)))

    return rate


def _frozen(module: Any) -> Iterator[Any]:
    """The largest parts of a model that have parameters, none of which is trained."""
    learned = [parameter.requires_grad for parameter in module.parameters()]
    if learned and not any(learned):
        yield module
    elif learned:
        for child in module.children():
            yield from _frozen(child)


def held_out_losses(state: Any) -> list[float]:
    """What a trainer's state says of the held-out loss, an evaluation after the other; survives a resume."""
    return [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]


def watch_class() -> type:
    """A callback that takes the `Steps` to count on, where the best weights go and how long to wait for better ones.

    It has a last look at the model, as it is when training begins, and looks at the stop flag after every step. The
    held-out loss is taken every `epoch` steps (0: never) and after the last, before a checkpoint of that step.
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Tells the progress, and ends the training with a checkpoint when the process is asked to stop."""

        def __init__(
            self, step: Steps, epoch: int, best: Path, patience: int | None, look: Callable[[Any], None] | None
        ) -> None:
            self.step, self.epoch, self.best, self.patience = step, epoch, best, patience
            self.look, self.told = look, False

        def on_train_begin(self, _args: Any, _state: Any, _control: Any, model: Any = None, **_: Any) -> None:
            if self.look:
                self.look(model)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.step(state.global_step - self.step.done)
            # a signal may reach one process alone, and all must stop at the same step
            self.told = processes.total([float(bool(stop))], args.device)[0] > 0
            ends = state.global_step == state.max_steps
            if self.epoch and (ends or state.global_step % self.epoch == 0):
                control.should_evaluate = True
            if self.told:
                control.should_save = control.should_training_stop = True

        def on_evaluate(self, _args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            losses = held_out_losses(state)
            if self.patience is None:
                return
            if losses[-1] == min(losses):
                save_learned(model, self.best)
            if len(losses) - 1 - losses.index(min(losses)) >= self.patience:
                control.should_training_stop = True

        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if not math.isfinite((logs or {}).get("loss", 0.0)):
                raise MgrdError(f"the loss is not finite at step {state.global_step}; lower --lr")

    return Watch
