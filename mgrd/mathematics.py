r"""Whether two short texts are one mathematical value: `\frac{3}{4}`, `3/4`, `0.75`, `2\sqrt{2}`, `x^2 + 1`.

math-verify (Apache-2.0) parses and compares; this module says what it is given. Text of a model is untrusted and only
the main thread of a process could interrupt what takes long, so an expression that could is no value here: letters are
pi and one variable, exponents have one digit, and there is one `=` at most, after a variable that stands alone.
"""

from __future__ import annotations

import logging
import re

LONGEST = 80
"""Characters of a value; a longer one is a derivation."""

_MATHEMATICAL = re.compile(r"[\\^=/√π²³]|\bpi\b|\bsqrt\b|\d\s*[*+]\s*\d|\d\s*%")
_PLAIN = re.compile(r"[\w\s\\{}()\[\].,+*/^=|%$√π²³°-]+")
_COSTLY = re.compile(
    r"\*\s*\*|\d{10,}|factorial|!|_|"
    r"\^(?!\s*\{?\s*-?\s*[1-9]\s*\}?(?![\d.])|\s*\{?\s*\\?(?:circ|frac\{\d\}\{\d\})\}?)|"  # other than one digit
    r"\^[^+]*\^|[)\]}]\s*\^|sqrt.*sqrt.*sqrt|\\pm"  # no tower, no power of a sum
)
_KNOWN = re.compile(r"\\(?:[dt]?frac|sqrt|pi|cdot|times|div|left|right|text|circ|pm|,|;|!|%|\$| )|\b(?:sqrt|pi)\b")
_ALONE = re.compile(r"\s*[A-Za-z]\s*=\s*(?=[^\s=])")

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def is_mathematical(text: str) -> bool:
    """Whether a text is short and written as mathematics: a fraction, a power, a root, an equation, LaTeX."""
    if not 0 < len(text) <= LONGEST or _MATHEMATICAL.search(text) is None or _PLAIN.fullmatch(text) is None:
        return False
    value = _ALONE.sub("", text, count=1) if _ALONE.match(text) else text
    rest = _KNOWN.sub(" ", value)
    letters = [letter for letter in re.findall(r"[^\W\d_]", rest) if letter != "π"]
    return (
        "=" not in value
        and "\\" not in rest
        and len(set(letters)) <= 1
        and len(letters) <= 3
        and not (letters and ("sqrt" in text or "√" in text))
        and not re.search(r"[^\W\d_]{2,}", rest)
        and _COSTLY.search(value) is None
    )


def same_value(said: str, gold: str) -> bool:
    """Whether math-verify holds `said` equal to `gold`; False unless both are short values and one is mathematical."""
    both = said, gold
    if not any(map(is_mathematical, both)) or not all(is_mathematical(one) or _NUMBER.fullmatch(one) for one in both):
        return False
    from math_verify import parse, verify

    # it warns that nothing interrupts it, which is meant
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    first, second = (parse(f"${text.strip('$ ')}$", parsing_timeout=None) for text in (gold, said))
    return bool(first and second) and bool(verify(first, second, timeout_seconds=None))
