"""Numbers in a sentence: figures with units, ranges and positions in time.

Turns `from about 300 Hz to 520 Hz`, `at 0:04`, `a pause of 0.6 s` into claims; knows no counts, levels or trends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mgrd.claims import Claim
from mgrd.claims.chinese import is_unit, numerals
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


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, over tokens [i, j)."""

    i: int
    j: int
    value: float
    unit: str
    spoken: str
    """The unit as written, which for decibels says against what."""


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
    units = {t.i: t for t in scene.sound if t.entry.unit}
    numbers = {t.i: t for t in scene.sound if t.entry.number is not None}
    digits = scene.text.digits_in(scene.sentence.i, scene.sentence.j)
    notes = [
        Quantity(i, i + 1, _note_hz(scene.word(i)), "hz", "Hz")
        for i in scene.text.notes_in(scene.sentence.i, scene.sentence.j)
    ]
    if not (numbers or digits or notes or scene.text.chinese):
        return []
    raw: list[tuple[int, int, float]] = []
    whole: list[Quantity] = notes
    found: list[Quantity] = []
    for i in sorted({*numbers, *digits}):
        word = scene.word(i)
        if ":" in word:
            if (scene.anchored or word[0] == "0") and (_is_position(scene, i) or _is_lasting(scene, i)):
                minutes, seconds = word.split(":")
                found.append(Quantity(i, i + 1, int(minutes) * 60 + float(seconds), "s", "s"))
            continue
        if i in numbers:
            j, value = numbers[i].j, numbers[i].entry.number
            if value is not None and numbers[i].entry.unit:
                whole.append(_quantity(i, j, value, numbers[i], scene))  # "a second and a half"
                continue
        elif word[:1].isdecimal():
            j, value = i + 1, _number(word)
        else:
            continue
        if value is None:
            continue
        if value > 0 and scene.word(i - 1) in ("-", "−") and _is_sign(scene, i):
            value = -value
        raw.append((i, j, value))
    if scene.text.chinese:
        written = (one for one in numerals(scene) if one[0] not in numbers)
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
        elif unit is not None:
            found.append(_quantity(i, unit.j, value, unit, scene))
        elif k + 1 < len(raw) and raw[k + 1][0] - j <= 3 and raw[k + 1][1] in units and _to(scene, j, raw[k + 1][0]):
            found.append(_quantity(i, j, value, units[raw[k + 1][1]], scene))
        elif (unit := _heading(scene, i)) is not None:
            found.append(_quantity(i, j, value, unit, scene))
    found = sorted([*found, *whole], key=lambda one: one.i) if whole else found
    meanings = [_meaning(scene, one) for one in found]
    for k in range(len(found) - 1):
        one, other = found[k], found[k + 1]
        if meanings[k + 1] in _NOT_OF_IT and one.unit == other.unit and _joined(scene, one, other):
            meanings[k] = meanings[k + 1]  # "the 85 to 180 Hz of men"
    return [
        one
        for one, meaning in zip(found, meanings, strict=True)
        if meaning not in _NOT_OF_IT and not (one.unit == "s" and scene.word(_about(scene, one) - 1) == "within")
    ]


_NOT_OF_IT = ("sampling", "reference")
"""Figures that are not of this sound."""


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


def _is_sign(scene: Scene, i: int) -> bool:
    """A minus sign touches its number and follows no other number, else it is a dash or a range."""
    text = scene.text
    return text.ends[i - 1] == text.starts[i] and not scene.word(i - 2)[:1].isdigit()


def _to(scene: Scene, i: int, j: int) -> bool:
    return any(scene.listed("to", k) for k in range(i, j))


def _joined(scene: Scene, this: Quantity, after: Quantity) -> bool:
    """`300 Hz to 520 Hz`, `100-120 Hz`; with `and` only after `between`."""
    near = after.i - this.j <= 3 or (
        after.i - this.j <= 8 and all(scene.word(k) >= "\u3400" for k in range(this.j, after.i))
    )
    if not near or not _to(scene, this.j, after.i):
        return False
    opened = any(scene.listed("from", k) for k in range(this.i - 3, this.i))
    return opened or not any(scene.word(k) in ("and", "和", "与") for k in range(this.j, after.i))


def _about(scene: Scene, one: Quantity) -> int:
    """Where the claim's span begins: at a word like `about` just before the number."""
    i = one.i
    while scene.listed("about", i - 1) or (scene.word(i - 1) in ("-", "−") and one.value < 0 and i == one.i):
        i -= 1
    return i


def _shown(one: Quantity) -> str:
    return f"{one.value:g} {one.spoken}"


def _range(scene: Scene, low: Quantity, high: Quantity) -> list[Claim]:
    i, j = _about(scene, low), high.j
    if low.unit == "s":
        placed = (
            scene.listed("from", i - 1) and not scene.listed("ranging", i - 1) and not scene.listed("ranging", i - 2)
        )
        of_a_length = _meaning(scene, low) in ("gaps", "lasting", "reverb") and not placed
        if low.value >= high.value or of_a_length:
            return [_figure(scene, one, _bound(k)) for k, one in enumerate((low, high))]
        claimed = f"{low.value:g} to {high.value:g} s"
        return [scene.claim(i, j, "time.position", "value", "span", scope="span", t0_s=low.value, t1_s=high.value,
                            claimed=claimed, claimed_value=low.value, unit="s")]  # fmt: skip
    interval = low.value < high.value and (
        not any(scene.listed("from", k) for k in range(i - 2, i))
        or any(scene.listed("interval", k) for k in range(i - 4, i))
    )
    if interval or low.unit != "hz" or _meaning(scene, low):
        return [_figure(scene, one, _bound(k)) for k, one in enumerate((low, high))]
    made = [_figure(scene, low, "value", scope="start"), _figure(scene, high, "value", scope="end")]
    direction = "rising" if high.value > low.value else "falling"
    claimed = f"{_shown(low)} to {_shown(high)}"
    return [*made, scene.claim(i, j, "pitch.contour", "trend", direction, at=low.i, claimed=claimed)]


def _bound(k: int) -> str:
    return ("at_least", "at_most")[k]


def _single(scene: Scene, one: Quantity, quantities: list[Quantity], k: int) -> list[Claim]:
    scope = _value_scope(scene, one, quantities, k)
    before = [t for t in scene.frame if t.j in (one.i, one.i - 1)]
    bounds = [m.removeprefix("bounds.") for t in before for m in sorted(t.entry.marks) if m.startswith("bounds.")]
    asserts = "value"
    if bounds and not (one.unit == "s" and _is_position(scene, one.i)):
        asserts = bounds[-1]
    elif _cue(scene, one) == "pitch.value":
        asserts = _EXTREMES.get(_meaning(scene, one) or "", asserts)
    return [_figure(scene, one, asserts, scope=scope)]


def _value_scope(scene: Scene, one: Quantity, quantities: list[Quantity], k: int) -> str:
    ordinal = scene.ordinal(one.i)
    if ordinal is not None:
        return ordinal
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
    moves = one.unit == "hz" and _meaning(scene, one) is None and _moves(scene)
    # a note is one of many in a tune
    return "span" if moves or one.i in scene.text.notes else "whole"


def _moves(scene: Scene) -> bool:
    """Whether the sentence says that the pitch rises or falls."""
    return any(_MOVING & {(cue, asserts) for cue, asserts, *_ in _said(t)} for t in scene.sound)


def _said(term: Term) -> list[tuple[str, ...]]:
    return [*term.entry.phrases, *(pair for pairs in term.entry.says.values() for pair in pairs)]


_MOVING = {("pitch.contour", "rising"), ("pitch.contour", "falling")}


def _sequenced(scene: Scene, this: Quantity, after: Quantity) -> bool:
    """`a tone at 440 Hz, then one at 620 Hz`."""
    return any(this.j <= t.i < after.i and "marks.sequence" in t.entry.marks for t in scene.frame)


def _figure(scene: Scene, one: Quantity, asserts: str, *, scope: str = "whole") -> Claim:
    cue = _cue(scene, one)
    i = _about(scene, one)
    words = {"at_least": f"at least {_shown(one)}", "at_most": f"at most {_shown(one)}"}
    claimed = words.get(asserts, f"about {_shown(one)}")
    fields: dict[str, Any] = {"scope": scope, "claimed": claimed, "claimed_value": one.value, "unit": one.spoken}
    if cue == "time.position":
        fields |= {"scope": "span", "t0_s": one.value, "t1_s": one.value, "claimed": f"at {one.value:g} s"}
        asserts = "at_most" if scene.listed("until", i - 1) or scene.listed("until", one.j) else _edge(scene, one)
    if cue == "time.duration" and not _of_the_clip(scene, one):
        fields["scope"] = "span"
    return scene.claim(i, one.j, cue, "value", asserts, at=one.i, **fields)


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


def _meaning(scene: Scene, one: Quantity) -> str | None:
    """What a figure is of, worked out once."""
    if one.i not in scene.meanings:
        scene.meanings[one.i] = _read_meaning(scene, one)
    return scene.meanings[one.i]


def _read_meaning(scene: Scene, one: Quantity) -> str | None:
    """What the nearest naming word of the clause makes of a figure: `snr`, `gaps`, `brightness`, ..."""
    if (beside := _beside(scene, one)) is not None:
        return beside
    begin, end = scene.clause(one.i)
    if scene.word(begin - 1) in (",", "，") and all(scene.listed("about", k) for k in range(begin, one.i)):
        begin, _ = scene.clause(begin - 2)  # "空了一拍，大概0.6秒": a bare figure is of what the clause before names
    near = [
        (abs(t.i - one.i) + (2 if t.i > one.i else 0), t.i, name)
        for t in scene.sound
        if t.entry.meanings and begin <= t.i < end and t.i != one.i
        for name in t.entry.meanings
    ]
    fitting = [one_near for one_near in near if one_near[2] in _MEANINGS[one.unit]]
    meaning = min(fitting)[2] if fitting else None
    if meaning in (None, "lasting") and one.unit == "s" and _of_a_gap(scene, one, fitting):
        return "gaps"  # "a pause lasting 2 s"
    return meaning


def _of_a_gap(scene: Scene, one: Quantity, fitting: list[tuple[int, int, str]]) -> bool:
    """Whether a length is of a pause that its clause, or the heading before it (`Pauses: one of 2 s`), names first."""
    if any(name == "gaps" and i < one.i for _, i, name in fitting):
        return True
    begin, _ = scene.clause(one.i)
    return scene.word(begin - 1) in (":", "：") and any(
        "values.gaps" in t.entry.marks and t.j == begin - 1 for t in scene.sound
    )


def _beside(scene: Scene, one: Quantity) -> str | None:
    """What the words beside a figure make of it: `120 Hz higher`, `± 3 Hz`, `the usual -23 LUFS`."""
    if one.unit not in ("hz", "db"):
        return None
    i = _about(scene, one)
    for t in scene.sound:
        marks = t.entry.meanings
        if not marks:
            continue
        after_it = 0 <= t.i - one.j <= 2 and scene.word(one.j) != ","
        if "reference" in marks and (0 <= i - t.j <= 2 or after_it):
            return "reference"
        before = "difference_before" in marks and t.j == i
        after = "difference_after" in marks and t.i == one.j and not scene.listed("to", t.j)  # not "up to"
        if one.unit == "hz" and (before or after):
            return "difference"
    return None


_EXTREMES = {"extreme_high": "highest", "extreme_low": "lowest", "reached": "reached"}
_MEANINGS: dict[str, tuple[str, ...]] = {
    "hz": ("brightness", "sampling", "modulation", "overtones", *_EXTREMES),
    "db": ("snr", "noise", "comparing"),
    "s": ("gaps", "lasting", "reverb"),
    "bpm": (),
    "st": (),
    "syl_s": (),
    "wpm": (),
}
_CUES: dict[tuple[str, str | None], str] = {
    ("hz", None): "pitch.value",
    ("hz", "brightness"): "timbre.brightness",
    ("hz", "overtones"): "timbre.brightness",
    ("hz", "modulation"): "pitch.range",
    ("hz", "difference"): "pitch.range",
    **{("hz", extreme): "pitch.value" for extreme in _EXTREMES},
    ("db", None): "loudness.level",
    ("db", "snr"): "noise.level",
    ("db", "noise"): "noise.level",
    ("db", "comparing"): "loudness.trend",
    ("s", None): "time.duration",
    ("s", "lasting"): "time.duration",
    ("s", "gaps"): "pause.duration",
    ("s", "reverb"): "space.reverb",
    ("bpm", None): "tempo.value",
    ("st", None): "pitch.contour",
    ("syl_s", None): "rate.value",
    ("wpm", None): "rate.value",
}


def _cue(scene: Scene, one: Quantity) -> str:
    meaning = _meaning(scene, one)
    if one.unit == "s" and _is_position(scene, one.i, one.j) and not (meaning and _is_measured(scene, one.i)):
        return "time.position"
    return _CUES[one.unit, meaning]


def _is_position(scene: Scene, i: int, j: int | None = None) -> bool:
    """`at 2.5 s`, `around 0:04`, `the 3-second mark`, but not `lasts about 3 s`."""
    k = i - 1
    while scene.word(k) in ("[", "(", "~", "≈") or (scene.listed("about", k) and scene.listed("position", k - 1)):
        k -= 1
    if j is not None and (any(scene.listed("mark", m) for m in (j, j + 1)) or _is_way_in(scene, j)):
        return True
    if ":" in scene.word(i) and k < scene.sentence.i:
        return True  # "0:03-0:05 is just wind"
    if not scene.listed("position", k):
        return False
    # "a pause of about 3 s" is a length, "a pause around 3 s" a place
    return not scene.listed("about", k) or not (scene.listed("duration", k - 1) or _is_lasting(scene, i))


def _is_measured(scene: Scene, i: int) -> bool:
    """`混响时间在 1.5 秒左右`: 在 after what is measured names its value, not its place."""
    begin, _ = scene.clause(i)
    return scene.word(i - 1) == "在" and any(
        t.entry.marks.intersection(("values.gaps", "values.lasting", "values.reverb")) and begin <= t.i < i
        for t in scene.sound
    )


def _is_way_in(scene: Scene, j: int) -> bool:
    """`two seconds in`, `3 s later`, but not `two seconds in length`."""
    return scene.listed("way_in", j) and not scene.listed("measured_in", j + 1)


def _is_lasting(scene: Scene, i: int) -> bool:
    if scene.word(i - 1) in (":", "：") and any("lasting" in t.entry.meanings and t.j == i - 1 for t in scene.sound):
        return True  # "Clip length: 00:09.6"
    return _read_meaning(scene, Quantity(i, i + 1, 0.0, "s", "s")) == "lasting"


def _of_the_clip(scene: Scene, one: Quantity) -> bool:
    begin, end = scene.clause(one.i)
    return any(scene.listed("clip", k) for k in range(begin, end)) and _meaning(scene, one) == "lasting"
