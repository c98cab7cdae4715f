"""Numbers in words and digits, and quantities: `twenty-three` and `23`, `2.00 seconds` and `2000 ms`, 三个 and 3.

Text in, text or a value out; knows nothing about answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: i for i, word in enumerate(_UNITS)} | {word: 10 * (i + 2) for i, word in enumerate(_TENS)}
_SCALES = {"thousand": 1_000, "million": 1_000_000}

_ANY_UNIT = "|".join(_UNITS)
_TO_99 = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(_UNITS[1:10])}))?|{_ANY_UNIT})"
_TO_999 = rf"(?:(?:{_ANY_UNIT}|a)\s+hundred(?:,?\s+(?:and\s+)?{_TO_99})?|{_TO_99})"
_WORDS = re.compile(
    rf"(?<![\w-])(?:(?:{_TO_999}|a)\s+(?:thousand|million)(?:,?\s+(?:and\s+)?{_TO_999})*|{_TO_999})(?!\w|-[a-z])"
)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?!\d|\.\d)")

_MEASURES = {
    "ms": ("ms", "msec", "millisecond", "毫秒"),
    "s": ("s", "sec", "second", "秒"),
    "min": ("min", "minute", "分钟"),
    "h": ("h", "hour", "小时"),
    "y": ("year", "年", "岁"),
    "hz": ("hz", "hertz", "赫兹"),
    "khz": ("khz",),
    "db": ("db", "decibel", "分贝"),
    "bpm": ("bpm", "beats per minute"),
    "semitone": ("semitone", "半音"),
    "%": ("%", "percent", "per cent"),
    "$": ("$", "dollar", "美元"),
    "yuan": ("yuan", "元"),
    "": ("", "time", "person", "people", "个", "次", "人", "位", "种", "声", "下"),  # counted, not measured
}
_UNIT_OF = {word: unit for unit, words in _MEASURES.items() for word in words}
_IN_OTHERS = {"ms": ("s", 0.001), "min": ("s", 60.0), "h": ("s", 3600.0), "khz": ("hz", 1000.0)}
_NUMBER = re.compile(
    r"(?:about|around|approximately|roughly|exactly|~|约|大约)?\s*([-+]?)\$?"
    r"(\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百千万]+)\s*([a-z$% ]*|[\u4e00-\u9fff]*)"
)
_CHINESE = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000}


def with_digits(text: str, *, lone_one: bool = True) -> str:
    """Lower-case text with its English numbers as plain digits: `one thousand, nine hundred and thirty` is `1930`.

    `lone_one=False` leaves a `one` that stands alone, because in running text it is mostly a pronoun.
    """
    text = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    text = _DECIMAL.sub(lambda match: f"{match[1]}.{match[2]}".rstrip("0").rstrip("."), text)
    return _WORDS.sub(lambda match: match[0] if match[0] == "one" and not lone_one else str(_value(match[0])), text)


def as_number(text: str) -> tuple[float, str] | None:
    """Value and unit of a lower-case text that is nothing but a number with an optional unit, else None."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    word, digits = match[3].strip(), match[2]
    unit = _UNIT_OF.get(word, _UNIT_OF.get(word.removesuffix("s")))
    if unit is None:
        return None
    value = float(digits) if digits[0].isascii() else float(_chinese(digits))
    return (-value if match[1] == "-" else value), unit


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit: seconds, hertz, or the unit as it stands (`bpm`, `db`, `$`); none for a count."""

    value: float
    unit: str
    half_place: float
    """Half a unit of the last place that was written, in the unit of `value`; 0 for a count, which is exact."""

    def rounds_to(self, other: Quantity) -> bool:
        """Whether this, written as exactly as `other`, is `other`: 1.49 s is 1.5 s, and 1.5 s is not 1.49 s.

        Half the last place is what a rounded value leaves open (ISO 80000-1, annex B); a count leaves nothing open.
        """
        apart = abs(self.value - other.value)
        is_same = apart <= 1e-9 * max(abs(self.value), abs(other.value))
        return self.unit == other.unit and (is_same or apart < other.half_place * (1 - 1e-9))


def quantity(text: str) -> Quantity | None:
    """The quantity that a text is and nothing else, in any case; its last place is counted as it was written."""
    lower = _GROUPED.sub(lambda match: match[0].replace(",", ""), text.strip().lower())
    number = as_number(with_digits(lower))
    if number is None:
        return None
    unit, factor = _IN_OTHERS.get(number[1], (number[1], 1.0))
    decimals = re.search(r"\d\.(\d+)", lower)
    place = 10.0 ** -len(decimals[1]) if decimals else 1.0
    return Quantity(number[0] * factor, unit, place * factor / 2 if unit else 0.0)


_MEASURED = re.compile(
    r"(?<![\w.])-?\d+(?:\.\d+)?(?:\s?(?:"
    + "|".join(sorted((f"{word}s?" for word in _UNIT_OF if word.isalpha() and word.isascii()), key=len, reverse=True))
    + r")(?![\w])|(?!\w))"
)


def measured_in(text: str) -> list[str]:
    """The numbers in lower-case text with digits, each with its unit where one follows: `2.1 minutes`, `3`."""
    return [match[0] for match in _MEASURED.finditer(text)]


def _value(words: str) -> int:
    total = section = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            section = max(section, 1) * 100
        elif word in _SCALES:
            total, section = total + max(section, 1) * _SCALES[word], 0
        elif word == "a":
            section = 1
        elif word != "and":
            section += _VALUES[word]
    return total + section


def _chinese(digits: str) -> int:
    total = section = current = 0
    for character in digits:
        if character in _CHINESE:
            current = _CHINESE[character]
        elif character == "万":
            total, section, current = total + (section + current) * 10_000, 0, 0
        else:
            section, current = section + max(current, 1) * _CHINESE_SCALES[character], 0
    return total + section + current
