"""A text as tokens, quotations, sentences and clauses.

Knows punctuation and where the vocabulary's phrases lie, and nothing about sound.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Any
from unicodedata import normalize

from mgrd.claims.vocabulary import TRIES, Term, Vocabulary, terms, tokenize

_PAIRS = {"“": "”", "「": "」", "『": "』", "《": "》", "«": "»", '"': '"', "‘": "'", "'": "'"}
"""Of a token to the token that closes it; a curly apostrophe is read as a straight one."""

_QUOTE_TOKENS = 80
"""A quotation that does not close within so many tokens, or in its line, is an apostrophe or a slip."""

_SENTENCE_TOKENS = 150
"""A longer sentence is cut, so that the time a text takes is linear whatever its punctuation."""

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""Format characters (Unicode Cf) that a reader does not see."""
_PLAIN = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]")
"""Letters and digits of full width, and those of mathematics, each of which NFKC makes one plain sign."""
_ODD = re.compile(f"{_UNSEEN.pattern}|{_PLAIN.pattern}")

_HAN = re.compile("[\u3400-\u9fff]+")
_SHORTENED = frozenset(
    {"approx", "ca", "est", "vs", "resp", "avg", "fig", "incl", "excl", "cf", "dr", "mr", "mrs", "ms"}
)
"""Words whose point ends no sentence."""
_ENDS = frozenset(".!?。！？…")
_OCTAVES, _STEPS = frozenset("12345678"), frozenset("abcdefg")
_BREAKS = frozenset(";；—–:：，")


@dataclass(frozen=True, slots=True)
class Text:
    """A tokenised text; token i is `words[i]` at `raw[starts[i]:ends[i]]`."""

    raw: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    begins: dict[str, list[int]]
    """The tokens at which a phrase of a trie may begin."""
    sound: list[Term]
    chinese: bool
    """Whether there is a Chinese character in it."""
    other: list[int]
    """The tokens that are no plain words: signs, numbers, line ends, `it's`."""
    digits: list[int]
    """The tokens that begin with a digit."""
    notes: list[int]
    """The tokens that are names of notes: `e4`."""
    ands: list[int]
    """The tokens `and`."""
    quoted: list[tuple[int, int]]
    """Token ranges inside quotation marks, in order and without overlaps."""

    def terms_in(self, name: str, trie: dict[str, Any], i: int, j: int) -> list[Term]:
        """The phrases in tokens [i, j) of the trie of a name, one of TRIES."""
        begins = self.begins[name]
        starts = begins[bisect_left(begins, i) : bisect_left(begins, j)]
        return terms(self.words, trie, starts, j) if starts else []

    def notes_in(self, i: int, j: int) -> list[int]:
        """The tokens of [i, j) that are names of notes."""
        return self.notes[bisect_left(self.notes, i) : bisect_left(self.notes, j)]

    def digits_in(self, i: int, j: int) -> list[int]:
        """The tokens of [i, j) that begin with a digit."""
        return self.digits[bisect_left(self.digits, i) : bisect_left(self.digits, j)]

    def quoted_in(self, i: int, j: int) -> list[tuple[int, int]]:
        """The parts of quotations that lie in tokens [i, j)."""
        k = bisect_left(self.quoted, i, key=lambda span: span[1])
        found = []
        while k < len(self.quoted) and self.quoted[k][0] < j:
            found.append((max(i, self.quoted[k][0]), min(j, self.quoted[k][1])))
            k += 1
        return found


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens [i, j) with what ends them: `.`, `?`, or "" for a line or the text."""

    i: int
    j: int
    mark: str


def read(raw: str, vocabulary: Vocabulary) -> Text:
    """Tokenise once and find every phrase that names sound."""
    chinese = _HAN.search(raw) is not None
    shown = _HAN.sub(lambda run: run[0].translate(vocabulary.simplified), raw) if chinese else raw
    odd = None if raw.isascii() else _ODD.search(shown)
    words, starts, ends = tokenize(shown) if odd is None else _tokenize_folded(shown)
    begins = _beginnings(words, vocabulary)
    other = [i for i, word in enumerate(words) if not word.isalpha()]
    return Text(
        raw,
        words,
        starts,
        ends,
        begins,
        terms(words, vocabulary.sound, begins["sound"]),
        chinese,
        other,
        [i for i in other if words[i][0].isdigit()],
        [i for i in other if words[i][-1] in _OCTAVES and words[i][0] in _STEPS],
        [i for i, word in enumerate(words) if word == "and"],
        _quotations(raw, words, starts, ends, other),
    )


def _beginnings(words: list[str], vocabulary: Vocabulary) -> dict[str, list[int]]:
    tries = list(map(vocabulary.begins.get, words, repeat(0)))
    at = list(compress(range(len(words)), tries))
    return {name: [i for i in at if tries[i] >> place & 1] for place, name in enumerate(TRIES)}


def _tokenize_folded(shown: str) -> tuple[list[str], list[int], list[int]]:
    """The tokens of a text with letters of other widths and signs without any, each where the text has it."""
    kept = [i for i, sign in enumerate(shown) if not _UNSEEN.match(sign)]
    signs = (_PLAIN.sub(lambda wide: normalize("NFKC", wide[0]), shown[i]) for i in kept)
    words, starts, ends = tokenize("".join(signs))
    return words, [kept[i] for i in starts], [kept[j - 1] + 1 for j in ends]


def sentences(text: Text) -> list[Sentence]:
    """Split at . ! ? and line ends, but neither inside a quotation nor at the point of `e.g.`."""
    found: list[Sentence] = []
    begin, quotes, q = 0, text.quoted, 0
    words, n = text.words, len(text.words)
    for i in [k for k in text.other if words[k] in _ENDS or words[k][0] == "\n"]:
        begin = _cut(found, begin, i)
        while q < len(quotes) and quotes[q][1] <= i:
            q += 1
        if words[i][0] == "\n":
            _close(found, begin, i, "")
            begin = i + 1
        elif not (q < len(quotes) and quotes[q][0] <= i):
            after = text.raw[text.ends[i] : text.ends[i] + 1]
            inside = words[i] == "." and (after.isalnum() or (i > 0 and _is_label(words[i - 1], i - 1 == begin)))
            if not inside:
                _close(found, begin, i, "?" if words[i] in "?？" else ".")
                begin = i + 1
    _close(found, _cut(found, begin, n), n, "")
    return found


def _cut(found: list[Sentence], begin: int, end: int) -> int:
    """Where the last part begins of a sentence that is too long."""
    while end - begin > _SENTENCE_TOKENS:
        _close(found, begin, begin + _SENTENCE_TOKENS, "")
        begin += _SENTENCE_TOKENS
    return begin


def _is_label(word: str, opens: bool) -> bool:
    """`A` of `A. calm`, an initial, `approx.`, or the number that opens `1. calm`."""
    return word in _SHORTENED or (len(word) == 1 and word.isalpha()) or (opens and len(word) <= 2 and word.isdecimal())


def clauses(text: Text, sentence: Sentence, breaks: frozenset[int]) -> list[tuple[int, int]]:
    """Split a sentence at ; : — and at `breaks`, the tokens where a conjunction starts a new clause."""
    found, begin = [], sentence.i
    for i in sorted({*breaks, *text.other[bisect_left(text.other, sentence.i) : bisect_left(text.other, sentence.j)]}):
        if i not in breaks and _is_break(text, i) and not _between_numbers(text, i):
            if i > begin:
                found.append((begin, i))
            begin = i + 1
        elif i in breaks and i > begin:
            found.append((begin, i))
            begin = i
    if begin < sentence.j:
        found.append((begin, sentence.j))
    return found


def _is_break(text: Text, i: int) -> bool:
    """Whether a sign divides clauses; a half-width comma does after a Chinese character, where it stands for `，`."""
    word = text.words[i]
    return word in _BREAKS or (word == "," and i > 0 and text.words[i - 1] >= "\u3400")


def _close(found: list[Sentence], begin: int, end: int, mark: str) -> None:
    if end > begin:
        found.append(Sentence(begin, end, mark))


def _between_numbers(text: Text, i: int) -> bool:
    return 0 < i < len(text.words) - 1 and text.words[i - 1][0].isdigit() and text.words[i + 1][0].isdigit()


def _quotations(
    raw: str, words: list[str], starts: list[int], ends: list[int], other: list[int]
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    after = 0
    for i in [k for k in other if words[k] in _PAIRS]:
        if i < after or not _opens(raw, words[i], starts[i], ends[i]):
            continue
        close = _closing(raw, words, ends, i, _PAIRS[words[i]])
        if close is not None:
            found.append((i, close + 1))
            after = close + 1
    return found


def _opens(raw: str, word: str, start: int, end: int) -> bool:
    """A straight quote opens only before a word; a single one also only after a space."""
    if word not in "\"'‘":
        return True
    before, after = raw[start - 1 : start], raw[end : end + 1]
    return bool(after.strip()) and (word == '"' or not before.isalnum())


def _closing(raw: str, words: list[str], ends: list[int], opening: int, mark: str) -> int | None:
    for k in range(opening + 1, min(opening + _QUOTE_TOKENS, len(words))):
        if words[k][0] == "\n":
            return None
        if words[k] == mark and (mark not in "'’" or not raw[ends[k] : ends[k] + 1].isalnum()):
            return k
    return None
