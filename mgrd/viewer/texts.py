"""A think text with its claims marked, and the table of these claims.

Text that a model wrote is shown, never interpreted: neither its brackets as markup nor its control characters. Knows
nothing of tables on disk.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
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
