"""The full-screen viewer: a list of traces, the page of the one under the cursor, and keys.

Holds what is shown and what is asked for; what is wanted is decided in `rows`, what a page says in `page`, and marks
are kept by `marks`. Uses the terminal's own colours, so light and dark ones both stay as they are.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from rich.console import Group
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.driver import Driver
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from mgrd.errors import MgrdError
from mgrd.terminal import safe
from mgrd.viewer import clips as sounds
from mgrd.viewer import page, plain, rows
from mgrd.viewer.help import SIGNS_SHOWN, Help
from mgrd.viewer.listing import TraceList
from mgrd.viewer.marks import Mark, add_mark, unread_lines, unread_marks
from mgrd.viewer.rows import VERDICTS, Judged, Row, Wanted
from mgrd.viewer.texts import marked, wrapped

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

BARS = 7
SETTLE_S = 0.1
"""Whoever runs through the list hears no clip on the way."""


class Viewer(App[None]):
    """Looks at one judged table."""

    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (declared so by textual)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]  # noqa: RUF012
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next"),
        Binding("p", "step(-1)", "Previous"),
        Binding("enter", "read", "Read"),
        Binding("escape", "close", "Back"),
        Binding("o", "objection", "Next objection"),
        Binding("space", "scroll(1)", "Page down"),
        Binding("b", "scroll(-1)", "Page up"),
        Binding("f", "cycle('show')", "State"),
        Binding("r", "cycle('rule')", "Rule"),
        Binding("c", "cycle('check')", "Check"),
        Binding("v", "cycle('verdict')", "Verdict"),
        Binding("t", "cycle('task')", "Task"),
        Binding("s", "cycle('sort')", "Sort"),
        Binding("slash", "ask('search')", "Search"),
        Binding("x", "clear", "Clear filters"),
        Binding("d", "beside", "Side by side"),
        Binding("a", "play", "Play"),
        Binding("y", "copy", "Copy id"),
        Binding("g", "mark(True)", "Right"),
        Binding("w", "mark(False)", "Wrong"),
        Binding("m", "ask('note')", "Note"),
        Binding("u", "unmark", "Take back"),
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", priority=True),
    ]

    def __init__(self, judged: Judged, clips: sounds.Clips, wanted: Wanted, driver: type[Driver] | None = None) -> None:
        super().__init__(driver, ansi_color=True)  # said here: NO_COLOR is turned into a filter that fits it
        self.judged, self.clips, self.wanted, self.given = judged, clips, wanted, wanted
        self.objections = rows.objection_counts(judged.index)
        self.tasks = sorted(judged.index.get_column("task").cast(str).unique().drop_nulls())
        self.marks = plain.marks_by_trace(judged)
        self.row: Row | None = None
        self.focused_objection: int | None = None
        self.partner: int | None = None
        self.unread = " ".join(unread_lines(unread_marks(judged.folder)))
        self.asked = self.said = ""
        self.playing: subprocess.Popen[bytes] | None = None
        self.heard: Sequence[Measurements | str] = ()
        self.reading_of = lru_cache(maxsize=64)(self._measured)
        self.next_clip = 0

    def compose(self) -> ComposeResult:
        """Head, the list beside the page, what was said last, and the keys."""
        yield Static(id="head", markup=False)
        with Horizontal():
            with Vertical(id="left"):
                yield Static(id="bars")
                yield Static(SIGNS_SHOWN, id="signs", markup=False)
                yield TraceList(self.judged, id="list")
            with VerticalScroll(id="page"):
                yield Static(id="top")
                yield Static(id="think")
                yield Static(id="rest")
        yield Input(id="ask", compact=True)
        yield Static(id="said", markup=False)
        yield Static("? help  Enter read  o objection  f r c v t / filter  d beside  g w mark  q quit", id="keys")

    def on_mount(self) -> None:
        """Show what the command line asked for."""
        self.theme = "ansi-dark"
        self.listed.marked = self.marks.keys()
        self.listed.focus()
        self.choose(self.wanted)
        if self.wanted.trace is not None:
            self.action_read()

    @property
    def listed(self) -> TraceList:
        """The list of traces."""
        return self.query_one("#list", TraceList)

    # Choosing

    @work(thread=True, exclusive=True, group="choose")
    def choose(self, wanted: Wanted) -> None:
        """Find the wanted traces; a search reads every text, so the screen goes on meanwhile."""
        self.call_from_thread(self.say, "Looking ...")
        try:
            places = rows.chosen(self.judged, wanted)
        except MgrdError as error:
            self.call_from_thread(self.say, str(error))
            return
        self.call_from_thread(self._chosen, wanted, places)

    def _chosen(self, wanted: Wanted, places: Any) -> None:
        if wanted != self.wanted:  # another was asked for meanwhile
            return
        self.say(self.unread)
        self.unread = ""  # said once
        self.listed.show(places)
        filters = [
            f"{name} {value}"
            for name in ("rule", "check", "task", "question", "cue", "verdict", "search", "trace", "sort")
            if (value := getattr(wanted, name)) is not None and (name, value) != ("sort", "state")
        ]
        told = ", ".join(([] if wanted.show == "all" else [wanted.show]) + filters) or "all"
        head = f"{len(places):,} of {self.judged.index.height:,} traces: {told}  {self.judged.folder}"
        self.query_one("#head", Static).update(Text(safe(head)))

    def _want(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.choose(wanted)

    def action_cycle(self, what: str) -> None:
        """The next value of a filter; after the last one none."""
        values: dict[str, Sequence[Any]] = {
            "show": ("all", *rows.STATES),
            "rule": (None, *sorted({name.partition(".")[0] for name, _ in self.objections})),
            "check": (None, *dict.fromkeys(name.rpartition(".")[2] for name, _ in self.objections)),
            "verdict": (None, *VERDICTS),
            "task": (None, *self.tasks),
            "sort": get_args(rows.Sort),
        }
        order = values[what]
        now = getattr(self.wanted, what)
        following = order[(order.index(now) + 1) % len(order)] if now in order else order[0]
        self._want(replace(self.wanted, **{what: following}))

    def action_clear(self) -> None:
        """All traces, rejected ones first."""
        self._want(Wanted())

    # Showing

    def on_trace_list_moved(self) -> None:
        """The page of the trace under the cursor."""
        self.focused_objection = self.partner = None
        self.next_clip = 0
        at = self.listed.at
        self.row = next(iter(self._read([] if at is None else [at])), None)
        self.query_one("#page").scroll_home(animate=False)
        self.draw(["reading the measurements ..."] * len(self.row["audio"] or ()) if self.row else ())
        if self.row is not None:
            self.hear(self.row)

    def _read(self, places: list[int]) -> list[Row]:
        """The rows at these places; none, and why, when their part was replaced meanwhile."""
        try:
            return rows.rows_at(self.judged, places) if places else []
        except MgrdError as error:
            self.say(str(error))
            return []

    @work(thread=True, exclusive=True, group="hear")
    def hear(self, row: Row) -> None:
        """Fetch how the clips that are drawn sound: from the tables, else measured now."""
        time.sleep(SETTLE_S)
        heard: list[Measurements | str] = ["" for _ in row["audio"] or ()]
        for number, (given, sha) in enumerate(sounds.sounds_of(row)[: page.SOUNDS]):
            if get_current_worker().is_cancelled:
                return
            heard[number] = self.reading_of(sha, given)
        self.call_from_thread(self._draw_if_shown, row, heard)

    def _draw_if_shown(self, row: Row, heard: Sequence[Measurements | str]) -> None:
        if row is self.row:
            self.draw(heard)

    def _measured(self, sha: str | None, given: str) -> Measurements | str:
        if sha is not None and sha in (found := sounds.known(self.clips, {sha})):
            return found[sha]
        return sounds.measured(self.clips, sha, given)

    def draw(self, heard: Sequence[Measurements | str]) -> None:
        """The page, or the trace beside a sibling, with what is known of each of its clips."""
        self.heard = heard
        top, think, rest = (self.query_one(f"#{name}", Static) for name in ("top", "think", "rest"))
        row, at = self.row, self.listed.at
        if row is None or at is None:
            for part in (top, think, rest):
                part.update("")
            return
        width = max(self.query_one("#page").scrollable_content_region.width - 2, 20)
        if self.partner is not None:
            pairs = (page.side_by_side(row, other, heard, width) for other in self._read([self.partner]))
            top.update(Group(*pairs))
            think.update("")
            rest.update("")
            return
        others = self._read(rows.siblings(self.judged, at)[: 2 * page.SIBLINGS])
        marks = self.marks.get(row["trace_id"], [])
        parts = page.parts(
            row, heard, others, marks, number=self.listed.cursor + 1, objection=self.focused_objection, width=width
        )
        for widget, lines in zip((top, think, rest), parts, strict=True):
            widget.update(Group(*lines))

    def on_resize(self) -> None:
        """What is drawn is as wide as the page; in a low terminal the list needs the lines of most bars."""
        shown = min(BARS, max((self.size.height - 12) // 3, 2))
        more = len(self.objections) - shown
        rest = [Text(f"and {more} more; --stats has all")] if more > 0 else []
        self.query_one("#bars", Static).update(Group(plain.bars(self.objections[:shown], 14), *rest))
        if self.row is not None:
            self.call_after_refresh(lambda: self.draw(self.heard))

    def say(self, words: str) -> None:
        """A line or three above the keys, on which nothing is markup."""
        self.said = words
        self.query_one("#said", Static).update(Text(safe(words)))

    # Keys

    def action_step(self, by: int) -> None:
        """The trace below or above, in the list and on its page."""
        self.listed.action_move(by)

    def action_read(self) -> None:
        """To the page, which takes the place of the list in a narrow terminal."""
        self.screen.add_class("-reading")
        self.query_one("#page").focus()
        self.call_after_refresh(lambda: self.draw(self.heard))  # in a narrow terminal the page had no width before

    def action_close(self) -> None:
        """From what was opened last: the question, the sibling, the page."""
        if self.query_one("#ask").has_class("-asking"):
            self._close_ask()
        elif self.partner is not None:
            self.partner = None
            self.draw(self.heard)
        else:
            self.screen.remove_class("-reading")
            self.listed.focus()

    def action_scroll(self, by: int) -> None:
        """A screen of the page down or up."""
        shown = self.query_one("#page", VerticalScroll)
        shown.scroll_relative(y=by * max(shown.size.height - 1, 1), animate=False)

    def action_objection(self) -> None:
        """The next objection of this trace; its claim, where it quotes one, comes into view."""
        if self.row is None or not self.row["objections"]:
            self.say("no objection to this trace")
            return
        count = len(self.row["objections"])
        self.focused_objection = 0 if self.focused_objection is None else (self.focused_objection + 1) % count
        self.partner = None
        self.draw(self.heard)
        one = self.row["objections"][self.focused_objection]
        self.say(f"objection {self.focused_objection + 1} of {count}: {one['rule']}.{one['check']}: {one['reason']}")
        if (number := page.claim_meant(self.row, self.focused_objection)) is not None:
            self.call_after_refresh(self._scroll_to, number)

    def _scroll_to(self, number: int) -> None:
        """Scroll the page so that a claim stands a third below its top."""
        if self.row is None:
            return
        think, shown = self.query_one("#think", Static), self.query_one("#page", VerticalScroll)
        before = marked(self.row["think"], self.row["claims"], upto=self.row["claims"][number - 1]["start"])
        lines = len(wrapped(before, max(think.size.width - page.INDENT, 1)))
        shown.scroll_to(y=max(think.virtual_region.y + lines - shown.size.height // 3, 0), animate=False)

    def action_beside(self) -> None:
        """The trace beside another of its question: first those of the other kind, then the others, then alone."""
        at = self.listed.at
        if self.row is None or at is None:
            return
        order = rows.siblings(self.judged, at)
        if not order:
            self.say("this question has no other trace")
            return
        following = 0 if self.partner is None else order.index(self.partner) + 1
        if self.partner is None:  # from one sibling to the next what is compared stays in view
            self.query_one("#page").scroll_home(animate=False)
        self.partner = order[following] if following < len(order) else None
        self.draw(self.heard)
        self.say("" if self.partner is None else f"sibling {following + 1} of {len(order)}; d the next one, Esc back")
        self.action_read()

    def action_play(self) -> None:
        """Play the clip, of several the next one, with a program that is there; when it plays, stop it."""
        if self.stop_playing() or self.row is None:
            return None
        given = self.row["audio"]
        if not given:
            return self.say("the trace has no clip")
        number = self.next_clip % len(given)
        path, command = sounds.file_of(self.clips, given[number]), sounds.player()
        if isinstance(path, str):
            return self.say(path)
        if command is None:
            return self.say(f"no player here ({', '.join(one for one, *_ in sounds.PLAYERS)}); the clip is {path}")
        quiet = subprocess.DEVNULL
        self.playing = subprocess.Popen([*command, str(path)], stdin=quiet, stdout=quiet, stderr=quiet)
        self.next_clip = number + 1
        which = f"clip {number + 1} of {len(given)}, " if len(given) > 1 else ""
        return self.say(f"playing {which}{path} with {command[0]}; a stops it")

    def stop_playing(self) -> bool:
        """Stop what plays; whether something did."""
        playing, self.playing = self.playing, None
        if playing is None or playing.poll() is not None:
            return False
        playing.terminate()
        playing.wait()
        self.say("stopped")
        return True

    def on_unmount(self) -> None:
        """Nothing plays on."""
        if self.playing is not None and self.playing.poll() is None:
            self.playing.terminate()
            self.playing.wait()

    def action_copy(self) -> None:
        """The trace's id to the clipboard, as far as the terminal lets that be, and below for the eye."""
        if self.row is not None:
            self.copy_to_clipboard(self.row["trace_id"])
            self.say(f"copied: {self.row['trace_id']}")

    def action_help(self) -> None:
        """The keys."""
        self.push_screen(Help())

    # Marking

    def action_mark(self, right: bool) -> None:
        """Mark what the filter did, or the objection in focus, as right or wrong."""
        if self.row is None:
            return
        objections = self.row["objections"]
        number = self.focused_objection if len(objections) > 1 else 0
        check = objections[number]["check"] if objections and number is not None else None
        kind = "right" if right else "kept_wrongly" if self.row["passed"] else "rejected_wrongly"
        self._save(Mark(self.row["trace_id"], kind, check, passed=self.row["passed"]))  # type: ignore[arg-type]

    def action_unmark(self) -> None:
        """Take every mark of the trace back."""
        for one in list(self.marks.get(self.row["trace_id"], ())) if self.row else ():
            self._save(replace(one, mark=None))

    def _save(self, mark: Mark) -> None:
        try:
            saved = add_mark(self.judged.folder, mark)
        except MgrdError as error:
            return self.say(str(error))
        held = [one for one in self.marks.get(mark.trace_id, []) if one.check != mark.check]
        held += [saved] if saved.mark else []
        self.marks[mark.trace_id] = held
        if not held:
            del self.marks[mark.trace_id]
        self.listed.refresh()
        self.draw(self.heard)
        about = f" ({mark.check})" if mark.check else ""
        return self.say(f"marked: {page.MARK_WORDS[mark.mark]}{about}; u takes it back" if mark.mark else "taken back")

    # Asking

    def action_ask(self, what: str) -> None:
        """Ask for a text in the line above the keys."""
        if what == "note" and (self.row is None or self.row["trace_id"] not in self.marks):
            return self.say("mark it first: g it is right, w it is wrong")
        self.asked = what
        asking = self.query_one("#ask", Input)
        asking.placeholder = {"search": "search for", "note": "note, or CHECK: note for what should have objected"}[
            what
        ]
        asking.value = (self.wanted.search or "") if what == "search" else ""
        asking.add_class("-asking")
        asking.focus()
        self.say(f"{asking.placeholder}; Enter takes it, Esc leaves it")
        return None

    def _close_ask(self) -> None:
        self.query_one("#ask").remove_class("-asking")
        (self.query_one("#page") if self.screen.has_class("-reading") else self.listed).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the text that was asked for."""
        self._close_ask()
        text = event.value.strip()
        if self.asked == "search":
            self._want(replace(self.wanted, search=text or None))
        elif self.row is not None:
            last = self.marks[self.row["trace_id"]][-1]
            check, colon, note = text.partition(":")
            known = {name.rpartition(".")[2] for name, _ in self.objections}
            if colon and check.strip() in known:
                self._save(replace(last, check=check.strip(), note=note.strip() or None))
            else:
                self._save(replace(last, note=text or None))
