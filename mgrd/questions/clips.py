"""Where the clip of a question lies: paths that stay inside their folder, and embedded bytes written out once.

Opens no clip and decodes none: whether a file holds sound is found out when a stage needs it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
from functools import lru_cache
from pathlib import Path

from mgrd import urls
from mgrd.errors import InputError, MgrdError
from mgrd.tables import atomic

_EMBEDDED = re.compile(r"audio/[0-9a-f]{64}\.[a-z0-9]{2,4}")
"""What `write_embedded` names a clip; no other name is looked for in `audio_out`."""

# (offset, bytes there, extension); the first that fits wins. Signatures as in the formats' own specifications.
_MAGIC = (
    (8, b"WAVE", "wav"),  # RIFF or RF64
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    (4, b"ftyp", "m4a"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"#!AMR", "amr"),
    (0, b"\x1aE\xdf\xa3", "webm"),
)


def resolve_audio(given: str, base: Path, audio_out: Path | None = None) -> Path:
    """The file of a clip that a table names `given`: inside `base`, or in `audio_out` when it was embedded.

    `..` is resolved as text before anything is opened, so what is checked is what is read. Symbolic links inside
    `base` are followed wherever they lead: data sets are often trees of links (the Hugging Face cache, git-annex), and
    whoever can place a link there could place the file. An absolute path must lie under `base`.
    Raises InputError for a path that leaves `base`; does not look whether the file exists.
    """
    if audio_out is not None and _EMBEDDED.fullmatch(given) and is_clip(written := audio_out / Path(given).name):
        return written
    tops = _tops(base, Path.cwd())
    path = os.path.normpath(given if given.startswith("/") else tops[0] + given)
    # normpath of Python 3.11.0 to 3.11.4 cuts a name at a NUL
    if "\0" not in given and any(path.startswith(top) and path != top for top in tops):
        return Path(path)
    raise InputError(f"audio {given[:80]!r} lies outside {base}; give an --audio-root that contains it")


@lru_cache(maxsize=16)
def _tops(base: Path, here: Path) -> tuple[str, str]:
    """The folder that paths must be in, with a slash at its end: as it really is, and as the user typed it.

    An absolute path may name it either way, if there is a link in it. Asked once for each of a hundred thousand clips,
    so it is text and remembered for as long as the working folder is the same.
    """
    if urls.is_url(base):
        return f"{base}/", f"{base}/"
    typed = os.path.normpath(here / base)
    return f"{base.resolve()}/".replace("//", "/"), f"{typed}/".replace("//", "/")


def absolute(base: Path) -> Path:
    """The folder as it really is; a URL is that already."""
    return base if urls.is_url(base) else base.resolve()


def is_clip(path: Path) -> bool:
    """Whether there is a file to open; a folder, a device and a name that no system allows are none."""
    if urls.is_url(path):
        return urls.is_file(path)
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False


def write_embedded(encoded: bytes, audio_out: Path) -> str:
    """Write a clip once, still encoded, as `audio_out/<sha256>.<ext>`; its name in tables is `audio/<sha256>.<ext>`.

    The extension comes from the first bytes (`bin` when they are of no known format), never from a name in the data.
    """
    name = f"{hashlib.sha256(encoded).hexdigest()}.{_extension(encoded)}"
    path = audio_out / name
    try:
        if not path.exists():
            with atomic(path, writer=f".{platform.node()}-{os.getpid()}") as partial:  # shards may all write it
                partial.write_bytes(encoded)
    except OSError as error:
        raise MgrdError(f"{path}: cannot be written ({error.strerror}); free space or give another -o") from error
    return f"audio/{name}"


def _extension(encoded: bytes) -> str:
    for offset, magic, extension in _MAGIC:
        if encoded[offset : offset + len(magic)] == magic:
            return extension
    if len(encoded) > 1 and encoded[0] == 0xFF and encoded[1] & 0xE0 == 0xE0:  # frame sync of MPEG audio
        return "aac" if encoded[1] & 0x06 == 0 else "mp3"  # layer bits 00 are ADTS
    return "bin"
