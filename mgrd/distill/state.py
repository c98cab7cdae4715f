"""What a training is between two steps: the weights that are trained, the optimizer's moments, and what was told of it.

Safetensors and JSON, of whole tensors, so that other processes than wrote them can go on; nothing is pickled. Every
process saves, and the first one writes, but for the random numbers, which are each one's own. Knows nothing about what
is trained on.
"""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from mgrd import tables
from mgrd.distill import processes
from mgrd.errors import MgrdError

WEIGHTS = "trainable.safetensors"
MOMENTS = "moments.safetensors"
SCHEDULE = "schedule.json"
LOG = "log.json"


def learned(model: Any) -> dict[str, Any]:
    """What is trained of a model, whole, under its own names; on the CPU where it was split among processes."""
    found = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            whole = processes.whole(parameter)
            if processes.splits():  # one at a time: a GPU holds no more than its part, and one of them whole
                # copied on a CPU too: what is whole may lie in a buffer of FSDP2's, which goes when the model moves
                whole = whole.to("cpu", copy=True) if processes.is_first() else None
            found[name] = whole
    return found


def save_learned(model: Any, folder: Path) -> None:
    """Write what is trained of a model to a folder, under the model's own names."""
    _write(learned(model), folder / WEIGHTS)


def load_learned(model: Any, folder: Path) -> None:
    """Take over what `save_learned` wrote; MgrdError when other weights were trained."""
    import torch
    from safetensors import safe_open

    now = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with safe_open(folder / WEIGHTS, framework="pt") as saved, torch.no_grad():
        if set(saved.keys()) != now.keys():
            raise MgrdError(f"{folder}: holds other weights than are trained; remove it and rerun")
        for name, parameter in now.items():  # one at a time: each process may need a part only
            parameter.copy_(processes.part(saved.get_tensor(name), parameter))


def save_moments(optimizer: Any, scheduler: Any, folder: Path) -> None:
    """Write the state of an optimizer and of its learning rate's schedule to a folder."""
    _write(_moments(optimizer), folder / MOMENTS)
    if processes.is_first():
        tables.write_json(scheduler.state_dict(), folder / SCHEDULE)


def load_moments(optimizer: Any, scheduler: Any, folder: Path) -> None:
    """Take over what `save_moments` wrote."""
    scheduler.load_state_dict(tables.read_json(folder / SCHEDULE))
    _load_moments(optimizer, folder / MOMENTS)
    for group, lr in zip(optimizer.param_groups, scheduler.get_last_lr(), strict=True):
        group["lr"] = lr


def save_random(folder: Path) -> None:
    """Write the states of this process's random numbers: torch's of CPU and GPU, numpy's, Python's; others wait."""
    import torch
    from safetensors.torch import save_file

    _, words, position, has_gauss, gauss = np.random.get_state()
    _, python, python_gauss = random.getstate()
    states = {
        "cpu": torch.random.get_rng_state(),
        "numpy": torch.tensor([*words, position, has_gauss], dtype=torch.int64),
        "python": torch.tensor(python, dtype=torch.int64),
        "gauss": torch.tensor([gauss, math.nan if python_gauss is None else python_gauss], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(states, folder / _random())
    processes.wait()  # the checkpoint is whole when those of all are there


def load_random(folder: Path) -> None:
    """Take over what `save_random` wrote; other processes than wrote it draw anew."""
    import torch
    from safetensors.torch import load_file

    path = folder / _random()
    if not path.exists():
        return
    states = load_file(path)
    torch.random.set_rng_state(states["cpu"])
    gauss, python_gauss = states["gauss"].tolist()
    *words, position, has_gauss = states["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(words, np.uint32), position, has_gauss, gauss))
    random.setstate((3, tuple(states["python"].tolist()), None if math.isnan(python_gauss) else python_gauss))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _random() -> str:
    return f"random-{processes.rank()}-of-{processes.count()}.safetensors"


def _moments(optimizer: Any) -> dict[str, Any]:
    found = {}
    for number, entry in optimizer.state_dict()["state"].items():
        for name, tensor in entry.items():
            whole = processes.whole(tensor)
            if processes.splits():
                whole = whole.cpu() if processes.is_first() else None
            found[f"{number}.{name}"] = whole
    return found


def _load_moments(optimizer: Any, path: Path) -> None:
    from safetensors import safe_open

    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    held: dict[int, dict[str, Any]] = {}
    with safe_open(path, framework="pt") as saved:
        for key in saved.keys():  # noqa: SIM118  (not a mapping)
            number, _, name = key.partition(".")
            held.setdefault(int(number), {})[name] = processes.part(saved.get_tensor(key), parameters[int(number)])
    optimizer.load_state_dict({"state": held, "param_groups": optimizer.state_dict()["param_groups"]})


def _write(tensors: dict[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    if processes.is_first():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
        partial.rename(path)


def save(folder: Path, step: int, model: Any, optimizer: Any, log: list[dict[str, float]]) -> None:
    """Write `folder/step-N` and remove those before it; MgrdError on a full disk, with the former one kept."""
    from safetensors import SafetensorError

    whole = folder / f"step-{step}"
    partial = folder / f"step-{step}.partial"
    if whole.exists():
        return
    shutil.rmtree(partial, ignore_errors=True)
    try:
        save_learned(model, partial)
        _write(_moments(optimizer), partial / MOMENTS)
        tables.write_json(log, partial / LOG)
        partial.rename(whole)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise MgrdError(f"{whole}: cannot be written ({error}); free some space and rerun") from error
    for path in folder.glob("step-*"):
        if path != whole:
            shutil.rmtree(path)


def newest(folder: Path) -> Path | None:
    """The last whole checkpoint."""
    found = [path for path in folder.glob("step-*") if path.suffix != ".partial"]
    return max(found, key=lambda path: int(path.name.removeprefix("step-")), default=None)


def load(folder: Path, model: Any, optimizer: Any) -> tuple[int, list[dict[str, float]]]:
    """Take over the last checkpoint: returns its step and its log; 0 and an empty one where there is none."""
    path = newest(folder)
    if path is None:
        return 0, []
    load_learned(model, path)
    _load_moments(optimizer, path / MOMENTS)
    return int(path.name.removeprefix("step-")), list(tables.read_json(path / LOG))
