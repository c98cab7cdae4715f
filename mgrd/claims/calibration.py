"""What `low` or `fast` means among a user's own clips: a frame of reference beside the norms of norms.toml.

`calibrate` makes percentiles of measurements, `read` takes them from `calibration.json`, and `corpus_norm` gives them
the form of a norm. The frame can keep a claim from contradiction and can support it, never contradict it alone. Opens
no audio and decides no verdict. Clips of one speaker resemble each other, which the standard errors here do not know.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mgrd import tables
from mgrd.claims import Claim
from mgrd.claims.readings import SCALES, content_of, shown
from mgrd.claims.vocabulary import norms
from mgrd.errors import InputError, MisusedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mgrd.audio.measure import Measurements

FILE = "calibration.json"
_AGAIN = "make it again with mgrd measure --calibrate"

ANY = "any"
"""The group of all clips, whatever their language."""

LEAST = 200
"""Clips below which the percentiles of a group are too uncertain to be used."""

PERCENTILES = (26, 33, 40, 43, 50, 57, 60, 67, 74)
"""The edges of the thirds and the middle, and 7 points to either side of each."""

_LOW, _PAST_LOW, _HIGH, _PAST_HIGH = 33, 57, 67, 43
"""A word is right within its third, and can be wrong only 7 points past the middle."""

_WORDS = frozenset(
    {"low", "high", "slow", "fast", "quiet", "loud", "narrow", "wide", "noisy", "clean", "dark", "bright"}
)
"""Words that compare a clip with others of its kind."""

_LEAST_ERROR = 0.01
"""On any scale, of an edge at which the figures of many clips coincide."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The percentiles of one figure over the clips of one group."""

    n: int
    """Clips that have the figure."""
    scale: str
    """`st`, `ratio` or `linear` (mgrd.claims.readings.SCALES)."""
    percentiles: Mapping[int, float]
    """In the figure's own unit."""
    errors: Mapping[int, float]
    """Standard errors on the scale."""


Corpus: TypeAlias = Mapping[str, Mapping[str, Edges]]
"""By content (`voice`, `tones`, `mixed`) and figure: what one trace is held against."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A `calibration.json` that was read."""

    sha: str
    """Of its bytes: part of the identity of what is judged by it."""
    groups: Mapping[tuple[str, str], Mapping[str, Edges]]
    """By content and language; only figures of which enough clips were measured."""

    def of(self, language: str | None) -> Corpus:
        """The frame for clips in a language: its own group, however small, where the clips' languages are known."""
        known = {content for content, named in self.groups if named != ANY}
        chosen = {content: ANY if language is None or content not in known else language for content, _ in self.groups}
        return {content: self.groups.get((content, name), {}) for content, name in chosen.items()}


def calibrate(clips: Iterable[Measurements], languages: Mapping[str, Collection[str]] | None = None) -> dict[str, Any]:
    """The content of `calibration.json`: for each group of clips and each figure that a word stands for, percentiles.

    Each distinct sound counts once. Groups are by content (voice, tones, mixed), of all languages together and of each
    that `languages` names by audio_sha. What has fewer than 200 clips is listed without percentiles. The same clips in
    any order give the same content.
    """
    from mgrd.audio.measure import EXTRACTOR

    scales = _scales()
    sizes: Counter[tuple[str, str]] = Counter()
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: {name: [] for name in scales})
    seen: set[str] = set()
    for clip in clips:
        if clip.audio_sha in seen:
            continue
        seen.add(clip.audio_sha)
        found = {name: figure.value for name, figure in clip.figures.items() if figure.value is not None}
        for language in {ANY, *(languages or {}).get(clip.audio_sha, ())}:
            group = content_of(clip), language
            sizes[group] += 1
            for name, scale in scales.items():
                if name in found and math.isfinite(SCALES[scale](found[name])):
                    values[group][name].append(found[name])
    groups = [
        {
            "content": content,
            "language": language,
            "n": sizes[content, language],
            "figures": {name: _summary(of, scales[name]) for name, of in values[content, language].items()},
        }
        for content, language in sorted(sizes)
    ]
    return {"extractor": EXTRACTOR, "clips": len(seen), "groups": groups}


def find(given: str | None, places: Sequence[Path]) -> Path | None:
    """The calibration that an option names (a file, or a folder that holds one), else the first in `places`."""
    if given is None:
        return next((place / FILE for place in places if (place / FILE).is_file()), None)
    path = Path(given) / FILE if Path(given).is_dir() else Path(given)
    if not path.is_file():
        raise MisusedError(f"--calibration {given}: no such file; make one with mgrd measure CLIPS -o DIR --calibrate")
    return path


def read(path: Path) -> Calibration:
    """Read a `calibration.json`; InputError when it is none, or rests on figures that are measured otherwise by now."""
    from mgrd.audio.measure import EXTRACTOR

    content = tables.read_json(path)
    try:
        if content["extractor"] != EXTRACTOR:
            made = f"was made by extractor {content['extractor']}, and this is {EXTRACTOR}"
            raise InputError(f"{path}: {made}; {_AGAIN}")
        groups = {
            (str(group["content"]), str(group["language"])): {
                name: _edges(found) for name, found in group["figures"].items() if "why" not in found
            }
            for group in content["groups"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is not a calibration; {_AGAIN}") from error
    return Calibration(hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest(), groups)


def corpus_norm(claim: Claim, clip: Measurements, corpus: Corpus) -> Mapping[str, Any] | None:
    """What a claimed level of the whole clip means among the clips of its kind, as a norm; None where nobody knows.

    Low is right up to the 33rd percentile and can be wrong past the 57th; high likewise from above. The error is that
    of the less certain edge; where the thirds of a corpus lie closer than listeners agree about the word (clips that
    were all normalised, say), it is how far these differ.
    """
    norm = _words().get((claim.cue, claim.asserts))
    if norm is None or claim.kind != "level" or claim.scope != "whole":
        return None
    edges = corpus.get(content_of(clip), {}).get(norm["figure"])
    if edges is None or edges.scale != norm["scale"]:
        return None
    bound, at, past = ("at_most", _LOW, _PAST_LOW) if "at_most" in norm else ("at_least", _HIGH, _PAST_HIGH)
    scale = SCALES[norm["scale"]]
    edge = max(edges.errors[at], edges.errors[past], _LEAST_ERROR)
    if scale(edges.percentiles[_HIGH]) - scale(edges.percentiles[_LOW]) < norm["edge"]:
        edge = max(edge, norm["edge"])
    limit = f"{bound.replace('_', ' ')} {shown(norm['figure'], edges.percentiles[at])}"
    ordinal = {_LOW: "33rd", _HIGH: "67th"}[at]
    return {
        **{key: value for key, value in norm.items() if key not in ("at_least", "at_most")},
        "frame": "corpus",
        bound: edges.percentiles[at],
        "against": edges.percentiles[past],
        "edge": edge,
        "in_words": f"in this corpus {norm['asserts']} is {limit}, the {ordinal} percentile of {edges.n:,} clips",
    }


@cache
def _words() -> dict[tuple[str, str], Mapping[str, Any]]:
    """The norms that a corpus can have its own edges for, by cue and word: those that bound a word on one side."""
    return {
        (norm["cue"], norm["asserts"]): norm
        for norm in norms()["level"]
        if norm["frame"] == "any" and norm["asserts"] in _WORDS and ("at_least" in norm) != ("at_most" in norm)
    }


def _scales() -> dict[str, str]:
    """The figures that words stand for, in order, each with its scale."""
    return dict(sorted((norm["figure"], norm["scale"]) for norm in _words().values()))


def _summary(values: Sequence[float], scale: str) -> dict[str, Any]:
    import numpy as np

    n = len(values)
    if n < LEAST:
        return {"n": n, "scale": scale, "why": f"too few: {n} of {LEAST}"}
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    scaled = np.asarray([SCALES[scale](value) for value in ordered.tolist()])
    ranks = {percent: math.ceil(percent * n / 100) for percent in PERCENTILES}
    return {
        "n": n,
        "scale": scale,
        "percentiles": {str(percent): _digits(ordered[k - 1]) for percent, k in ranks.items()},
        "errors": {str(percent): _digits(_error(scaled, k)) for percent, k in ranks.items()},
    }


def _error(ordered: NDArray[np.float64], k: int) -> float:
    """Bootstrap standard error of the k-th smallest of n values, exact, not drawn (Maritz & Jarrett 1978, JASA 73).

    The k-th smallest of n draws from the values is the i-th with the probability that a Beta(k, n - k + 1) variable
    lies between (i - 1) / n and i / n.
    """
    import numpy as np
    from scipy.special import betainc

    n = len(ordered)
    shares = np.diff(betainc(k, n - k + 1, np.arange(n + 1) / n))
    mean = shares @ ordered
    return math.sqrt(shares @ (ordered - mean) ** 2)


def _digits(value: float) -> float:
    """Six digits: as many on every machine."""
    return float(f"{value:.6g}")


def _edges(found: Mapping[str, Any]) -> Edges:
    """One figure of a group; ValueError, KeyError or TypeError when it cannot have come from `calibrate`."""
    edges = Edges(
        n=found["n"],
        scale=found["scale"],
        percentiles={percent: float(found["percentiles"][str(percent)]) for percent in PERCENTILES},
        errors={percent: float(found["errors"][str(percent)]) for percent in PERCENTILES},
    )
    rising = list(edges.percentiles.values()) == sorted(edges.percentiles.values())
    finite = all(map(math.isfinite, (*edges.percentiles.values(), *edges.errors.values())))
    if edges.scale not in SCALES or not (rising and finite and edges.n >= LEAST and min(edges.errors.values()) >= 0):
        raise ValueError("not what calibrate writes")
    return edges
