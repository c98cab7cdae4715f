"""One sentence with everything that was found in it, as the readers of claims need it.

Holds the look-ups that several readers share (which clause, which ordinal, which place), and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mgrd.claims import Claim
from mgrd.claims.modality import Stance, stance
from mgrd.claims.places import governs
from mgrd.claims.text import Sentence, Text
from mgrd.claims.vocabulary import Entry, Term, Vocabulary

ORDINALS = ("first", "second", "third", "fourth", "last", "span")
"""`span` is a part that the words name and nothing places: the first sentence, the second speaker."""
HALVES = ("first_half", "second_half")
PLACES = ("start", "middle", "end")
Kind = Literal["level", "value", "trend", "comparison", "presence", "count"]


@dataclass(slots=True)
class Scene:
    """A sentence and its terms; its stance and what stands around its sources are read when they are asked for."""

    text: Text
    sentence: Sentence
    sound: list[Term]
    frame: list[Term]
    clauses: list[tuple[int, int]]
    vocabulary: Vocabulary
    anchored: bool
    """Whether the sentence itself shows that it is about sound."""
    about_audio: bool
    """Whether the text as a whole does."""
    meanings: dict[int, str | None] = field(default_factory=dict)
    """What the figure at a token is of, as far as it was asked for."""
    chinese: bool = field(init=False)
    """Whether there may be a Chinese character in the sentence."""
    _words: list[str] = field(init=False)
    _lists: Mapping[str, frozenset[str]] = field(init=False)
    _begin: int = field(init=False)
    _end: int = field(init=False)
    _stance: Stance | None = None
    _around: list[Term] | None = None
    _parts: list[Term] | None = None
    _beside: list[Term] | None = None
    _course: list[Term] | None = None

    def __post_init__(self) -> None:
        self._words, self._lists = self.text.words, self.vocabulary.lists  # asked for at every turn
        self._begin, self._end = self.sentence.i, self.sentence.j
        self.chinese = self.text.chinese and max(self._words[self._begin : self._end]) >= "\u3400"

    @property
    def stance(self) -> Stance:
        """What kind of statement each token stands in."""
        if self._stance is None:
            self._stance = stance(self.text, self.sentence, self.frame, self.clauses, self.vocabulary)
        return self._stance

    @property
    def around(self) -> list[Term]:
        """What stands around sources: `there is a`, `comes in`, `followed by`."""
        if self._around is None:
            self._around = self.text.terms_in("around", self.vocabulary.around, self._begin, self._end)
        return self._around

    @property
    def parts(self) -> list[Term]:
        """What names a part of the clip: `the second half`."""
        if self._parts is None:
            self._parts = self.text.terms_in("parts", self.vocabulary.parts, self._begin, self._end)
        return self._parts

    @property
    def sounds(self) -> list[Term]:
        """Sounds of the kinds that a measurement tells apart: `a beep`."""
        return self.text.terms_in("kinds", self.vocabulary.kinds, self._begin, self._end)

    @property
    def beside(self) -> list[Term]:
        """What sets two parts side by side: `compared with`."""
        if self._beside is None:
            self._beside = self.text.terms_in("beside", self.vocabulary.beside, self._begin, self._end)
        return self._beside

    @property
    def course(self) -> list[Term]:
        """What places a kind of sound in time: `follows`, `is heard`, `stops`."""
        if self._course is None:
            self._course = self.text.terms_in("course", self.vocabulary.course, self._begin, self._end)
        return self._course

    def word(self, i: int) -> str:
        """The token at i, or nothing outside the sentence."""
        return self._words[i] if self._begin <= i < self._end else ""

    def listed(self, name: str, i: int) -> bool:
        """Whether the token at i is in a list of the vocabulary."""
        return self._begin <= i < self._end and self._words[i] in self._lists[name]

    def all_listed(self, name: str, after: int = 0) -> list[int]:
        """The tokens of the sentence, from the one `after` its first, that are in a list of the vocabulary."""
        words, listed, begin = self._words[self._begin + after : self._end], self._lists[name], self._begin + after
        return [] if listed.isdisjoint(words) else [k for k, word in enumerate(words, begin) if word in listed]

    def clause(self, i: int) -> tuple[int, int]:
        """The clause of a token, as tokens."""
        for clause in self.clauses:
            if clause[0] <= i < clause[1]:
                return clause
        return self.sentence.i, self.sentence.j

    def allowed(self, needs: str) -> bool:
        """Whether a phrase that needs an anchor (nowhere, in the text, in the sentence) counts here."""
        return self.anchored or needs == "nothing" or (needs == "trace" and self.about_audio)

    def ordinal(self, i: int, *, back: int = 25) -> str | None:
        """What `part` says, or `span` where it is of a part that no measurement of one figure tells apart."""
        found = self._part(i, back)
        return None if found is None else self._which(found)

    def part(self, i: int, *, back: int = 25) -> str | None:
        """The part that a token stands under: the nearest before it in its clause, else the first after it."""
        found = self._part(i, back)
        if found is None:
            return None
        near = [t for t in self.frame if found.j <= t.i <= found.j + 1]
        of_people = any("ordinals.speaker_words" in t.entry.marks for t in near)
        return "span" if of_people else _named(found, "ordinals")

    def reference(self, i: int) -> str | None:
        """The part that something is compared against after token i: `than the first`."""
        _, end = self.clause(i)
        named = [t for t in self.frame if i <= t.i < end and _named(t, "ordinals") and self._is_reference(t)]
        return _named(named[0], "ordinals") if named else None

    def _part(self, i: int, back: int) -> Term | None:
        begin, end = self.clause(i)
        # `than the first` is what is compared against, not what is spoken of
        named = [t for t in self.frame if begin <= t.i < end and _named(t, "ordinals") and not self._is_reference(t)]
        if all(self.word(t.j - 1) == "other" for t in named):
            named = []  # "one tone is low, the other is high" says nothing of which comes first
        before = [t for t in named if i - back <= t.i and t.j <= i]
        if before:
            return before[-1]
        after = next((t for t in named if i < t.i), None)
        of_it = after is None or _named(after, "ordinals") not in HALVES or self.holds_at(after.i, after.j, i)
        return after if of_it else None  # "loud, with a beep in the second half"

    def _is_reference(self, part: Term) -> bool:
        """Whether a part is what something is compared against: `than the first`, `compared with the first`."""
        return any(self.listed("than", k) for k in range(part.i - 3, part.i)) or any(
            "marks.apart" in t.entry.marks and 0 <= part.i - t.j <= 3 for t in self.frame if t.i < part.i
        )

    def place(self, i: int, *, reach: int = 12) -> str | None:
        """`start`, `middle` or `end` when the clause says so of a token near by; the nearest such word wins."""
        begin, end = self.clause(i)
        named = [t for t in self.frame if begin <= t.i < end and _named(t, "places")]
        near = [t for t in named if abs(t.i - i) <= reach and governs(self, t, i, named)]
        # `than at the end` is what is compared against
        near = [t for t in near if not any(self.word(k) == "than" for k in range(i + 1, t.i))]
        return _named(min(near, key=lambda t: (abs(t.i - i), t.i)), "places") if near else None

    def holds_at(self, i: int, j: int, at: int) -> bool:
        """Whether the part that tokens [i, j) name, `the end`, is where the words at token `at` hold."""
        begin, end = self.clause(at)
        named = [t for t in self.frame if begin <= t.i < end and _named(t, "places")]
        place = next((t for t in named if t.i < j and i < t.j), None) or Term(i, j, _NOTHING)
        return governs(self, place, at, named)

    def claim(self, i: int, j: int, cue: str, kind: Kind, asserts: str, *, at: int | None = None, **more: Any) -> Claim:
        """A claim over tokens [i, j), with the modality that they stand in and the polarity of the token `at`."""
        start, end = self.text.starts[i], self.text.ends[j - 1]
        first = self.sentence.i
        fields: dict[str, Any] = {
            "start": start,
            "end": end,
            "text": self.text.raw[start:end],
            "cue": cue,
            "kind": kind,
            "scope": "whole",
            "polarity": -1 if self.stance.negated[(i if at is None else at) - first] else 1,
            "modality": self.stance.between(i - first, j - first),
            "asserts": asserts,
            "claimed": asserts,
        }
        return Claim(**(fields | more))

    def _which(self, part: Term) -> str | None:
        near = [t for t in self.frame if part.j <= t.i <= part.j + 1]
        several = any(not t.entry.marks.isdisjoint(("ordinals.speaker_words", "ordinals.part_words")) for t in near)
        name = _named(part, "ordinals")
        return "span" if several or name in HALVES else name


_NOTHING = Entry()
_NAMED = frozenset([*ORDINALS, *HALVES, *PLACES])


def _named(term: Term, group: str) -> str | None:
    for mark in sorted(term.entry.marks):
        table, _, name = mark.partition(".")
        if table == group and name in _NAMED:
            return name
    return None
