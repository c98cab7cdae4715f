"""Parts of a clip set side by side anywhere in a sentence: `What comes second is fainter`, `与开头相比，后面更低`.

Finds which parts a sentence names, which of them is spoken of and which it is compared against, and rewrites what was
said of the clip as a comparison of the two. What the parts are in the sound, and how they differ, is for `comparisons`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from mgrd.claims import Claim
from mgrd.claims.describe import LESS, MORE, Head
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Entry, Term, terms

_COMPARED = frozenset(
    {"pitch.level", "loudness.level", "rate.level", "timbre.brightness", "noise.level", "pitch.range"}
    | {"time.duration", "pause.duration"}
)
"""Cues whose difference between two parts is measured (`[[difference]]` in norms.toml)."""

_TRENDS = {"loudness.trend": "loudness.level", "rate.level": "rate.level", "pitch.contour": "pitch.level"}
_SECOND = frozenset({"second", "second_half", "end", "last"})
_HALVES, _ENDS = frozenset({"first_half", "second_half"}), frozenset({"start", "end"})
_RESOLVED = frozenset({"first_vs_second", "sections", "turns", "halves", "start_vs_end"})
_COMMAS = frozenset(",，;；")

_AGAINST = 8
"""Tokens between a word of comparing and the part that it introduces: `than the one that we hear first`."""
_REACH = 14
"""Tokens between a word and the part or the dimension that it is said of."""


class Part(NamedTuple):
    """A part that the words [i, j) name, and how it is compared."""

    i: int
    j: int
    name: str
    alone: bool = False
    """An ordinal without a noun, which may be a half: `than in the second`."""
    against: str = ""
    """What makes it the part that another is compared with: `than`, `as`, `short` (`没有第一句`), or nothing."""


class Said(NamedTuple):
    """A word over tokens [i, j) that says what has more or less, with its cue, and the head that it was bound to."""

    i: int
    j: int
    cue: str
    asserts: str
    head: Head | None


def contrasted(scene: Scene, here: Sequence[Head], described: Sequence[Claim]) -> list[Claim]:
    """The descriptions of a sentence, those that set two parts of the clip side by side as comparisons."""
    kept = list(described)
    parts = parts_named(scene) if scene.allowed("trace") else []
    if not parts and not any(one.scope in _RESOLVED for one in kept):
        return kept
    placed: list[tuple[Claim, Part]] = []
    each = any(scene.listed("each", k) for k in range(scene.sentence.i, parts[0].i)) if parts else False
    for said in _words(scene, here, kept, parts):
        claim = _made(scene, said)
        if claim.polarity < 0 and any(_is_denied(scene, one) for one in parts if one.j <= said.i):
            claim = replace(claim, polarity=1)
        subject, against = _sides(scene, parts, said)
        new = _compared(scene, said, claim, subject, against)
        if new is not None and new.modality == "hypothetical" and against is not None and _is_set_apart(scene, against):
            new = replace(new, modality="asserted")
        if each and against is not None and subject is None:
            new = replace(claim, kind="comparison", scope="span")  # "每个音都比前一个高"
        if new is not None:
            kept = [one for one in kept if not _replaced(one, new)] + [new]
            continue
        kept = [_unplaced(one, said) if _overlap(one, claim) and one.scope in _RESOLVED else one for one in kept]
        if subject is not None and _is_plain(scene, said) and _is_of_it(scene, said, subject):
            placed.append((claim, subject))
    return _opposed(scene, kept, placed)


def _is_set_apart(scene: Scene, against: Part) -> bool:
    """`第二部分相比第一部分更轻`: a part of this clip that another is compared with is as real as that one."""
    marks = [m for t in scene.frame for m in t.entry.marks if m in _SUPPOSING]
    return marks == ["marks.apart"] and any(
        0 <= against.i - t.j <= 1 for t in scene.frame if "marks.apart" in t.entry.marks
    )


_SUPPOSING = frozenset({"marks.apart", "marks.conditional", "marks.inverted", "marks.hypothetical", "marks.too"})


def _is_denied(scene: Scene, part: Part) -> bool:
    """`the first part, not the second, is louder`: one part is denied, and not what is said of the other."""
    before = scene.word(part.i - 2), scene.word(part.i - 3)
    return before[0] in ("not", "than") and before[1] in ("and", ",", "rather") and scene.listed("article", part.i - 1)


def _is_of_it(scene: Scene, said: Said, part: Part) -> bool:
    """Whether a word is said of a part named behind it: not `loud, with a beep at the end`."""
    return part.i < said.j or part.name not in _ENDS | _HALVES or scene.holds_at(part.i, part.j, said.i)


def _unplaced(claim: Claim, said: Said) -> Claim:
    """A comparison with something that is no part of the clip: `louder than the music in the second half`."""
    return replace(claim, scope="span", asserts=said.asserts, claimed=said.asserts)


def parts_named(scene: Scene) -> list[Part]:
    """The parts that a sentence names, in order; none when it names a third, for which nothing here is meant."""
    found: list[Part] = []
    for term in scene.parts:
        if scene.word(term.j - 1) == "after" and scene.listed("article", term.j):
            continue  # "comes after the quieter one"
        for mark in sorted(term.entry.marks):
            group, _, name = mark.partition(".")
            if group == "parts" or (group == "alone" and _stands_alone(scene, term, found)):
                found.append(Part(term.i, term.j, name, group == "alone", _against(scene, term, found)))
                break
    if any(one.name == "third" for one in found):
        return []
    halves = any(one.name in _HALVES for one in found)
    return [
        one._replace(name=f"{one.name}_half") if halves and one.alone and one.name not in _ENDS else one
        for one in found
    ]


def _stands_alone(scene: Scene, term: Term, before: Sequence[Part]) -> bool:
    """`the second is`, `than the first.`, but not `the second violin`; `the other` only after one that is named."""
    after = scene.word(term.j)
    if scene.word(term.i) == "other" and not before:
        return False
    if not scene.listed("article", term.i - 1):
        return False
    if scene.word(term.i) == "other" and after == "one":
        return True
    described = any(t.i == term.j and "side" in t.entry.says and not scene.word(t.j)[:1].isalnum() for t in scene.sound)
    return described or not after[:1].isalnum() or scene.listed("after_part", term.j)  # "the second quiet."


def _marked(scene: Scene, name: str) -> list[Term]:
    return [t for t in scene.beside if f"beside.{name}" in t.entry.marks]


def _against(scene: Scene, term: Term, before: Sequence[Part]) -> str:
    """What makes a part the one that something is compared with: `than the first`, `与第一句相比`, `没有第一句`."""
    nearest = before[-1].j if before else scene.sentence.i
    chinese = scene.word(term.i) >= "\u3400"
    reach = 2 if chinese else _AGAINST
    for marker in _marked(scene, "besides"):
        between = range(marker.j, term.i)
        leads = all(scene.listed("up_to_it", k) or (chinese and scene.word(k) not in _COMMAS) for k in between)
        if nearest <= marker.i and 0 <= term.i - marker.j <= reach and leads:
            return "than"
    if chinese:
        if any(t.j == term.i for t in _marked(scene, "short_of")):
            return "short"
        if any(t.j == term.i for t in _marked(scene, "just_before")):
            return "than"
        paired = any(t.j == term.i for t in _marked(scene, "paired"))
        if paired and any(0 <= t.i - term.j <= 1 for t in _marked(scene, "alike")):
            return "as"
        return "than" if paired and any(0 <= t.i - term.j <= 4 for t in _marked(scene, "besides")) else ""
    as_ = [k for k in range(max(nearest, term.i - 4), term.i) if scene.listed("as", k)]
    first = next((k for k in range(as_[-1] - 4, as_[-1]) if scene.listed("as", k)), None) if as_ else None
    if first is None:
        return ""
    if scene.listed("multiple", first - 1):
        return "than"  # "twice as loud as"
    short = scene.listed("fraction", first - 1) or scene.word(first - 2) == "nowhere"
    return "short" if short else "as"


def _words(scene: Scene, here: Sequence[Head], described: Sequence[Claim], parts: Sequence[Part]) -> Iterator[Said]:
    """The words of a sentence that say more or less, each of what it was found to be said of, else of the nearest."""
    within = {k for part in parts for k in range(part.i, part.j)}
    within.update(k for t in _marked(scene, "more") if scene.word(t.i) >= "\u3400" for k in range(t.i, t.j))
    starts, ends = scene.text.starts, scene.text.ends
    for term in _outside(scene, within):
        entry = term.entry
        pairs = {pair for says in entry.says.values() for pair in says} | {
            (cue, asserts) for cue, asserts, _ in entry.phrases
        }
        known = [one for one in described if one.start < ends[term.j - 1] and starts[term.i] < one.end]
        bound = next((one.cue for one in known if one.cue in _COMPARED or one.cue in _TRENDS), None)
        head = _head(scene, term, [h for h in here if h.j - 1 not in within])
        of_part = entry.says.get("side", ()) if _is_said_of_it(scene, term) else ()
        of_head = [pair for pair in (entry.says[head.name] if head is not None else of_part) if _says(pair)]
        of_claim = sorted(pair for pair in pairs if pair[0] == bound and _says(pair))
        chosen = of_head or of_claim or [(cue, asserts) for cue, asserts, _ in entry.phrases if _says((cue, asserts))]
        if chosen:
            cue, asserts = min(chosen, key=lambda pair: pair[1] in ("rising", "falling"))
            if cue == "pitch.level" and _is_in_decibels(scene, term):
                cue, asserts = "loudness.level", "loud" if asserts in MORE else "quiet"
            yield Said(term.i, term.j, cue, asserts, head)


def _is_in_decibels(scene: Scene, term: Term) -> bool:
    """`10 dB lower than the first`, `低6分贝`: a level, and no pitch."""
    units = [t for t in scene.sound if t.entry.unit == "db"]
    return any(t.j == term.i or (0 < t.i - term.j <= 3 and _is_chinese_at(scene, term.i)) for t in units)


def _is_said_of_it(scene: Scene, term: Term) -> bool:
    """Whether a word describes the part itself: `is louder than`, `is faster.`, but not `a higher standard`."""
    after = scene.word(term.j)
    followed = scene.listed("stop", term.j) or scene.listed("after_part", term.j) or scene.listed("joins", term.j)
    return not after[:1].isalnum() or not after.isascii() or followed or after in ("one", "overall")


def _outside(scene: Scene, within: set[int]) -> list[Term]:
    """The terms outside the words for parts; what a term takes from such words is read again: `第二声|响`."""
    again: list[Term] = []
    for term in scene.sound:
        rest = [k for k in range(term.i, term.j) if k not in within]
        if rest and len(rest) < term.j - term.i and rest[0] > term.i:
            again += terms(scene.text.words, scene.vocabulary.sound, rest[:1], scene.clause(rest[0])[1])
        elif scene.word(term.j - 1) == "于":  # "低于第一段"
            again += terms(scene.text.words, scene.vocabulary.sound, [term.i], term.j - 1)
    taken = within | {k for t in again for k in range(t.i, t.j)}
    found = again + [t for t in scene.sound if taken.isdisjoint(range(t.i, t.j))]
    return [t for t in sorted(found, key=lambda t: t.i) if "ignore.phrases" not in t.entry.marks]


def _says(pair: tuple[str, str]) -> bool:
    cue, asserts = pair
    return (cue in _COMPARED and asserts in MORE | LESS) or (cue in _TRENDS and asserts in ("rising", "falling"))


def _head(scene: Scene, term: Term, here: Sequence[Head]) -> Head | None:
    """What a word is said of: the noun right after it, else the nearest before it, else the nearest after it."""
    fitting = [h for h in here if not h.implied and h.name in term.entry.says and abs(h.i - term.i) <= _REACH]
    fitting = [h for h in fitting if any(map(_says, term.entry.says[h.name])) and h.name != "part"]
    after = [
        h for h in fitting if 0 <= h.i - term.j <= 3 and not any(scene.word(k) in _COMMAS for k in range(term.j, h.i))
    ]
    before = [h for h in fitting if h.j <= term.i]
    return after[0] if after else before[-1] if before else None


def _sides(scene: Scene, parts: Sequence[Part], said: Said) -> tuple[Part | None, Part | None]:
    """The part that a word is said of, and the one that this is compared with."""
    begin, end = scene.clause(said.i)
    which = next(
        (k for k in range(said.i - 1, max(begin - 1, said.i - _AGAINST), -1) if scene.listed("relative", k)), None
    )
    if which is not None:  # "in comparison with the second, which is crisper"
        named = [one for one in parts if which - 2 <= one.j <= which]
        if named:
            return named[-1]._replace(against=""), None
    spoken = [one for one in parts if not one.against]
    near = [one for one in spoken if begin <= one.i < end]
    before = [one for one in near if one.j <= said.i]
    after = [one for one in near if said.j <= one.i]
    # a Chinese comma ends a clause, and its subject goes on: "第二句语速快，音调也更高"
    ahead = [one for one in spoken if one.j <= begin <= one.j + _REACH and scene.word(begin - 1) == "，"]
    subject = before[-1] if before else after[0] if after else ahead[-1] if ahead and not near else None
    if not _is_chinese(scene, said):
        apart = before and any(scene.word(k) in _COMMAS for k in range(before[-1].j, said.i))
        placed = after and all(scene.listed("up_to_it", k) for k in range(said.j, after[0].i))
        if after and (after[0].i == said.j or (placed and before and _is_within(scene, before[-1]))):
            subject = after[0]  # "the louder first part", "louder in the first part and quieter in the second"
        elif apart and scene.listed("article", said.i - 1):
            subject = after[0] if after else None  # "the louder part comes first, the quieter one follows"
    others = [one for one in parts if one.against]
    against = min(others, key=lambda one: (not begin <= one.i < end, abs(one.i - said.i)), default=None)
    if subject is None and against is not None:  # "前面那句|比后面那句响", where a clause seems to begin between them
        led = [one for one in spoken if 0 <= against.i - one.j <= 1 and scene.word(one.j) not in _COMMAS]
        subject = led[-1] if led and _is_chinese(scene, said) else None
    return subject, against


def _is_comparative(scene: Scene, said: Said) -> int:
    """1 for `higher`, `more rapid`, `更低`; -1 for `less rapid`; 0 for `rapid`."""
    near = [t for t in scene.beside if said.i - 2 <= t.j <= said.i]
    if any("beside.less" in t.entry.marks for t in near):
        return -1
    entry = next((t.entry for t in scene.sound if t.i == said.i), Entry())
    return int("degree.comparative" in entry.marks or any("beside.more" in t.entry.marks for t in near))


def _is_plain(scene: Scene, said: Said) -> bool:
    return said.asserts in MORE | LESS and not _is_comparative(scene, said)


def _compared(scene: Scene, said: Said, claim: Claim, subject: Part | None, against: Part | None) -> Claim | None:
    """The comparison that a word makes of two parts, or None where it makes none."""
    if said.asserts in ("rising", "falling"):
        return _moved(scene, said, claim, subject)
    degree = _is_comparative(scene, said)
    if against is None:
        other = any(0 <= t.i - said.j <= _AGAINST or _is_just_before(scene, t, said) for t in _marked(scene, "besides"))
        if not degree or subject is None or other:
            return None
        if subject.name in _ENDS and said.cue in ("pitch.level", "loudness.level"):
            return None  # "higher at the end" is a course
    elif not _differ(scene, subject, against):
        return None
    if (
        against is not None
        and _is_chinese(scene, said)
        and against.i > said.i
        and scene.word(against.i - 1) not in ("于", "过")
    ):
        return None
    sign = (degree or 1) * (1 if said.asserts in MORE else -1)
    how = against.against if against is not None else ""
    same = how == "as" and claim.polarity > 0
    if how == "short" or (how == "as" and not same):
        sign, claim = -sign, replace(claim, polarity=1)
    late = subject.name in _SECOND if subject is not None else against is not None and against.name not in _SECOND
    more_in_second = late if sign > 0 else not late
    scope = _scope(scene, [one for one in (subject, against) if one is not None])
    asserts = "same" if same else "second" if more_in_second else "first"
    word = scene.text.raw[scene.text.starts[said.i] : scene.text.ends[said.j - 1]]
    claimed = (
        f"the {'second' if late else 'first'} is {'as ' if asserts == 'same' else 'less ' if degree < 0 else ''}{word}"
    )
    return replace(claim, kind="comparison", scope=scope, asserts=asserts, claimed=claimed)


def _differ(scene: Scene, subject: Part | None, against: Part) -> bool:
    """Whether two parts are the two of a pair; what is unsaid is the other where a time is compared with."""
    if subject is None:
        return _is_a_place(scene, against)
    return (subject.name in _SECOND) != (against.name in _SECOND)


def _is_a_place(scene: Scene, against: Part) -> bool:
    """`louder than in the first half`, `比前半段大`: a time to which what is spoken of at another is compared."""
    placed = _is_of_place(scene, against) and _is_within(scene, against)
    return placed or (scene.word(against.i) >= "\u3400" and _is_of_place(scene, against))


def _is_within(scene: Scene, part: Part) -> bool:
    return any(scene.listed("within", k) for k in range(part.i - 3, part.i))


def _is_of_place(scene: Scene, part: Part) -> bool:
    return _scope(scene, [part]) not in ("first_vs_second", "turns")


def _scope(scene: Scene, named: Sequence[Part]) -> str:
    """What sort of parts are set side by side: halves, ends, sections, speakers or words (`turns`), or sounds."""
    names = {one.name for one in named}
    if names & _HALVES:
        return "halves"
    if names & _ENDS:
        return "start_vs_end"
    words = {scene.word(k) for one in named for k in (one.i, one.j - 1)}
    for scope in ("section", "turn"):
        if not words.isdisjoint(scene.vocabulary.lists[scope]):
            return f"{scope}s"
    return "first_vs_second"


def _is_chinese(scene: Scene, said: Said) -> bool:
    return _is_chinese_at(scene, said.i)


def _is_chinese_at(scene: Scene, i: int) -> bool:
    return scene.word(i) >= "\u3400"


def _is_just_before(scene: Scene, marker: Term, said: Said) -> bool:
    """`比平时更高`: what it is compared with stands before the word, and is no part."""
    return _is_chinese(scene, said) and 0 <= said.i - marker.j <= _AGAINST


def _moved(scene: Scene, said: Said, claim: Claim, subject: Part | None) -> Claim | None:
    """A change between two parts, or that a later part brings: `an increase between the first part and the second`."""
    rising = said.asserts == "rising"
    two = [one for one in parts_named(scene) if one.name in _SECOND or one.name in ("first", "first_half", "start")]
    pair = len(two) == 2 and (two[0].name in _SECOND) != (two[1].name in _SECOND)
    opened = pair and any(0 <= two[0].i - t.j <= 2 for t in _marked(scene, "between"))
    if opened:
        forwards, scope = two[1].name in _SECOND, _scope(scene, two)
    elif subject is not None and subject.name in _SECOND - _ENDS and said.cue != "pitch.contour" and not pair:
        forwards, scope = True, _scope(scene, [subject])
    else:
        return None
    return replace(
        claim, cue=_TRENDS[said.cue], kind="comparison", scope=scope,
        asserts="second" if rising == forwards else "first", claimed=f"{said.asserts} from one part to the other",
    )  # fmt: skip


def _made(scene: Scene, said: Said) -> Claim:
    """The claim over a word and the head beside it, with the modality of the word itself."""
    i, j = said.i, said.j
    head = said.head
    if head is not None and scene.clause(head.i) == scene.clause(said.i) and not _parted(scene, head, said):
        i, j = min(i, head.i), max(j, head.j)
    claim = scene.claim(i, j, said.cue, "level", said.asserts, at=said.i)
    first = scene.sentence.i
    return replace(claim, modality=scene.stance.between(said.i - first, said.j - first))


def _parted(scene: Scene, head: Head, said: Said) -> bool:
    i, j = (head.j, said.i) if head.j <= said.i else (said.j, head.i)
    return any(scene.word(k) in _COMMAS for k in range(i, j))


def _overlap(one: Claim, other: Claim) -> bool:
    return one.start < other.end and other.start < one.end


def _replaced(one: Claim, new: Claim) -> bool:
    """Whether a description says less than the comparison over the same words."""
    alike = one.cue.partition(".")[0] == new.cue.partition(".")[0] or one.cue in ("source.presence", "voice.quality")
    alike = alike or (one.kind == "comparison" and (one.cue, new.cue) == ("pitch.level", "loudness.level"))
    return alike and _overlap(one, new)


def _opposed(scene: Scene, kept: list[Claim], placed: Sequence[tuple[Claim, Part]]) -> list[Claim]:
    """Opposite words of two parts compare them (`前一部分明亮，后一部分发闷`); a word of one is of that part alone."""
    for claim, part in placed:
        others = [
            other for other, of in placed if other.cue == claim.cue and (of.name in _SECOND) != (part.name in _SECOND)
        ]
        opposite = [one for one in others if (one.asserts in MORE) != (claim.asserts in MORE)]
        if opposite:
            late = part.name in _SECOND
            more_in_second = late if claim.asserts in MORE else not late
            asserts = "second" if more_in_second else "first"
            claimed = f"the {part.name.replace('_', ' ')} is {claim.asserts}"
            new = replace(claim, kind="comparison", scope=_scope(scene, [part]), asserts=asserts, claimed=claimed)
        else:
            new = replace(claim, scope=part.name)
        same = [one for one in kept if _replaced(one, new) and one.cue == claim.cue and one.kind == "level"]
        if same:
            kept = [one for one in kept if one not in same]
            kept.append(
                replace(new, start=same[0].start, end=same[0].end, text=same[0].text, modality=same[0].modality)
            )
        elif opposite:
            kept.append(new)
    return kept
