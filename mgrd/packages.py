"""What mgrd needs of other packages, by extra, and which of it is installed: read from metadata, nothing is imported.

Knows nothing of commands.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import mgrd


@functools.cache
def requirements() -> dict[str, tuple[str, ...]]:
    """What mgrd needs, `name>=A,<B`, by extra; `` for its base. A checkout's pyproject.toml says it, else the wheel."""
    project = Path(mgrd.__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        said = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return {"": tuple(said["dependencies"])} | {
            extra: tuple(some) for extra, some in said["optional-dependencies"].items() if extra not in ("dev", "all")
        }
    found: dict[str, list[str]] = {"": []}
    for line in requires("mgrd") or []:
        requirement, _, marker = line.partition(";")
        named = re.search(r"extra == ['\"](\w+)", marker)
        if named is None or named[1] not in ("dev", "all"):
            found.setdefault(named[1] if named else "", []).append(requirement.replace(" ", ""))
    return {extra: tuple(some) for extra, some in found.items()}


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'mgrd[{extra}]'"


def lacking(extra: str) -> list[str]:
    """The requirements of an extra (`` for the base) that are not met."""
    return [one for one in requirements()[extra] if not fits(one)]


def told(unmet: Sequence[str]) -> str:
    """What is wrong with each requirement that is not met."""
    known = {one: installed(name(one)) for one in unmet}
    return ", ".join(
        f"{name(one)} {found} is there, {one.removeprefix(name(one))} is needed" if found else f"{name(one)} is missing"
        for one, found in known.items()
    )


def name(requirement: str) -> str:
    """The package that a requirement is of."""
    return re.split(r"[<>=]", requirement, maxsplit=1)[0]


def installed(package: str) -> str | None:
    """The version of a package that is there; None when there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def fits(requirement: str) -> bool:
    """Whether the installed version meets `name>=A,<B` or `name==A.*`; releases are compared by their numbers."""
    found = installed(name(requirement))
    if found is None:
        return False
    has = _release(found)
    for bound in requirement.removeprefix(name(requirement)).split(","):
        sign, wanted = re.fullmatch(r"(>=|<|==)([\d.]+?)(?:\.\*)?", bound).groups()  # type: ignore[union-attr]
        least = _release(wanted)
        if not {">=": has >= least, "<": has < least, "==": has[: len(least)] == least}[sign]:
            return False
    return True


def _release(found: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.match(r"[\d.]*\d", found)[0].split("."))  # type: ignore[index]
