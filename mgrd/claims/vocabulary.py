"""The vocabulary of `rules/cues/` (en.toml, en-*.toml, zh.toml, zh-*.toml) as tries that read a text in one pass each.

Knows how the files are laid out and nothing about what a claim is. English and Chinese share the tries, because traces
mix them; Chinese is matched character by character.
"""

from __future__ import annotations

import gc
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from mgrd.claims.layout import check_asserts, check_heads, check_norms, check_words
from mgrd.errors import RuleError

LANGUAGES = ("en", "zh")
TRIES = ("sound", "frame", "around", "parts", "kinds", "beside", "course")
"""The tries of a Vocabulary, by their fields."""

_TOKEN = re.compile(
    r"[A-Za-z]++(?![\w#♯♭])(?:['’][^\W\d_\u3400-\u9fff]+)?"
    r"|(?<![^\W_\u3400-\u9fff])[A-G][#♯b♭]?[1-8](?![^\W\u3400-\u9fff]|\.\d)"
    r"|(?<!\d:)(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d+)?(?![\d:])"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2}(?!\w))?"
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
    """Words for a part of the clip: `the second half`."""
    kinds: dict[str, Any]
    """Sounds of the kinds that a measurement tells apart: `a beep`."""
    beside: dict[str, Any]
    """What sets two parts side by side: `compared with`."""
    course: dict[str, Any]
    """What places a kind of sound in time: `follows`, `is heard`, `stops`."""
    begins: Mapping[str, int]
    """In which of the tries a phrase begins with a word, as bits in the order of TRIES."""
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
    gc.collect()
    gc.disable()  # hundreds of thousands of small dicts, none of them garbage: a third of the time without it
    try:
        return _load()
    finally:
        gc.freeze()  # they live as long as the process; looking through them again took a tenth of judging
        if collects:
            gc.enable()


_TRIES = {
    "frame": ("marks", "ordinals", "places", "bounds"),
    "around": ("around", "when"),
    "parts": ("parts", "alone"),
    "kinds": ("sounds",),
    "beside": ("beside",),
    "course": ("order", "happens"),
}
"""The tables of the files that each trie but `sound` is made of."""


def _load() -> Vocabulary:
    sound, others = _Phrases(), {name: _Phrases() for name in _TRIES}
    lists: dict[str, frozenset[str]] = {}
    for language in LANGUAGES:
        data = _words(language)
        _add_sound(sound, data)
        for name, groups in _TRIES.items():
            _add_marks(others[name], data, groups)
        _add_marks(others["frame"], {"places": data.get("when", {})}, ("places",))
        for name, words in data.get("lists", {}).items():
            lists[name] = lists.get(name, frozenset()) | frozenset(words)
    sound.lend(sorted(lists["intensifiers"]))
    simplified = {ord(pair[0]): pair[1] for pair in lists["traditional"]}
    tries = {"sound": sound.trie(), **{name: phrases.trie() for name, phrases in others.items()}}
    begins: dict[str, int] = {}
    for place, name in enumerate(TRIES):
        for word in tries[name]:
            begins[word] = begins.get(word, 0) | 1 << place
    return Vocabulary(**tries, begins=begins, lists=lists, simplified=simplified)


Fact: TypeAlias = tuple[Any, ...]
"""One thing that is said of a phrase, e.g. ("says", "voice", ("pitch.level", "low"))."""


class _Phrases:
    """Phrases with what is said of each, while the files are read: the many with the same facts share one Entry."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.ids: dict[Fact, int] = {}
        self.of: dict[str, tuple[int, ...]] = {}
        """phrase, its tokens joined by spaces -> facts, by their place in `facts`"""

    def add(self, phrases: Iterable[str], *fact: Any) -> None:
        """Say the same of some phrases."""
        known = self.ids.setdefault(fact, len(self.facts))
        if known == len(self.facts):
            self.facts.append(fact)
        of = self.of
        for phrase in phrases:
            for form in _forms(phrase):
                key = _key(form)
                before = of.get(key, ())
                if key and known not in before:
                    of[key] = (*before, known)

    def lend(self, adverbs: Iterable[str]) -> None:
        """What is said without an adverb of degree is also said with it: 很大 of every head of which 大 is said."""
        begun: dict[str, list[str]] = {}
        for key in self.of:
            if _HAN.match(key):
                begun.setdefault(key[0], []).append(key)
        for adverb in adverbs:
            prefix = _key(adverb) + " "
            for key in begun.get(adverb[0], ()):
                if not key.startswith(prefix) or (plain := self.of.get(key[len(prefix) :])) is None:
                    continue
                own = [self.facts[k] for k in self.of[key]]
                if any(fact[0] == "phrase" for fact in own):
                    continue
                said = {fact[1] for fact in own if fact[0] == "says"}
                lent = [k for k in plain if self.facts[k][0] == "says" and self.facts[k][1] not in said]
                self.of[key] += tuple(lent)

    def trie(self) -> dict[str, Any]:
        """The phrases as token -> node, "" -> Entry where one ends; a node of nothing else is the Entry itself."""
        entries: dict[tuple[int, ...], Entry] = {}
        root: dict[str, Any] = {}
        for key, known in self.of.items():
            entry = entries.get(known)
            if entry is None:
                entry = entries[known] = _entry([self.facts[k] for k in known])
            *first, last = key.split(" ")
            node = root
            for word in first:
                below = node.get(word)
                if type(below) is not dict:
                    below = node[word] = {} if below is None else {"": below}
                node = below
            if type(below := node.get(last)) is dict:
                below[""] = entry
            else:
                node[last] = entry
        return root


def _key(form: str) -> str:
    if _HAN.fullmatch(form):
        return " ".join(form)
    if form.isascii() and form.replace(" ", "").isalpha():
        return " ".join(form.lower().split())
    return " ".join(tokenize(form)[0])


def _entry(facts: Iterable[Fact]) -> Entry:
    entry = Entry()
    for what, *given in facts:
        if what == "head" or (what == "group head" and not entry.heads):
            entry.heads[given[0]] = given[1]
        elif what == "says":
            entry.says.setdefault(given[0], []).append(given[1])
        elif what == "phrase":
            cue, asserts, need = given
            entry.phrases.append((cue, asserts, need))
            says = f"{cue} {asserts}"
            entry.event |= says.startswith(_EVENTS)
            entry.sign |= says.startswith("voice.quality")
            if says.startswith("pause."):
                entry.marks.add("values.gaps")
                entry.meanings = tuple(sorted({*entry.meanings, "gaps"}))
        elif what == "number":
            entry.number, entry.unit = given
        elif what == "unit":
            entry.unit = given[0]
        elif what == "mark":
            _mark(entry, *given)
    return entry


def _mark(entry: Entry, group: str, name: str) -> None:
    entry.marks.add(f"{group}.{name}")
    if group == "marks" and name not in entry.roles:
        entry.roles += (name,)
    elif group == "values":
        entry.meanings = tuple(sorted({*entry.meanings, name}))
    elif group == "kinds":
        entry.kind = name
    elif group == "events":
        entry.event |= name not in _COUNTED
        entry.counted |= name in _COUNTED
        entry.sign |= name == "sounding"
        entry.person = name if name in _PERSONS else entry.person


@cache
def norms() -> Mapping[str, Any]:
    """What `low`, `fast` or `loud` mean in figures, with their sources (`rules/cues/norms.toml`).

    Raises RuleError when the file holds what nothing would read.
    """
    path = cues() / "norms.toml"
    data = _read(path)
    check_norms(data, path)
    return data


def check_files() -> None:
    """Raise RuleError when a file of `rules/cues/` holds what nothing would read; a tenth of the time of `load`."""
    check_asserts(norms(), [_words(language) for language in LANGUAGES], cues() / "norms.toml")


def cues() -> Path:
    """The folder of the vocabulary, in a wheel or in a checkout."""
    from mgrd.rulebook import built_in

    return built_in() / "cues"


def _words(language: str) -> dict[str, Any]:
    """The files of a language as one, each checked."""
    data: dict[str, Any] = {}
    for path in (cues() / f"{language}.toml", *sorted(cues().glob(f"{language}-*.toml"))):
        more = _read(path)
        check_words(more, path)
        _merge(data, more, path)
    check_heads(data, cues() / language)
    return data


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


def _add_sound(sound: _Phrases, data: Mapping[str, Any]) -> None:
    for head, table in data.get("heads", {}).items():
        sound.add(table["words"], "head", head, table["needs"])
        described = data["heads"][table["same_as"]]["is"] if "same_as" in table else table["is"]
        for says, phrases in described.items():
            sound.add(phrases, "says", head, _pair(says))
    if (manner := data.get("manner")) is not None:
        _add_manner(sound, manner)
    for need, table in data.get("phrases", {}).items():
        for says, phrases in table.items():
            sound.add(phrases, "phrase", *_pair(says), need)
    for table, unit in (("numbers", None), ("lengths", "s")):
        for number, phrases in data.get(table, {}).items():
            sound.add(phrases, "number", float(number), unit)
    for unit, phrases in data.get("units", {}).items():
        sound.add(phrases, "unit", unit)
    _add_marks(sound, data, ("events", "kinds", "values", "ignore", "degree"))
    for head, table in data.get("heads", {}).items():
        for group in table.get("events", ()):
            sound.add(data["events"][group], "group head", head, table["needs"])


def _add_manner(sound: _Phrases, manner: Mapping[str, Any]) -> None:
    """Adjectives that say the same of several heads, and of verbs as adverbs: `a weary voice`, `speaks wearily`."""
    adverbs = [_adverb(one) for one in manner["adjectives"] if " " not in one]
    for names, phrases in ((manner["heads"], manner["adjectives"]), (manner["verbs"], adverbs)):
        for head in names:
            sound.add(phrases, "says", head, _pair(manner["cue"]))


def _adverb(adjective: str) -> str:
    """The adverb of an English adjective by its ending: `wearily`, `gently`, `ironically`, `shrilly`."""
    if adjective[-2:] == "ly":
        return f"in a {adjective} way"
    if adjective[-1] == "y" and adjective[-2] not in "aeiou":
        return f"{adjective[:-1]}ily"
    if adjective[-2:] == "le":
        return f"{adjective[:-1]}y"
    return f"{adjective}{'ally' if adjective[-2:] == 'ic' else 'y' if adjective[-2:] == 'll' else 'ly'}"


def _add_marks(phrases: _Phrases, data: Mapping[str, Any], groups: Iterable[str]) -> None:
    for group in groups:
        for name, words in data.get(group, {}).items():
            phrases.add(words, "mark", group, name)


def _pair(says: str) -> tuple[str, str]:
    cue, _, asserts = says.partition(" ")
    return cue, asserts


def _forms(phrase: str) -> list[str]:
    """`ris{es,ing}` as rises and rising; several groups multiply."""
    before, brace, rest = phrase.partition("{")
    if not brace:
        return [phrase]
    inside, _, after = rest.partition("}")
    return [before + option + tail for option in inside.split(",") for tail in _forms(after)]
