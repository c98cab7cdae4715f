"""Parameters that several commands share, and how they read and answer. Knows no command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mgrd import options as opts
from mgrd.errors import MisusedError
from mgrd.terminal import json_line

Asked = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Folder of the audio language model; with --engine server, its name there.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/formats.md).")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Set work made under other settings aside as .old-N.")]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print the first prompt, and what there is to do; load no weights and write nothing."
    ),
]
AudioRoot = Annotated[
    Path | None, typer.Option("--audio-root", help="Folder that audio paths are relative to.", show_default=False)
]
Measurements = Annotated[
    Path | None,
    typer.Option(
        "--measurements",
        help="Table of measurements to use and extend; default: measurements.parquet where is written to.",
        show_default=False,
    ),
]
CheckOptions = Annotated[
    list[str], typer.Option("--check-option", help="NAME.KEY=VALUE: an option of one check; may be given again.")
]


def answer(result: dict[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    """Stdout carries the answer: one JSON object, or lines for people."""
    typer.echo(json_line(result) if as_json else "\n".join(lines))


def existing(path: Path, what: str) -> Path:
    """The path; MisusedError, naming what it should be, when it is not there."""
    if not path.exists():
        raise MisusedError(f"{path}: no such {what}")
    return path


def asked(model: str, options: opts.Generate) -> Path | str:
    """A model's folder, or its name at a server; InputError for a folder that is no model's.

    What does not go together is told first: it holds whatever the folder is.
    """
    from mgrd.engines.models import check_is_model
    from mgrd.generate.job import check_engine

    check_engine(options)
    if options.engine == "server":
        return model
    check_is_model(existing(Path(model), "model folder"))
    return Path(model)


def open_story(quiet: bool) -> Any:
    """The mgrd.progress.Story of a command."""
    from mgrd.progress import Story

    return Story(quiet)
