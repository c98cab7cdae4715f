"""Rows in, Parquet out that `datasets` reads with its column of audio: the types are written into the file.

The bytes depend on the rows and on the version of pyarrow. Knows nothing about what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mgrd import tables

GROUP_ROWS, GROUP_BYTES = 64, 2**26
"""A row group ends at either: it is what is held in memory, here and by whoever streams the table."""
FILE_BYTES = 400 * 2**20
"""A further file begins here; the hub asks for files under 500 MB (huggingface.co/docs/hub/datasets-adding)."""


def schema(features: Mapping[str, Any], several: bool) -> Any:
    """The Arrow schema of columns, with the types of `datasets` in it; `audio` is a list where rows have `several`."""
    import datasets

    def feature(kind: Any) -> Any:
        if kind == "audio":
            return datasets.List(datasets.Audio()) if several else datasets.Audio()
        if isinstance(kind, Mapping):
            return {name: feature(one) for name, one in kind.items()}
        return datasets.List(feature(kind[0])) if isinstance(kind, list) else datasets.Value(kind)

    return datasets.Features({name: feature(kind) for name, kind in features.items()}).arrow_schema


def write(rows: Iterable[Mapping[str, Any]], schema: Any, out: Path, name: str) -> None:
    """Write rows to `out/name`, or, where it has a `*`, to as many files as they need; each appears whole."""
    import pyarrow.parquet as pq

    groups = _groups(rows, schema)
    group, number = next(groups, None), 0
    while group is not None:
        with (
            tables.atomic(out / name.replace("*", f"{number:05d}")) as partial,
            # A dictionary as large as the group: a clip that several of its rows are about is stored once.
            pq.ParquetWriter(partial, schema, compression="zstd", dictionary_pagesize_limit=GROUP_BYTES) as writer,
        ):
            filed = 0
            while group is not None and filed < FILE_BYTES:
                writer.write_table(group)
                filed += group.nbytes
                group = next(groups, None)
        number += 1


def _groups(rows: Iterable[Mapping[str, Any]], schema: Any) -> Iterator[Any]:
    """Rows as tables of one row group each."""
    import pyarrow as pa

    alone = "audio" in schema.names and pa.types.is_struct(schema.field("audio").type)
    group: list[dict[str, Any]] = []
    held = 0
    for row in rows:
        group.append({**row, "audio": row["audio"][0]} if alone else dict(row))
        held += sum(len(clip["bytes"]) for clip in row.get("audio", ()))
        if len(group) >= GROUP_ROWS or held >= GROUP_BYTES:
            yield pa.Table.from_pylist(group, schema=schema)
            group, held = [], 0
    if group:
        yield pa.Table.from_pylist(group, schema=schema)
