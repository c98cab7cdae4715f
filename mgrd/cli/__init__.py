"""The `mgrd` command: every command, thin.

Options come from mgrd.options, work is done by the stages; mgrd.cli.command makes a command of each function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

import mgrd

from mgrd.cli import stages, evaluation, tools, machine  # isort: skip  (the order of --help)
from mgrd.cli.command import app

__all__ = ["app", "evaluation", "machine", "main", "stages", "tools"]


@app.callback(invoke_without_command=True)
def _mgrd(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Distil audio reasoning that is grounded in the sound: generate, filter, distill, repeat."""
    if version:
        typer.echo(f"mgrd {mgrd.__version__}")
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    app(args=None if argv is None else list(argv), prog_name="mgrd")
