"""A share of a job's questions: shard i of n, by a hash of the question's id.

More questions do not move the others from shard to shard, and the shards of one n are disjoint and complete whatever
the order or the number of their starts. Knows nothing about what is done with the questions.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from mgrd.errors import MisusedError

MOST = 9999
"""Shards of a job; their names have four digits."""

_NAME = re.compile(r"(\d{4})-of-(\d{4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `index`, from 0, of `count`."""

    index: int
    count: int

    @property
    def name(self) -> str:
        """What its files have in their names, e.g. `0003-of-0008`."""
        return f"{self.index:04d}-of-{self.count:04d}"

    def holds(self, question_id: str) -> bool:
        """Whether a question is in this shard."""
        digest = hashlib.blake2b(question_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.count == self.index

    def overlaps(self, other: Shard) -> bool:
        """Whether some question may be in both: two residues meet when they agree modulo the common divisor."""
        return (self.index - other.index) % math.gcd(self.count, other.count) == 0

    def split(self, parts: int) -> list[Shard]:
        """The same questions as `parts` shards."""
        if self.count * parts > MOST:
            raise MisusedError(f"{self.count} shards of {parts} parts each: at most {MOST:,} in all")
        return [Shard(self.index + self.count * part, self.count * parts) for part in range(parts)]


WHOLE = Shard(0, 1)


def parse(text: str) -> Shard:
    """The shard that `--shard i/n` names; MisusedError unless 0 <= i < n."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    index, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < count <= MOST:
        raise MisusedError(f"--shard {text}: write i/n, e.g. 0/8, at most {MOST:,} shards")
    if index >= count:
        raise MisusedError(f"--shard {text}: shards are numbered from 0: 0/{count} to {count - 1}/{count}")
    return Shard(index, count)


def named(name: str) -> Shard | None:
    """The shard that a file's name holds, as `Shard.name` wrote it."""
    found = _NAME.search(name)
    return Shard(int(found[1]), int(found[2])) if found else None
