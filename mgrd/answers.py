"""A response and the choices in, one resolved answer out, and whether it is right.

A response is resolved to one choice before anything is scored, and to none when it endorses two or names none: a guess
would count luck as skill. Knows nothing about models, audio or tables, and never looks at the gold answer to decide
what a response says: the gold tells only whether an answer without choices is a number, yes or no, or words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mgrd.choices import (
    POLAR_END,
    TRIM,
    Option,
    exact,
    has_doubt,
    is_bounded,
    is_denied,
    is_framed,
    key_of,
    mentions,
    opening,
    options_of,
    pattern_of,
)
from mgrd.errors import InputError
from mgrd.mathematics import is_mathematical, same_value
from mgrd.meanings import in_order, polarity, same_emotion, with_emotions
from mgrd.numerals import as_number, measured_in, quantity


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a text was resolved to."""

    value: str | None
    """The choice's text to the letter, or the answer itself where there are no choices; None when unresolved."""
    why: str
    """Where the answer was found, or why there is none."""


def resolve(response: str, choices: Sequence[str] | None, answer: str | None = None) -> Resolved:
    """Resolve the text after the think block to one answer.

    With choices: a choice's exact text beats a letter (choices G, D, E, C: "C" is a text); what the response states
    (tags, JSON, boxed, "the answer is") beats a line that is a choice, that beats what it prints bold, and that beats
    what it merely mentions. Two choices at the same level leave it unresolved. Where none is named, one may still be
    meant in other words (mgrd.meanings). Without choices, `answer` (the gold) tells only the kind of answer that is
    wanted.
    """
    text = unicodedata.normalize("NFKC", response).strip()
    if not text:
        return Resolved(None, "there is no response")
    if not choices:
        return _resolve_open(response, text, answer)
    options = options_of(choices)
    for where, named in _levels(with_emotions(_masked(text, options), choices), options):
        found = sorted(set(named))
        if not found:
            return _in_other_words(text, choices) or Resolved(None, f"{where} names none of the choices")
        if len(found) > 1:
            return Resolved(None, f"{where} names both {choices[found[0]]!r} and {choices[found[1]]!r}")
        return Resolved(choices[found[0]], where)
    return _in_other_words(text, choices) or Resolved(None, "names none of the choices")


def _masked(text: str, options: list[Option]) -> str:
    """The text with choices that state an answer themselves ("the answer is unknown") as their letters."""
    for option in sorted(options, key=lambda option: -len(option.text)):
        if _STATED.search(option.text) and _STATED.sub("", option.text).strip(TRIM) and option.index < 26:
            text = re.sub(re.escape(option.text.strip(TRIM)), f"({chr(65 + option.index)})", text, flags=re.IGNORECASE)
    return text


def _in_other_words(text: str, choices: Sequence[str]) -> Resolved | None:
    """The choice that what is stated, else the text or its first or last sentence, means without naming any."""
    stated = [_SENTENCE_END.split(_innermost(content), maxsplit=1)[0] for content in _statements(text)]
    sentences = [part for part in _SENTENCE_END.split(text[:_LONGEST_SAID]) if part.strip(TRIM)]
    for said in [stated] if stated else [[text], sentences[:1], sentences[-1:]]:
        found = {
            place for part in said if "?" not in part for place in (polarity(part, choices), in_order(part, choices))
        } - {None}
        if len(found) > 1:
            return None
        for place in found:
            return Resolved(choices[place or 0], "in other words")
    return None


_LONGEST_SAID = 20_000
"""Characters in which an answer in other words, or a statement within a statement, is looked for."""


def is_correct(predicted: str | None, answer: str | None, choices: Sequence[str] | None) -> bool | None:
    """Whether a resolved value is the gold answer; None without gold, False when nothing was resolved.

    Raises InputError when the gold answer is none of the choices.
    """
    if answer is None:
        return None
    if choices:
        gold = gold_choice(answer, choices)
        return predicted is not None and key_of(predicted) == key_of(gold)
    return predicted is not None and _is_same(predicted, answer)


def gold_choice(answer: str, choices: Sequence[str]) -> str:
    """The choice that a gold answer (a choice's text or its letter) stands for; InputError when it is none of them."""
    for same in (str, str.strip, key_of):
        for choice in choices:
            if same(choice) == same(answer):
                return choice
    found = _plainly(unicodedata.normalize("NFKC", answer), options_of(choices))
    if len(found) != 1:
        raise InputError(f"the answer {answer!r} is none of the choices {', '.join(map(repr, choices))}")
    return choices[found[0]]


_DRAWS = re.compile(
    r"\b(?:so|therefore|thus|hence|overall|in conclusion|conclu\w+|must be|has to be)\b|"
    r"所以|因此|综上|因而|故|总之|应该是|可见",
    re.IGNORECASE,
)
_COMPARED = r"(?:high|low|loud|soft|quiet|fast|slow|long|short|bright|dark|oth|form|latt)er\b"
_SUBJECT = re.compile(
    rf"^[\s,:]*(?:it|he|she|they|this|that|there|the (?!{_COMPARED})\w+)"
    r"(?:'s|'re|\s+(?:is|are|was|were|sounds?|seems?|must\s+be|has\s+to\s+be))"
    r"(?:\s+(?:most likely|probably|clearly|definitely|indeed|really|to be|in|an?|the)\b)*|"
    r"^[\s,:]*(?:[她他它这]|说话人|声音|语气)[\u4e00-\u9fff]{0,3}?[是很]",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(
    r"\b(?:wait|actually|no,|hmm|however|but|alternatively|on second thought)\b|等等|不对|其实|但|不过", re.IGNORECASE
)


def conclusion(think: str, choices: Sequence[str] | None) -> Resolved | None:
    """What a think text settles on at its end; None when it states nothing, or nothing that can be resolved.

    The last outright statement ("the answer is", "I choose", 选B), unless a later sentence may take it back; or a last
    sentence that draws a conclusion which is a choice ("so it is X", not "so X is lower"). Without choices only numbers
    are read.
    """
    text = unicodedata.normalize("NFKC", think).strip()
    sentences = [part.strip() for part in _parts(text) if part and part.strip(TRIM)]
    options = options_of(choices) if choices else []
    for place in range(len(sentences) - 1, -1, -1):
        sentence = sentences[place]
        small = sentence.lower()
        stated = _statements(sentence) if any(sign in small for sign in _STATING) else []
        if not stated and place < len(sentences) - 1:
            continue
        draws = _DRAWS.search(sentence)
        if not stated and draws is None:
            continue
        if any(_TAKES_BACK.search(later) for later in sentences[place + 1 :]):
            return None
        if not choices:
            value = key_of(_innermost(stated[-1])) if stated else ""
            return Resolved(value, repr(sentence[:80])) if as_number(value) is not None else None
        # what stands before "so" is a premise
        drawn = sentence[draws.end() :] if draws else ""
        found = _plainly(stated[-1], options) if stated else exact(_SUBJECT.sub("", drawn), options)
        return Resolved(choices[found[0]], repr(sentence[:80])) if len(found) == 1 else None
    return None


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=。)|(?<=[!?])(?=[A-Za-z\u3400-\u9fff])|\n+")
_SENTENCE_ENDS = re.compile(r"[.!?]\s+|。|[!?](?=[A-Za-z\u3400-\u9fff])|\n+")
"""Of text in NFKC, where `！` and `？` are `!` and `?` and still no space follows them."""
_STATING = ("answer", "choice", "option", "choose", "pick", "select", "go", "opt", "选", "答案", "<", "\\boxed", "{")
"""One of them is in every sentence that states an answer: looking for them is cheap."""


def _parts(text: str) -> list[str]:
    """`_SENTENCE_END.split(text)` but for empty parts, by a search that skips what begins no end."""
    begin, parts = 0, []
    for end in _SENTENCE_ENDS.finditer(text):
        parts.append(text[begin : end.start() + (text[end.start()] != "\n")])
        begin = end.end()
    return [*parts, text[begin:]]


def _levels(text: str, options: list[Option]) -> Iterator[tuple[str, list[int]]]:
    """Where an answer stands, most explicit first, and the choices named there."""
    if whole := exact(text, options):
        yield "the whole response", whole
    if statements := _statements(text):
        plain = [index for content in statements for index in _plainly(content, options)]
        openings = [_SENTENCE_END.split(content, maxsplit=1)[0] for content in statements]
        loose = [index for part in openings for index in mentions(part, options, is_statement=True)]
        yield "the stated answer", plain or loose
    text = _FIELD.sub(" ", text) if "{" in text else text
    lines = [line for line in text.splitlines() if line.strip()]
    # every line, because a list of the choices names them all
    if named := [index for line in lines for index in exact(line, options) or opening(line, options)]:
        yield "a line of its own", named
    bold = [
        index
        for part in _SENTENCE_END.split(text)
        for content in re.findall(r"\*\*(.+?)\*\*", part)
        for index in exact(content, options)
        if not has_doubt(part.replace(content, " "))
    ]
    if named := bold:
        yield "its bold text", named
    if named := mentions(text, options):
        yield "the response", named


_FIELD = re.compile(r"""["'][^"'\n]{0,60}["']\s*:\s*(?:"(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|\[[^\]\n]*+\]?|[\w.+-]++)""")
"""A key of JSON with its value: only the keys that are known answer."""

_TAGGED = re.compile(
    r"<(answer|response|conclusion)>((?:(?!<(?:answer|response|conclusion)>).)*?)(?:</\1>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_NOT_THE = (
    r"(?<!wrong )(?<!incorrect )(?<!false )(?<!worst )(?<!unlikely )(?<!less likely )(?<!least likely )"
    r"(?<!least plausible )(?<!错误)(?<!错误的)(?<!不正确)(?<!不正确的)(?<!不可能)(?<!不可能的)"
)
_NOT_CHOSEN = (
    r"(?<!不)(?<!没)(?<!别)(?<!勿)(?<!不会)(?<!不能)(?<!不该)(?<!不应)(?<!不要)(?<!不可)(?<!不想)(?<!没有)"
    r"(?<!不应该)(?<!不应当)"
)
_STATED = re.compile(
    rf"(?:the\s++|my\s++)?(?:(?:final|correct|right|best|likely|most\s++\w++)\s++){{0,3}}{_NOT_THE}"
    r"\b(?:answer|choice|option)s?\b(?:\s+here)?"
    r"(?:\s+(?:is|would\s+be|should\s+be|must\s+be)\b"
    r"(?:\s+(?:therefore|thus|clearly|most\s+likely|probably)\b)*\s*:?|\s*[:=])"
    r"|\bI(?:'d|'ll|\s+would|\s+will)?\s+(?:choose|pick|select|go\s+with|opt\s+for)\b"
    rf"|(?:正确|最终|最佳|最合适的?|最可能的?)?{_NOT_THE}(?:答案|选项|选择)(?:应该?|就)?(?:[是为]\s*:?|:)"
    r"|(?<!不)(?:应该?|应当|我|就|故|因此|所以|^)选(?!选)(?:择|项)?+:?(?=\s*[\"'“(\[]?[A-Z\u4e00-\u9fff])"
    rf"|{_NOT_CHOSEN}选(?!选)(?:择|项)?+:?(?=\s*[\"'“(\[]?[A-Z](?![a-z]))",
    re.IGNORECASE,
)


def _statements(text: str) -> list[str]:
    """What the response states outright as its answer, wherever it does."""
    found = [match[2].strip() for match in _TAGGED.finditer(text)] + _BOXED.findall(text) + _json_answers(text)
    outside = _BOXED.sub(" ", _TAGGED.sub(" ", text)).replace("**", "").replace("$", "")
    lines = [line.strip() for line in outside.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        parts = _STATED.split(line)
        said = [part.strip() for part in parts[1:] if part.strip(TRIM)]
        if len(parts) > 1 and not said and i + 1 < len(lines):  # "Answer:" on a line of its own
            said = [lines[i + 1]]
        found += said
    return found


def _json_answers(text: str) -> list[str]:
    found = []
    for match in re.finditer(r"\{[^{}]*\}", text):
        try:
            value = json.loads(match[0])
        except ValueError:
            continue
        found += [_json_text(value[key]) for key in _JSON_KEYS if value.get(key) is not None]
    return found


_JSON_KEYS = (
    "answer",
    "final_answer",
    "final answer",
    "choice",
    "option",
    "selected",
    "prediction",
    "response",
    "答案",
)


def _json_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_json_text, value)) if isinstance(value, list) else str(value)


_DEEPEST = 3
"""How often a stated answer may state its answer in turn; deeper is a loop of the model."""


def _plainly(text: str, options: list[Option], depth: int = _DEEPEST) -> list[int]:
    """The choices that a stated answer is or begins with, also where it states its answer in turn."""
    inner = [index for part in _inner(text) for index in _plainly(part, options, depth - 1)] if depth else []
    return inner or exact(text, options) or opening(text, options)


def _inner(text: str) -> list[str]:
    return [part for part in _statements(text[:_LONGEST_SAID]) if part != text]


def _innermost(text: str) -> str:
    for _ in range(_DEEPEST):
        inner = _inner(text)
        if not inner:
            break
        text = inner[-1]
    return text.strip(TRIM)


def _resolve_open(response: str, text: str, answer: str | None) -> Resolved:
    """Without choices: what is stated, else the last line, else the only number where one is asked for.

    The last of several lines answers only a question for a number or a yes or no, and only when it says just that.
    """
    stated: dict[object, str] = {}
    for content in map(_innermost, _statements(text)):
        stated.setdefault(as_number(key_of(content)) or key_of(content), content)
    if len(stated) == 1:
        return Resolved(next(iter(stated.values())), "the stated answer")
    if stated:
        first, second = list(stated.values())[:2]
        return Resolved(None, f"states both {first!r} and {second!r}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wants_number = answer is not None and as_number(key_of(answer)) is not None
    if len(lines) > 1:
        last = lines[-1]
        if wants_number and as_number(key_of(last)) is not None:
            return Resolved(last.strip(TRIM), "the last line")
        if answer is not None and (pair := _polar_pair(key_of(answer))) and resolve(last, pair).value is not None:
            return Resolved(last.strip(TRIM), "the last line")
        return Resolved(None, "an open answer of several lines that states no result")
    if text.endswith("?") and not (answer or "").rstrip().endswith("?"):
        return Resolved(None, "asks instead of answering")
    if wants_number and as_number(key_of(text)) is None and not is_mathematical(text.strip(TRIM)):
        if has_doubt(text) or is_bounded(key_of(text)):
            return Resolved(None, "doubts or bounds the number that it names")
        numbers = sorted(set(measured_in(key_of(text))))
        if len(numbers) == 1:
            return Resolved(numbers[0], "the only number in the response")
        if numbers:
            return Resolved(None, f"names both {numbers[0]} and {numbers[1]}")
    return Resolved(response.strip(TRIM) or response.strip(), "the whole response")


_YES = re.compile(rf"(?:yes|yeah|correct|true|valid|是|对|正确){POLAR_END}", re.DOTALL)
_NO = re.compile(
    rf"(?:no|nope|false|incorrect|invalid|not (?:true|valid|correct)|不是?|不对|否|没有|错误?){POLAR_END}", re.DOTALL
)


def _is_same(predicted: str, answer: str) -> bool:
    """Whether an open answer is the gold one: the same key, number, yes or no, or a sentence that ends with it."""
    said, gold = key_of(predicted), key_of(answer)
    if as_number(gold) is not None:
        return _is_same_quantity(predicted, answer)
    if pair := _polar_pair(gold):
        is_yes = gold == pair[0]
        if _YES.match(said) or _NO.match(said):
            return bool(_YES.match(said)) is is_yes and not re.search(r"\bnot (?:really|quite|exactly)\b", said)
        return resolve(predicted, pair).value == pair[not is_yes]
    is_emotion = same_emotion(predicted, answer)
    if is_emotion is not None:
        return is_emotion
    if said != gold and same_value(predicted.strip(TRIM), answer.strip(TRIM)):
        return True
    ends = re.search(pattern_of(gold).pattern + r"$", said)
    if ends is None or re.search(r"\b(?:or|either|and)\b|或|和", said.removesuffix(gold)):
        return said == gold
    before = said[: ends.start()]
    is_plain = is_framed(before) and not has_doubt(before) and not re.search(r"\bthen\b|\bfollowed by\b", before)
    return is_plain and not is_denied(said, ends.start(), ends.end())


_PAIRS = (("yes", "no"), ("true", "false"), ("valid", "invalid"), ("是", "否"), ("是", "不是"))


def _polar_pair(gold: str) -> tuple[str, str] | None:
    """The two answers of a question whose gold answer is one of them."""
    return next((pair for pair in _PAIRS if gold in pair), None)


def _is_same_quantity(predicted: str, answer: str) -> bool:
    """Whether a number is the gold one, to the last place of the gold one; without a unit it is in that of the gold."""
    gold, said = quantity(_digits(answer)), quantity(_digits(predicted))
    if gold is None or said is None:
        value = as_number(key_of(predicted))
        return value == as_number(key_of(answer)) if value else same_value(predicted.strip(TRIM), answer.strip(TRIM))
    return (said if said.unit else replace(said, unit=gold.unit)).rounds_to(gold)


def _digits(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(TRIM + "()[]{}")
