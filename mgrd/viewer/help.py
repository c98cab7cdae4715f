"""The help of the full-screen viewer: its keys, and what its signs mean. Knows no key's effect."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from mgrd.viewer.texts import SIGNS, STYLES

HELP = (
    ("Moving", (
        ("up down, j k", "the trace above, below; PgUp PgDn Home End"),
        ("n p", "next, previous trace, also on its page"),
        ("Enter", "read the page (narrow terminals); Esc goes back"),
        ("o", "next objection; the claim that it quotes is shown in reverse"),
        ("space b", "scroll the page down, up"),
    )),
    ("Choosing", (
        ("f", "rejected, not selected, kept, all"),
        ("r c", "next rule, next check that objects"),
        ("v", "claims: contradicted, supported, unverifiable"),
        ("t", "next task"),
        ("/", "text in question, think text or response"),
        ("s", "sort: state, id, question, objections, longest, shortest"),
        ("x", "clear all filters"),
    )),
    ("Looking closer", (
        ("d", "side by side with a sibling of the other kind; again: the next one"),
        ("a", "play the clip, of several the next one; again: stop"),
        ("y", "copy the id"),
    )),
    ("Marking", (
        ("g", "good: what the filter did is right (this objection is right)"),
        ("w", "wrong: it should (not) have passed (this objection is wrong)"),
        ("m", "note, or the check that should have objected"),
        ("u", "take the mark back"),
    )),
    ("", (("?", "this help"), ("q", "quit; marks are saved already"))),
)  # fmt: skip

SIGNS_SHOWN = "x rejected  ~ not selected  + kept  * marked"


class Help(ModalScreen[None]):
    """The keys; any of ?, q and Escape closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", "Close")]
    CSS = "Help { background: $background; } Help VerticalScroll { padding: 0 1; } Help Static { height: auto; }"

    def compose(self) -> ComposeResult:
        """A table of keys, and what the signs mean."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for heading, keys in HELP:
            table.add_row(Text(""), Text(heading, style="bold"))
            for key, words in keys:
                table.add_row(Text(key), Text(words))
        claims = Text("Claims: ")
        for verdict, sign in SIGNS.items():
            claims.append(f"[{sign}] {verdict}  ", style=STYLES[verdict])
        with VerticalScroll():
            yield Static(Group(table, Text(""), claims, Text(f"Traces: {SIGNS_SHOWN}")))
