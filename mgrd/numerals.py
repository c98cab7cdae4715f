"""Numbers in words and digits: `twenty-three` and `23`, `2.00 seconds` and `2 s`, 三个 and 3.

Text in, text or a value out; knows nothing about answers.
"""

from __future__ import annotations

import re

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
    "s": ("s", "sec", "second", "秒"),
    "min": ("min", "minute", "分钟"),
    "h": ("h", "hour", "小时"),
    "y": ("year", "年", "岁"),
    "hz": ("hz", "hertz", "赫兹"),
    "khz": ("khz",),
    "db": ("db", "decibel", "分贝"),
    "bpm": ("bpm", "beats per minute"),
    "$": ("$", "dollar", "美元"),
    "yuan": ("yuan", "元"),
    "": ("", "time", "person", "people", "个", "次", "人", "位", "种", "声", "下"),  # counted, not measured
}
_UNIT_OF = {word: unit for unit, words in _MEASURES.items() for word in words}
_NUMBER = re.compile(
    r"(?:about|around|approximately|roughly|exactly|~|约|大约)?\s*([-+]?)\$?"
    r"(\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百千万]+)\s*([a-z$ ]*|[\u4e00-\u9fff]*)"
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
