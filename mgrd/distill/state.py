"""What a training of our own loop is, between two steps: weights, the optimizer's moments, and what was told of it.

Safetensors and JSON; a checkpoint is whole or absent. Knows nothing about what is trained on.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mgrd import tables
from mgrd.distill.trainer import load_learned, save_learned
from mgrd.errors import MgrdError

MOMENTS = "moments.safetensors"
LOG = "log.json"


def save(folder: Path, step: int, model: Any, optimizer: Any, log: list[dict[str, float]]) -> None:
    """Write `folder/step-N` and remove those before it; MgrdError on a full disk, with the former one kept."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = folder / f"step-{step}"
    partial = folder / f"step-{step}.partial"
    if whole.exists():
        return
    shutil.rmtree(partial, ignore_errors=True)
    moments = {
        f"{number}.{name}": tensor.contiguous()
        for number, entry in optimizer.state_dict()["state"].items()
        for name, tensor in entry.items()
    }
    try:
        save_learned(model, partial)
        save_file(moments, partial / MOMENTS)
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
    from safetensors.torch import load_file

    path = newest(folder)
    if path is None:
        return 0, []
    load_learned(model, path)
    held: dict[int, dict[str, Any]] = {}
    for key, tensor in load_file(path / MOMENTS).items():
        number, _, name = key.partition(".")
        held.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": held, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(path.name.removeprefix("step-")), list(tables.read_json(path / LOG))
