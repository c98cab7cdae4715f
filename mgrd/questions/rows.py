"""One row of a source in, one question out, or what is wrong with it.

Takes every spelling that the contract allows (numbers, letters, lists in a CSV cell, embedded clips) to the one that
the table has. Knows one row only: what needs the others, repeated ids and indices, is judged where all are.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgrd.questions.clips import write_embedded
from mgrd.tables import QUESTIONS

_LABEL = re.compile(r"\(?([A-Za-z])(?:[).:]+\s*|$)")  # of "(B) a dog", "B. a dog", "B"
_LISTS = ("audio", "choices")


class Wrong(Exception):
    """What is wrong with one row, on its way into the list of problems; no caller ever sees it."""


def question_of(cells: Mapping[str, Any], audio_out: Path | None) -> dict[str, Any]:
    """A row of the table; audio last, so that nothing is written for a row that is wrong otherwise."""
    question = cells["question"]
    if not isinstance(question, str | None):
        raise Wrong(f"question is {_kind(question)}, not text")
    row: dict[str, Any] = {name: _text(cells[name], name) for name in QUESTIONS if name not in _LISTS}
    if row["question"] is None:
        raise Wrong("has no question")
    row["choices"] = _choices(cells["choices"])
    if row["choices"] is not None and row["answer"] is not None:
        row["answer"] = _gold(row["answer"], row["choices"])
    row["audio"] = _audio(cells["audio"], audio_out)
    if row["id"] is None:
        content = json.dumps([row["audio"], row["question"], row["choices"]], ensure_ascii=False)
        row["id"] = f"q-{hashlib.blake2b(content.encode(), digest_size=8).hexdigest()}"
    return {name: row[name] for name in QUESTIONS}


def _text(value: Any, name: str) -> str | None:
    """Text as it is and numbers as text; None for blank text, which is all that CSV can say for `absent`."""
    if isinstance(value, float) and math.isfinite(value):
        value = int(value) if value.is_integer() else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Wrong(f"{name} is {_kind(value)}, not text or a number")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong(f"{name} holds half of a character (a lone surrogate)") from None
    return value if value.strip() else None


def _choices(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = _listed(value) if value.strip() else None
    if value is None:
        return None
    if isinstance(value, str) and "|" in value:
        value = [part.strip() for part in value.split("|")]
    if not isinstance(value, list):
        raise Wrong(f"choices is {_kind(value)}: write a list, in CSV a JSON list or texts between |")
    if not value:
        raise Wrong("choices is an empty list; leave it out for a question without choices")
    choices = [_text(choice, f"choice {place}") for place, choice in enumerate(value, start=1)]
    if None in choices:
        raise Wrong(f"choice {choices.index(None) + 1} is empty")
    return [choice for choice in choices if choice is not None]


def _listed(text: str) -> Any:
    """The list that a cell's text is in JSON, or the text."""
    if not text.lstrip().startswith("["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # a file may be called "[1].wav"


def _gold(answer: str, choices: Sequence[str]) -> str:
    """The choice that an answer means: by its text, else its letter, else its text without "(A)"; digits are left.

    Whether digits are an index, only the other rows can tell.
    """
    if answer in choices:
        return answer
    same = {choice for choice in choices if _key(choice) == _key(answer)}
    if len(same) == 1:
        return same.pop()
    label = _LABEL.match(answer.strip())
    place = ord(label[1].upper()) - ord("A") if label else 0
    if label and place < len(choices):
        rest = answer.strip()[label.end() :]
        if not rest or _key(rest) == _key(_unlabelled(choices[place])):
            return choices[place]
    bare = {choice for choice in choices if _key(_unlabelled(choice)) == _key(answer)}
    if len(bare) == 1:
        return bare.pop()
    if re.fullmatch(r"[0-9]{1,3}", answer) and not any(re.search(r"[0-9]", choice) for choice in choices):
        return answer
    raise Wrong(no_choice(answer, choices))


def no_choice(answer: str, choices: Sequence[str]) -> str:
    """What is wrong when the gold answer is not among the choices."""
    return f"answer {short(answer)} is none of its choices {short(' | '.join(choices))}; give a choice's text or letter"


def _unlabelled(choice: str) -> str:
    return _LABEL.sub("", choice, count=1) if _LABEL.match(choice) else choice


def _key(text: str) -> str:
    """What two spellings of a choice share: letters without case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _audio(value: Any, audio_out: Path | None) -> list[str]:
    """The names of a question's clips; embedded ones are written."""
    if isinstance(value, str):
        value = _listed(value)
    clips = value if isinstance(value, list) else [value]
    names = [_clip(clip, audio_out) for clip in clips]
    if not names:
        raise Wrong("has no audio")
    return names


def _clip(value: Any, audio_out: Path | None) -> str:
    if isinstance(value, dict):
        if "array" in value:
            raise Wrong("audio holds decoded samples; give a path or the encoded bytes")
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
        if isinstance(value, str) and value.strip() == "":
            value = None
    if isinstance(value, bytes):
        if audio_out is None:
            raise Wrong("audio is embedded, and there is no folder to write it to; give -o DIR")
        return write_embedded(value, audio_out)
    if value is not None and not isinstance(value, str):
        raise Wrong(f"audio is {_kind(value)}, not a path, a list of paths or embedded bytes")
    path = _text(value, "audio")
    if path is None:
        raise Wrong("has no audio")
    return path


def short(text: str, length: int = 80) -> str:
    """Text of a row for an error: quoted, in one line, not too long."""
    return repr(text if len(text) <= length else text[: length - 3] + "...")


def _kind(value: Any) -> str:
    return {
        str: "one text",
        dict: "an object",
        list: "a list",
        bool: "true or false",
        bytes: "bytes",
        float: "no finite number",
    }.get(type(value), f"a {type(value).__name__}")
