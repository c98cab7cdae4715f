"""Clips on an object store or another remote file system: an --audio-root that is a URL which fsspec knows.

A URL is kept as a Path whose first part ends with a colon (`Path("s3://bucket/clips")`), so that names are resolved and
noted as those of a folder are. Its credentials come from the environment of each machine. Knows nothing about audio.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mgrd.errors import InputError, MgrdError, MisusedError, first_line

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")


def is_url(path: Path) -> bool:
    """Whether a path is a URL."""
    return bool(path.parts) and _SCHEME.fullmatch(path.parts[0]) is not None


def text(path: Path) -> str:
    """The URL as people write it."""
    slashes = "///" if path.parts[0] == "file:" else "//"
    return f"{path.parts[0]}{slashes}{'/'.join(path.parts[1:])}"


def check(path: Path, flag: str) -> None:
    """Raise MisusedError for a URL that may hold a key, and MgrdError when its file system cannot be had.

    A password may hold slashes, so any colon with an @ behind it counts, wherever they are; a query may be a signature.
    """
    rest = "/".join(path.parts[1:])
    if re.search(r":.*@", rest, re.DOTALL):
        raise MisusedError(f"{flag}: a URL with a password ends up in manifests; put the key in the environment")
    if "?" in rest or "#" in rest:
        raise MisusedError(f"{flag}: a URL with ? or # may hold a key, and ends up in manifests; give a plain folder")
    _system(path.parts[0].removesuffix(":"))


def is_file(path: Path) -> bool:
    """Whether there is such a file; its folder is listed once. MgrdError when the folder cannot be asked."""
    return path.name in _files(text(path.parent))


HEADER_BYTES = 2**16
"""What is fetched at a time where not all of a file is wanted."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, fetched as it is read; whole where its server sends nothing less. InputError as `read`."""
    system = _system(path.parts[0].removesuffix(":"))
    try:
        with system.open(text(path), "rb", block_size=HEADER_BYTES) as handle:
            try:
                handle.seek(0, io.SEEK_END)
            except (ValueError, NotImplementedError):  # a server of HTTP that knows no ranges
                yield io.BytesIO(read(path))
                return
            handle.seek(0)
            handle.read(1)  # what cannot be read is told here: a decoder's callbacks tell of no errors
            handle.seek(0)
            yield handle
    except FileNotFoundError:
        raise InputError(f"{text(path)}: no such file") from None
    except _errors() as error:
        raise InputError(f"{text(path)}: cannot be read ({first_line(error)})") from error


@lru_cache(maxsize=1)  # its header is read first, then all of it
def read(path: Path) -> bytes:
    """The whole file; InputError, by name, when it cannot be read."""
    system = _system(path.parts[0].removesuffix(":"))
    try:
        return bytes(system.cat_file(text(path)))
    except FileNotFoundError:
        raise InputError(f"{text(path)}: no such file") from None
    except _errors() as error:
        raise InputError(f"{text(path)}: cannot be read ({first_line(error)})") from error


@lru_cache(maxsize=1024)
def _files(folder: str) -> frozenset[str]:
    system = _system(folder.partition(":")[0])
    try:
        found = system.ls(folder, detail=True)
    except FileNotFoundError:
        return frozenset()
    except _errors() as error:
        raise MgrdError(f"{folder}: cannot be listed ({first_line(error)}); are its credentials set?") from error
    return frozenset(PurePosixPath(one["name"]).name for one in found if one["type"] == "file")


def _system(scheme: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(scheme)
    except (ImportError, ValueError) as error:
        raise MgrdError(f"{scheme}://: {first_line(error)}") from error


def _errors() -> tuple[type[Exception], ...]:
    """What file systems raise: OSError, and what some client libraries have of their own."""
    own = (("botocore.exceptions", "BotoCoreError"), ("google.auth.exceptions", "GoogleAuthError"))
    return (OSError, *(getattr(sys.modules[module], name) for module, name in own if module in sys.modules))
