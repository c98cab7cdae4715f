"""Answers in other words: synonyms of emotions, yes and no under other names, and answers in several ordered parts.

Text and choices in, the place of a choice out, or nothing. mgrd.answers asks here what it cannot settle by the words of
the choices themselves; nothing here overrules those. Knows nothing of where in a response an answer stands.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from mgrd.choices import POLAR_END, TRIM, has_doubt, key_of
from mgrd.rulebook import built_in


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads((built_in() / "answers.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def emotions() -> dict[str, str]:
    """Emotion by word, as rules/answers.toml has them."""
    return {word: name for name, words in _table()["emotions"].items() for word in words}


@lru_cache(maxsize=2)
def _without_meaning(where: str) -> frozenset[str]:
    """Words that say nothing about the answer itself: around an emotion, or between the parts of an order."""
    return frozenset(_table()["without_meaning"][where].split())


def emotion_of(text: str) -> str | None:
    """The emotion that a text is the word for; None for any other text."""
    return emotions().get(key_of(text))


def with_emotions(text: str, choices: Sequence[str]) -> str:
    """The text with every synonym of a choice as that choice's word, where all choices are words for emotions.

    Words that two choices share, and words of the choices themselves, are left.
    """
    names = [emotion_of(choice) for choice in choices]
    if None in names:
        return text
    own = {key_of(choice) for choice in choices}
    is_only = {name: choice for name, choice in zip(names, choices, strict=True) if _once(name, names, choices)}
    words = {word: is_only[name] for word, name in emotions().items() if name in is_only and word not in own}
    return _replaced(text, words) if words else text


def _once(name: str | None, names: Sequence[str | None], choices: Sequence[str]) -> bool:
    return len({key_of(choice) for other, choice in zip(names, choices, strict=True) if other == name}) == 1


def _replaced(text: str, words: dict[str, str]) -> str:
    latin = "|".join(word for word in words if word.isascii())
    pattern = rf"(?<![\w-])(?:{latin})(?![\w-])" if latin else ""
    chinese = "|".join(sorted((word for word in words if not word.isascii()), key=len, reverse=True))
    whole = "|".join(part for part in (pattern, chinese) if part)
    return re.sub(whole, lambda match: words[match[0].lower()], text, flags=re.IGNORECASE | re.ASCII)


def same_emotion(said: str, gold: str) -> bool | None:
    """Whether an open answer names the emotion that the gold answer names, and no other; None when gold names none.

    Gold is one word for an emotion, alone or in a plain frame ("The speaker's emotion seems frustration.").
    """
    wanted = [word for word in _words(gold) if word not in _without_meaning("around_an_emotion")]
    if len(wanted) != 1 or wanted[0] not in emotions():
        return None
    found = {emotions()[word] for word in _words(said) if word in emotions()}
    denied = re.search(r"\b(?:not|no|never|neither|nor|or|without|than)\b|n't\b|[不没非]|或", said.lower())
    return found == {emotions()[wanted[0]]} and denied is None and not has_doubt(said)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    if re.search(r"[\u4e00-\u9fff]", folded):
        return [word for word in emotions() if word in folded] or [key_of(folded)]
    return re.findall(r"[a-z]+(?:'[a-z]+)?", folded)


_POLAR = (
    ({"yes", "true", "correct", "right", "valid", "是", "对", "有", "会", "是的", "正确"}, True),
    ({"no", "false", "incorrect", "wrong", "invalid", "否", "不是", "不对", "没有", "不会", "错误", "错"}, False),
)
"""What a choice of two may be called when the two are each other's denial."""
_VALIDITY = {"valid", "invalid"}
_YES = re.compile(rf"\W*(?:yes|yeah|yep|correct|true|是|对|正确){POLAR_END}", re.DOTALL)
_NO = re.compile(rf"\W*(?:no|nope|false|incorrect|not (?:true|correct)|不是?|不对|否|没有|错误?){POLAR_END}", re.DOTALL)
_SHORT = re.compile(
    r"(?:no[,.]?\s+)?(?:i|it|he|she|they|there|this|that|we|you|one|the [a-z]+(?: [a-z]+)?)\s+"
    r"(?:is|are|was|were|does|do|did|can|could|will|would|has|have|had)(n't|\s+not|)(?:\s+(?:any|one|so))?"
)
_DENIES_KEY = r"\b(?:is|are|was|were|does|do|did)(?:n't|\s+not)\s+(?:(?!necessarily|only|always)[a-z]+ly\s+)?"


def polarity(text: str, choices: Sequence[str]) -> int | None:
    """The choice that a yes or a no stands for, where the choices are two and one denies the other; else None.

    "No, it does not." and 不是 answer False, "It is not deductively valid." answers invalid, "They don't sing." answers
    "not sing".
    """
    keys = [key_of(choice) for choice in choices]
    signs = [_sign(key) for key in keys]
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").strip(TRIM + "()[]")
    positive, negative = _denied_pair(keys, signs)
    if positive is None or negative is None:
        return None
    key = keys[positive]
    tail = r"(?![\w-])" if key.isascii() else ""
    if key not in ("yes", "是", "有") and re.search(_DENIES_KEY + re.escape(key) + tail, folded):
        return negative
    if set(signs) == {True, False} and not _VALIDITY & set(keys):
        short = _SHORT.fullmatch(folded) if len(folded) < 60 else None
        if short is not None:
            return negative if short[1] else positive
        if _NO.match(folded):
            return negative
        if _YES.match(folded):
            return positive
    return None


def _sign(key: str) -> bool | None:
    return next((is_yes for words, is_yes in _POLAR if key in words), None)


def _denied_pair(keys: Sequence[str], signs: Sequence[bool | None]) -> tuple[int | None, int | None]:
    if len(keys) != 2:
        return None, None
    if set(signs) == {True, False}:
        return signs.index(True), signs.index(False)
    for positive, negative in ((0, 1), (1, 0)):
        if keys[negative] in (f"not {keys[positive]}", f"no {keys[positive]}", f"不{keys[positive]}"):
            return positive, negative
    return None, None


_ORDINALS = {
    word: place
    for place, words in enumerate(
        (
            ("first", "1st", "第一", "one", "1", "a"),
            ("second", "2nd", "第二", "two", "2", "b"),
            ("third", "3rd", "第三", "three", "3", "c"),
            ("fourth", "4th", "第四", "four", "4", "d"),
            ("fifth", "5th", "第五", "five", "5", "e"),
        )
    )
    for word in words
}
_PLACE = re.compile(
    r"(?:speaker|person|voice|sound|clip|part)\s*(one|two|three|four|five|[1-5a-e])(?![\w'])|"
    r"(?<![\w-])(first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th)(?![\w-])|(第[一二三四五])个?|"
    r"(?<![\w-])(both|all|everyone|everybody)(?![\w-])|(都|均)"
)
_WORD = re.compile(r"[a-z0-9'-]+|[\u4e00-\u9fff]+")
_SEQUENCE = re.compile(r"\s*(?:,|;|/|→|->|>|\bthen\b|\bfollowed by\b|然后|接着|、|，|；)\s*")
_LONGEST_ORDERED = 400
"""Characters of a text that is one answer in several parts; a longer one argues."""
Signature = tuple[tuple[int, frozenset[str]], ...]


def in_order(text: str, choices: Sequence[str]) -> int | None:
    """The choice that says the same of the first, the second, ... as the text does; None unless it is exactly one.

    "first: neutral, second: frustration", "neutral, then frustration" and "The first speaker is neutral, the second is
    frustrated." are one answer; the reverse order, a part that is missing or a denial is not. Emotions are folded where
    that leaves all choices apart.
    """
    folded = _plain(text)
    if len(folded) > _LONGEST_ORDERED or not any(_PLACE.search(_plain(choice)) for choice in choices):
        return None
    for fold in ({}, emotions()):
        told = {choice: _signature(_plain(choice), fold) for choice in choices}
        if None in told.values():
            return None
        known = {word for signature in told.values() for _, part in signature or () for word in part}
        said = _signature(folded, fold, known) or _sequence(folded, fold, known)
        fits = {key_of(choice): choice for choice, signature in told.items() if signature == said}
        if said and len(fits) == 1:
            return list(choices).index(next(iter(fits.values())))
    return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _signature(text: str, fold: dict[str, str], known: Collection[str] | None = None) -> Signature | None:
    """The words said of each place, for the places 0, 1, ... (-1: of all); None for a text that has no such order.

    With `known`, a word that no choice has makes it another answer.
    """
    marks = list(_PLACE.finditer(text))
    if not marks or re.search(r"\b(?:not|no|never|neither|nor|or|but)\b|n't\b", text):
        return None
    if _terms(text[: marks[0].start()], fold):
        return None
    places = [-1 if mark[4] or mark[5] else _ORDINALS[mark[1] or mark[2] or mark[3]] for mark in marks]
    if len(set(places)) < len(places) or (-1 in places and len(places) > 1):
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts = [_terms(text[mark.end() : end], fold) for mark, end in zip(marks, ends, strict=True)]
    if known is not None and any(word not in known for part in parts for word in part):
        return None
    last = parts[-1]
    if len(places) > 1 and last and not any(parts[:-1]):  # first and second: X and Y respectively
        if "respectively" in text and len(last) == len(places):
            parts = [[word] for word in last]
        elif len(set(last)) == 1 and "respectively" not in text:
            parts = [last] * len(places)
        else:
            return None
    if not all(parts):
        return None
    return tuple(sorted((place, frozenset(part)) for place, part in zip(places, parts, strict=True)))


def _sequence(text: str, fold: dict[str, str], known: Collection[str]) -> Signature | None:
    """The order of a text that lists its parts: "neutral, then frustration"."""
    parts = [_terms(part, fold) for part in _SEQUENCE.split(text.strip(TRIM)) if part.strip(TRIM)]
    if len(parts) < 2 or not all(len(part) == 1 and part[0] in known for part in parts):
        return None
    return tuple((place, frozenset(part)) for place, part in enumerate(parts))


def _terms(text: str, fold: dict[str, str]) -> list[str]:
    words = [word.strip("'-") for word in _WORD.findall(text)]
    return [fold.get(word, word) for word in words if word and word not in _without_meaning("between_parts")]
