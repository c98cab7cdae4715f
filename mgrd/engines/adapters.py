"""Adapters that a model's makers ship beside its weights, and without which it does not hear as they mean it to.

Granite Speech has one in its folder, Phi-4-multimodal one a modality in folders of their own. They are merged into the
weights, so that what samples and what trains is one plain model. Knows nothing about adapters that mgrd trains.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mgrd.errors import InputError

CONFIG = "adapter_config.json"
_HEARING = re.compile(r"(?<![a-z])(audio|speech|sound)(?![a-z])")


def find(path: Path) -> Path | None:
    """The folder of the adapter that a model folder ships for hearing; None when it ships none.

    Raises InputError when several could be meant.
    """
    inside = sorted(file.parent for file in path.glob(f"*/{CONFIG}") if _HEARING.search(file.parent.name))
    found = [path] if (path / CONFIG).is_file() else inside
    if len(found) > 1:
        raise InputError(
            f"{path}: ships several adapters to hear with ({', '.join(one.name for one in found)}); keep one"
        )
    return next(iter(found), None)


@contextmanager
def without(path: Path) -> Iterator[Path]:
    """A model folder as it is without an adapter in it, which transformers would load along; links, for a while."""
    if find(path) != path:
        yield path
        return
    with TemporaryDirectory() as folder:
        for file in path.iterdir():
            if not file.name.startswith("adapter_"):
                (Path(folder) / file.name).symlink_to(file.resolve())
        yield Path(folder)


def merge(model: Any, path: Path) -> None:
    """Load the adapter that the model folder ships, where it does, and merge it into the model's weights.

    Raises InputError when it cannot be loaded, or needs peft and there is none.
    """
    if (adapter := find(path)) is None:
        return
    if importlib.util.find_spec("peft") is None:
        raise InputError(f"{adapter}: the model hears with this adapter, which needs peft; pip install 'mgrd[train]'")
    from peft.tuners.tuners_utils import BaseTunerLayer

    names = model._weight_conversions  # what the tensors are called in a file, which the adapter's would replace
    try:
        model.load_adapter(str(adapter), adapter_name="hearing")
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{adapter}: the adapter cannot be loaded ({error})") from error
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
    model._weight_conversions = names
    model._hf_peft_config_loaded = False
    del model.peft_config
