"""The public benchmarks' own ways to say whether a response is right, by name, so that published numbers can be met.

Each follows its benchmark's published script (repository and commit stand in its docstring), blind spots included; ours
(mgrd.answers) is the default because of these. A matcher sees the response, the choices and the gold answer and
decides `correct`; one that reads an answer out of the response also decides what was `predicted`. None runs a model:
where a benchmark's own protocol does, its matcher says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mgrd.answers import Resolved, gold_choice, is_correct, resolve
from mgrd.choices import options_of
from mgrd.errors import InputError
from mgrd.options import Matcher


@dataclass(frozen=True, slots=True)
class Decided:
    """What a response was taken to answer, and whether that is right."""

    predicted: str | None
    why: str
    """Where the answer was found, or why there is none."""
    correct: bool | None
    """None without a gold answer."""


def decide(response: str, choices: Sequence[str] | None, answer: str | None, matcher: Matcher = "ours") -> Decided:
    """Resolve a response and score it, by our rules or by those of a public benchmark.

    `predicted` is what the matcher reads (mmsu, airbench, spoken-mqa, big-bench-audio), else what ours resolves (ours,
    mmau, mmar). Raises InputError when the gold answer is none of the choices, or a matcher needs choices and there are
    none.
    """
    if matcher == "ours":
        found = resolve(response, choices, answer)
        return Decided(found.value, found.why, is_correct(found.value, answer, choices))
    if answer is not None and choices:
        answer = gold_choice(answer, choices)
    read, is_right = _MATCHERS[matcher]
    found = resolve(response, choices, answer) if read is None else read(response, choices, answer)
    if answer is None:
        return Decided(found.value, found.why, None)
    return Decided(found.value, found.why, is_right(response, found.value, choices, answer))


def never_right(choices: Sequence[str] | None, answer: str | None, matcher: Matcher) -> str | None:
    """Why no response at all can be right by a matcher that knows only some kinds of gold answers; else None."""
    if answer is None:
        return None
    if matcher == "big-bench-audio" and not _token_gold(answer):
        return f"the gold answer {answer!r} is neither valid or invalid, yes or no, nor a count up to 999"
    if matcher == "spoken-mqa" and not re.fullmatch(r"-?[0-9.]+", _plain(answer.rpartition("####")[2].strip())):
        return f"the gold answer {answer!r} is no number"
    if matcher in ("mmsu", "airbench") and choices and answer in choices[4:]:
        return f"the gold answer {answer!r} is the choice {chr(65 + list(choices).index(answer))}, and A to D are read"
    return None


def _token_gold(answer: str) -> bool:
    gold = answer.strip().lower()
    return gold in ("valid", "invalid", "yes", "no") or re.fullmatch("[0-9]{1,3}", gold) is not None


def _tokens(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _string_match(response: str, _predicted: str | None, choices: Sequence[str] | None, answer: str) -> bool:
    r"""MMAU and MMAR: all words of the answer, and no word that only wrong choices have.

    `string_match` of evaluation.py, Sakshi113/MMAU @110127f; the same in code/evaluation.py, ddlBoJack/MMAR @3bce090.
    Words are `\w+` in lower case, as a set: their order, a repeated word and a negation are not seen, a letter alone
    never passes, and an "is" of "The answer is X." can count against X. Choices with labels of their own ("(A) Man"),
    which these benchmarks do not have, are compared without them.
    """
    bare = {choices[place]: option.text for option in options_of(choices or ()) for place in option.places if choices}
    said, gold = _tokens(response), _tokens(bare.get(answer, answer))
    wrong = {word for text in bare.values() if _tokens(text) != gold for word in _tokens(text) - gold}
    return bool(said) and gold <= said and not said & wrong


def _letter(response: str, choices: Sequence[str] | None, _answer: str | None) -> Resolved:
    """MMSU and AIR-Bench: a response that begins with A to D, or has one of them last but one ("The answer is A.").

    mmsu_evaluation.py, dingdongwang/MMSU @217d1d3; score_foundation.py, OFA-Sys/AIR-Bench @d5c1bdf. Case is kept, so
    "Dogs" is the letter D and "b" is none. A response that is none of these is wrong here, where both scripts leave it
    out (`is_counted`); AIR-Bench has a model align free text first (align_in_foundation.py).
    """
    if not choices:
        raise InputError("the matchers mmsu and airbench read a letter and need choices; use --matcher ours")
    letter = _read_letter(response)
    if letter == "":
        return Resolved(None, "there is no response")
    if letter is None:
        return Resolved(None, "neither begins with A, B, C or D nor has one of them last but one")
    place = ord(letter) - ord("A")
    if place >= len(choices):
        return Resolved(None, f"says {letter}, and there are {len(choices)} choices")
    return Resolved(choices[place], f"the letter {letter}")


def _read_letter(response: str) -> str | None:
    """The letter of a response; empty where there is none to read it from, None where it has no letter."""
    text = response.strip().replace("\n", "")
    if not text or text == "None":
        return ""
    letter = text[0] if text[0] in "ABCD" else text[-2:-1]
    return letter if letter and letter in "ABCD" else None


def is_counted(response: str, matcher: Matcher) -> bool:
    """Whether the script of a benchmark counts a response in its accuracy at all.

    Those of MMSU and AIR-Bench leave out what has no letter, and AIR-Bench's also an empty response, which is wrong by
    MMSU's; a letter that no choice has is wrong by both.
    """
    if matcher not in ("mmsu", "airbench"):
        return True
    letter = _read_letter(response)
    return letter is not None and (letter != "" or matcher == "mmsu")


_ANSWER_IS = re.compile(r"The answer is:|The answer is|the answer is|####")
_GSM_NUMBER = re.compile(r"-?\d+/?\.?\d*")


def _last_number(response: str, _choices: Sequence[str] | None, _answer: str | None) -> Resolved:
    """Spoken-MQA: the first number after the last "The answer is", or the last number of a response without one.

    src/dataset_src/spoken_mqa.py and math_utils/utils.py (`answer_clean`, as for gsm8k), AudioLLMs/AudioBench @3c4e386.
    A response that says it twice is an example prompt that went on, and only its first paragraph is read; commas are
    dropped, number words are not read.
    """
    text = response.strip("\n")
    if any(text.count(marker) > 1 for marker in ("The answer is", "the answer is", "####")):
        text = text.partition("\n\n")[0]
    *before, said = _ANSWER_IS.split(text)
    numbers = _GSM_NUMBER.findall(said.replace(",", ""))
    if not numbers:
        return Resolved(None, "no number where one is read")
    return Resolved(_plain(numbers[0] if before else numbers[-1]), "the stated answer" if before else "the last number")


def _plain(number: str) -> str:
    """`7.50` as `7.5`, `7.` and `7.0` as `7`, `3/4` as `0.75`; what is no number is left."""
    above, slash, below = number.strip().replace(",", "").rstrip(".").partition("/")
    try:
        value = float(above) / float(below) if slash and below else float(above)
    except (ValueError, ZeroDivisionError):
        return number
    return str(int(value)) if value.is_integer() else str(value)


def _same_number(_response: str, predicted: str | None, _choices: Sequence[str] | None, answer: str) -> bool:
    return predicted is not None and predicted.lower() == _plain(answer.rpartition("####")[2].strip()).lower()


_MARKER = re.compile(
    r"\b(?:final\s+answer|the\s+answer\s+is|my\s+answer(?:\s+is)?|answer)\b\s*(?:is\s*)?[:\-–—]?\s*", re.IGNORECASE
)
_MARKED_CHARACTERS = 60
_YES_NO = {"yes": "yes", "yeah": "yes", "yep": "yes", "yup": "yes", "no": "no", "nope": "no", "nah": "no"}
_COUNTS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_VALIDITY = re.compile(r"\b(in\s*+(?:-\s*+)?valid|valid)\b", re.IGNORECASE)
_POLARITY = re.compile(rf"\b({'|'.join(_YES_NO)})\b", re.IGNORECASE)
_COUNT = re.compile(rf"\b(\d{{1,3}}|{'|'.join(_COUNTS)})\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|isn't|aren't|n't)(?:\s+\w+ly)?\s*$", re.IGNORECASE)
_OPPOSITE = {"yes": "no", "no": "yes", "valid": "invalid", "invalid": "invalid"}


def _spoken_answer(response: str, _choices: Sequence[str] | None, answer: str | None) -> Resolved:
    """Big Bench Audio: valid or invalid, yes or no, or a count: the first after the last "answer", else the last one.

    Its authors (Artificial Analysis, 2024) have a large model say CORRECT or INCORRECT and publish no rules; these are
    those of the harness in huggingface/speech-to-speech @834bc93 (evals/big_bench_audio/scoring.py), where such a model
    only reads what they cannot. The gold answer tells which of the three is looked for.
    """
    if answer is None:
        return Resolved(None, "the matcher big-bench-audio needs the gold answer to know what is asked")
    gold = answer.strip().lower()
    pattern = _VALIDITY if gold in ("valid", "invalid") else _POLARITY if gold in ("yes", "no") else _COUNT
    if marks := list(_MARKER.finditer(response)):
        tail = response[marks[-1].end() :][:_MARKED_CHARACTERS]
        if match := pattern.search(tail):
            return Resolved(_token(match, tail), "after the last 'answer'")
    named = list(pattern.finditer(response))
    return Resolved(_token(named[-1], response), "the last one named") if named else Resolved(None, "none is named")


def _token(match: re.Match[str], text: str) -> str:
    word = re.sub(r"[\s-]", "", match[1].lower())
    if word.isdigit():
        return str(int(word))
    if word in _COUNTS:
        return str(_COUNTS.index(word))
    word = _YES_NO.get(word, word)
    return _OPPOSITE[word] if _DENIED.search(text[max(0, match.start() - 24) : match.start()]) else word


def _same_token(_response: str, predicted: str | None, _choices: Sequence[str] | None, answer: str) -> bool:
    gold = answer.strip().lower()
    return predicted is not None and predicted == (gold.lstrip("0") or "0" if re.fullmatch("[0-9]+", gold) else gold)


def _same_choice(_response: str, predicted: str | None, _choices: Sequence[str] | None, answer: str) -> bool:
    return predicted == answer


_Read = Callable[[str, Sequence[str] | None, str | None], Resolved]
_IsRight = Callable[[str, str | None, Sequence[str] | None, str], bool]
_MATCHERS: Mapping[str, tuple[_Read | None, _IsRight]] = {
    "mmau": (None, _string_match),
    "mmar": (None, _string_match),
    "mmsu": (_letter, _same_choice),
    "airbench": (_letter, _same_choice),
    "spoken-mqa": (_last_number, _same_number),
    "big-bench-audio": (_spoken_answer, _same_token),
}
"""What reads an answer out of a response (None: ours), and what says whether the response is right."""
