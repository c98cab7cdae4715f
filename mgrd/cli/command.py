"""How a function becomes a command: its options, the folders it is given, its signals, its exit codes.

Knows nothing of what a command does.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand

from mgrd import options as opts
from mgrd import settings, urls
from mgrd.errors import EXIT_CANNOT, EXIT_INTERRUPTED, MgrdError, MisusedError
from mgrd.progress import stop
from mgrd.terminal import safe

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes on stderr.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log messages of libraries, and where in the code an error arose.")
]

EVERYWHERE = {"quiet": Quiet, "verbose": Verbose}
"""Options that every command accepts; a command that does something with one has a parameter of its own for it."""

STOPPABLE = ("generate", "filter", "distill", "eval", "run", "measure")
"""Commands that save what is done when a signal asks them to stop; the others end at once."""

_FULL_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EIO,
    errno.ESTALE,
}
"""What the system says of a place where nothing can be written."""


class _Command(TyperCommand):
    """A command that says what is wrong with a value in our words alone: typer has pydantic's stand before them."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the arguments."""
        try:
            return super().make_context(*args, **extra)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def command(name: str, *, passes_on: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: a parameter of an options class becomes its options, an error its exit code.

    An option that the function has a parameter of its own for (the questions of `eval`) is that parameter. With
    `passes_on` everything after the first argument is an argument too: the options of another program.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        annotations = inspect.get_annotations(function, eval_str=True)
        own = inspect.signature(function).parameters
        parameters: list[inspect.Parameter] = []
        classes: dict[str, tuple[type, list[str]]] = {}
        for key, parameter in own.items():
            kind = annotations[key]
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                fields = [field for field in settings.fields(kind) if field.name not in own]
                classes[key] = kind, [field.name for field in fields]
                parameters += map(_parameter, fields)
            else:
                parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
        parameters += [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for key, kind in EVERYWHERE.items()
            if key not in own
        ]

        @functools.wraps(function)
        def run(**given: Any) -> None:
            for key, (kind, names) in classes.items():
                given[key] = kind(**{option: given.pop(option) for option in names})
            with _exit_codes(verbose=given["verbose"], out=given.get("out")):
                if name in STOPPABLE:
                    stop.listen()
                for key in classes:
                    settings.check_ranges(given[key])
                _check_folders(given)
                function(**{key: value for key, value in given.items() if key in own})

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        context = {"allow_interspersed_args": False} if passes_on else {}
        app.command(name=name, cls=_Command, context_settings=context)(run)
        return run

    return register


def _parameter(field: settings.Field) -> inspect.Parameter:
    flags = [f"--{field.name.replace('_', '-')}", *([field.opt.short] if field.opt.short else [])]
    kind = field.type
    parsed: dict[str, Any] = {"parser": _share, "metavar": "LO HI"} if _is_pair(kind) else {}
    if allowed := _allowed(kind):  # typer takes no list of Literal
        kind, parsed = list[str], {"parser": _one_of(allowed), "metavar": f"[{'|'.join(allowed)}]"}
    option = typer.Option(
        *flags,
        **parsed,
        help=field.opt.help,
        show_default=not (field.default is None or field.default is False or field.default == []),
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[kind, option]
    )


def _is_pair(kind: Any) -> bool:
    return any(get_origin(one) is tuple for one in (kind, *get_args(kind)))


def _allowed(kind: Any) -> tuple[str, ...]:
    """The values of an option that is a list of some of them; empty for any other."""
    inner = get_args(kind)[0] if get_origin(kind) is list else None
    return get_args(inner) if get_origin(inner) is Literal else ()


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(allowed)}")
        return text

    return parse


def _share(text: str) -> float:
    found = settings.share(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no number; write 0.375 or 3/8")
    return found


class _exit_codes:  # noqa: N801  (reads as a phrase: `with _exit_codes()`)
    """Turn what a user can fix into one line on stderr and its exit code; a bug keeps its traceback."""

    def __init__(self, *, verbose: bool, out: Path | None = None) -> None:
        self.verbose, self.out = verbose, out

    def __enter__(self) -> None:
        if self.verbose:
            logging.basicConfig(level=logging.INFO)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, typer.Exit):
            return
        if self.verbose and isinstance(error, MgrdError):
            typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        if isinstance(error, KeyboardInterrupt):
            typer.echo("Interrupted; the same command goes on", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        if isinstance(error, MgrdError):
            typer.secho(f"Error: {safe(str(error))}", fg="red", err=True)
            raise typer.Exit(error.exit_code) from None
        if isinstance(error, OSError) and (error.errno in _FULL_DISK or self._cannot_be_made(error)):
            where = f"{error.filename}: " if error.filename else ""
            nothing = isinstance(self.out, Path) and not self.out.exists()
            then = "give another -o" if nothing else "what was done before is saved"
            typer.secho(f"Error: {where}{error.strerror}; {then}", fg="red", err=True)
            raise typer.Exit(EXIT_CANNOT) from None

    def _cannot_be_made(self, error: OSError) -> bool:
        """Whether the folder to write to cannot be made, for which /proc has no better error than `no such file`."""
        return error.errno == errno.ENOENT and isinstance(self.out, Path) and not self.out.exists()


def _check_folders(given: dict[str, Any]) -> None:
    """Refuse a folder to read that is none, and a folder to write that cannot be one, before any work."""
    for flag, folder in (("--audio-root", given.get("audio_root")), ("--rules", _rules_of(given))):
        if folder is not None and flag == "--audio-root" and urls.is_url(Path(folder)):
            urls.check(Path(folder), flag)
        elif folder is not None and not Path(folder).is_dir():
            raise MisusedError(f"{flag} {folder}: no such folder")
    if out := given.get("out"):
        if urls.is_url(out):
            raise MisusedError("-o: must be a folder here, not a URL; clips may lie at one, --audio-root s3://...")
        above = next(path for path in (out, *out.absolute().parents) if path.exists())
        if not above.is_dir():
            raise MisusedError(f"-o {out}: {above} is a file; give a folder")


def _rules_of(given: dict[str, Any]) -> str | None:
    chosen = [options.rules for options in given.values() if isinstance(options, opts.Filter)]
    return chosen[0] if chosen else given.get("rules")
