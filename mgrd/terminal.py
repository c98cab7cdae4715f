"""Text that others wrote, on its way to a terminal: shown, never obeyed.

A control character could move the cursor, change the window's title or hide what stands beside it, and a mark of
direction could make a line read backwards. Knows nothing of what the text says. Imports nothing heavy.
"""

from __future__ import annotations

import json
from typing import Any

_CONTROLS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_MORE_CONTROLS = [*range(0x80, 0xA0), 0x2028, 0x2029]
_DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_VISIBLE = _CONTROLS | dict.fromkeys(_MORE_CONTROLS + _DIRECTIONS, 0xFFFD) | dict.fromkeys((0x2028, 0x2029), 0x2424)
_ESCAPED = {code: f"\\u{code:04x}" for code in [0x7F, *_MORE_CONTROLS, *_DIRECTIONS]}


def safe(text: str | None) -> str:
    """The text with a visible sign for each such character; as long as before, so that offsets stay true."""
    return (text or "").translate(_VISIBLE)


def many(count: int, noun: str) -> str:
    """A count with its noun: `1 question`, `1,200 questions`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def json_line(value: Any) -> str:
    """JSON in one line, in which they are escaped: JSON itself asks that only of the first 32."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True).translate(_ESCAPED)
