"""Rows of any supported file or data set, one dictionary each, with the number that names them in an error.

Knows formats, not what a question is. What is wrong with one row is yielded in its place as text, so that a reader can
go on and all problems are told at once; what is wrong with the whole source raises InputError.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from mgrd.errors import InputError, MisusedError, first_line

Row = dict[str, Any] | str
"""The cells of a row by column, or what makes it unreadable."""

_LONGEST_LINE_BYTES = 16 * 2**20  # a line is held in memory whole; embedded audio belongs in Parquet
_BATCH_ROWS = 256  # so that a table with embedded audio is never in memory whole
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """An opened source: its rows are read lazily and numbered by line (`unit`) or by row, from 1."""

    name: str
    base: Path
    """The folder that its audio paths are relative to."""
    unit: str
    rows: Iterator[tuple[int, Row]]
    columns: set[str] = field(default_factory=set)
    """Known in full when the rows have been read."""
    is_audiofolder: bool = False
    """Its column `file_name` is the clip, as in Hugging Face's audiofolder."""


def open_source(name: str, wanted: Collection[str]) -> Source:
    """Open a JSONL, JSON, CSV or Parquet file, a data set folder, or `name[@config][:split]` of the hub.

    Tables that are stored by column are read for the `wanted` columns only.
    """
    path, config, split = _located(name)
    if path is None:
        return _open_dataset(name.partition(":")[0].partition("@")[0], name, Path(), wanted, config=config, split=split)
    if path.is_file():
        return _open_file(path, name, wanted)
    for metadata in (path / f"metadata{suffix}" for suffix in _FILES):
        if metadata.is_file() and config is split is None:
            # Read here: datasets would pass every clip to an encoder, which needs torchcodec.
            return replace(_open_file(metadata, str(metadata), wanted), is_audiofolder=True)
    # An absolute path keeps datasets from asking the hub for a repository of this name.
    return _open_dataset(str(path.absolute()), name, path, wanted, config=config, split=split)


def base_of(name: str) -> Path:
    """The folder that the audio paths of a source are relative to."""
    path = _located(name)[0]
    if path is None:
        return Path()
    return path.parent if path.is_file() else path


def _located(name: str) -> tuple[Path | None, str | None, str | None]:
    """Where a source lies here (None: on the hub), and its config and split."""
    path = Path(name)
    if path.exists():
        return path, None, None
    rest, _, split = name.partition(":")
    rest, _, config = rest.partition("@")
    if Path(rest).is_dir():
        return Path(rest), config or None, split or None
    if path.suffix in _FILES or not _HUB_NAME.fullmatch(rest):
        raise MisusedError(f"{name}: no such file or folder")
    return None, config or None, split or None


def _open_file(path: Path, name: str, wanted: Collection[str]) -> Source:
    if path.suffix.lower() not in _FILES:
        raise InputError(f"{name}: questions are read from {', '.join(_FILES)}, or a data set folder; rename the file")
    try:
        with path.open("rb") as handle:
            head = handle.read(2)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from error
    if not head:
        raise InputError(f"{name}: is empty")
    if head in _UTF16:
        raise InputError(f"{name}: is UTF-16; save it as UTF-8")
    unit, read = _FILES[path.suffix.lower()]
    columns: set[str] = set()
    return Source(name, path.parent, unit, read(path, wanted, columns), columns)


def _jsonl(path: Path, wanted: Collection[str], columns: set[str]) -> Iterator[tuple[int, Row]]:
    for number, line in _lines(path):
        if isinstance(line, str):
            yield number, line
        elif line.strip():
            row = _object(line)
            columns.update(row if isinstance(row, dict) else ())
            yield number, row


def _object(line: bytes) -> Row:
    try:
        value = json.loads(line.decode().rstrip())
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start + 1} is {line[error.start]:#04x})"
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg} at column {error.colno})"
    except (ValueError, RecursionError) as error:  # ValueError: a number with thousands of digits
        return f"is not JSON that can be read ({type(error).__name__})"
    return value if isinstance(value, dict) else "is not an object with the columns as keys"


def _json(path: Path, wanted: Collection[str], columns: set[str]) -> Iterator[tuple[int, Row]]:
    try:
        value = json.loads(path.read_bytes().removeprefix(_BOM).decode())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 (byte {error.start + 1}); save it as UTF-8") from error
    except json.JSONDecodeError as error:
        hint = "; one object a line belongs in a .jsonl file" if error.msg == "Extra data" else ""
        raise InputError(f"{path}: line {error.lineno}: is not JSON ({error.msg}){hint}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON that can be read ({type(error).__name__})") from error
    rows = value.get("data") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise InputError(f'{path}: must be a list of questions, or {{"data": [...]}}')
    for number, row in enumerate(rows, start=1):
        columns.update(row if isinstance(row, dict) else ())
        yield number, row if isinstance(row, dict) else "is not an object with the columns as keys"


def _csv(path: Path, wanted: Collection[str], columns: set[str]) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(_decoded(path), strict=True)
    number = 1  # of a row's first line; a quoted cell may span several
    try:
        header = [cell.strip() for cell in next(reader)]
        if repeated := sorted({cell for cell in header if header.count(cell) > 1}):
            raise InputError(f"{path}: line 1: the header repeats {', '.join(map(repr, repeated))}")
        columns.update(header)
        number = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                yield number, {name: cell or None for name, cell in zip(header, cells, strict=True)}
            elif cells:
                yield number, f"has {len(cells)} cells where the header has {len(header)}"
            number = reader.line_num + 1
    except csv.Error as error:
        yield number, f"is not CSV ({error})"  # what follows cannot be told apart any more
    except StopIteration:
        raise InputError(f"{path}: is empty") from None


def _decoded(path: Path) -> Iterator[str]:
    for number, line in _lines(path):
        try:
            if isinstance(line, bytes):
                yield line.decode()
                continue
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: line {number}: is not UTF-8; save it as 'CSV UTF-8'") from error
        raise InputError(f"{path}: line {number}: {line}")


def _lines(path: Path) -> Iterator[tuple[int, bytes | str]]:
    """The lines, numbered from 1, without a byte order mark; the first that is too long ends it, told as text."""
    with path.open("rb") as handle:
        number = 0
        while line := handle.readline(_LONGEST_LINE_BYTES + 1):
            number += 1
            if len(line) > _LONGEST_LINE_BYTES:
                limit = _LONGEST_LINE_BYTES // 2**20
                yield number, f"is longer than {limit} MiB, so reading stopped here; embedded audio belongs in Parquet"
                return
            yield number, line.removeprefix(_BOM) if number == 1 else line


def _parquet(path: Path, wanted: Collection[str], columns: set[str]) -> Iterator[tuple[int, Row]]:
    try:
        table = pl.scan_parquet(path, glob=False, hive_partitioning=False)  # a path may hold [ ]
        names = table.collect_schema().names()
        columns.update(names)
        height = table.select(pl.len()).collect().item()
        table = table.select([name for name in names if name in wanted])
        for start in range(0, height, _BATCH_ROWS):
            yield from enumerate(table.slice(start, _BATCH_ROWS).collect().iter_rows(named=True), start=start + 1)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({first_line(error)}); is it whole?") from error


_FILES: dict[str, tuple[str, Callable[[Path, Collection[str], set[str]], Iterator[tuple[int, Row]]]]] = {
    ".jsonl": ("line", _jsonl),
    ".json": ("row", _json),
    ".csv": ("line", _csv),
    ".parquet": ("row", _parquet),
}


def _open_dataset(
    path: str, name: str, base: Path, wanted: Collection[str], *, config: str | None, split: str | None
) -> Source:
    import datasets

    datasets.disable_progress_bars()
    try:
        if any((Path(path) / marker).is_file() for marker in ("state.json", "dataset_dict.json")):
            found = datasets.load_from_disk(path)
        else:
            found = datasets.load_dataset(path, config)
    # What datasets 5.2 raises for a folder of other things, an unknown name or config, broken files, no network; an
    # ImportError when clips lie in a form that it can only hand out through a decoder (torchcodec).
    except (datasets.exceptions.DatasetsError, OSError, ValueError, ImportError) as error:
        cause = error.__cause__ or error
        reason = "its files are taken for clips" if isinstance(cause, ImportError) else first_line(cause)
        lying = _files_in(Path(path)) if Path(path).is_absolute() else None
        instead = f"; or give the file of questions itself: {base / lying}" if lying else ""
        raise InputError(f"{name}: is no data set that can be read ({reason}); {_KNOWN}{instead}") from error
    if isinstance(found, datasets.DatasetDict):
        if split is None and len(found) > 1:
            raise InputError(f"{name}: has the splits {', '.join(found)}; name one, e.g. {name}:{next(iter(found))}")
        if split is not None and split not in found:
            raise InputError(f"{name}: has no split {split}; it has {', '.join(found)}")
        found = found[split or next(iter(found))]
    elif split is not None:
        raise InputError(f"{name}: is a single split, it has no {split}")
    return Source(name, base, "row", _dataset_rows(found, wanted), set(found.column_names))


def _files_in(folder: Path) -> str | None:
    """The name of the first file in a folder that questions could be in."""
    return min((one.name for one in folder.glob("*") if one.suffix.lower() in _FILES), default=None)


_KNOWN = (
    "a folder must be one that was saved with save_to_disk, an audiofolder with its metadata.jsonl or metadata.csv, "
    "or hold Parquet, JSONL or CSV files"
)


def _dataset_rows(dataset: Any, wanted: Collection[str]) -> Iterator[tuple[int, Row]]:
    import datasets

    dataset = dataset.select_columns([name for name in dataset.column_names if name in wanted])
    labels = {}
    for name, feature in dataset.features.items():
        if isinstance(feature, datasets.Audio):
            dataset = dataset.cast_column(name, datasets.Audio(decode=False))
        elif isinstance(feature, datasets.ClassLabel):
            labels[name] = feature
    number = 0
    # Arrow batches are what is stored: nothing is decoded in them, lists of clips included.
    for batch in dataset.with_format("arrow").iter(_BATCH_ROWS):
        for row in batch.to_pylist():
            number += 1
            for name, feature in labels.items():
                row[name] = None if row[name] is None else feature.int2str(row[name])
            yield number, row
