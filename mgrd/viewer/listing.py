"""The list of the full-screen viewer: a line a trace, of which only those on the screen are ever made.

Knows the index, not the traces' texts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import polars as pl
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mgrd.viewer.page import STATE_SIGNS, STATE_STYLES
from mgrd.viewer.rows import STATES, Judged
from mgrd.viewer.texts import one_line

ID_CELLS = 26


class TraceList(ScrollView, can_focus=True):
    """The chosen traces, one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000000)", "First", show=False),
        Binding("end", "move(1000000000)", "Last", show=False),
    ]

    class Moved(Message):
        """The cursor is on another trace."""

    def __init__(self, judged: Judged, id: str) -> None:  # noqa: A002  (textual's name)
        super().__init__(id=id)
        self.judged = judged
        self.places = pl.Series("at", [], dtype=pl.UInt32)
        self.marked: Collection[str] = ()
        self.chosen = False
        self.cursor = 0

    @property
    def at(self) -> int | None:
        """The position in the index of the trace under the cursor; None in an empty list."""
        return int(self.places[self.cursor]) if len(self.places) else None

    def show(self, places: pl.Series) -> None:
        """List these traces; the cursor stays on its trace where that is among them."""
        before = self.at
        self.places, self.chosen = places, True
        found = places.index_of(before) if before is not None else None
        self.cursor = found or 0
        self._resize()
        self._follow()
        self.post_message(self.Moved())

    def on_resize(self, _: events.Resize) -> None:
        """A line is as wide as the list."""
        self._resize()

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.places))
        self.refresh()

    def _follow(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor, and stop at the ends."""
        place = min(max(self.cursor + by, 0), max(len(self.places) - 1, 0))
        if place != self.cursor:
            self.cursor = place
            self._follow()
            self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        """Move the cursor by a screen of lines."""
        self.action_move(by * max(self.scrollable_content_region.height - 1, 1))

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse clicks."""
        self.action_move(self.scroll_offset.y + event.y - self.cursor)

    def render_line(self, y: int) -> Strip:
        """The line of the trace at y of what is on the screen."""
        place = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if place >= len(self.places):
            empty = self.chosen and not len(self.places)
            words = "Nothing fits these filters; x clears them" if empty and y == 0 else ""
            return Strip([Segment(set_cell_size(words, width), Style())], width)
        row = self.judged.index.row(int(self.places[place]), named=True)
        state = STATES[row["state"]]
        checks = " ".join(dict.fromkeys(name.rpartition(".")[2] for name in row["names"]))
        mark = "*" if row["trace_id"] in self.marked else " "
        chosen = Style(reverse=True) if place == self.cursor else Style()
        name = _fitted(one_line(row["trace_id"]), min(ID_CELLS, max(width * 3 // 5, 1)))
        texts = [
            (">" if place == self.cursor else " ", ""),
            (mark, "bold"),
            (f"{STATE_SIGNS[state]} ", STATE_STYLES[state]),
            (name, ""),
            (f" {_begun(checks, width - cell_len(name) - 5)}", "dim" if place != self.cursor else ""),
        ]
        strip = Strip([Segment(text, Style.parse(style) + chosen) for text, style in texts])
        return strip.adjust_cell_length(width, chosen)


def _begun(words: str, cells: int) -> str:
    """Words in so many cells at most; of more the beginning."""
    return words if cell_len(words) <= cells else set_cell_size(words, max(cells - 1, 0)) + "…"


def _fitted(name: str, cells: int) -> str:
    """A name in so many cells; of a longer one the beginning and the end, which tells samples apart."""
    if cell_len(name) <= cells:
        return set_cell_size(name, cells)
    tail = ""
    while cell_len(tail) < cells // 2:
        tail = name[-len(tail) - 1 :]
    return set_cell_size(name, cells - cell_len(tail) - 1) + "…" + tail
