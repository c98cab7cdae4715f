"""A piece of text and the choices in, the choices that it names out.

Three ways to name a choice, from strict to loose: to be it (`exact`), to begin with it (`opening`), to speak of it
(`mentions`). Knows nothing of where in a response an answer stands, nor of gold answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mgrd.numerals import as_number, with_digits

TRIM = " \t\n\r\"'“”‘’`*_$.,;:!?。，；：！？「」『』《》【】"
_LABEL = r"(?:\(\s*([A-Za-z])\s*\)|\[\s*([A-Za-z])\s*\]|([A-Za-z])\s*[).:、,])"
_OWN_LABEL = re.compile(rf"\s*(?:{_LABEL}|\(?(\d+)[).、])\s*")
_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)")
_POLAR = ("yes", "no", "true", "false", "是", "否", "不是")


@dataclass(frozen=True, slots=True)
class Option:
    """One distinct choice; two choices with the same text are one."""

    index: int
    text: str
    """Without a label of its own: `Man` of `(A) Man`."""
    key: str
    labelled: str
    """The key with its own label, where the choices have labels."""
    pattern: re.Pattern[str]
    """Finds the key in folded text as whole words."""
    places: list[int]
    """Every place of this text among the choices."""


def options_of(choices: Sequence[str]) -> list[Option]:
    """The distinct choices, in order."""
    return _options_of(tuple(choices))


@lru_cache(maxsize=256)  # the samples of a question follow each other
def _options_of(choices: tuple[str, ...]) -> list[Option]:
    texts = [unicodedata.normalize("NFKC", choice) for choice in choices]
    labels = [_OWN_LABEL.match(text) for text in texts]
    are_labelled = all(
        label is not None and (label[4] == str(i + 1) or (label[1] or label[2] or label[3]) == chr(65 + i))
        for i, label in enumerate(labels)
    )
    options: dict[str, Option] = {}
    for i, (text, label) in enumerate(zip(texts, labels, strict=True)):
        bare = text[label.end() :] if are_labelled and label is not None and text[label.end() :] else text
        key = key_of(bare)
        if key not in options:
            options[key] = Option(i, bare.strip(), key, key_of(text), pattern_of(key), [])
        options[key].places.append(i)
    return list(options.values())


def key_of(text: str) -> str:
    """The form in which texts are compared: case, width, quotes, edges, articles, spaces and number words folded."""
    folded = _fold(text).strip(TRIM)
    whole = re.fullmatch(r"\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\}", folded)  # `min7(*1)` keeps its brackets
    if whole is not None:
        folded = (whole[1] or whole[2] or whole[3] or "").strip(TRIM)
    return with_digits(_ARTICLE.sub("", folded)) or unicodedata.normalize("NFKC", text).strip()


def pattern_of(key: str) -> re.Pattern[str]:
    """Finds a key in folded text as whole words; a number is not found inside another number."""
    left = r"(?<![a-z0-9_#])(?<![a-z0-9]-)(?<!\d[.,:/])" if _is_latin(key[:1]) else ""
    right = r"(?![a-z0-9_#♯♭]|-[a-z0-9]|[.,:/]\d)" if _is_latin(key[-1:]) else ""
    return re.compile(left + re.escape(key) + right)


def _is_latin(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "#")


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("**", "")
    folded = folded.translate({ord("’"): "'", ord("‘"): "'", ord("“"): '"', ord("”"): '"'})
    return re.sub(r"\s*([,;|])\s*", r"\1 ", re.sub(r"\s+", " ", folded))


_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "一": 0, "二": 1, "三": 2, "四": 3, "五": 4}
_ORDINAL = re.compile(
    r"(first|second|third|fourth|fifth|last) (?:option|choice|answer)|(最后一|第[一二三四五])个?(?:选项|选择)"
)
_OPTION_WORD = re.compile(r"^(?:options?|choices?|选项?)\s*", re.IGNORECASE)


def exact(text: str, options: list[Option]) -> list[int]:
    """The choice that `text` is: its text, its number, its letter, its place ("the second option"), its first clause.

    A choice's text beats a letter; only a letter in brackets that is also another choice's text is both.
    """
    key = key_of(text)
    if same := [option.index for option in options if key in (option.key, option.labelled)]:
        bracketed = re.fullmatch(r"\W*[(\[]\s*([A-Za-z])\s*[)\]]\W*", text)
        return sorted({*same, *(_at_letter(bracketed[1], options) if bracketed else ())})
    if ordinal := _ORDINAL.fullmatch(key):
        last = max(place for option in options for place in option.places)
        return _at(_ORDINALS.get((ordinal[1] or ordinal[2]).removeprefix("第"), last), options)
    number = as_number(key)
    if number is not None and (same := [option.index for option in options if as_number(option.key) == number]):
        return same
    bare = _OPTION_WORD.sub("", text.strip(TRIM + "()[]{}")).strip(TRIM + "()[]{}")
    if re.fullmatch(r"[A-Za-z]", bare):
        return _at_letter(bare, options)
    clause = [option.index for option in options if re.match(re.escape(key) + r"[,.;:]\s", option.key)]
    return clause if len(clause) == 1 and len(key) > 1 else []


def _at_letter(letter: str, options: list[Option]) -> list[int]:
    return _at(ord(letter.upper()) - ord("A"), options)


def _at(place: int, options: list[Option]) -> list[int]:
    return [option.index for option in options if place in option.places]


_OPENING_LABEL = re.compile(rf"\W*?(?:options?\s+|choices?\s+)?{_LABEL}\s*", re.IGNORECASE)
_ENDS_HERE = re.compile(
    r"\s*[\"'”’)*]*(?:[.;:!?(\n]|\s[-–—]|\s*,?\s*(?:because|since|as|so|given|based|due|for|which)\b|[。；：！？（，])"
)


def opening(text: str, options: list[Option]) -> list[int]:
    """The choice that `text` begins with, when what follows is another sentence or a reason.

    A label and the text of another choice are both named.
    """
    label = _OPENING_LABEL.match(text)
    letter = label and (label[1] or label[2] or label[3])
    labelled = _at_letter(letter, options) if label and letter and (letter.isupper() or not label[3]) else []
    after = _beginning(text[label.end() :], options) if label and labelled else []
    if labelled and after == labelled:
        return labelled
    # a choice's own text, `C` or `A:7/1`, beats a letter with a colon
    return _beginning(text, options) or sorted({*labelled, *after})


def _beginning(text: str, options: list[Option]) -> list[int]:
    folded = _ARTICLE.sub("", _folded(text))
    fits = []
    for option in options:
        match = option.pattern.match(folded.removeprefix(option.labelled.removesuffix(option.key)))
        if match is None:
            continue
        rest = match.string[match.end() :]
        if not rest.strip(TRIM) or _ENDS_HERE.match(rest) or (option.key in _POLAR and rest[0] in ", "):
            fits.append((len(option.key), option.index))
    return [max(fits)[1]] if fits else []


def _folded(text: str, *, lone_one: bool = True) -> str:
    return with_digits(_fold(text).lstrip(TRIM + "()[]"), lone_one=lone_one)


_NEGATED_BEFORE = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|cannot|without|unlike|rather than|instead of|than|exclud\w+|eliminat\w+|"
    r"rul(?:e[sd]?|ing) out)|n't)\b(?:(?!\bbut\b)[^.,;:!?]){0,24}$|"
    r"(?:不是|并非|而非|不选|不像|排除|没有|不太像|不|非)[^,。;:!?]{0,4}$"
)
_NEGATED_AFTER = re.compile(
    r"^\W{0,3}(?:\w+\s){0,2}?(?:(?:is|are|was|were|does|do|did|can|could|would|seems?)\s*(?:not\b|n't|incorrect|wrong|"
    r"unlikely|ruled out|eliminated|excluded|be (?:ruled out|excluded|eliminated))|isn't|doesn't|wasn't|don't|can't|"
    r"(?:不对|不符|错误|可以排除|被排除|不正确|不太?可能))"
)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words around `text[start:end]` (folded) deny it: "not X", "rather than X", "X can be ruled out"."""
    return bool(_NEGATED_BEFORE.search(text[:start]) or _NEGATED_AFTER.search(text[end : end + 60]))


def mentions(text: str, options: list[Option], *, is_statement: bool = False) -> list[int]:
    """The choices that a text names anywhere without denying them; the longest wins where they overlap.

    Yes and no are never read off running text ("there is no music"); a capital alone, or "one", counts only in a text
    that states an answer.
    """
    folded = _folded(text, lone_one=is_statement)
    spans = [
        (match.start(), match.end(), option.index)
        for option in options
        # a single letter is looked for below, where its case can be seen
        if option.key not in _POLAR and not re.fullmatch(r"[a-z]", option.key)
        for match in option.pattern.finditer(folded)
    ]
    longest = [one for one in spans if not any(_lies_inside(one, other) for other in spans)]
    named = {index for start, end, index in longest if not is_denied(folded, start, end)}
    return sorted(named | set(_named_letters(text, options, is_statement=is_statement)))


def _lies_inside(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return other[0] <= one[0] and one[1] <= other[1] and other[1] - other[0] > one[1] - one[0]


_NAMED_LETTER = re.compile(r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice|选项)\s*([A-Z])\b|(?<![\w#'])([A-Z])(?![\w#♯♭'-])")
_NOUN_PHRASE = re.compile(r"\s+(?!or\b|and\b|is\b|because\b|since\b|as\b)[a-z]")


def _named_letters(text: str, options: list[Option], *, is_statement: bool) -> list[int]:
    """Choices named by a letter in brackets, after `option`, or by a capital that is no article."""
    single = {option.text: option.index for option in options if re.fullmatch(r"[A-Z]", option.text)}
    named = []
    for match in _NAMED_LETTER.finditer(text):
        is_article = match[3] in ("A", "I") and _NOUN_PHRASE.match(text[match.end() :])
        if is_article or _NEGATED_BEFORE.search(text[: match.start()].casefold()):
            continue
        if match[3] and match[3] in single:
            named.append(single[match[3]])
        elif match[3] is None or is_statement:
            named += _at_letter(match[1] or match[2] or match[3], options)
    return named
