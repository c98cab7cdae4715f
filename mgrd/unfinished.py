"""Is the job done that made some traces? What its folder tells: samples there and asked for, shards, who works there.

What is there may be judged at any time; that it is not all must be said. Knows nothing of what becomes of the traces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, leases, locks, tables
from mgrd.progress import Story
from mgrd.shards import Shard, named

ASKED = "samples_asked"
"""In the manifest's entry of generate: by the name of the questions, the samples that its last call was asked for,
those of all shards together."""


def told(traces: Path, story: Story) -> dict[str, Any]:
    """Tell of a job that is not done, and what a manifest is to keep of it, under `unfinished`; {} where all is there.

    `traces` is a run, a round or a stage's folder; anything else (a part, a file made elsewhere) is what was asked for.
    """
    if not traces.is_dir():
        return {}
    found = folders.find(traces, "traces")
    by_source = folders.read_manifest(found.parent).get("generate", {}).get(ASKED)
    asked = None if by_source is None else sum(by_source.values())
    there = int(tables.query(found, tables.TRACES, ["sample"], lambda rows: rows.select(pl.len())).item())
    if asked is not None and there >= asked:
        return {}
    names = [path.name for path in tables.parts(found)]
    shards, who = lacking(names), locks.worker(found.parent)
    who = None if who == leases.ME else who
    if asked is None and not shards and who is None:
        return {}
    of = f"{there:,} samples" if asked is None else f"{there:,} of {asked:,} samples"
    said = [f"{of} are there"]
    if shards:
        said.append(f"none of {'shard' if len(shards) == 1 else 'shards'} {', '.join(shards)}")
    if who is not None:
        said.append(f"another mgrd{f' ({who})' if who else ''} works there")
    story.note(
        f"{found}: the job is not done: {'; '.join(said)}. What is there is judged; "
        f"{'' if who is not None else 'the same mgrd generate makes the rest, and '}this command again judges the rest"
    )
    return {"unfinished": {"samples": there, "asked": asked, "shards_without": shards, "worker": who}}


def lacking(names: Iterable[str]) -> list[str]:
    """The shards, as `--shard` names them, of which there is no part among these.

    None where a part is of no shard, or of a count that does not divide the largest: names do not tell then.
    """
    found = {named(name) for name in names}
    shards = {one for one in found if one is not None}
    if not shards or len(shards) < len(found):
        return []
    count = max(one.count for one in shards)
    if math.lcm(*(one.count for one in shards)) > count:
        return []
    every = (Shard(index, count) for index in range(count))
    return [f"{one.index}/{count}" for one in every if not any(one.overlaps(other) for other in shards)]
