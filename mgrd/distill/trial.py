"""A new model answers before it is there, in the engine of the next round; what that takes is looked for at the start.

vLLM may be in an environment of its own: what is asked of it is asked of children, by its interpreter. Knows nothing
about training.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mgrd import engines, tables
from mgrd.children import mgrd_command, python_command
from mgrd.config import flags
from mgrd.distill.lessons import Lesson
from mgrd.errors import EXIT_RETRIABLE, InputError, MgrdError, MisusedError, Stopped
from mgrd.options import VLLM, Distill, Generate
from mgrd.progress import Story

TOKENS = 16
"""How far a new model is made to answer."""
_LAUNCHED = re.compile(
    r"(?:(?:LOCAL_|GROUP_|ROLE_)?(?:RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(?:ADDR|PORT))$"
    r"|TORCHELASTIC_|TORCH_NCCL_|ACCELERATE_|PARALLELISM_CONFIG_|FSDP_"
)
"""Variables by which a launcher tells a process its place; a child of it has none."""
_LOOK = "import sys; from mgrd.distill.trial import look; look(*sys.argv[1:])"


def check_options(options: Distill) -> None:
    """Raise MisusedError for what vLLM cannot be told or nobody would be, and an interpreter that is not there."""
    engines.check_vllm(_sampling(options))
    if options.engine_python is None:
        return
    if options.engine != "vllm":
        raise MisusedError(f"--engine-python {options.engine_python}: goes with --engine vllm")
    if shutil.which(options.engine_python) is None:
        raise MisusedError(f"--engine-python {options.engine_python}: no such interpreter")


def check(model: Path, options: Distill) -> None:
    """Raise MgrdError where what is made of `model` could not be tried: it would be known after the training only."""
    if options.engine != "vllm":
        return
    from mgrd.engines.models import load_processor
    from mgrd.engines.templated import Templated

    if isinstance(load_processor(model), Templated):
        raise InputError(
            f"--engine vllm: the tokenizer of {model} takes whole conversations, which vLLM is given by a server "
            "alone; have the new model tried with --engine transformers"
        )
    python = options.engine_python or sys.executable
    child = subprocess.run(
        [*python_command(python), "-c", _LOOK, str(model.absolute()), *options.vllm],
        env=_alone(),
        capture_output=True,
        check=False,
    )
    if _was_stopped(child):
        raise Stopped("stopped while vllm was looked for; the same command goes on")
    if child.returncode:
        raise MgrdError(f"{python}: {_last_words(child)}")


def look(model: str, *more: str) -> None:
    """End with one line, in vLLM's environment, where no vLLM has the model's class and knows `more`, as of --vllm."""
    from mgrd.engines.vllm import arguments

    try:
        release = arguments.require_vllm()
        arguments.set_environment(on_cpu="cpu" in release)
        from vllm import EngineArgs

        known = EngineArgs.__dataclass_fields__
        arguments.check_names(arguments.pairs(more, trust_remote_code=True), known)
        arguments.check_class(Path(model), tables.read_json(Path(model) / "config.json").get("architectures"), release)
    except MgrdError as error:
        raise SystemExit(str(error)) from None


def in_transformers(folder: Path, lesson: Lesson, max_tokens: int, story: Story) -> None:
    """Load a model in the transformers engine and have it answer; MgrdError when it cannot."""
    from mgrd.audio.load import load
    from mgrd.engines import Request, Sampling, open_engine

    engine = open_engine("transformers", folder)
    clips = [load(file).mono(engine.sr) for file in lesson.files]
    request = Request("the first question", lesson.turns[-1].text, clips, list(lesson.names), {0: 0})
    (answer,) = engine.sample([request], Sampling(temperature=0, max_tokens=max_tokens))
    engine.close()
    if answer.error is not None:
        raise MgrdError(f"{folder}: the trained model does not answer ({answer.error})")
    story.note(f"The model loads and begins to answer {lesson.where}: {answer.text!r}")


def in_vllm(folder: Path, lesson: Lesson, max_tokens: int, story: Story, options: Distill) -> None:
    """Have a model answer as in the next round: `mgrd generate` with vLLM, by the interpreter that has it.

    Raises MgrdError when it does not answer, Stopped when the child was stopped.
    """
    import torch

    gc.collect()
    torch.cuda.empty_cache()  # what the trainer held
    with tempfile.TemporaryDirectory(prefix="mgrd-try-") as scratch:
        question, prompt, out = (Path(scratch) / name for name in ("question.jsonl", "prompt.txt", "out"))
        row = {"id": "first", "audio": [str(file.absolute()) for file in lesson.files]}
        question.write_text(json.dumps(row | {"question": lesson.turns[-1].text}) + "\n", encoding="utf-8")
        prompt.write_text("{question}", encoding="utf-8")
        sampling = replace(_sampling(options), prompt=str(prompt), max_tokens=max_tokens)
        words = ["generate", question, "-m", folder.absolute(), "-o", out, "--audio-root", "/", *flags(sampling)]
        words += ["--quiet", "--json"]
        python = options.engine_python or sys.executable
        child = subprocess.run(
            [*mgrd_command(python), *map(str, words)], env=_alone(), capture_output=True, check=False
        )
        if _was_stopped(child):
            raise Stopped(f"stopped while {folder} was tried in vllm; the same command goes on")
        error = _last_words(child)
        if child.returncode == 0:
            (trace,) = tables.rows_of(tables.read_table(out / "traces", tables.TRACES, ["completion", "error"]))
            error = trace["error"]
    if error is not None:
        raise MgrdError(f"{folder}: the trained model does not answer in vllm ({error})")
    story.note(f"vllm loads the model, which begins to answer {lesson.where}: {trace['completion']!r}")


def _sampling(options: Distill) -> Generate:
    """What `mgrd generate` is asked for: a greedy sample by an engine that is opened as in the next round."""
    settings: dict[str, Any] = {name: getattr(options, name) for name in VLLM}
    return Generate(engine=options.engine, samples=1, temperature=0.0, max_failed=1.0, no_canary=True, **settings)


def _alone() -> dict[str, str]:
    """The environment without what a launcher put there."""
    return {name: value for name, value in os.environ.items() if not _LAUNCHED.match(name)}


def _was_stopped(child: subprocess.CompletedProcess[bytes]) -> bool:
    """Whether it ended as one that was told to stop, also by the signal itself, before it listened."""
    return child.returncode in (EXIT_RETRIABLE, -signal.SIGTERM, -signal.SIGUSR1)


def _last_words(child: subprocess.CompletedProcess[bytes]) -> str:
    """Its error, or its last line: libraries may say something after it."""
    said = child.stderr.decode(errors="replace").strip().splitlines()
    said = [line for line in said if line.startswith("Error: ")] or said
    return said[-1].removeprefix("Error: ") if said else f"exit code {child.returncode}"
