"""Where the answers of a model lie that are kept: an index of their names, in twelve bytes each.

A hundred thousand traces that five votes and a blind reader judge are 600,000 answers, too many to hold by name. Knows
names and parts, nothing of what is asked or what an answer says.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_STEP = 0x9E3779B97F4A7C15
"""Parts the votes of one text; odd, so that no two of them meet."""


def key(name: str) -> int:
    """64 bits of a name (mgrd.asking.vote): of a million names two share them once in forty million times."""
    sha, _, number = name.partition("-")
    return (int(sha[:16], 16) + int(number or 0) * _STEP) % 2**64


@dataclass(frozen=True, slots=True)
class Index:
    """In which part each answer lies, by name."""

    keys: Keys
    """Sorted, each once."""
    parts: NDArray[np.int32]
    """Of each key, its place in `paths`."""
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def paths_of(self, names: Collection[str]) -> list[Path]:
        """The parts that some names lie in, in order; of names that lie nowhere none."""
        wanted = np.fromiter((key(name) for name in names), dtype=np.uint64, count=len(names))
        places = np.searchsorted(self.keys, wanted)
        return [self.paths[part] for part in np.unique(self.parts[places[self._are(wanted, places)]]).tolist()]

    def lacking(self, names: Iterable[str]) -> Lacking:
        """Those of some names that lie nowhere, each once."""
        wanted = np.unique(np.frombuffer(array("Q", map(key, names)), dtype=np.uint64))
        return Lacking(wanted[~self._are(wanted, np.searchsorted(self.keys, wanted))])

    def _are(self, wanted: Keys, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each of some keys is at the place where it would be."""
        found = np.zeros(len(wanted), dtype=np.bool_)
        inside = places < len(self.keys)
        found[inside] = self.keys[places[inside]] == wanted[inside]
        return found


def index(parts: Iterable[tuple[Path, Iterable[str]]]) -> Index:
    """The index of the names in each part; a name in several counts for the last."""
    keys, places, paths = array("Q"), array("i"), list[Path]()
    for path, names in parts:
        keys.extend(map(key, names))
        places.extend([len(paths)] * (len(keys) - len(places)))
        paths.append(path)
    found = np.frombuffer(keys, dtype=np.uint64)[::-1]  # unique keeps the first of those that are alike
    each, first = np.unique(found, return_index=True)
    return Index(each, np.frombuffer(places, dtype=np.int32)[::-1][first], tuple(paths))


class Lacking:
    """Names that are still to be asked for; each is taken once."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._left = np.ones(len(keys), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, name: str) -> bool:
        """Whether a name is among them and was not taken before."""
        place = int(np.searchsorted(self._keys, np.uint64(key(name))))
        if place == len(self._keys) or int(self._keys[place]) != key(name) or not self._left[place]:
            return False
        self._left[place] = False
        return True
