"""The command that looks at the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mgrd.cli.command import app, command
from mgrd.cli.parameters import Json, answer, existing
from mgrd.errors import EXIT_CANNOT, MisusedError


@command("doctor")
def doctor_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[COMMAND]", help="Look at this command alone; exit 1 if it cannot run here."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A model's folder to look at.", show_default=False)
    ] = None,
    engine: Annotated[
        Literal["transformers", "vllm", "server"] | None,
        typer.Option("--engine", help="The engine that is meant; default: the one that generate would take."),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", "-a", help="A clip of yours to decode and measure.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where would be written to.")] = Path(),
    json_: Json = False,
) -> None:
    """What this machine can run, and what is missing.

    Example: mgrd doctor generate -m MODEL
    """
    from mgrd import doctor

    known = [str(one.name) for one in app.registered_commands if one.name != "doctor"]
    if name is not None and name not in known:
        raise MisusedError(f"there is no command {name}; there are {', '.join(known)}")
    commands = known if name is None else [name]
    facts = doctor.examine(
        commands,
        folder=out,
        engine=engine,
        model=model,
        audio=None if audio is None else existing(audio, "clip"),
    )
    answer(doctor.report(commands, facts), json_, list(doctor.lines(commands, facts)))
    if name is not None and doctor.missing(name, facts):
        raise typer.Exit(EXIT_CANNOT)
