"""A text as tokens, quotations, sentences and clauses.

Knows punctuation and where the vocabulary's phrases lie, and nothing about sound.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from mgrd.claims.vocabulary import Term, Vocabulary, terms, tokenize

_PAIRS = {"“": "”", "「": "」", "『": "』", "《": "》", "«": "»", '"': '"', "‘": "’", "'": "'"}
_QUOTE_TOKENS = 80
"""A quotation that does not close within so many tokens, or in its line, is an apostrophe or a slip."""

_SENTENCE_TOKENS = 150
"""A longer sentence is cut, so that the time a text takes is linear whatever its punctuation."""

_ENDS = frozenset(".!?。！？…")
_BREAKS = frozenset(";；—–:：，")


@dataclass(frozen=True, slots=True)
class Text:
    """A tokenised text; token i is `words[i]` at `raw[starts[i]:ends[i]]`."""

    raw: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    sound: list[Term]
    frame: list[Term]
    quoted: list[tuple[int, int]]
    """Token ranges inside quotation marks, in order and without overlaps."""

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
    """Tokenise once and find every phrase of the vocabulary."""
    words, starts, ends = tokenize(raw)
    sound, frame = terms(words, vocabulary.sound), terms(words, vocabulary.frame)
    return Text(raw, words, starts, ends, sound, frame, _quotations(raw, words, starts, ends))


def sentences(text: Text) -> list[Sentence]:
    """Split at . ! ? and line ends, but neither inside a quotation nor at the point of `e.g.`."""
    found: list[Sentence] = []
    begin, quotes, q = 0, text.quoted, 0
    words, n = text.words, len(text.words)
    for i, word in enumerate(words):
        while q < len(quotes) and quotes[q][1] <= i:
            q += 1
        if word[0] == "\n":
            _close(found, begin, i, "")
            begin = i + 1
        elif word in _ENDS and not (q < len(quotes) and quotes[q][0] <= i):
            after = text.raw[text.ends[i] : text.ends[i] + 1]
            inside = word == "." and (after.isalnum() or (i > 0 and _is_label(words[i - 1], i - 1 == begin)))
            if not inside:
                _close(found, begin, i, "?" if word in "?？" else ".")
                begin = i + 1
        elif i - begin >= _SENTENCE_TOKENS:
            _close(found, begin, i, "")
            begin = i
    _close(found, begin, n, "")
    return found


def _is_label(word: str, opens: bool) -> bool:
    """`A` of `A. calm`, an initial, or the number that opens `1. calm`."""
    return (len(word) == 1 and word.isalpha()) or (opens and len(word) <= 2 and word.isdecimal())


def clauses(text: Text, sentence: Sentence, breaks: frozenset[int]) -> list[tuple[int, int]]:
    """Split a sentence at ; : — and at `breaks`, the tokens where a conjunction starts a new clause."""
    found, begin = [], sentence.i
    for i in range(sentence.i, sentence.j):
        if text.words[i] in _BREAKS and not _between_numbers(text, i):
            if i > begin:
                found.append((begin, i))
            begin = i + 1
        elif i in breaks and i > begin:
            found.append((begin, i))
            begin = i
    if begin < sentence.j:
        found.append((begin, sentence.j))
    return found


def _close(found: list[Sentence], begin: int, end: int, mark: str) -> None:
    if end > begin:
        found.append(Sentence(begin, end, mark))


def _between_numbers(text: Text, i: int) -> bool:
    return 0 < i < len(text.words) - 1 and text.words[i - 1][0].isdigit() and text.words[i + 1][0].isdigit()


def _quotations(raw: str, words: list[str], starts: list[int], ends: list[int]) -> list[tuple[int, int]]:
    found, i, n = [], 0, len(words)
    while i < n:
        word = words[i]
        if word in _PAIRS and _opens(raw, word, starts[i], ends[i]):
            close = _closing(raw, words, ends, i, _PAIRS[word])
            if close is not None:
                found.append((i, close + 1))
                i = close
        i += 1
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
