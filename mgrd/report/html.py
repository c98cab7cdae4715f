"""HTML as values: elements whose text is escaped because it is text, and tables made of them.

A `str` is text and is escaped; only `Html`, which `tag` makes, is markup. So nothing that a model wrote can be obeyed.
Knows nothing of what a page says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from mgrd.terminal import safe


class Html(str):
    """Markup that is finished."""

    __slots__ = ()


Child = str | Iterable["Child"] | None

_VOID = {"meta", "wbr", "path", "line", "rect", "circle"}


def tag(name: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element. A trailing underscore of an attribute falls, others become dashes; None and False leave it out."""
    words = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{words}/>")
    return Html(f"<{name}{words}>{flat(children)}</{name}>")


def flat(children: Child) -> Html:
    """Children as markup, in order."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(escape(safe(children), quote=False))
    return Html("".join(map(flat, children)))


def table(
    head: Sequence[Child], rows: Iterable[Sequence[Child]], *, texts: int = 1, caption: str | None = None
) -> Html:
    """A table in a frame that scrolls sideways; its first `texts` columns are text, the others numbers.

    The first cell of a row is its heading. A cell that is an element of its own (`td`) is taken as it is.
    """
    top = [tag("th", cell, scope="col", class_=None if i < texts else "n") for i, cell in enumerate(head)]
    body = [
        tag("tr", [_cell(cell, number, is_number=number >= texts) for number, cell in enumerate(row)]) for row in rows
    ]
    shown = [tag("caption", caption)] if caption else []
    inner = tag("table", shown, tag("thead", tag("tr", top)), tag("tbody", body))
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or "Table")


def details(summary: Child, *children: Child, open_: bool = False) -> Html:
    """What is folded away until it is asked for."""
    return tag("details", tag("summary", summary), *children, open=open_)


def code(text: str) -> Html:
    """A name of code, which may break after its dots and lower lines and nowhere else."""
    pieces = re.split(r"(?<=[._])", text)
    return tag("code", [[tag("wbr") if i else None, piece] for i, piece in enumerate(pieces)], class_="name")


def percent(share: float | None, places: int = 1) -> str:
    """A share for people; a dash where there is none."""
    return "\u2013" if share is None else f"{100 * share:.{places}f}\u202f%"


def number(value: float | None, places: int = 0) -> str:
    """A number with separators of thousands; a dash where there is none."""
    return "\u2013" if value is None else f"{value:,.{places}f}"


def _cell(cell: Child, position: int, *, is_number: bool) -> Html:
    if isinstance(cell, Html) and cell.startswith("<td"):
        return cell
    if position == 0:
        return tag("th", cell, scope="row")
    return tag("td", cell, class_="n" if is_number else None)


def _attribute(key: str, value: str | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if value is False:
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{escape(safe(text))}"'
