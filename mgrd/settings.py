"""What a class of options declares, and values held to it: types, ranges, names.

Each field is `Annotated` with an Opt. Knows no option by name (mgrd.options), and neither the command line nor TOML.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mgrd.errors import MisusedError


@dataclass(frozen=True, slots=True)
class Opt:
    """What an annotation cannot say about an option."""

    help: str
    short: str | None = None
    min: float | None = None
    max: float | None = None
    identity: bool = False
    """Part of what was made: a folder made under another value is refused. How a job runs is not part of it."""


Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Field:
    """One option, as read from a class above."""

    name: str
    type: Any
    """Without the Annotated wrapper."""
    default: Any
    """`dataclasses.MISSING` when it must be given."""
    opt: Opt


def fields(options: type) -> list[Field]:
    """The options of a class, in order."""
    hints = get_type_hints(options, include_extras=True)
    found = []
    for field in dataclasses.fields(options):
        kind, opt = get_args(hints[field.name])
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found.append(Field(field.name, kind, default, opt))
    return found


def from_table(options: type[Options], table: Mapping[str, Any], where: str) -> Options:
    """Make options of a TOML table; an unknown key, a wrong type or a value out of range is a MisusedError by name."""
    known = {field.name: field for field in fields(options)}
    if unknown := sorted(table.keys() - known.keys()):
        raise MisusedError(f"{where}: unknown key {', '.join(unknown)}; it knows {', '.join(known)}")
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _checked(table[name], field, f"{where} {name}")
        elif field.default is dataclasses.MISSING:
            raise MisusedError(f"{where}: {name} is missing ({field.opt.help})")
    return options(**values)


def check_ranges(options: Any) -> None:
    """Raise MisusedError when a value lies outside its option's range."""
    for field in fields(type(options)):
        _in_range(getattr(options, field.name), field.opt, f"--{field.name.replace('_', '-')}")


def identity(options: Any) -> dict[str, Any]:
    """The values that say what was made, by option name."""
    return {field.name: getattr(options, field.name) for field in fields(type(options)) if field.opt.identity}


def mapping(pairs: Sequence[str]) -> dict[str, str]:
    """The `OURS=THEIRS` of `--map` as the source's column by the name of ours."""
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise MisusedError(f"--map {pair}: write OURS=THEIRS, e.g. question=prompt")
        if ours in found:
            raise MisusedError(f"--map {pair}: {ours} is {found[ours]} already")
        found[ours] = theirs
    return found


def share(text: str) -> float | None:
    """A number as people write shares, `0.375` or `3/8`; None when it is none."""
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _checked(value: Any, field: Field, where: str) -> Any:
    kinds = get_args(field.type) if get_origin(field.type) in (Union, types.UnionType) else (field.type,)
    for kind in kinds:
        found = _converted(value, kind)
        if found is not None:
            _in_range(found, field.opt, where)
            return found
    raise MisusedError(f"{where} = {value!r}: must be {_described(kinds)}")


def _converted(value: Any, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return value if value in get_args(kind) else None
    if origin is list:
        items = [_converted(item, get_args(kind)[0]) for item in value] if isinstance(value, list) else [None]
        return None if None in items else items
    if origin is tuple:
        fits = isinstance(value, list) and len(value) == len(get_args(kind))
        items = [share(item) if isinstance(item, str) else _converted(item, float) for item in value] if fits else []
        return tuple(items) if items and None not in items else None
    if kind is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    return value if kind in (str, bool) and isinstance(value, kind) else None


def _described(kinds: tuple[Any, ...]) -> str:
    return " or ".join(_name(kind) for kind in kinds if kind is not type(None))


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return f"a list of {len(get_args(kind))} numbers"
    if get_origin(kind) is list:
        inner = get_args(kind)[0]
        return "a list of texts" if inner is str else f"a list of {_name(inner)}"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]


def _in_range(value: Any, opt: Opt, where: str) -> None:
    if value is None or isinstance(value, str | bool | list):
        return
    if isinstance(value, tuple):
        for item in value:
            _in_range(item, opt, where)
        if list(value) != sorted(value):
            raise MisusedError(f"{where} {' '.join(f'{item:g}' for item in value)}: the lower bound comes first")
        return
    low, high = (-math.inf if opt.min is None else opt.min), (math.inf if opt.max is None else opt.max)
    if not (low <= value <= high and math.isfinite(value)):
        bounds = f"at least {_digits(low)}" if opt.max is None else f"from {_digits(low)} to {_digits(high)}"
        raise MisusedError(f"{where} {_digits(value)}: must be {bounds}")


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def check_options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`NAME.KEY=VALUE` strings as options by check; a value is read as JSON, else it is text."""
    found: dict[str, dict[str, Any]] = {}
    for entry in given:
        name, dot, rest = entry.partition(".")
        key, equals, value = rest.partition("=")
        if not (dot and equals and name and key):
            raise MisusedError(f"--check-option {entry}: write NAME.KEY=VALUE, e.g. within_clip.slack_s=0.5")
        of_check = found.setdefault(name, {})
        try:
            of_check[key] = json.loads(value)
        except ValueError:
            of_check[key] = value
    return found
