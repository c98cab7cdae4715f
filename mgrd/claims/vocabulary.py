"""The vocabulary of `rules/cues/` (en.toml, en-*.toml, zh.toml, zh-*.toml) as tries that read a text in one pass each.

Knows how the files are laid out and nothing about what a claim is. English and Chinese share the tries, because traces
mix them; Chinese is matched character by character.
"""

from __future__ import annotations

import gc
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mgrd.errors import RuleError

LANGUAGES = ("en", "zh")
SOUND, FRAME, AROUND, PARTS = 1, 2, 4, 8

_TOKEN = re.compile(
    r"[A-Za-z]++(?![\w#♯♭])(?:['’][^\W\d_\u3400-\u9fff]+)?"
    r"|(?<![^\W_])[A-G][#♯b♭]?[1-8](?!\w|\.\d)"
    r"|\d{1,2}:\d{2}(?:\.\d+)?(?!\d)"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
    r"|[\u3400-\u9fff]"
    r"|[^\W\d_\u3400-\u9fff]+(?:['’][^\W\d_\u3400-\u9fff]+)?"
    r"|\n+|(?<![^\W_])-|-(?![^\W\d_])|[^\w\s-]"
)
"""A word of plain letters, a note, a time, a number, a Chinese character, another word, line ends, or one other sign.

No branch can backtrack far.
"""

_HAN = re.compile(r"[\u3400-\u9fff]+")
"""A phrase whose tokens are its characters."""

_PERSONS = ("male", "female", "child")
_COUNTED = ("countable", "counted", "spoken")
_EVENTS = ("source.", "event.", "pause.", "voice.sex")

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
    unit: str | None = None
    event: bool = False
    """Whether it can be a source, or says that something sounds or falls silent."""
    counted: bool = False
    sign: bool = False
    """Whether it names a sound by itself: laughter, a siren, shouting."""
    roles: tuple[str, ...] = ()
    """The names of its `marks.`, in order."""
    meanings: tuple[str, ...] = ()
    """The names of its `values.`, sorted."""
    kind: str | None = None
    """The kind of sound that it names, of those that a measurement tells apart."""
    person: str | None = None
    """`male`, `female` or `child`."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All phrases of all languages.

    A trie maps a token to a node, and "" in a node to the entry that ends there; a node with nothing else is the entry.
    There are several, because the words that name sound (`sound`) and those that frame a statement (`frame`) overlap:
    "the voice" in "he said, the voice calm".
    """

    sound: dict[str, Any]
    frame: dict[str, Any]
    around: dict[str, Any]
    """What stands around a source, and frames no statement: `there is a`, `comes in`, `followed by`."""
    parts: dict[str, Any]
    """Words for a part of the clip, what sets two parts side by side, and kinds of sound: `compared with`, `a beep`."""
    course: dict[str, Any]
    """What places a kind of sound in time: `follows`, `is heard`, `stops`."""
    begins: Mapping[str, int]
    """In which of the tries, as bits (SOUND, FRAME, ...), a phrase begins with a word."""
    lists: Mapping[str, frozenset[str]]
    simplified: Mapping[int, str]
    """Traditional characters, as `str.translate` takes them."""


class Term(NamedTuple):
    """A phrase of the vocabulary in a text, as a range of tokens."""

    i: int
    j: int
    entry: Entry


def tokenize(text: str) -> tuple[list[str], list[int], list[int]]:
    """Words in lower case with where they start and end. A hyphen inside a word is no token of its own."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    lower = text.lower().replace("’", "'")
    if len(lower) != len(text):  # a letter whose lower case is two
        lower = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text).replace("’", "'")
    words = [lower[start:end] for start, end in spans]
    if "'s" in lower:
        words = [word[:-2] if word[-2:] == "'s" and word not in _KEPT_POSSESSIVE else word for word in words]
    return words, [start for start, _ in spans], [end for _, end in spans]


def terms(
    words: list[str], trie: dict[str, Any], starts: Iterable[int] | None = None, end: int | None = None
) -> list[Term]:
    """The longest phrase at each place, from left to right, without overlaps.

    `starts` are the tokens at which one may begin, all of them when it is None; none goes past token `end`.
    """
    found: list[Term] = []
    after, n = 0, len(words) if end is None else end
    for i in range(n) if starts is None else starts:
        if i < after or (node := trie.get(words[i])) is None:
            continue
        entry, j, k = None, i, i + 1
        while type(node) is dict:
            if "" in node:
                entry, j = node[""], k
            if k == n or (node := node.get(words[k])) is None:
                break
            k += 1
        else:
            entry, j = node, k
        if entry is not None:
            found.append(Term(i, j, entry))
            after = j
    return found


@cache
def load() -> Vocabulary:
    """The vocabulary that comes with mgrd, read once. Raises RuleError when a file is not laid out as it should be."""
    collects = gc.isenabled()
    gc.disable()  # hundreds of thousands of small dicts, none of them garbage: a third of the time without it
    try:
        found = _load()
        gc.freeze()  # they live as long as the process does, and are too many to be looked through again and again
        return found
    finally:
        if collects:
            gc.enable()


def _load() -> Vocabulary:
    sound: dict[str, Any] = {}
    frame: dict[str, Any] = {}
    around: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    course: dict[str, Any] = {}
    lists: dict[str, frozenset[str]] = {}
    for language in LANGUAGES:
        paths = [cues() / f"{language}.toml", *sorted(cues().glob(f"{language}-*.toml"))]
        data: dict[str, Any] = {}
        for path in paths:
            _merge(data, _read(path), path)
        _add_sound(sound, data, cues() / language)
        _add_marks(frame, data, ("marks", "ordinals", "places", "bounds"))
        _add_marks(frame, {"places": data.get("when", {})}, ("places",))
        _add_marks(around, data, ("around", "when"))
        _add_marks(parts, data, ("parts", "alone", "beside", "sounds"))
        _add_marks(course, data, ("order", "happens"))
        for name, words in data.get("lists", {}).items():
            lists[name] = lists.get(name, frozenset()) | frozenset(words)
    for adverb in sorted(lists["intensifiers"]):
        _lend(_below(sound, adverb), sound)
    simplified = {ord(pair[0]): pair[1] for pair in lists["traditional"]}
    begins: dict[str, int] = {}
    for bit, trie in ((SOUND, sound), (FRAME, frame), (AROUND, around), (PARTS, parts)):
        for word in trie:
            begins[word] = begins.get(word, 0) | bit
    return Vocabulary(
        _folded(sound), _folded(frame), _folded(around), _folded(parts), _folded(course), begins, lists, simplified
    )


def _below(node: dict[str, Any], word: str) -> dict[str, Any]:
    """The node that the characters of a word lead to, empty where none does."""
    for character in word:
        node = node.get(character, {})
    return node


def _lend(node: dict[str, Any], plain: dict[str, Any]) -> None:
    """What is said without an adverb of degree is also said with it: 很大 of every head of which 大 is said.

    `node` lies below the adverb, `plain` where the words go on without it.
    """
    for word, below in node.items():
        if word and word in plain:
            _lend(below, plain[word])
    if "" in node and "" in plain and not node[""].phrases:
        for head, says in plain[""].says.items():
            node[""].says.setdefault(head, says)


def _folded(node: dict[str, Any]) -> Any:
    """The node with each node below it that holds nothing but an entry replaced by that entry."""
    for word, below in node.items():
        if word:
            node[word] = below[""] if len(below) == 1 and "" in below else _folded(below)
    return node


@cache
def norms() -> Mapping[str, Any]:
    """What `low`, `fast` or `loud` mean in figures, with their sources (`rules/cues/norms.toml`)."""
    return _read(cues() / "norms.toml")


def cues() -> Path:
    """The folder of the vocabulary, in a wheel or in a checkout."""
    from mgrd.rulebook import built_in

    return built_in() / "cues"


def _merge(data: dict[str, Any], more: Mapping[str, Any], path: Path) -> None:
    """Add the tables of one file to those of the language: lists are joined, a plain value stands in one file only."""
    for name, value in more.items():
        if name not in data:
            data[name] = value
        elif isinstance(value, dict) and isinstance(data[name], dict):
            _merge(data[name], value, path)
        elif isinstance(value, list) and isinstance(data[name], list):
            data[name] = data[name] + value
        elif value != data[name]:
            raise RuleError(f"{path}: {name} is {data[name]!r} in another file of the language")


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
                entry.event |= says.startswith(_EVENTS)
                entry.sign |= says.startswith("voice.quality")
                if says.startswith("pause."):
                    entry.marks.add("values.gaps")
                    entry.meanings = tuple(sorted({*entry.meanings, "gaps"}))
    for table, unit in (("numbers", None), ("lengths", "s")):
        for number, phrases in data.get(table, {}).items():
            for entry in _entries(trie, phrases):
                entry.number, entry.unit = float(number), unit
    for unit, phrases in data.get("units", {}).items():
        for entry in _entries(trie, phrases):
            entry.unit = unit
    _add_marks(trie, data, ("events", "kinds", "values", "ignore", "degree"))
    for name, phrases in data.get("events", {}).items():
        for entry in _entries(trie, phrases):
            entry.event |= name not in _COUNTED
            entry.counted |= name in _COUNTED
            entry.sign |= name == "sounding"
            entry.person = name if name in _PERSONS else entry.person
    for head, table in data.get("heads", {}).items():
        for group in table.get("events", ()):
            for entry in _entries(trie, data["events"][group]):
                if not entry.heads:
                    entry.heads[head] = table["needs"]


def _add_marks(trie: dict[str, Any], data: Mapping[str, Any], groups: Iterable[str]) -> None:
    for group in groups:
        for name, phrases in data.get(group, {}).items():
            for entry in _entries(trie, phrases):
                entry.marks.add(f"{group}.{name}")
                if group == "marks" and name not in entry.roles:
                    entry.roles += (name,)
                elif group == "values":
                    entry.meanings = tuple(sorted({*entry.meanings, name}))
                elif group == "kinds":
                    entry.kind = name


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
            for word in form if _HAN.fullmatch(form) else tokenize(form)[0]:
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
