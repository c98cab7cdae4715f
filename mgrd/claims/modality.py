"""What kind of statement each word of a sentence stands in, and which words are negated.

An observation about this clip is told from an option being weighed, a hypothesis, a general truth, a question and a
report of words; negation has a scope, after NegEx (Chapman et al. 2001, J. Biomed. Inform. 34). Knows nothing of sound.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from mgrd.claims import Modality
from mgrd.claims.text import Sentence, Text
from mgrd.claims.vocabulary import Term, Vocabulary

_STRENGTH: dict[Modality, int] = {
    "asserted": 0,
    "hedged": 1,
    "general": 2,
    "hypothetical": 3,
    "question": 4,
    "option": 5,
    "quoted": 6,
}
"""Where several apply, the one furthest from an observation wins."""

_NEGATION_TOKENS = 9
_FORWARD: dict[str, Modality] = {
    "option": "option",
    "choices": "option",
    "answer": "option",  # an answer that is announced is an option that is taken, not something heard
    "question": "question",
    "conditional": "hypothetical",
    "inverted": "hypothetical",
    "apart": "hypothetical",  # what this clip is compared with, or said to be the opposite of
}
_CLAUSE: dict[str, Modality] = {
    "hedged": "hedged",
    "hypothetical": "hypothetical",
    "general": "general",
    "fitting": "option",
    "only_words": "quoted",
}
_IMITATION_TOKENS = 6
"""Of a quotation that imitates a sound, `“咔”的一声`, with its marks."""

_AT_HEAD = ("inverted", "kinds")
"""Marks that are read only where a clause begins: `had the tone risen`, `angry speech is`."""

_BULLETS = frozenset("-*•")
_COLONS = frozenset(":：")
_STOPS = frozenset(",;—–，；")
_OPENS = frozenset("，：")
_APPOSED_AFTER = _STOPS | {"(", "（", "hz"}
"""Signs after a word of saying, before what is said."""
_STEP_TOKENS = 14
"""A numbered line no longer than this may be an option; a longer one is a step of the reasoning."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Of each token of a sentence, by its distance from the sentence's first."""

    modality: list[Modality]
    negated: list[bool]
    clauses: list[tuple[int, int]]

    def between(self, i: int, j: int) -> Modality:
        """The modality of tokens [i, j): the one furthest from an observation."""
        return max(self.modality[i:j], key=_STRENGTH.__getitem__)

    def apart(self, one: tuple[int, int], other: tuple[int, int]) -> Modality:
        """The modality of two ranges of tokens, whatever stands between them: `the “yes” rises`."""
        return max(self.between(*one), self.between(*other), key=_STRENGTH.__getitem__)


def stance(
    text: Text, sentence: Sentence, frame: list[Term], clauses: list[tuple[int, int]], vocabulary: Vocabulary
) -> Stance:
    """Read the marks of one sentence; `frame` are its marks in order."""
    first, n = sentence.i, sentence.j - sentence.i
    modality: list[Modality] = ["asserted"] * n
    negated = [False] * n

    def put(i: int, j: int, value: Modality) -> None:
        for k in range(max(i, first) - first, min(j, sentence.j) - first):
            if _STRENGTH[value] > _STRENGTH[modality[k]]:
                modality[k] = value

    if sentence.mark == "?":
        guessed = text.words[sentence.j - 1] in vocabulary.lists["guess"]
        put(sentence.i, sentence.j, "hedged" if guessed or _is_tagged(text, sentence, vocabulary) else "question")
    quoted = text.quoted_in(sentence.i, sentence.j)
    for i, j in quoted:
        if j - i > _IMITATION_TOKENS or text.words[j : j + 1] not in (["的"], ["一"], ["声"], ["地"]):
            put(i, j, "quoted")  # but “咔”的一声
    if (head := _option_head(text, sentence, frame)) is not None:
        put(sentence.i, head, "option")
    for term in frame:
        roles = term.entry.roles
        if not roles:
            continue
        i, j = _clause_of(clauses, term.i, sentence)
        for name in roles:
            if name in _AT_HEAD and term.i != i:
                continue
            if name == "general" and _is_of_evidence(text, term, i, vocabulary):
                continue  # "two analyses confirm a drone characterised by beats"
            if name in _CLAUSE:
                alone = name == "only_words" and j - term.j <= 1
                begin = _own_subject(text, term, i) if name == "hypothetical" else i
                if name == "general" and _is_apposed(text, term, i, vocabulary):
                    begin = term.i
                put(begin, _clause_of(clauses, j + 1, sentence)[1] if alone else j, _CLAUSE[name])
            elif name in _FORWARD:
                if name == "question" and term.j == j < sentence.j and text.words[j] in _COLONS:
                    put(term.i, sentence.j, "question")  # "the plan: count the claps"
                put(term.i, _forward_end(text, name, term, sentence, clauses, j, frame), _FORWARD[name])
            elif name == "too":
                put(_purpose(text, term, j), j, "hypothetical")
            elif name == "kinds":
                put(i, _comma(text, term.j, j), "general")
            elif name == "equates" and text.words[i] in ("a", "an") and i == sentence.i and term.i - i <= 6:
                put(i, j, "general")
            elif name == "definition" or (name == "domain" and i == term.i == sentence.i):
                put(sentence.i, sentence.j, "general")
            elif name == "report" and term.j >= sentence.j and text.words[term.i - 2] in _STOPS and term.i - 2 >= first:
                put(first, term.i, "quoted")  # "the price of guitars has gone up, he says"
            elif name == "report" and text.words[term.i] == "提" and _is_numeral(text, term.j):
                continue  # "从100拍提到了140拍"
            elif name == "report" and not _is_of_evidence(text, term, i, vocabulary):
                put(term.j, _report_end(text, term, frame, sentence, _relative_end(text, frame, clauses, j)), "quoted")
            elif (
                name == "generic"
                and _is_generic(text, i, term.i, vocabulary)
                and not _is_of_evidence(text, term, i, vocabulary)
            ):
                put(i, j, "general")
            elif name == "negation" and not any(k <= term.i < m for k, m in quoted):
                _negate(negated, first, term.j, _negation_end(text, term, frame, j))
            elif name == "negation_after":
                _negate(negated, first, i, term.i)
    return Stance(modality, negated, [(i - first, j - first) for i, j in clauses])


def _is_numeral(text: Text, i: int) -> bool:
    """Whether a figure follows, over a particle or `大约`."""
    return any(k < len(text.words) and text.words[k][0].isdigit() for k in range(i, i + 4))


def _is_tagged(text: Text, sentence: Sentence, vocabulary: Vocabulary) -> bool:
    """`it drags a bit, doesn't it?`, `that's a siren, right?`: a statement that asks for assent."""
    if sentence.j - sentence.i < 5:
        return False
    *_, third, other, last = text.words[sentence.i : sentence.j]
    lists = vocabulary.lists
    return (other == "," and last in lists["tags"]) or (
        third == "," and other in lists["tagging"] and last in lists["tagged"]
    )


def breaks(frame: Iterable[Term], text: Text, sentence: Sentence, vocabulary: Vocabulary) -> frozenset[int]:
    """Tokens at which a conjunction starts a new clause: contrasts, consequences, and `and` before a new subject."""
    found = {term.i for term in frame if not term.entry.marks.isdisjoint(("marks.contrast", "marks.break"))}
    words, starters = text.words, vocabulary.lists["definite"]
    ands = text.ands[bisect_right(text.ands, sentence.i) : bisect_left(text.ands, sentence.j - 1)]
    found |= {i for i in ands if words[i - 1] == "," or words[i + 1] in starters}
    return frozenset(found)


def _clause_of(clauses: list[tuple[int, int]], token: int, sentence: Sentence) -> tuple[int, int]:
    for i, j in clauses:
        if i <= token < j:
            return i, j
    return sentence.i, sentence.j


def _own_subject(text: Text, term: Term, begin: int) -> int:
    """Where what a modal verb says begins: at `, you` of `very regular, you could dance to it`, else at the clause."""
    for k in range(term.i, max(begin, term.i - 7), -1):
        if text.words[k - 1] in _STOPS:
            return k
    return begin


def _is_apposed(text: Text, term: Term, begin: int, vocabulary: Vocabulary) -> bool:
    """`115 Hz, typical of a man`, `115 Hz (common in men)`: what stands before it was heard; not `men, usually`."""
    lists, words, k = vocabulary.lists, text.words, term.i
    while k > begin and words[k - 1] in lists["apposing"]:
        k -= 1  # "a rather typical"
    if k == begin or words[term.i] not in lists["typical"] or words[k - 1] not in _APPOSED_AFTER:
        return False
    return not lists["typical_of"].isdisjoint(words[term.i + 1 : term.i + 4])


def _comma(text: Text, i: int, end: int) -> int:
    """The first comma in tokens [i, end), or the end."""
    return next((k for k in range(i, end) if text.words[k] in ",，"), end)


def _forward_end(
    text: Text,
    name: str,
    term: Term,
    sentence: Sentence,
    clauses: list[tuple[int, int]],
    clause_end: int,
    frame: list[Term],
) -> int:
    """Where a mark stops: a condition and a plan at the contrast that ends them, options with their sentence."""
    if name in ("conditional", "inverted"):
        return _contrast(text, frame, clause_end, sentence.j)
    if name == "apart":
        return _comma(text, term.j, clause_end)
    if name in ("choices", "answer") and clause_end < sentence.j and text.words[clause_end] in _COLONS:
        return sentence.j
    if name in ("question", "option", "choices"):
        return min(_refuted(frame, term), _plan_end(text, frame, clauses, clause_end))
    return clause_end


def _refuted(frame: list[Term], term: Term) -> int:
    """Where what speaks against an option or a statement begins: `option B is ruled out by the absence of drums`."""
    return next((t.j for t in frame if t.i >= term.j and "marks.refutes" in t.entry.marks), 1 << 60)


def _contrast(text: Text, frame: list[Term], begin: int, end: int) -> int:
    """The first token in [begin, end) at which a clause turns against what was said, or the end."""
    turns = (t.i for t in frame if begin <= t.i < end and "marks.contrast" in t.entry.marks)
    return next((i for i in turns if text.words[i - 1] in _STOPS), end)


def _plan_end(text: Text, frame: list[Term], clauses: list[tuple[int, int]], clause_end: int) -> int:
    """A plan or a choice goes on over `when the engine stops` and `then the key`, until `but`, `so` or a colon."""
    subordinate = {t.i for t in frame if "marks.subordinate" in t.entry.marks}
    for i, j in clauses:
        listed = text.words[i] == "and" and text.words[i - 1] != ","  # "the oboe and the clarinet"
        if i == clause_end and (i in subordinate or listed):
            clause_end = j
    return clause_end


def _purpose(text: Text, term: Term, clause_end: int) -> int:
    """Where the thing begins that something is too high `for`, or too low `to` be."""
    near = range(term.j, min(term.j + 5, clause_end))
    return next((k for k in near if text.words[k] in ("for", "to")), clause_end)


def _option_head(text: Text, sentence: Sentence, frame: list[Term]) -> int | None:
    """Where the option ends in `- Calm: ...`, `(B) calm`, `A) calm`, `Option A: calm`, `[calm, excited]`, else None."""
    words = text.words[sentence.i : sentence.i + 30]
    if len(words) < 2:
        return None
    if (words[0] == "[" and ":" not in words[1]) or _is_named_option(words, sentence, frame):
        return sentence.j
    if words[0].isdecimal() and len(words[0]) <= 2 and words[1] in (")", "."):
        return sentence.j if len(words) <= _STEP_TOKENS else None
    lettered = (words[0] == "(" and len(words) > 2 and len(words[1]) == 1 and words[2] == ")") or (
        len(words[0]) == 1 and words[0].isalpha() and words[1] in (")", ".", ":")
    )
    if not lettered and words[0] not in _BULLETS:
        return None
    for k in range(2, len(words)):
        if words[k] in (":", "：", "—", "–"):
            return sentence.i + k
    return sentence.j if lettered or (words[0] in _BULLETS and sentence.j - sentence.i <= 6) else None


def _is_named_option(words: list[str], sentence: Sentence, frame: list[Term]) -> bool:
    """`Option A: ...`, `Choice 2) ...`."""
    named = frame[0].j - sentence.i if frame and frame[0].i == sentence.i else len(words)
    return (
        named + 1 < len(words)
        and "marks.option" in frame[0].entry.marks
        and len(words[named]) == 1
        and words[named].isalnum()
        and words[named + 1] in (":", "：", ")", ".")
    )


def _relative_end(text: Text, frame: list[Term], clauses: list[tuple[int, int]], clause_end: int) -> int:
    """A report goes on over `a concert at which the bass was too loud`, but not over `, which is loud`."""
    relative = {t.i for t in frame if "marks.subordinate" in t.entry.marks}
    for i, j in clauses:
        if i == clause_end and i in relative and text.words[i - 1] not in _STOPS:
            clause_end = j
    return clause_end


def _report_end(text: Text, term: Term, frame: list[Term], sentence: Sentence, clause_end: int) -> int:
    """A report of words ends at the clause, a comma, or words about how it was said; `he says: ...` goes on."""
    end = min(clause_end, _refuted(frame, term))
    told = text.words[term.j - 1] not in ("声", "句")  # "他喊了一声，接着…"
    if end == term.j and end < sentence.j and text.words[end] in _OPENS and told:
        end = _contrast(text, frame, end, sentence.j)  # "他说，…" and "he says: ..."
    for other in frame:
        if term.j <= other.i < end and "marks.delivery" in other.entry.marks:
            end = other.i
            break
    for k in range(term.j, end):
        if text.words[k] == ",":
            return k
    return end


def _is_of_evidence(text: Text, term: Term, begin: int, vocabulary: Vocabulary) -> bool:
    """Whether what tells is an analysis or a tool and no speaker: `the second analysis explicitly mentions a siren`."""
    reporters = vocabulary.lists["reporters"]
    return any(text.words[k] in reporters for k in range(max(begin, term.i - 6), term.i))


def _is_generic(text: Text, clause_start: int, verb: int, vocabulary: Vocabulary) -> bool:
    """`High pitch suggests ...` and `a slow pace suggests ...` are general, `the high pitch suggests ...` is not."""
    subject = text.words[clause_start:verb]
    return bool(subject) and len(subject) <= 6 and not any(word in vocabulary.lists["definite"] for word in subject)


def _negation_end(text: Text, term: Term, frame: list[Term], clause_end: int) -> int:
    end = min(clause_end, term.j + _NEGATION_TOKENS)
    for other in frame:
        if term.j <= other.i < end and "marks.contrast" in other.entry.marks:
            end = other.i
            break
    for k in range(term.j, end):
        if text.words[k] in ",，" or (text.words[k] == "and" and not _VERBS.isdisjoint(text.words[k + 1 : k + 2])):
            return k
    return end


_VERBS = frozenset({"is", "was", "has", "sounds", "seems", "appears", "feels", "comes", "stays", "remains"})
"""After `and`: what is said anew, and denied no more."""


def _negate(negated: list[bool], first: int, i: int, j: int) -> None:
    """A second negation over the same words does not undo the first: `not without noise` is left to the reader."""
    for k in range(i - first, j - first):
        negated[k] = True
