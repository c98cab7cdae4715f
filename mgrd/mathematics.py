r"""Whether two short texts are one mathematical value: `\frac{3}{4}`, `3/4`, `0.75`, `2\sqrt{2}`, `x^2 + 1`.

math-verify (Apache-2.0) parses and compares; this module says what it is given and for how long. Text of a model is
untrusted: an expression that could take long to evaluate is no value here.
"""

from __future__ import annotations

import re
import threading

LONGEST = 80
"""Characters of a value; a longer one is a derivation."""
SECONDS = 2
"""For parsing and for comparing each, where a signal can interrupt (the main thread of a process)."""

_MATHEMATICAL = re.compile(r"[\\^=/√π²³]|\bpi\b|\bsqrt\b|\d\s*[*+]\s*\d|\d\s*%")
_PLAIN = re.compile(r"[\w\s\\{}()\[\].,+*/^=<>|:%$√π²³°-]+")
_COSTLY = re.compile(r"\^\s*\{?\s*-?\d{3,}|\*\s*\*|\d{16,}|\^[^^]*\^|factorial|!|\\(?:sum|prod|int|lim)|_")

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def is_mathematical(text: str) -> bool:
    """Whether a text is short and written as mathematics: a fraction, a power, a root, an equation, LaTeX."""
    return (
        0 < len(text) <= LONGEST
        and _MATHEMATICAL.search(text) is not None
        and _PLAIN.fullmatch(text) is not None
        and _COSTLY.search(text) is None
        and not re.search(r"[A-Za-z]{3,}", re.sub(r"\\[A-Za-z]+|sqrt|frac", "", text))
    )


def same_value(said: str, gold: str) -> bool:
    """Whether math-verify holds `said` equal to `gold`; False unless both are short values and one is mathematical.

    math-verify interrupts itself by SIGALRM, which only a main thread can receive; in another one the bounds of
    `is_mathematical` are all there is.
    """
    both = said, gold
    if not any(map(is_mathematical, both)) or not all(is_mathematical(one) or _NUMBER.fullmatch(one) for one in both):
        return False
    from math_verify import parse, verify

    seconds = SECONDS if threading.current_thread() is threading.main_thread() else None
    first, second = (parse(f"${text.strip('$ ')}$", parsing_timeout=seconds) for text in (gold, said))
    return bool(first and second) and bool(verify(first, second, timeout_seconds=seconds))
