"""Preference pairs in, a model that prefers as they do out: Direct Preference Optimization (arXiv 2305.18290, eq. 7).

TRL's DPOTrainer (1.16) passes images and no audio, so the loss is ours; training, checkpoints and saving are those of
`sft`. The reference is the model as it is before the first step: with LoRA, its adapters add nothing then. Its log
probabilities are computed once and kept beside the checkpoints. Knows nothing about why a trace is rejected.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mgrd.distill import checks, pairs, processes
from mgrd.distill import examples as ex
from mgrd.distill.batches import IGNORED, collate
from mgrd.distill.examples import Ears, Example, LeftOut
from mgrd.distill.lessons import Lesson
from mgrd.distill.pairs import REJECTED_FOR, Made
from mgrd.distill.training import Objective, precision
from mgrd.errors import InputError, MgrdError
from mgrd.options import Distill
from mgrd.progress import Story

REFERENCE = "reference.safetensors"
"""The log probabilities of the reference, beside the checkpoints."""
TOLD = 5
"""Traces that are named on stderr when they are left out; the others are in distill.json."""


@dataclass(frozen=True, slots=True)
class PairExample:
    """A pair's two token sequences, and how much likelier the reference finds the chosen one."""

    chosen: Example
    rejected: Example
    reference: float = 0.0
    """log p(chosen) - log p(rejected) under the reference, in nats."""
    learned: bool = True
    """False where it only fills a batch, so that all processes have one."""

    @property
    def length(self) -> int:
        """Tokens of the longer one."""
        return max(self.chosen.length, self.rejected.length)

    @property
    def group(self) -> str:
        """What pairs of the same question share."""
        return self.chosen.group

    @property
    def files(self) -> tuple[Path, ...]:
        """Of the clips, which both are about."""
        return self.chosen.files


def train(made: Made, base: Path, out: Path, options: Distill, story: Story) -> dict[str, Any]:
    """Train `base` on pairs and write `out/model`, `out/pairs.parquet` and the figures, which are returned.

    Those of mgrd.distill.pairs.Made, and held_out and left_out (pairs), steps, epochs, loss_first, loss_last and
    loss_held_out (mean per pair; log 2 at the start), margin and preferred (mgrd.distill.dpo.outcome, of the pairs
    trained on, and with `_held_out` of the others), chosen_first (share of pairs whose chosen trace the model found
    likelier to begin with), parameters, trainable, precision, seconds.
    """
    from mgrd.distill import loading, saving, training
    from mgrd.distill.batches import held_out
    from mgrd.engines.window import short_window

    started = time.monotonic()
    counted = ", ".join(f"{made.counts[reason]:,} {reason}" for reason in REJECTED_FOR)
    story.note(f"{len(made.pairs):,} pairs of {made.counts['questions']:,} questions: {counted}")
    if (step := options.batch_size * processes.count()) > len(made.pairs):
        story.note(_told_few(made, step, options))
    if processes.is_first():
        pairs.write(made.pairs, out)
    model, processor, device = loading.start(base, options, story)
    options = loading.alone(options, processor, story)
    given = {one.lesson_id: one for pair in made.pairs for one in (pair.chosen, pair.rejected)}
    writable, left_out = _writable(given, {pair.rejected.lesson_id for pair in made.pairs}, model, processor)
    kept, too_long, longest_s = ex.hearable(writable, processor)
    left_out += too_long
    with short_window(model, processor, longest_s) as padded:
        ears = Ears(processor, padded)
        examples, too_long = ex.encode(kept, model, ears, options.max_length, story)
        left_out = sorted(left_out + too_long, key=lambda one: one.trace_id)
        for one in left_out[:TOLD]:
            story.note(f"pairs of {one.trace_id} are left out: {one.why}")
        by_id = {one.trace_id: one for one in examples}
        ids = [(pair.chosen.lesson_id, pair.rejected.lesson_id) for pair in made.pairs]
        whole = [PairExample(by_id[good], by_id[bad]) for good, bad in ids if good in by_id and bad in by_id]
        if not whole:
            raise MgrdError(f"no pairs to learn from: all {len(ids)} are left out, e.g. {left_out[0].why}")
        model = training.prepare(model.to(device), options)
        training.try_longest(model, examples, ears)
        found = [*checks.report(examples, left_out, model, processor), *checks.parameters(model)]
        for row in found:
            story.note(f"  {row['check']:<46} {row['found']}")
        micro = options.batch_size // options.accumulate
        before = reference(model, whole, ears, micro, out / "checkpoints", story)
        whole = [replace(pair, reference=value) for pair, value in zip(whole, before, strict=True)]
        learned, aside = held_out(whole, options.held_out_share, options.seed)
        trained = training.train(model, learned, aside, ears, options, out, story, objective(options.beta))
        after = preferences(trained.model, [*learned, *aside], ears, micro, story, "Asking the trained model")
    tenth = max(1, len(trained.losses) // 10)
    of_aside = outcome(after[len(learned) :], aside, options.beta)
    figures = {
        **made.counts,
        "held_out": len(aside),
        "left_out": len(ids) - len(whole),
        "steps": len(trained.losses),
        "epochs": options.epochs,
        "loss_first": round(sum(trained.losses[:tenth]) / tenth, 4),
        "loss_last": round(sum(trained.losses[-tenth:]) / tenth, 4),
        "loss_held_out": round(trained.loss_held_out, 4) if trained.loss_held_out is not None else None,
        "chosen_first": round(sum(value > 0 for value in before) / len(before), 4),
        **outcome(after[: len(learned)], learned, options.beta),
        **{f"{name}_held_out": value for name, value in of_aside.items()},
        "parameters": trained.parameters,
        "trainable": trained.trainable,
        "precision": precision(),
        "seconds": round(time.monotonic() - started, 1),
        "losses": trained.losses,
        "losses_held_out": trained.held_out,
        "margins": [entry["margin"] for entry in trained.log if "margin" in entry],
        "checks": found,
        "left_out_traces": [asdict(one) for one in left_out],
        "unusable_traces": [{"trace_id": name, "why": why} for name, why in sorted(made.unusable.items())],
    }
    asked = min((pair.chosen for pair in whole), key=lambda one: one.length)
    return saving.finish(
        trained.model, figures, base, out, given[asked.trace_id], len(asked.target_ids), story, options
    )


def _told_few(made: Made, step: int, options: Distill) -> str:
    """That the pairs do not fill a step, and what gives more of them."""
    more = ["sample more questions, or more of each (mgrd generate --samples)"]
    unused = [reason for reason in REJECTED_FOR if reason not in pairs.reasons(options.rejected_for)]
    if unused:
        more.append(f"add {' and '.join(unused)} to --rejected-for")
    if made.counts["beyond"]:
        more.append(f"raise --pairs-per-question ({made.counts['beyond']:,} rejected traces are beyond it)")
    few = f"Fewer pairs ({len(made.pairs):,}) than one step takes ({step:,}): little is learned of so few"
    return f"{few}; {', or '.join(more)}"


def _writable(
    given: Mapping[str, Lesson], rejected: Collection[str], model: Any, processor: Any
) -> tuple[list[Lesson], list[LeftOut]]:
    """The lessons that the tokenizer can write, and the rejected ones that it cannot: a chosen one stops the job."""
    kept, left_out = [], []
    for name, lesson in given.items():
        ids = processor.tokenizer(lesson.target, add_special_tokens=False)["input_ids"] if name in rejected else []
        try:
            checks.check_target("it", lesson.target if ids else "", ids, model, processor.tokenizer)
        except InputError as error:
            left_out.append(LeftOut(name, str(error)))
        else:
            kept.append(lesson)
    return kept, left_out


def objective(beta: float) -> Objective:
    """What is learned: the mean over a step's pairs of -log sigmoid(beta * margin), in nats.

    A pair's margin is by how much the model prefers its chosen trace more than the reference does.
    """
    told: dict[str, list[float]] = {"margin": [], "preferred": []}

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        import torch

        margins = beta * (preference(outputs.logits, labels["tokens"]) - labels["reference"])
        margins = margins[labels["learned"]]
        told["margin"] += margins.detach().tolist()
        told["preferred"] += (margins.detach() > 0).float().tolist()
        total = -torch.nn.functional.logsigmoid(margins).sum()
        return total / (max(len(margins), 1) if num_items_in_batch is None else num_items_in_batch)

    def figures(device: Any) -> dict[str, float]:
        """Means since the last call, over all processes: of the margins times beta, and of those above 0."""
        sums = processes.total([float(len(told["margin"])), *(sum(values) for values in told.values())], device)
        found = {name: total / max(sums[0], 1.0) for name, total in zip(told, sums[1:], strict=True)}
        for values in told.values():
            values.clear()
        return found

    return Objective(_collate, loss, lambda labels: int(labels["learned"].sum()), figures)


def _collate(pairs: Sequence[PairExample], ears: Ears) -> dict[str, Any]:
    """A batch of all chosen sequences and then all rejected ones."""
    import torch

    batch = collate([*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)], ears)
    batch["labels"] = {
        "tokens": batch["labels"],
        "reference": torch.tensor([pair.reference for pair in pairs]),
        "learned": torch.tensor([pair.learned for pair in pairs]),
    }
    return batch


def preference(logits: Any, tokens: Any) -> Any:
    """By how many nats each pair's chosen sequence is likelier; shape (pairs,) of twice as many rows."""
    chosen, rejected = log_probabilities(logits, tokens).chunk(2)
    return chosen - rejected


def log_probabilities(logits: Any, tokens: Any) -> Any:
    """Sum of the log probabilities of each row's targets, in nats."""
    import torch

    targets = tokens[:, 1:].to(logits.device)
    learned = targets != IGNORED
    # selected first: logits of prompts in fp32 would fill the memory
    each = -torch.nn.functional.cross_entropy(logits[:, :-1][learned].float(), targets[learned], reduction="none")
    rows = learned.nonzero()[:, 0]
    return torch.zeros(len(tokens), device=logits.device).index_add(0, rows, each)


def preferences(
    model: Any, pairs: Sequence[PairExample], ears: Ears, micro: int, story: Story, what: str
) -> list[float]:
    """`preference` of every pair, `micro` at a time, each process its share; the same list in all of them."""
    import torch

    found = [0.0] * len(pairs)
    mine = sorted(range(len(pairs)), key=lambda number: pairs[number].length)[processes.rank() :: processes.count()]
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with (
        story.steps(what, len(mine), "pairs") as step,
        torch.no_grad(),
        torch.autocast(device.type, torch.bfloat16, enabled=precision() == "bf16"),
    ):
        for at in range(0, len(mine), micro):
            numbers = mine[at : at + micro]
            batch = _collate([pairs[number] for number in numbers], ears)
            tokens = batch.pop("labels")["tokens"]
            logits = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits
            for number, value in zip(numbers, preference(logits, tokens).tolist(), strict=True):
                found[number] = value
            step(len(numbers))
    model.train(was_training)
    return processes.total(found, device)


def reference(
    model: Any, pairs: Sequence[PairExample], ears: Ears, micro: int, folder: Path, story: Story
) -> list[float]:
    """`preferences` before the first step, from `folder` where an earlier attempt has left them there."""
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / REFERENCE
    if path.exists():
        kept: list[float] = load_file(path)["preference"].tolist()
        if len(kept) != len(pairs):
            raise MgrdError(f"{path}: is of {len(kept)} pairs, there are {len(pairs)}; remove it and rerun")
        return kept
    processes.wait()  # nobody may see it while it is not there for others
    found = preferences(model, pairs, ears, micro, story, "Asking the reference")
    if processes.is_first():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file({"preference": torch.tensor(found, dtype=torch.float64)}, partial)
        partial.rename(path)
    processes.wait()
    return found


def outcome(found: Sequence[float], pairs: Sequence[PairExample], beta: float) -> dict[str, float | None]:
    """What a model makes of pairs: margin (mean, times beta), and the share that it prefers more than the reference."""
    margins = [beta * (value - pair.reference) for value, pair in zip(found, pairs, strict=True)]
    if not margins:
        return {"margin": None, "preferred": None}
    share = sum(margin > 0 for margin in margins) / len(margins)
    return {"margin": round(sum(margins) / len(margins), 4), "preferred": round(share, 4)}
