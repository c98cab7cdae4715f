"""What the files of `rules/cues/` may hold: a key, a figure or a cue that is none is an error by name, not a silence.

Knows the names that the code reads and nothing about what any of them means, except the names inside tables of words
(`lists`, `marks`, ...), of which a test holds that each is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mgrd.claims.readings import SCALES
from mgrd.errors import RuleError

CUES = frozenset({
    "pitch.level", "pitch.value", "pitch.contour", "pitch.range", "loudness.level", "loudness.trend", "loudness.range",
    "rate.level", "rate.value", "pause.presence", "pause.duration", "tempo.level", "tempo.value", "rhythm.regularity",
    "timbre.brightness", "voice.quality", "voice.sex", "space.reverb", "noise.level", "music.key", "music.mode",
    "time.duration", "time.position", "event.count", "event.order", "event.presence", "source.presence",
})  # fmt: skip
"""`family.kind` of whatever a claim can be about."""

WORDS = frozenset({
    "language", "heads", "manner", "phrases", "numbers", "lengths", "units", "lists", "events", "kinds", "values",
    "ignore", "degree", "marks", "ordinals", "places", "bounds", "around", "when", "parts", "alone", "sounds", "beside",
    "order", "happens",
})  # fmt: skip
"""Tables of the files of a language."""

MANNER = {"cue": str, "heads": list, "verbs": list, "adjectives": list}
HEAD = frozenset({"words", "needs", "is", "same_as", "events"})
NEEDS = ("nothing", "trace", "sentence")
FRAMES = ("any", "male", "female", "tone", "doubt", "end")

NORMS: dict[str, tuple[dict[str, type], dict[str, type]]] = {
    "level": (
        {"cue": str, "asserts": str, "frame": str, "figure": str, "scale": str, "edge": float},
        {"at_least": float, "at_most": float, "against": float, "sigma": float, "voice": float},
    ),
    "value": (
        {"cue": str, "figure": str, "scale": str, "tolerance": float, "edge": float},
        {"tolerance_share": float, "sigma": float},
    ),
    "difference": (
        {"cue": str, "figure": str, "scale": str, "least": float, "same": float, "voice": float, "tones": float},
        {"less_is_more": bool},
    ),
    "source": ({"kind": str, "words": list}, {}),
}
"""The tables of norms.toml: the keys that each entry has, and those that it may have."""

ABOVE_ZERO = {
    "level": ("edge", "sigma"),
    "value": ("sigma", "tolerance"),
    "difference": ("voice", "tones"),
    "source": (),
}
"""Figures that something is divided by, or that leave nothing right at zero; a [[value]] has its figure's error."""
ANY_SIGN = ("at_least", "at_most", "against")

_TYPES = {str: "a text", float: "a number", dict: "a table", bool: "true or false", list: "a list of texts"}


def check_norms(data: Mapping[str, Any], path: Path) -> None:
    """Raise RuleError, naming file, entry and key, when norms.toml says what nothing would read, or not enough."""
    from mgrd.audio.measure import FIGURES

    _known(data, NORMS, str(path), "table")
    choices = {"cue": CUES, "frame": FRAMES, "scale": SCALES, "figure": FIGURES | {"length_s"}}
    for table, (needed, optional) in NORMS.items():
        entries = data.get(table)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise RuleError(f"{path}: has no [[{table}]]")
        for number, entry in enumerate(entries, 1):
            told = " ".join(str(entry[key]) for key in ("cue", "asserts", "kind") if key in entry)
            where = f"{path}: [[{table}]] {number}{f' ({told})' if told else ''}"
            _known(entry, needed | optional, where, "key")
            if lacking := [key for key in needed if key not in entry]:
                raise RuleError(f"{where}: lacks {', '.join(lacking)}")
            for key, value in entry.items():
                kind = (needed | optional)[key]
                if not _fits(value, kind):
                    raise RuleError(f"{where}: {key} = {value!r} must be {_TYPES[kind]}")
                if key in choices and value not in choices[key]:
                    raise RuleError(f"{where}: there is no {key} {value}; there are {', '.join(sorted(choices[key]))}")
                _check_range(key, value, table, entry.get("scale"), where)
            if table == "level" and not ("at_least" in entry or "at_most" in entry):
                raise RuleError(f"{where}: lacks at_least or at_most")
            if not entry.get("at_least", -math.inf) <= entry.get("at_most", math.inf):
                raise RuleError(f"{where}: at_least = {entry['at_least']} is more than at_most = {entry['at_most']}")


def check_asserts(norms: Mapping[str, Any], languages: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Raise RuleError, naming the entry, for a level of norms.toml that no phrase of these languages says."""
    said = {says for data in languages for says in _says(data)}
    for number, entry in enumerate(norms["level"], 1):
        cue, asserts = entry["cue"], entry["asserts"]
        if f"{cue} {asserts}" not in said:
            others = ", ".join(sorted(says.partition(" ")[2] for says in said if says.startswith(f"{cue} ")))
            raise RuleError(
                f"{path}: [[level]] {number} ({cue} {asserts}): no phrase says {asserts} of {cue}; there are {others}"
            )


def _says(data: Mapping[str, Any]) -> Iterable[str]:
    for head in data.get("heads", {}).values():
        yield from head.get("is", ())
    for table in data.get("phrases", {}).values():
        yield from table
    if "manner" in data:
        yield data["manner"]["cue"]


def _check_range(key: str, value: Any, table: str, scale: Any, where: str) -> None:
    if not isinstance(value, float | int) or isinstance(value, bool):
        return
    if key in ABOVE_ZERO[table] or (key in ANY_SIGN and scale in ("st", "ratio")):
        if not value > 0:
            raise RuleError(f"{where}: {key} = {value} must be more than 0")
    elif key not in ANY_SIGN and value < 0:
        raise RuleError(f"{where}: {key} = {value} must be at least 0")


def check_words(data: Mapping[str, Any], path: Path) -> None:
    """Raise RuleError, naming file and key, for a table, a head or a cue of a vocabulary file that nothing reads."""
    _known(data, WORDS, str(path), "table")
    for name, table in data.items():
        if name != "language":
            _check_type(table, dict, f"{path}: [{name}]")
    for name, head in data.get("heads", {}).items():
        where = f"{path}: [heads.{name}]"
        _check_type(head, dict, where)
        _known(head, HEAD, where, "key")
        for key, value in head.items():
            _check_type(value, {"needs": str, "same_as": str, "is": dict}.get(key, list), f"{where}: {key}")
        if "needs" in head and head["needs"] not in NEEDS:
            raise RuleError(f"{where}: needs = {head['needs']!r} must be {' or '.join(NEEDS)}")
        _check_cues(head.get("is", {}), where)
    if "manner" in data:
        where = f"{path}: [manner]"
        _known(data["manner"], MANNER, where, "key")
        if lacking := sorted(MANNER.keys() - data["manner"]):
            raise RuleError(f"{where}: lacks {', '.join(lacking)}")
        for key, kind in MANNER.items():
            _check_type(data["manner"][key], kind, f"{where}: {key}")
        _check_cues({data["manner"]["cue"]: []}, where)
    _known(data.get("phrases", {}), NEEDS, f"{path}: [phrases]", "table")
    for need, table in data.get("phrases", {}).items():
        _check_type(table, dict, f"{path}: [phrases.{need}]")
        _check_cues(table, f"{path}: [phrases.{need}]")
    for name, table in data.items():
        if name not in ("language", "heads", "manner", "phrases"):
            _check_lists(table, f"{path}: [{name}]")
    for name in ("numbers", "lengths"):
        for number in data.get(name, {}):
            if not _is_number(number):
                raise RuleError(f"{path}: [{name}]: {number!r} must be a number")


def check_heads(data: Mapping[str, Any], files: Path) -> None:
    """Raise RuleError for a head of a language, its files taken together, that lacks a key or names what is not there.

    `files` is what the names of the language's files begin with.
    """
    heads = data.get("heads", {})
    for name, head in heads.items():
        where = f"{files}*.toml: [heads.{name}]"
        if lacking := {"words", "needs", "is"} - (head.keys() | ({"is"} if "same_as" in head else set())):
            raise RuleError(f"{where}: lacks {', '.join(sorted(lacking))}")
        if "same_as" in head and "is" not in heads.get(head["same_as"], {}):
            raise RuleError(f"{where}: same_as = {head['same_as']!r}: there is no such head with words of its own")
        _known(dict.fromkeys(head.get("events", ())), data.get("events", {}), where, "events")
    for key in ("heads", "verbs"):
        _known(dict.fromkeys(data.get("manner", {}).get(key, ())), heads, f"{files}*.toml: [manner]: {key}", "head")


def _check_cues(table: Mapping[str, Any], where: str) -> None:
    for says in table:
        cue, _, asserts = says.partition(" ")
        if not asserts or cue not in CUES:
            raise RuleError(f"{where}: {says!r} is not a cue and a value, like 'pitch.level high'")
    _check_lists(table, where)


def _check_lists(table: Mapping[str, Any], where: str) -> None:
    for name, words in table.items():
        if not _fits(words, list):
            raise RuleError(f"{where}: {name} = {words!r} must be {_TYPES[list]}")


def _known(given: Mapping[str, Any], known: Any, where: str, what: str) -> None:
    if unknown := sorted(given.keys() - set(known)):
        raise RuleError(f"{where}: unknown {what} {', '.join(unknown)}; it knows {', '.join(sorted(known))}")


def _check_type(value: Any, kind: type, where: str) -> None:
    if not _fits(value, kind):
        raise RuleError(f"{where} must be {_TYPES[kind]}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _fits(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, kind)
