"""A think text with its claims marked, and the table of these claims.

Text that a model wrote is shown, never interpreted: neither its brackets as markup nor its control characters. Knows
nothing of tables on disk.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from mgrd.terminal import safe

SIGNS = {"supported": "+", "contradicted": "-", "unverifiable": "?"}
STYLES = {"supported": "green", "contradicted": "bold red", "unverifiable": "yellow"}
"""Colour never carries a meaning alone: the sign says the same."""


def one_line(name: str) -> str:
    """A name in one line, whatever stands in it."""
    return safe(name).replace("\n", "␊").replace("\t", "␉")


def console() -> Console:
    """Stdout, on which nothing in a text is markup."""
    return Console(highlight=False, markup=False, emoji=False)


def show(*shown: RenderableType) -> None:
    """Print on stdout, without the blanks that rich fills lines with, for nobody's use in a pipe."""
    out = console()
    with out.capture() as held:
        out.print(*shown, sep="\n")
    out.file.write("\n".join(line.rstrip(" ") for line in held.get().split("\n")))


def marked(
    think: str | None, claims: Sequence[Mapping[str, Any]] | None, focus: int | None = None, upto: int | None = None
) -> Text:
    """The think text with each claim that has a verdict in brackets, sign and number first: `[-2 the pitch rises]`.

    Numbers are those of the table of claims. Spans may nest or overlap; `start` and `end` index the text. The claim
    with the number `focus` is shown in reverse. With `upto` only what stands before that index of the text.
    """
    text = safe(think)
    insertions: list[tuple[int, int, str]] = []
    spans = []
    for number, claim in enumerate(claims or (), 1):
        sign = SIGNS.get(claim["verdict"])
        start, end = max(claim["start"], 0), min(claim["end"], len(text))
        if sign is not None and start < end:
            insertions += [(end, 0, "]"), (start, 1, f"[{sign}{number} ")]  # where one ends another may begin
            spans.append((start, end, STYLES[claim["verdict"]] + (" reverse" if number == focus else "")))
    insertions.sort(key=lambda insertion: insertion[:2])
    pieces, place, added = [], 0, [0]
    for at, _, words in insertions:
        pieces += [text[place:at], words]
        place = at
        added.append(added[-1] + len(words))
    result = Text("".join([*pieces, text[place:]]))
    places = [insertion[:2] for insertion in insertions]
    for start, end, style in spans:
        before, after = added[bisect_left(places, (start, 1))], added[bisect_right(places, (end, 0))]
        result.stylize(style, start + before, end + after)
    if upto is not None:
        result = result[: upto + added[bisect_left(places, (upto, 1))]]
    return result


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A text as rich prints it, with its lines broken by `wrapped`."""

    text: Text

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield from wrapped(self.text, options.max_width)


_WIDE = r"\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef"
_CLOSING = r"\]、。》」』】！），．：；？”’"
_UNIT = re.compile(rf"\s*(?:\[[-+?]\d+ ){{0,9}}(?:[{_WIDE}]|[^\s{_WIDE}]{{1,200}})[{_CLOSING}]{{0,9}}")
"""What no line is broken within: a letter of a language without blanks, or a word (to 200 letters), with its marks."""


def wrapped(text: Text, width: int) -> list[Text]:
    """The lines of a text in so many cells: broken at blanks, and between the letters of languages without blanks.

    rich breaks at blanks alone, and so a Chinese text after the sign of each claim. No line begins with a closing
    mark, and a sign stays with what follows it.
    """
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        breaks: list[int] = []
        used = 0
        for unit in _UNIT.finditer(line.plain.rstrip()):
            words = unit[0].lstrip()
            start = unit.end() - len(words)
            cells = cell_len(unit[0])
            if start and used + cells > width:
                breaks.append(start)
                used, cells = 0, cell_len(words)
            while cells > width:  # longer than a line
                kept = max(len(set_cell_size(words, width).rstrip()), 1)
                start, words = start + kept, words[kept:]
                breaks.append(start)
                cells = cell_len(words)
            used += cells
        lines += line.divide(breaks)
    for line in lines:
        line.rstrip()
    return lines


def claims_table(claims: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Every claim: what is claimed, what was measured, and why that decides it or not."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("cue", overflow="fold")
    table.add_column("claimed", overflow="fold")
    table.add_column("measured", overflow="fold")
    table.add_column("z", no_wrap=True, justify="right")
    table.add_column("why", overflow="fold", ratio=1)
    for number, claim in enumerate(claims, 1):
        claimed = f"not {claim['claimed']}" if claim["polarity"] == -1 else claim["claimed"]
        z = "-" if claim["z"] is None else f"{claim['z']:+.1f}"
        why = claim["why"] if claim["verdict"] in SIGNS else f"{claim['modality']}: asserts nothing about this clip"
        cells = (claim["cue"], claimed, _measured(claim), z, why)
        style = STYLES.get(claim["verdict"], "dim")
        table.add_row(Text(label(number, claim), style=style), *(Text(safe(cell)) for cell in cells))
    return table


def claim_lines(claims: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """The same as lines for where a table would be too narrow: what is claimed and measured, then why that decides."""
    for number, claim in enumerate(claims, 1):
        claimed = f"not {claim['claimed']}" if claim["polarity"] == -1 else claim["claimed"]
        said, style = f" {claim['cue']}: {claimed}", STYLES.get(claim["verdict"], "dim")
        if claim["verdict"] in SIGNS:
            said += "" if claim["measured"] is None else f", measured {_measured(claim)}"
            said += "" if claim["z"] is None else f", z {claim['z']:+.1f}"
            why = claim["why"]
        else:
            why = f"{claim['modality']}: asserts nothing about this clip"
        yield Text.assemble((label(number, claim), style), safe(f"{said}; {why}"))


def label(number: int, claim: Mapping[str, Any]) -> str:
    """`[-2]`: the sign of a claim's verdict and its number."""
    return f"[{SIGNS.get(claim['verdict'], ' ')}{number}]"


def _measured(claim: Mapping[str, Any]) -> str:
    """What was measured, with its unit; keys and modes by their names."""
    value = claim["measured"]
    if value is None:
        return "-"
    if claim["cue"] in ("music.key", "music.mode"):
        from mgrd.claims import music  # brings the grammar of claims with it, which the viewer opens faster without

        return (music.NAMES if claim["cue"] == "music.key" else music.MODES)[int(value)]
    return f"{value:.4g} {claim['unit'] or ''}".strip()
