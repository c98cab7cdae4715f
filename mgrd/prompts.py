"""Every word that is sent to a model, in one place, so that a diff shows a change of experiment.

The text of the user's turn only: the model's own chat template adds roles and audio placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mgrd.errors import MisusedError

PLAIN = "Think inside <think> </think>, then give the answer."
GROUNDED = (
    "Listen first. Inside <think> </think>, say what you hear in this audio (pitch, loudness, pace, timbre, events, "
    "and when), reason from that and not from the words alone, then give the answer."
)
"""Invites the model to cite what it hears, as the paper's sampling prompt does (section 4.2, whose words are not
published)."""


def render(style: str, question: str, choices: Sequence[str] | None) -> str:
    """The user's turn for a question: its text, its choices one a line, then the instruction.

    `style` is `plain`, `grounded`, or the path of a text file with `{question}` and, optionally, `{choices}`.
    """
    options = "\n".join(f"({chr(65 + i)}) {choice}" for i, choice in enumerate(choices or ()))
    if style in ("plain", "grounded"):
        instruction = PLAIN if style == "plain" else GROUNDED
        return "\n".join(part for part in (question, options, instruction) if part)
    # In one pass: a question that itself says {choices} is left as it is.
    return re.sub(
        r"\{(question|choices)\}", lambda hole: question if hole[1] == "question" else options, template(style)
    )


def template(style: str) -> str:
    """The words of a prompt style, for the identity of a job; for a file, its text."""
    if style in ("plain", "grounded"):
        return PLAIN if style == "plain" else GROUNDED
    path = Path(style)
    if not path.is_file():
        raise MisusedError(f"--prompt {style}: no such file; give plain, grounded or a text file with {{question}}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MisusedError(f"--prompt {style}: byte {error.start + 1} is no UTF-8; save it as UTF-8 text") from error
    if "{question}" not in text:
        raise MisusedError(f"--prompt {style}: the file does not contain {{question}}, so no question would be asked")
    return text
