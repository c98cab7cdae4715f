"""One sentence with everything that was found in it, as the readers of claims need it.

Holds the look-ups that several readers share (which clause, which ordinal, which place), and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from mgrd.claims import Claim
from mgrd.claims.modality import Stance
from mgrd.claims.text import Sentence, Text
from mgrd.claims.vocabulary import Term, Vocabulary

ORDINALS = ("first", "second", "third", "fourth", "last", "span")
"""`span` is a part that the words name and nothing places: the first sentence, the second speaker."""
PLACES = ("start", "middle", "end")
Kind = Literal["level", "value", "trend", "comparison", "presence", "count"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A sentence, its terms and its stance."""

    text: Text
    sentence: Sentence
    sound: list[Term]
    frame: list[Term]
    stance: Stance
    vocabulary: Vocabulary
    anchored: bool
    """Whether the sentence itself shows that it is about sound."""
    about_audio: bool
    """Whether the text as a whole does."""

    def word(self, i: int) -> str:
        """The token at i, or nothing outside the sentence."""
        return self.text.words[i] if self.sentence.i <= i < self.sentence.j else ""

    def listed(self, name: str, i: int) -> bool:
        """Whether the token at i is in a list of the vocabulary."""
        return self.word(i) in self.vocabulary.lists[name]

    def clause(self, i: int) -> tuple[int, int]:
        """The clause of a token, as tokens."""
        first = self.sentence.i
        for begin, end in self.stance.clauses:
            if first + begin <= i < first + end:
                return first + begin, first + end
        return self.sentence.i, self.sentence.j

    def allowed(self, needs: str) -> bool:
        """Whether a phrase that needs an anchor (nowhere, in the text, in the sentence) counts here."""
        return self.anchored or needs == "nothing" or (needs == "trace" and self.about_audio)

    def ordinal(self, i: int, *, back: int = 25) -> str | None:
        """The ordinal that a token stands under: the nearest before it in its clause, else the first after it."""
        begin, end = self.clause(i)
        # `than the first` is what is compared against, not what is spoken of
        named = [t for t in self.frame if _named(t, "ordinals") and not self.listed("than", t.i - 1)]
        before = [t for t in named if max(begin, i - back) <= t.i and t.j <= i]
        if before:
            return self._which(before[-1])
        after = [t for t in named if i < t.i < end]
        if after:
            return self._which(after[0])
        return None

    def place(self, i: int, *, reach: int = 12) -> str | None:
        """`start`, `middle` or `end` when the clause says so near a token; the nearest such word wins."""
        begin, end = self.clause(i)
        near = [t for t in self.frame if begin <= t.i < end and abs(t.i - i) <= reach and _named(t, "places")]
        # `than at the end` is what is compared against
        near = [t for t in near if not any(self.word(k) == "than" for k in range(i + 1, t.i))]
        return _named(min(near, key=lambda t: (abs(t.i - i), t.i)), "places") if near else None

    def claim(self, i: int, j: int, cue: str, kind: Kind, asserts: str, *, at: int | None = None, **more: Any) -> Claim:
        """A claim over tokens [i, j), with the modality that they stand in and the polarity of the token `at`."""
        start, end = self.text.starts[i], self.text.ends[j - 1]
        first = self.sentence.i
        made = Claim(
            start=start,
            end=end,
            text=self.text.raw[start:end],
            cue=cue,
            kind=kind,
            scope="whole",
            polarity=-1 if self.stance.negated[(i if at is None else at) - first] else 1,
            modality=self.stance.between(i - first, j - first),
            asserts=asserts,
            claimed=asserts,
        )
        return replace(made, **more)

    def _which(self, ordinal: Term) -> str | None:
        """The ordinal, or `span` for `the first speaker`, `the second half`: parts that no measurement tells apart."""
        near = [t for t in self.frame if ordinal.j <= t.i <= ordinal.j + 1]
        of_a_part = any("ordinals.speaker_words" in t.entry.marks for t in near)
        return "span" if of_a_part else _named(ordinal, "ordinals")


def _named(term: Term, group: str) -> str | None:
    for mark in term.entry.marks:
        table, _, name = mark.partition(".")
        if table == group and name in (*ORDINALS, *PLACES):
            return name
    return None
