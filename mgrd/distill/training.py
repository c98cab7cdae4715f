"""A model and examples in, a trained model out: what is trained, the loss, and going on from a checkpoint."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mgrd.distill import processes, quantized, tracking
from mgrd.distill.batches import IGNORED, collate, epoch_order, filled
from mgrd.distill.examples import Ears, Example
from mgrd.distill.state import load_learned
from mgrd.distill.trainer import held_out_losses, trainer_class, watch_class
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.options import Distill
from mgrd.progress import Story, stop

_NOT_LANGUAGE = re.compile(
    r"(?:^|[._])(?:audio|speech|sound|vision|visual|image|video|multi_modal|connector|talker|\w+2wav)"
)
"""What is frozen even if a family keeps it inside its language model."""
_LINEAR = r"(?:q_proj|k_proj|v_proj|o_proj|qkv_proj|gate_proj|up_proj|gate_up_proj|down_proj)"
WARMUP = 0.05
"""Share of the steps over which the learning rate rises; then it falls along a cosine to 0."""
MAX_GRAD_NORM = 1.0
BEST = "best"
"""Folder of the weights with the lowest held-out loss, beside the checkpoints."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training."""

    model: Any
    losses: list[float]
    """Of every step: cross entropy per target token, in nats."""
    held_out: list[float]
    """The same of what is held out, after every epoch."""
    loss_held_out: float | None
    """Of the weights that are kept."""
    parameters: int
    trainable: int
    log: list[dict[str, float]]
    """What else was said of the steps, in their order."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is learned of a batch."""

    collate: Callable[..., dict[str, Any]]
    """A batch of some examples and `ears`; its `labels` are for the two below alone."""
    loss: Callable[..., Any]
    """Of the model's outputs, the labels, and `num_items_in_batch`: a sum over items divided by that number."""
    count: Callable[[Any], int]
    """Items of a batch's labels: the loss is a mean over those of a step."""
    figures: Callable[[Any], dict[str, float]] | None = None
    """What is said of a step beside its loss; given the device, called by all processes at once."""


def precision() -> str:
    """`bf16` where the device computes in it natively, else `fp32`."""
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capable = torch.cpu.get_capabilities()
    return "bf16" if capable.get("avx512_bf16") or capable.get("amx_bf16") else "fp32"


def prepare(model: Any, options: Distill) -> Any:
    """Freeze everything but the language model, or put LoRA adapters on it; the audio side is never trained."""
    import torch

    if options.lora is None:
        decoder = model.get_decoder()
        head = model.get_output_embeddings()
        learned = {id(p) for module in (decoder, head) if module is not None for p in module.parameters()}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(id(parameter) in learned and not _NOT_LANGUAGE.search(name))
    else:
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(options.seed)  # adapters start from random numbers
        # Named one by one: of a pattern, peft would make one for the experts of a mixture, which get none.
        targets = language_linears(model)
        if not targets:
            raise InputError("--lora: the language model has no linear layers that mgrd knows; train without it")
        config = LoraConfig(r=options.lora, lora_alpha=2 * options.lora, target_modules=targets, task_type="CAUSAL_LM")
        model = get_peft_model(model, config)
    check_frozen(model)
    return model


def language_linears(model: Any) -> list[str]:
    """Names of the language model's linear layers, as far as mgrd knows them; its head and experts are none."""
    import torch

    decoder = model.get_decoder()
    prefix = next((name for name, module in model.named_modules() if module is decoder), "")
    pattern = re.compile(rf"{re.escape(prefix) + '.' if prefix else ''}(?:.*\.)?{_LINEAR}")
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and pattern.fullmatch(name) and not _NOT_LANGUAGE.search(name)
    ]


def check_frozen(model: Any) -> None:
    """Raise when a parameter of the audio side would be trained, or none of the language model."""
    learned = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    if wrong := [name for name in learned if _NOT_LANGUAGE.search(name)]:
        raise MgrdError(f"{len(wrong)} parameters outside of the language model would be trained, e.g. {wrong[0]}")
    if not learned:
        raise MgrdError("no parameter would be trained: the language model was not found")


def token_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy summed over target tokens, divided by their number in the whole step.

    `num_items_in_batch` counts the targets of all micro-batches and processes of a step; without it, those of this one.
    """
    import torch

    targets = labels[:, 1:].to(outputs.logits.device)
    learned = targets != IGNORED
    logits = outputs.logits[:, :-1][learned].float()  # selected first: logits of a prompt in fp32 would fill the memory
    total = torch.nn.functional.cross_entropy(logits, targets[learned], reduction="sum")
    return total / (learned.sum() if num_items_in_batch is None else num_items_in_batch)


WRITE = Objective(collate, token_loss, lambda labels: int((labels[:, 1:] != IGNORED).sum()))
"""To write what the examples say; an item is a target's token."""


def try_longest(model: Any, examples: Sequence[Example], ears: Ears) -> None:
    """One forward pass over the longest example with audio and the longest without.

    So that what the model cannot take is said before training, e.g. other than as many audio tokens as features.
    """
    for heard in (True, False):
        those = [example for example in examples if bool(example.files) == heard]
        if those:
            _try(model, max(those, key=lambda example: example.length), ears)


def _try(model: Any, example: Example, ears: Ears) -> None:
    import torch

    batch = collate([example], ears)
    labels = batch.pop("labels")
    try:
        with torch.no_grad():
            loss = token_loss(model(**{name: tensor.to(model.device) for name, tensor in batch.items()}), labels)
    except (ValueError, TypeError) as error:
        raise InputError(f"trace {example.trace_id}: the model does not take it ({error})") from error
    if not math.isfinite(loss.item()):
        raise InputError(f"trace {example.trace_id}: its loss is {loss.item()}; are the model's weights damaged?")


def train(
    model: Any,
    examples: Sequence[Any],
    aside: Sequence[Any],
    ears: Ears,
    options: Distill,
    out: Path,
    story: Story,
    objective: Objective,
    look: Callable[[Any], None] | None = None,
) -> Trained:
    """Train for `options.epochs`; checkpoints go to `out/checkpoints`, and the last whole one there is gone on from.

    `aside` is held out: its loss is taken after every epoch. With `options.patience` the weights of the best epoch are
    the result, and that many epochs without a better one are the end. An example has length, group and learned, as
    those of mgrd.distill.examples, and is otherwise the objective's to know. `look` is given the model before the first
    step, as it is then: split among processes, where it is.

    Raises Stopped after SIGTERM and KeyboardInterrupt after Ctrl-C, both with a checkpoint saved.
    """
    import torch
    from transformers import PrinterCallback, TrainingArguments

    folder = out / "checkpoints"
    processes.layers(model)
    sizes = [(quantized.size(parameter), parameter.requires_grad) for parameter in model.parameters()]
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=options.batch_size // options.accumulate,
        gradient_accumulation_steps=options.accumulate,
        num_train_epochs=options.epochs,
        learning_rate=options.lr,
        warmup_steps=WARMUP,
        max_grad_norm=MAX_GRAD_NORM,
        bf16=precision() == "bf16",
        use_cpu=not torch.cuda.is_available(),
        seed=options.seed,
        save_steps=options.save_steps,
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,  # would report the mean of earlier losses instead
        report_to=tracking.services(options.report_to),
        run_name=f"mgrd distill {out.name}",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        gradient_checkpointing=options.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # more in one process would be DataParallel, which splits the batches
    batch = options.batch_size * processes.count()
    lengths = [example.length for example in examples]
    multiple = arguments.per_device_train_batch_size * processes.count() if processes.count() > 1 else 1

    def order(epoch: int) -> list[int]:
        return filled(list(epoch_order(lengths, batch, options.seed, epoch)), lengths, multiple)

    trainer = trainer_class()(
        order=order,
        count=objective.count,
        figures=objective.figures,
        model=model,
        args=arguments,
        train_dataset=[*examples, *[replace(example, learned=False) for example in examples]],
        eval_dataset=sorted(aside, key=lambda example: example.length) or None,
        data_collator=partial(objective.collate, ears=ears),
        compute_loss_func=objective.loss,
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(folder)
    if checkpoint:
        story.note(f"going on from {checkpoint.name}")
    epoch = math.ceil(len(examples) / batch)
    steps = math.ceil(epoch * options.epochs)
    processes.add_up_in_fp32(trainer.accelerator)
    with story.steps("Training", steps, "steps") as step, stop.interruptible():
        watch = watch_class()(step, epoch if aside else 0, folder / BEST, options.patience, look)
        trainer.add_callback(watch)
        for callback in tracking.callbacks(options.report_to, out):
            trainer.add_callback(callback)
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except torch.OutOfMemoryError as error:
            less = (
                ""
                if options.qlora
                else ", or train with --lora R --qlora"
                if options.lora
                else ", or train with --lora R"
            )
            more = f"raise --accumulate (now {options.accumulate}){less}"
            raise MgrdError(f"the GPU's memory does not hold a step; {more}") from error
    losses = held_out_losses(trainer.state)
    if watch.told and trainer.state.global_step < trainer.state.max_steps:
        if stop.signal_name == "SIGINT":
            raise KeyboardInterrupt
        raise Stopped(
            f"stopped by {stop.signal_name or 'another process'} at step {trainer.state.global_step} of "
            f"{trainer.state.max_steps}; a checkpoint is saved, the same command goes on"
        )
    kept = (losses.index(min(losses)) if options.patience else len(losses) - 1) if losses else None
    if kept is not None and kept != len(losses) - 1:
        processes.wait()  # the first one writes it
        load_learned(trainer.accelerator.unwrap_model(trainer.model), folder / BEST)
    return Trained(
        held_out=losses,
        loss_held_out=None if kept is None else losses[kept],
        model=trainer.accelerator.unwrap_model(trainer.model),
        losses=[entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        parameters=sum(size for size, _ in sizes),
        trainable=sum(size for size, trained in sizes if trained),
        log=[entry for entry in trainer.state.log_history if "loss" in entry],
    )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; one is whole when its trainer_state.json, which is written last, can be read."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            continue
        return path
    return None
