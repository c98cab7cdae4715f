"""What clips looked like on disk when a job first decoded them, so that a later call finds the changed ones undecoded.

A small table beside the parts, one for each writer: path as given, size, time of last change. It is only ever a reason
to decode: what is right are the content hashes in the parts. A clip that it does not know is compared when it is
decoded next. Knows nothing of samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from mgrd import tables

LOOKS: dict[str, pl.DataType] = {"audio": pl.String(), "size": pl.Int64(), "mtime_ns": pl.Int64()}
EVERY_S = 60.0

Look = tuple[int, int]
"""Size in bytes, time of last change in ns."""


class Seen:
    """The looks of clips: those that all writers knew are read, `writer`'s own are written."""

    def __init__(self, traces: Path, writer: str, base: Path) -> None:
        self.path, self.base = traces / "clips" / f"{writer or 'all'}.parquet", base
        self.mine: dict[str, Look] = {}
        self.known: dict[str, set[Look]] = {}
        self.since = time.monotonic()
        for path in sorted(self.path.parent.glob("*.parquet")):
            for audio, size, mtime_ns in tables.read_table(path, LOOKS).iter_rows():
                self.known.setdefault(audio, set()).add((size, mtime_ns))
                if path == self.path:
                    self.mine[audio] = (size, mtime_ns)

    def changed(self, clips: Iterable[str]) -> dict[str, Look]:
        """Those of the clips that look otherwise than when they were decoded, with how they look now."""
        looks = ((one, self._look(one)) for one in clips if one in self.known)
        return {one: look for one, look in looks if look and look not in self.known[one]}

    def add(self, clips: Iterable[str], *, now: bool = False) -> None:
        """Keep the looks of clips that this call has decoded: once a minute, or `now`."""
        if now or time.monotonic() - self.since >= EVERY_S:
            looks = ((one, self._look(one)) for one in clips if one not in self.known)
            self.keep({one: look for one, look in looks if look})

    def keep(self, looks: Mapping[str, Look]) -> None:
        """Keep how clips look now."""
        self.since = time.monotonic()
        for one, look in looks.items():
            self.known.setdefault(one, set()).add(look)
        if looks:
            self.mine |= looks
            rows = pl.DataFrame([(one, *look) for one, look in self.mine.items()], schema=LOOKS, orient="row")
            tables.write_table(rows.sort("audio"), self.path, LOOKS)

    def _look(self, given: str) -> Look | None:
        """None for what has none: a clip that is embedded (it never changes under its name), at a URL, or gone.

        Such a clip is compared only when it is decoded.
        """
        try:
            found = (self.base / given).stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns
