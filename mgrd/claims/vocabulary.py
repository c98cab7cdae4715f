"""The vocabulary of `rules/cues/*.toml` as one trie that reads a text in a single pass.

Knows how the files are laid out and nothing about what a claim is. English and Chinese share the trie, because traces
mix them; Chinese is matched character by character.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mgrd.errors import RuleError

LANGUAGES = ("en", "zh")

_TOKEN = re.compile(
    r"\d{1,2}:\d{2}(?!\d)"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
    r"|[\u3400-\u9fff]"
    r"|[^\W\d_\u3400-\u9fff]+(?:['’][^\W\d_\u3400-\u9fff]+)?"
    r"|\n+|[^\w\s]"
)
"""A time, a number, a Chinese character, a word, line ends, or one other sign. No branch can backtrack far."""

_KEPT_POSSESSIVE = {
    "it's",
    "he's",
    "she's",
    "that's",
    "there's",
    "let's",
    "what's",
    "who's",
    "here's",
    "man's",
    "woman's",
}


@dataclass(slots=True)
class Entry:
    """What one phrase can be. `heads` and `says` belong together: a describing word counts only beside a head."""

    heads: dict[str, str] = field(default_factory=dict)
    """head -> what must stand nearby: `nothing`, `trace` or `sentence`"""
    says: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """head -> [(cue, asserted value)]"""
    phrases: list[tuple[str, str, str]] = field(default_factory=list)
    """(cue, asserted value, needs)"""
    marks: set[str] = field(default_factory=set)
    number: float | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All phrases of all languages.

    A trie maps a token to a node, and "" in a node to the entry that ends there. There are two, because the words that
    name sound (`sound`) and those that frame a statement (`frame`) overlap: "the voice" in "he said, the voice calm".
    """

    sound: dict[str, Any]
    frame: dict[str, Any]
    lists: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase of the vocabulary in a text, as a range of tokens."""

    i: int
    j: int
    entry: Entry


def tokenize(text: str) -> tuple[list[str], list[int], list[int]]:
    """Words in lower case with where they start and end. A hyphen inside a word is no token of its own."""
    words, starts, ends = [], [], []
    for match in _TOKEN.finditer(text):
        word = match[0].lower()
        start, end = match.span()
        if word == "-" and start > 0 and end < len(text) and text[start - 1].isalnum() and text[end].isalpha():
            continue
        if "’" in word:
            word = word.replace("’", "'")
        if word.endswith("'s") and word not in _KEPT_POSSESSIVE:
            word = word[:-2]
        words.append(word)
        starts.append(start)
        ends.append(end)
    return words, starts, ends


def terms(words: list[str], trie: dict[str, Any]) -> list[Term]:
    """The longest phrase at each place, from left to right, without overlaps."""
    found: list[Term] = []
    i, n = 0, len(words)
    while i < n:
        node = trie.get(words[i])
        if node is None:
            i += 1
            continue
        entry, j, k = node.get(""), i + 1, i + 1
        while k < n and (node := node.get(words[k])) is not None:
            k += 1
            if "" in node:
                entry, j = node[""], k
        if entry is None:
            i += 1
            continue
        found.append(Term(i, j, entry))
        i = j
    return found


@cache
def load() -> Vocabulary:
    """The vocabulary that comes with mgrd, read once. Raises RuleError when a file is not laid out as it should be."""
    sound: dict[str, Any] = {}
    frame: dict[str, Any] = {}
    lists: dict[str, frozenset[str]] = {}
    for language in LANGUAGES:
        path = cues() / f"{language}.toml"
        data = _read(path)
        _add_sound(sound, data, path)
        _add_marks(frame, data, ("marks", "ordinals", "places", "bounds"))
        for name, words in data.get("lists", {}).items():
            lists[name] = lists.get(name, frozenset()) | frozenset(words)
    return Vocabulary(sound, frame, lists)


@cache
def norms() -> Mapping[str, Any]:
    """What `low`, `fast` or `loud` mean in figures, with their sources (`rules/cues/norms.toml`)."""
    return _read(cues() / "norms.toml")


def cues() -> Path:
    """The folder of the vocabulary, in a wheel or in a checkout."""
    from mgrd.rulebook import built_in

    return built_in() / "cues"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RuleError(f"{path}: no such vocabulary; install mgrd again") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: is not TOML ({error})") from error


def _add_sound(trie: dict[str, Any], data: Mapping[str, Any], path: Path) -> None:
    for head, table in data.get("heads", {}).items():
        for entry in _entries(trie, table["words"]):
            entry.heads[head] = table["needs"]
        described = data["heads"][table["same_as"]]["is"] if "same_as" in table else table["is"]
        for says, phrases in described.items():
            pair = _pair(says, path)
            for entry in _entries(trie, phrases):
                entry.says.setdefault(head, []).append(pair)
    for need, table in data.get("phrases", {}).items():
        for says, phrases in table.items():
            for entry in _entries(trie, phrases):
                entry.phrases.append((*_pair(says, path), need))
    for number, phrases in data.get("numbers", {}).items():
        for entry in _entries(trie, phrases):
            entry.number = float(number)
    _add_marks(trie, data, ("events", "units", "values", "ignore", "degree"))


def _add_marks(trie: dict[str, Any], data: Mapping[str, Any], groups: Iterable[str]) -> None:
    for group in groups:
        for name, phrases in data.get(group, {}).items():
            for entry in _entries(trie, phrases):
                entry.marks.add(f"{group}.{name}")


def _pair(says: str, path: Path) -> tuple[str, str]:
    cue, _, asserts = says.partition(" ")
    if not asserts or "." not in cue:
        raise RuleError(f"{path}: {says!r} is not a cue and a value, like 'pitch.level high'")
    return cue, asserts


def _entries(trie: dict[str, Any], phrases: Iterable[str]) -> Iterator[Entry]:
    """The entry of each phrase, made where there is none."""
    for phrase in phrases:
        for form in _forms(phrase):
            node = trie
            for word in tokenize(form)[0]:
                node = node.setdefault(word, {})
            if node is not trie:
                yield node.setdefault("", Entry())


def _forms(phrase: str) -> list[str]:
    """`ris{es,ing}` as rises and rising; several groups multiply."""
    before, brace, rest = phrase.partition("{")
    if not brace:
        return [phrase]
    inside, _, after = rest.partition("}")
    return [before + option + tail for option in inside.split(",") for tail in _forms(after)]
