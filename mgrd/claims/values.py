"""Numbers in a sentence: figures with units, ranges and positions in time.

Turns `from about 300 Hz to 520 Hz`, `at 0:04`, `a pause of 0.6 s` into claims; knows no counts, levels or trends.
"""

from __future__ import annotations

import math
from typing import Any

from mgrd.claims import Claim
from mgrd.claims.chinese import is_unit, numerals
from mgrd.claims.meanings import (
    EXTREMES,
    Quantity,
    about,
    clause_of,
    cue_of,
    is_lasting,
    is_position,
    meaning_of,
    of_the_clip,
)
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term

_SCALE = {
    "khz": ("hz", 1000.0),
    "ms": ("s", 0.001),
    "min": ("s", 60.0),
    "wps": ("wpm", 60.0),
    "syl_min": ("syl_s", 1 / 60),
}
_SHOWN = {"hz": "Hz", "bpm": "BPM", "db": "dB", "s": "s", "st": "st", "syl_s": "syl/s", "wpm": "wpm"}
_SPOKEN_IN = {"syllables": ("syl_s", 1.0), "words": ("wpm", 60.0)}
"""What is counted over a time, with its rate's unit and how many of that are one a second."""
_SPOKEN = {"dbfs": "dBFS", "lufs": "LUFS"}


def values(scene: Scene) -> list[Claim]:
    """Every figure with a unit and every time."""
    found: list[Claim] = []
    quantities = _quantities(scene)
    k = 0
    while k < len(quantities):
        this, after = quantities[k], quantities[k + 1] if k + 1 < len(quantities) else None
        pair = after is not None and after.unit == this.unit and _joined(scene, this, after)
        if pair and after is not None:
            found += _range(scene, this, after)
            k += 2
        else:
            found += _single(scene, this, quantities, k)
            k += 1
    return found


def _quantities(scene: Scene) -> list[Quantity]:
    numbers = {t.i: t for t in scene.sound if t.entry.number is not None}
    digits = scene.text.digits_in(scene.sentence.i, scene.sentence.j)
    notes = [
        Quantity(i, i + 1, _note_hz(scene.word(i)), "hz", "Hz")
        for i in scene.text.notes_in(scene.sentence.i, scene.sentence.j)
    ]
    if not (numbers or digits or notes or scene.chinese):
        return []
    units = {t.i: t for t in scene.sound if t.entry.unit}
    raw: list[tuple[int, int, float]] = []
    whole: list[Quantity] = notes
    found: list[Quantity] = []
    for i in sorted({*numbers, *digits}):
        word = scene.word(i)
        if ":" in word:
            if (scene.anchored or word[0] == "0") and (
                is_position(scene, i) or is_lasting(scene, i) or _is_of_a_span(scene, i)
            ):
                j = i + 2 if scene.word(i + 1) == "long" else i + 1
                found.append(Quantity(i, j, _seconds(word), "s", "s"))
            continue
        if i in numbers:
            j, value = numbers[i].j, numbers[i].entry.number
            if value is not None and numbers[i].entry.unit:
                whole.append(_quantity(i, j, value, numbers[i], scene))  # "a second and a half"
                continue
        elif word[:1].isdecimal():
            j, value = i + 1, None if _is_glued(scene, i) else _number(word)
        else:
            continue
        if value is None:
            continue
        if value > 0 and scene.word(i - 1) in ("-", "−") and _is_sign(scene, i):
            value = -value
        raw.append((i, j, value))
    raw = _composed(scene, raw)
    if scene.text.chinese:
        written = (one for one in (numerals(scene) if scene.chinese else ()) if one[0] not in numbers)
        raw = [one for one in sorted({*raw, *written}) if not is_unit(scene, *one[:2])]
    for k, (i, j, value) in enumerate(raw):
        unit = units.get(j) or (units.get(j + 1) if scene.word(j) == "-" else None)
        if (
            unit is None
            and scene.word(j) in _SPOKEN_IN
            and scene.word(j + 1) == "in"
            and k + 1 < len(raw)
            and raw[k + 1][0] == j + 2
        ):
            within = units.get(raw[k + 1][1])  # "twelve syllables in three seconds"
            if within is not None and within.entry.unit == "s" and raw[k + 1][2] > 0:
                name, per_s = _SPOKEN_IN[scene.word(j)]
                found.append(Quantity(i, within.j, per_s * value / raw[k + 1][2], name, _SHOWN[name]))
        elif unit is not None and scene.word(i - 1) == "in" and scene.word(i - 2) in _SPOKEN_IN:
            continue
        elif unit is not None and not (unit.entry.unit == "hz" and _is_ambiguous(scene.word(i), value)):
            found.append(_quantity(i, unit.j, value, unit, scene))
        elif k + 1 < len(raw) and raw[k + 1][0] - j <= 3 and raw[k + 1][1] in units and _to(scene, j, raw[k + 1][0]):
            found.append(_quantity(i, j, value, units[raw[k + 1][1]], scene))
        elif (unit := _heading(scene, i)) is not None:
            found.append(_quantity(i, j, value, unit, scene))
    found = sorted([*found, *whole], key=lambda one: one.i) if whole else found
    meanings = [meaning_of(scene, one) for one in found]
    for k in range(len(found) - 1):
        one, other = found[k], found[k + 1]
        if meanings[k + 1] in _NOT_OF_IT and one.unit == other.unit and _joined(scene, one, other):
            meanings[k] = meanings[k + 1]  # "the 85 to 180 Hz of men"
    return [
        one
        for one, meaning in zip(found, meanings, strict=True)
        if meaning not in _NOT_OF_IT
        and not (one.unit == "s" and scene.word(about(scene, one) - 1) in ("within", "every"))
        and not (meaning is None and _is_rate(scene, one))
    ]


def _composed(scene: Scene, raw: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """The numbers, those in several words as one: `one hundred and twenty`, `5 hundred`, `one thousand two hundred`."""
    found: list[tuple[int, int, float]] = []
    for i, after, number in raw:
        j, value = after, number
        while scene.word(j) in _POWERS:
            j, value = j + 1, value * _POWERS[scene.word(j)]
        spelled = not scene.word(i)[:1].isdigit()
        if found and spelled:
            first, end, high = found[-1]
            joined = i == end or (i == end + 1 and scene.word(end) == "and")
            fits = high >= 100 and value < (1000 if high % 1000 == 0 else 100) and high % 100 == 0
            tens = i == end and 20 <= high < 100 and high % 10 == 0 and 1 <= value < 10
            if (joined and fits) or tens:
                found[-1] = first, j, high + value
                continue
        found.append((i, j, value))
    return found


_POWERS = {"hundred": 100.0, "thousand": 1000.0}


def _is_of_a_span(scene: Scene, i: int) -> bool:
    """`(00:08 - 00:15)`: a time that stands with another as from when to when."""
    for step in (1, -1):
        k = i + step
        while scene.word(k) in _ARROW or (k == i + step and scene.listed("to", k)):
            k += step
        if k != i + step and ":" in scene.word(k) and scene.word(k)[0].isdigit():
            return True
    return False


def _seconds(clock: str) -> float:
    """`0:04`, `00:01:40` and `00:00:02,480` in seconds."""
    *higher, seconds = clock.replace(",", ".").split(":")
    return sum(60.0 ** (len(higher) - k) * int(part) for k, part in enumerate(higher)) + float(seconds)


_ARROW = frozenset("->→")


_NOT_OF_IT = ("sampling", "reference")
"""Figures that are not of this sound."""

_NO_VOICE_HZ = 2100.0
"""Above it no pitch of a voice lies, and every usual sampling rate does."""
_PITCHED = frozenset({"pitch", "voice", "speaker", "tone_of_voice", "note", "music_note"})


def _is_rate(scene: Scene, one: Quantity) -> bool:
    """`made in 1997 at 16 kHz`: so high a figure is a pitch only where its clause names what has one."""
    if one.unit != "hz" or one.value <= _NO_VOICE_HZ or one.i in scene.text.notes:
        return False
    begin, end = clause_of(scene, one)
    here = [t for t in scene.sound if begin <= t.i < end]
    return not _moves(scene) and not any(
        t.entry.sign or not _PITCHED.isdisjoint(t.entry.heads) or _is_pitch(t) for t in here
    )


def _is_pitch(term: Term) -> bool:
    return any(cue.startswith("pitch.") for cue, *_ in term.entry.phrases)


_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}


def _note_hz(note: str) -> float:
    """The pitch of `e4` or `b♭3`, A4 being 440 Hz, in equal temperament."""
    step = _STEPS[note[0]] + (_SIGNS[note[1]] if len(note) == 3 else 0)
    return round(440.0 * math.pow(2.0, (12 * (int(note[-1]) + 1) + step - 69) / 12), 1)


def _quantity(i: int, j: int, value: float, unit: Term, scene: Scene) -> Quantity:
    written = unit.entry.unit or ""
    name, factor = _SCALE.get(written, (written, 1.0))
    return Quantity(i, j, value * factor, name, _SPOKEN.get(scene.word(unit.i), _SHOWN[name]))


def _is_ambiguous(word: str, value: float) -> bool:
    """`1.000 Hz`: below what is heard, a point before three digits may part the thousands."""
    return value < _HEARD_HZ and word[-4:-3] == "."


_HEARD_HZ = 20.0


def _heading(scene: Scene, i: int) -> Term | None:
    """The unit before a number, `BPM: 120`, `words per minute is about 95`; not one with a number of its own."""
    for t in reversed(scene.sound):
        if t.j <= i and t.entry.unit in _HEADING:
            own = scene.word(t.i - 1)[:1].isdigit()
            plain = all(not scene.word(k)[:1].isalnum() or scene.listed("heading", k) for k in range(t.j, i))
            return t if i - t.j <= 4 and plain and not own else None
    return None


_HEADING = ("bpm", "wpm", "syl_s", "hz")


def _number(word: str) -> float | None:
    """The value of a digit token; None for one too long to be a measurement, or of mixed scripts."""
    if len(word) > 15:
        return None
    try:
        return float(word.replace(",", ""))
    except ValueError:
        return None


def _is_glued(scene: Scene, i: int) -> bool:
    """The digits of `x440`, but not those of `2m30` or `为440`."""
    text = scene.text
    before = scene.word(i - 1)
    touches = before.isascii() and before.isalpha() and text.ends[i - 1] == text.starts[i]
    return touches and not (scene.word(i - 2)[:1].isdigit() and text.ends[i - 2] == text.starts[i - 1])


def _is_sign(scene: Scene, i: int) -> bool:
    """A minus sign touches its number and follows no other number, else it is a dash or a range."""
    text = scene.text
    ranged = text.ends[i - 2] == text.starts[i - 1] and scene.word(i - 2)[:1].isalnum()  # "2.3s-4.1s"
    return text.ends[i - 1] == text.starts[i] and not ranged and not scene.word(i - 2)[:1].isdigit()


def _to(scene: Scene, i: int, j: int) -> bool:
    return any(scene.listed("to", k) for k in range(i, j))


def _joined(scene: Scene, this: Quantity, after: Quantity) -> bool:
    """`300 Hz to 520 Hz`, `100-120 Hz`; with `and` only after `between`."""
    near = after.i - this.j <= 3 or (
        after.i - this.j <= 8 and all(scene.word(k) >= "\u3400" for k in range(this.j, after.i))
    )
    if not near or not _to(scene, this.j, after.i):
        return False
    if any(scene.word(k) == "最" for k in range(this.j, after.i)):
        return False  # "最高到 C6，最低到 G3"
    opened = any(scene.listed("from", k) for k in range(this.i - 3, this.i))
    return opened or not any(scene.word(k) in ("and", "和", "与") for k in range(this.j, after.i))


def _shown(one: Quantity) -> str:
    return f"{one.value:g} {one.spoken}"


def _range(scene: Scene, low: Quantity, high: Quantity) -> list[Claim]:
    i, j = about(scene, low), high.j
    if low.unit == "s":
        k = i - 1 if scene.listed("nth", i - 1) else i  # "从第2秒一直持续到第5秒"
        placed = (
            scene.listed("from", k - 1) and not scene.listed("ranging", k - 1) and not scene.listed("ranging", k - 2)
        )
        of_a_length = meaning_of(scene, low) in ("gaps", "lasting", "reverb") and not placed
        of_a_length = of_a_length and (scene.text.chinese or _is_length(scene, i, j))
        if low.value >= high.value or of_a_length:
            return [_figure(scene, one, _bound(k)) for k, one in enumerate((low, high))]
        claimed = f"{low.value:g} to {high.value:g} s"
        return [scene.claim(i, j, "time.position", "value", "span", scope="span", t0_s=low.value, t1_s=high.value,
                            claimed=claimed, claimed_value=low.value, unit="s")]  # fmt: skip
    interval = low.value < high.value and (
        not any(scene.listed("from", k) for k in range(i - 2, i))
        or any(scene.listed("interval", k) for k in range(i - 4, i))
    )
    if interval or low.unit != "hz" or meaning_of(scene, low):
        return [_figure(scene, one, _bound(k)) for k, one in enumerate((low, high))]
    made = [_figure(scene, low, "value", scope="start"), _figure(scene, high, "value", scope="end")]
    direction = "rising" if high.value > low.value else "falling"
    claimed = f"{_shown(low)} to {_shown(high)}"
    return [*made, scene.claim(i, j, "pitch.contour", "trend", direction, at=low.i, claimed=claimed)]


def _is_length(scene: Scene, i: int, j: int) -> bool:
    """Whether what has a length stands before a range of seconds, or right behind it, in the same part of a clause."""
    begin, end = scene.clause(i)
    if scene.word(begin - 1) in (":", "："):
        begin -= 2
    k = i
    while k > begin and scene.word(k - 1) not in (",", "，"):
        k -= 1
    near = (*range(k, i), *range(j, min(j + 3, end)))
    return any(t.entry.meanings and t.i in near for t in scene.sound)


def _bound(k: int) -> str:
    return ("at_least", "at_most")[k]


def _single(scene: Scene, one: Quantity, quantities: list[Quantity], k: int) -> list[Claim]:
    scope = _value_scope(scene, one, quantities, k)
    before = [t for t in scene.frame if t.j in (one.i, one.i - 1)]
    bounds = [m.removeprefix("bounds.") for t in before for m in sorted(t.entry.marks) if m.startswith("bounds.")]
    asserts = "value"
    if bounds and not (one.unit == "s" and is_position(scene, one.i)):
        asserts = bounds[-1]
    elif cue_of(scene, one) == "pitch.value":
        asserts = EXTREMES.get(meaning_of(scene, one) or "", asserts)
    return [_figure(scene, one, asserts, scope=scope)]


def _value_scope(scene: Scene, one: Quantity, quantities: list[Quantity], k: int) -> str:
    ordinal = scene.ordinal(one.i)
    if ordinal is not None:
        return ordinal
    if one.unit == "hz" and meaning_of(scene, one) == "hum":
        return "span"  # beneath whatever else sounds
    alike = [other for other in quantities if other.unit == one.unit]
    if one.unit == "hz" and len(alike) == 2 and _sequenced(scene, *alike):
        return "first" if one is alike[0] else "second"
    return scene.place(one.i, reach=4) or _wider_place(scene, one, alike)


def _wider_place(scene: Scene, one: Quantity, alike: list[Quantity]) -> str:
    """The place that the clause of a figure names anywhere, when the figure is the only one of its kind there."""
    begin, end = scene.clause(one.i)
    alone = sum(begin <= other.i < end for other in alike) == 1
    place = scene.place(one.i, reach=end - begin) if alone else None
    if place is not None:
        return place
    # of a pitch that moves, the figure is one of many, and the text does not say where
    moves = one.unit == "hz" and meaning_of(scene, one) is None and _moves(scene, apart=len(alike) == 1)
    return "span" if moves or (one.i in scene.text.notes and not _is_the_note(scene, one)) else "whole"


def _is_the_note(scene: Scene, one: Quantity) -> bool:
    """`the tone is tuned to G#5`, `这个音是D7`: one note of one sound; in a tune a note is one of many."""
    begin, end = scene.clause(one.i)
    named = [t for t in scene.sound if begin <= t.i < end and not _OF_ONE.isdisjoint(t.entry.heads)]
    named += [t for t in scene.sound if begin <= t.i < end and "events.countable" in t.entry.marks]
    alone = len(scene.text.notes_in(scene.sentence.i, scene.sentence.j)) == 1
    return alone and bool(named) and not any(_raw_plural(scene, t) for t in named)


_OF_ONE = frozenset({"pitch", "tone_of_voice", "note", "sound"})


def _raw_plural(scene: Scene, term: Term) -> bool:
    """Whether it speaks of several sounds: `tones`, `the first note`, `the highest note`."""
    first = term.i - 1
    return (
        scene.word(term.j - 1)[-1:] == "s" or scene.listed("one_of_many", first) or scene.listed("one_of_many", term.i)
    )


def _moves(scene: Scene, *, apart: bool = False) -> bool:
    """Whether the sentence says that the pitch rises or falls, `apart` from what it does at the start or the end."""
    return any(
        _MOVING & {(cue, asserts) for cue, asserts, *_ in _said(t)} and not (apart and scene.place(t.i))
        for t in scene.sound
    )


def _said(term: Term) -> list[tuple[str, ...]]:
    return [*term.entry.phrases, *(pair for pairs in term.entry.says.values() for pair in pairs)]


_MOVING = {("pitch.contour", "rising"), ("pitch.contour", "falling")}


def _sequenced(scene: Scene, this: Quantity, after: Quantity) -> bool:
    """`a tone at 440 Hz, then one at 620 Hz`."""
    return any(this.j <= t.i < after.i and "marks.sequence" in t.entry.marks for t in scene.frame)


def _figure(scene: Scene, one: Quantity, asserts: str, *, scope: str = "whole") -> Claim:
    cue = cue_of(scene, one)
    i = about(scene, one)
    words = {"at_least": f"at least {_shown(one)}", "at_most": f"at most {_shown(one)}"}
    claimed = words.get(asserts, f"about {_shown(one)}")
    fields: dict[str, Any] = {"scope": scope, "claimed": claimed, "claimed_value": one.value, "unit": one.spoken}
    if cue == "time.position":
        fields |= {"scope": "span", "t0_s": one.value, "t1_s": one.value, "claimed": f"at {one.value:g} s"}
        asserts = "at_most" if scene.listed("until", i - 1) or scene.listed("until", one.j) else _edge(scene, one)
    if cue == "time.duration" and not of_the_clip(scene, one):
        fields["scope"] = "span"
    if cue == "pause.duration" and fields["scope"] == "end":
        fields["scope"] = "whole"  # "the pause ends after a second"
    if cue == "pause.duration" and _is_filled_by_nothing(scene, one):
        fields["polarity"] = 1
    return scene.claim(i, one.j, cue, "value", asserts, at=one.i, **fields)


def _is_filled_by_nothing(scene: Scene, one: Quantity) -> bool:
    """`there is nothing for 0.8 s`, `有0.9秒没有声音`: what is denied is sound, and not the length."""
    begin, _ = scene.clause(one.i)
    return scene.word(one.j) in ("没", "无") or any(scene.word(k) == "nothing" for k in range(begin, one.i))


def _edge(scene: Scene, one: Quantity) -> str:
    """`onset` or `offset` where the clause says that something begins or ends at that time, else `value`."""
    begin, end = scene.clause(one.i)
    named = [
        (abs(t.i - one.i), mark.removeprefix("around."))
        for t in scene.around
        if begin <= t.i < end
        for mark in sorted(t.entry.marks)
        if mark in ("around.onset", "around.offset")
    ]
    return min(named)[1] if named else "value"
