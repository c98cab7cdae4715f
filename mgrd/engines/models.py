"""A model folder in, a loaded audio LM and its processor out; and a folder's fingerprint.

Says in one line what is wrong with a folder that cannot be used. Reads safetensors only and runs code that a model
folder brings along only where a caller says so. Knows nothing about sampling or training.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mgrd import packages
from mgrd.engines import adapters
from mgrd.engines.chat import ears
from mgrd.engines.templated import Templated, is_templated, writes_conversations
from mgrd.errors import InputError, first_line
from mgrd.tables import read_json

if TYPE_CHECKING:
    import torch

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_SHAPING = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken", ".bpe", ".py")
"""Suffixes of the files that decide what a model says: weights, configs, tokenizer, chat template, code."""


def load_audio_lm(path: Path, dtype: torch.dtype | Literal["auto"]) -> tuple[Any, Any]:
    """Load (model, processor) of an audio LM, on the CPU and in evaluation mode.

    Raises InputError when the folder is missing, is no model, is no audio LM that transformers knows, or its weights
    are not safetensors, unreadable or incomplete.
    """
    from transformers import AutoModelForMultimodalLM, AutoModelForSeq2SeqLM

    quiet()
    config = check_model_folder(path)
    processor = load_processor(path)
    # transformers lists Audio Flamingo 3 under the latter alone
    for kind in (AutoModelForMultimodalLM, AutoModelForSeq2SeqLM):
        if type(config) in kind._model_mapping:
            return load_weights(kind, path, config, dtype), processor
    raise InputError(f"{path}: model type {config.model_type} is no audio LM that mgrd can sample from or train")


def load_weights(kind: Any, path: Path, config: Any, dtype: torch.dtype | Literal["auto"]) -> Any:
    """The model of a folder by one of transformers' classes, in evaluation mode.

    Raises InputError when the weights are not safetensors, unreadable or incomplete.
    """
    import torch
    from safetensors import SafetensorError

    try:
        # making a module draws random weights: loading must not move anyone's seed
        with torch.random.fork_rng(), adapters.without(path) as plain:
            model, info = kind.from_pretrained(
                plain, config=config, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except ImportError as error:
        raise _lacks(path, error) from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{path}: the weights cannot be loaded ({first_line(error)})") from error
    if missing := sorted(info["missing_keys"]):
        raise InputError(f"{path}: the weights lack {len(missing)} tensors of {config.model_type}, e.g. {missing[0]}")
    adapters.merge(model, path)
    return model.eval()


def check_model_folder(path: Path, *, trust_remote_code: bool = False) -> Any:
    """The config of a model folder whose files are all there; cheap, so that it can come before any other work."""
    from transformers import AutoConfig

    check_model_files(path)
    try:
        return AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: transformers does not know this model ({first_line(error)})") from error


def check_is_model(path: Path) -> None:
    """Raise InputError for what is no model's folder; imports nothing."""
    if not path.is_dir():
        raise InputError(f"{path}: no such model folder")
    if not (path / "config.json").is_file():
        raise InputError(f"{path}: is no model folder, it has no config.json")


def check_model_files(path: Path) -> None:
    """Raise InputError when a model folder lacks its config or its weights; imports nothing."""
    check_is_model(path)
    read_json(path / "config.json")
    for name in weight_files(path):
        if not (path / name).is_file():
            raise InputError(f"{path}: the weight file {name} is missing; was the folder copied whole?")


def load_processor(path: Path, *, trust_remote_code: bool = False) -> Any:
    """The processor of an audio LM: tokenizer, chat template and audio feature extractor."""
    from transformers import AutoProcessor

    quiet()
    try:
        processor = AutoProcessor.from_pretrained(path, local_files_only=True, trust_remote_code=trust_remote_code)
    except ImportError as error:
        raise _lacks(path, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: its processor cannot be loaded ({first_line(error)})") from error
    if not hasattr(ears(processor), "sampling_rate"):
        raise InputError(f"{path}: is no audio model, its processor has no audio feature extractor")
    if is_templated(processor):
        if not writes_conversations(processor.tokenizer):  # transformers has taken another tokenizer, without a word
            raise InputError(f"{path}: its conversations are written by mistral-common; {packages.install('families')}")
        return Templated(processor)
    # Phi-4's processor class loses the template of its folder; the tokenizer has read the same file.
    processor.chat_template = processor.chat_template or processor.tokenizer.chat_template
    if not processor.chat_template:
        raise InputError(f"{path}: its processor has no chat template (chat_template.jinja)")
    return processor


def weight_files(path: Path) -> list[str]:
    """Names of the safetensors files of a model folder, in name order; InputError when it has none."""
    if (path / INDEX).is_file():
        return sorted(set(read_json(path / INDEX)["weight_map"].values()))
    if (path / WEIGHTS).is_file():
        return [WEIGHTS]
    if other := sorted(path.glob("*.bin")) + sorted(path.glob("*.pt")) + sorted(path.glob("*.pth")):
        raise InputError(f"{path}: {other[0].name} is not safetensors, and pickled weights are not read; convert them")
    raise InputError(f"{path}: has no weights ({WEIGHTS})")


def tensor_names(path: Path) -> set[str]:
    """Names of all tensors in a model folder's weight files."""
    from safetensors import safe_open

    names: set[str] = set()
    for file in weight_files(path):
        with safe_open(path / file, framework="pt") as tensors:
            names.update(tensors.keys())
    return names


def model_fingerprint(path: Path) -> str:
    """Hash of a model folder's weights, configs, tokenizer, chat template and code: 32 hex digits.

    Two folders with the same files have the same one, wherever they lie. Computed once per process for unchanged files.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such model folder")
    files = sorted(file for file in path.iterdir() if file.suffix in _SHAPING and file.is_file())
    if (adapter := adapters.find(path)) not in (None, path):
        files += sorted(file for file in adapter.iterdir() if file.suffix in _SHAPING)
    return _hash_of(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=16)
def _hash_of(files: tuple[tuple[Path, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for file, size, _ in files:
        with file.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        whole.update(f"{file.name} {size} {digest}\n".encode())
    return whole.hexdigest()[:32]


def quiet() -> None:
    """Leave stderr to mgrd's own story: no bars and no notes from transformers, only its errors."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _lacks(path: Path, error: ImportError) -> InputError:
    """What a model needs and this environment lacks, e.g. torchvision, in transformers' first sentence."""
    said = first_line(error).split(". ")[0]
    known = any(packages.name(one) in said for one in packages.requirements()["families"])
    return InputError(f"{path}: {said}; {packages.install('families') if known else 'install it'}")
