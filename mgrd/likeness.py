"""How alike texts are: by their words, from sketches of fixed size, so that no text need be held.

Sketches are MinHash (Broder 1997) over word trigrams, made by datasketch; of each of the 128 least hashes 16 bits are
kept (b-bit minwise hashing, Li and König 2010): 256 bytes a text. Knows nothing about traces, questions or rules.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datasketch import MinHash

HASHES = 128
"""The standard error of a likeness s is sqrt(s (1 - s) / 128): 0.027 at 0.9."""

_BITS = 16
_WORDS = 3

Sketch = NDArray[np.uint16]


def folded(text: str) -> str:
    """Its words alone: case, width, punctuation and spaces make no difference between copies."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def key(words: str) -> int:
    """A number of 63 bits that copies share."""
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest()) >> 1


def shingles(words: str) -> set[str]:
    """The trigrams of folded words; a script without spaces is taken character by character."""
    parts = [part for word in words.split() for part in ([word] if word.isascii() else list(word))]
    return {" ".join(parts[i : i + _WORDS]) for i in range(max(len(parts) - _WORDS + 1, 1))}


def sketch(words: str) -> Sketch:
    """The sketch of folded words, of shape (128,); the same words give the same sketch on every machine."""
    made = _empty().copy()
    made.update_batch([shingle.encode() for shingle in shingles(words)])
    found: Sketch = (made.digest() & (2**_BITS - 1)).astype(np.uint16)
    return found


def to(one: Sketch, others: Sketch) -> NDArray[np.float64]:
    """The likeness of a text to each of n others, (n, 128) sketches: their Jaccard indices, from 0 to 1, as (n,)."""
    shared: NDArray[np.float64] = (others == one).mean(axis=1)
    return shared


@functools.cache
def _empty() -> MinHash:
    from datasketch import MinHash

    return MinHash(num_perm=HASHES, seed=1, hashfunc=zlib.crc32, scheme="affine32")
