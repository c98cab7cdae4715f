"""The full-screen viewer: keys and filters on a pretended terminal, and once on a real one."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from judged_rows import claim, trace, write

from mgrd import tables
from mgrd.audio.measure import EXTRACTOR, Measurements
from mgrd.viewer import Wanted, open_judged, read_marks
from mgrd.viewer.app import Viewer
from mgrd.viewer.clips import open_clips
from mgrd.viewer.help import Help

THINK = "A word. " * 400 + "It falls."


@pytest.fixture
def folder(tmp_path):
    """Five traces of two questions: two kept, one not selected, two rejected."""
    late = claim("contradicted", "It falls", THINK.index("It falls"))
    objected = [("acoustic", "true_to_waveform", "says 'It falls': +6.0 st/s"), ("logic", "length", "3,200 letters")]
    write(
        tmp_path,
        [
            trace("q1", 0, task="pitch"),
            trace("q1", 1, task="pitch", think=THINK, objections=objected, claims=[late]),
            trace("q1", 2, task="pitch"),
            trace("q2", 0, task="pace", objections=["logic.length"], think="Slow, 很慢, [bold]slow[/]."),
            trace("q2", 1, task="pace"),
        ],
    )
    rows = [{"trace_id": "q1.1.2", "question_id": "q1", "kept": False, "why": "over the 1 of its question"}]
    tables.write_table(rows, tmp_path / "selection.parquet", tables.SELECTION)
    return tmp_path


def looking(folder, steps, size=(120, 40), **wanted):
    """Run the viewer on a pretended terminal; `steps` gets it, and what presses keys and waits until all is shown."""

    async def run():
        judged = open_judged(folder)
        app = Viewer(judged, open_clips(judged.folder), Wanted(**wanted))
        async with app.run_test(size=size) as pilot:

            async def settle():
                await pilot.pause()
                while any(not one.is_finished for one in app.workers):
                    await pilot.pause(0.02)
                await pilot.pause()

            async def press(*keys):
                for key in keys:
                    await pilot.press(key)
                    await settle()
                await settle()  # what the last one set going may have set something going

            await press()
            await steps(app, press)

    asyncio.run(run())


def listed(app):
    return [app.judged.index.item(int(at), "trace_id") for at in app.listed.places]


def screen(app):
    """What stands on the terminal, line by line."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in app.screen._compositor.render_strips()]


def test_rejected_traces_come_first_and_the_page_is_of_the_one_under_the_cursor(folder):
    async def steps(app, press):
        assert listed(app) == ["q1.1.1", "q2.1.0", "q1.1.2", "q1.1.0", "q2.1.1"]
        assert (app.row["trace_id"], app.listed.cursor) == ("q1.1.1", 0)
        await press("n", "n", "p")
        assert app.row["trace_id"] == "q2.1.0"
        await press("end", "n")
        assert app.row["trace_id"] == "q2.1.1"
        await press("home", "p")
        assert app.row["trace_id"] == "q1.1.1"

    looking(folder, steps)


def test_each_filter_has_a_key_and_its_last_value_is_followed_by_none(folder):
    async def steps(app, press):
        seen = {}
        for key, name, count in (("f", "show", 4), ("r", "rule", 3), ("c", "check", 3), ("t", "task", 3)):
            seen[name] = []
            for _ in range(count):
                await press(key)
                seen[name].append((getattr(app.wanted, name), len(listed(app))))
        assert seen == {
            "show": [("rejected", 2), ("not selected", 1), ("kept", 2), ("all", 5)],
            "rule": [("acoustic", 1), ("logic", 2), (None, 5)],
            "check": [("length", 2), ("true_to_waveform", 1), (None, 5)],
            "task": [("pace", 2), ("pitch", 3), (None, 5)],
        }
        await press("v")
        assert (listed(app), app.wanted.verdict) == (["q1.1.1"], "contradicted")
        await press("x", "s")
        assert (listed(app), app.wanted) == (["q1.1.0", "q1.1.1", "q1.1.2", "q2.1.0", "q2.1.1"], Wanted(sort="id"))

    looking(folder, steps)


def test_the_cursor_stays_on_its_trace_when_a_filter_leaves_it_there(folder):
    async def steps(app, press):
        await press("n", "c")
        assert (app.listed.cursor, app.row["trace_id"]) == (1, "q2.1.0")
        await press("r")
        assert (listed(app), app.row) == ([], None)
        assert "Nothing fits these filters; x clears them" in "\n".join(screen(app))

    looking(folder, steps)


def test_slash_asks_for_a_text_to_search_for(folder):
    async def steps(app, press):
        await press("slash", *"很慢", "enter")
        assert (listed(app), app.wanted.search) == (["q2.1.0"], "很慢")
        await press("slash", "escape")
        assert (app.wanted.search, app.said) == ("很慢", "search for; Enter takes it, Esc leaves it")
        await press("slash", "backspace", "backspace", "enter")
        assert (len(listed(app)), app.wanted.search) == (5, None)

    looking(folder, steps)


def test_an_objection_brings_the_claim_that_it_quotes_into_view(folder):
    async def steps(app, press):
        claimed = "[-1"  # a line may end within it
        page = app.query_one("#page")
        assert (page.scroll_offset.y, claimed in "\n".join(screen(app))) == (0, False)
        await press("o")
        assert claimed in "\n".join(screen(app))
        assert app.said == "objection 1 of 2: acoustic.true_to_waveform: says 'It falls': +6.0 st/s"
        await press("o")
        assert app.said == "objection 2 of 2: logic.length: 3,200 letters"
        await press("o")
        assert app.focused_objection == 0
        await press("end", "o")
        assert app.said == "no objection to this trace"

    looking(folder, steps)


def test_siblings_stand_side_by_side_those_of_the_other_kind_first(folder):
    async def steps(app, press):
        partners = []
        for _ in range(3):
            await press("d")
            partners.append(None if app.partner is None else app.judged.index.item(app.partner, "trace_id"))
        assert partners == ["q1.1.0", "q1.1.2", None]
        await press("d")
        line = next(line for line in screen(app) if "REJECTED" in line)
        assert line.index("x REJECTED") < line.index("+ KEPT")
        await press("escape")
        assert app.partner is None

    looking(folder, steps)


def test_marks_are_on_the_disk_at_once_and_can_be_taken_back(folder):
    def marks():
        return [replace(one, time="") for one in read_marks(folder)]

    async def steps(app, press):
        await press("g")  # of two objections none is in focus: the decision as a whole
        await press("o", "w")
        await press("end", "w")
        await press("m", *"length: too long", "enter")
        assert [(one.trace_id, one.mark, one.check, one.note) for one in marks()] == [
            ("q1.1.1", "right", None, None),
            ("q1.1.1", "rejected_wrongly", "true_to_waveform", None),
            ("q2.1.1", "kept_wrongly", None, None),
            ("q2.1.1", "kept_wrongly", "length", "too long"),
        ]
        await press("u")
        assert [one.trace_id for one in marks()] == ["q1.1.1", "q1.1.1"]
        await press("m")
        assert app.said == "mark it first: g it is right, w it is wrong"
        assert [line[:2] for line in screen(app) if "q1.1.1 " in line[:30]] == [" *"]

    looking(folder, steps)


def test_a_line_that_is_no_mark_is_said_as_the_viewer_opens_and_the_others_count(folder):
    (folder / "marks.jsonl").write_text('{"trace_id": "q1.1.1", "mark": "right"}\nright\n')

    async def steps(app, press):
        assert list(app.marks) == ["q1.1.1"]
        assert app.said.startswith(f"Not counted: {folder / 'marks.jsonl'}: line 2 is no mark (")
        await press("n", "f")
        assert app.said == ""

    looking(folder, steps)


def test_a_mark_that_cannot_be_saved_is_said_and_the_viewer_goes_on(folder):
    async def steps(app, press):
        (folder / "marks.jsonl").mkdir()
        await press("g")
        assert app.said == f"{folder}/marks.jsonl: the mark cannot be saved (Is a directory)"
        assert app.marks == {}

    looking(folder, steps)


def test_a_clip_that_is_not_there_is_said_where_it_would_be_drawn_and_played(folder):
    async def steps(app, press):
        await press("end")
        assert "not drawn: nothing says where the audio is; give --audio-root" in "\n".join(screen(app))
        await press("a")
        assert app.said == "nothing says where the audio is; give --audio-root"
        await press("y")
        assert (app.said, app.clipboard) == ("copied: q2.1.1", "q2.1.1")

    looking(folder, steps)


def test_the_clip_is_played_by_a_player_that_is_there_and_stopped(folder, tmp_path, monkeypatch):
    player = tmp_path / "bin" / "ffplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/played\nexec sleep 60\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{player.parent}:/usr/bin:/bin")
    clip = folder / "clips" / "a.wav"
    clip.parent.mkdir()
    clip.write_bytes(b"RIFF")
    tables.write_json({"filter": {"audio_root": "."}}, folder / "manifest.json")

    async def steps(app, press):
        await press("a")
        assert app.said == f"playing {clip} with ffplay; a stops it"
        playing = app.playing
        while not (tmp_path / "played").exists() or not (tmp_path / "played").read_text():
            await asyncio.sleep(0.02)
        assert (tmp_path / "played").read_text() == f"-nodisp -autoexit -loglevel quiet {clip}\n"
        await press("a")
        assert (app.said, playing.poll() is None) == ("stopped", False)
        await press("a")
        left.append(app.playing)

    left = []
    looking(folder, steps)
    assert left[0].poll() is not None  # what still played ended with the viewer


def test_of_several_clips_each_is_played_in_turn(tmp_path, monkeypatch):
    write(tmp_path, [trace(audio=["a.wav", "b.wav"])])
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    tables.write_json({"filter": {"audio_root": "."}}, tmp_path / "manifest.json")
    (tmp_path / "ffplay").symlink_to(shutil.which("true"))
    monkeypatch.setenv("PATH", str(tmp_path))

    async def steps(app, press):
        said = []
        for _ in range(3):
            await press("a")
            app.playing.wait()
            said.append(app.said)
        named = [
            f"playing clip {n} of 2, {tmp_path}/{name}.wav with ffplay; a stops it" for n, name in ((1, "a"), (2, "b"))
        ]
        assert said == [*named, named[0]]

    looking(tmp_path, steps)


def test_without_a_player_the_clip_is_named(folder, monkeypatch):
    (folder / "clips").mkdir()
    (folder / "clips" / "a.wav").write_bytes(b"RIFF")
    tables.write_json({"filter": {"audio_root": "."}}, folder / "manifest.json")
    monkeypatch.setenv("PATH", str(folder))

    async def steps(app, press):
        await press("a")
        assert app.said.startswith("no player here (ffplay, afplay, mpv, play, paplay, aplay); the clip is ")

    looking(folder, steps)


def test_a_part_that_is_replaced_meanwhile_is_said_and_the_viewer_goes_on(tmp_path):
    write(tmp_path, [trace(objections=["logic.length"])], [trace("q2")])

    async def steps(app, press):
        (tmp_path / "judged" / "part-000001.parquet").unlink()
        await press("n")
        assert (app.row, "part-000001.parquet: no such table" in app.said) == (None, True)
        await press("p")
        assert app.row["trace_id"] == "q1.1.0"

    looking(tmp_path, steps)


def test_a_trace_that_is_asked_for_is_opened_and_escape_leads_to_all_of_them(folder):
    async def steps(app, press):
        assert (listed(app), app.screen.has_class("-reading")) == (["q2.1.1"], True)
        await press("escape", "x")
        assert (len(listed(app)), app.row["trace_id"]) == (5, "q2.1.1")

    looking(folder, steps, (80, 24), trace="q2.1.1")


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
def test_a_small_terminal_shows_the_list_or_the_page(folder, size):
    async def steps(app, press):
        assert (app.query_one("#list").display, app.query_one("#page").display) == (True, False)
        assert any(line.startswith("> x q1.1.1") for line in screen(app))
        await press("enter")
        assert any("1. q1.1.1  REJECTED" in line for line in screen(app))
        assert not any(line.startswith("> x q1.1.1") for line in screen(app))
        await press("n")
        assert any("2. q2.1.0  REJECTED" in line for line in screen(app))
        await press("escape", "question_mark")
        assert isinstance(app.screen, Help)
        await press("q")
        assert not isinstance(app.screen, Help)

    looking(folder, steps, size)


def test_in_80_by_24_most_lines_are_the_lists_and_nothing_that_is_cut_looks_whole(tmp_path):
    checks = ["true_to_waveform", "cites_sound", "not_from_words", "right_answer", "fluent", "length"]
    reason = "says 'about 340 Hz': claims about 340 Hz, measured 640 Hz (+11.0 st), which is an octave higher"
    objections = [("acoustic", name, reason) for name in checks]
    write(tmp_path, [trace(f"q{n:02d}", 0, objections=objections) for n in range(30)])

    async def steps(app, press):
        lines = screen(app)
        assert lines[1:5] == [f"30  ##############  acoustic.{name}" for name in sorted(checks)[:4]]
        assert lines[5] == "and 2 more; --stats has all"
        rows = [line for line in lines if " x q" in line]
        assert len(rows) == 15
        assert rows[0].endswith(" not_from_words rig…")
        await press("enter", "o")
        told = " ".join(line.strip() for line in screen(app)[-4:-1])
        assert told.endswith(f"objection 1 of 6: acoustic.true_to_waveform: {reason}")

    looking(tmp_path, steps, (80, 24))


def test_a_page_that_was_hidden_is_drawn_at_its_full_width_once_it_is_read(folder):
    silent = Measurements("sha", EXTRACTOR, 3.0, 16000, {}, {}, 0.016, [])

    async def steps(app, press):
        app.draw([silent])  # as when the measurements come while the list hides the page
        await press("enter", "end")
        axis = next(line for line in screen(app) if line.endswith("3.0 s"))
        assert 70 < len(axis) <= 80

    looking(folder, steps, (80, 60))


def test_brackets_and_wide_letters_of_a_model_are_shown_as_they_are(folder):
    async def steps(app, press):
        await press("n")
        assert "Slow, 很慢, [bold]slow[/]." in "\n".join(screen(app))

    looking(folder, steps)


def test_a_text_of_100_kb_and_a_trace_without_claims_are_shown(tmp_path):
    write(tmp_path, [trace(think="很长 " * 25_000), trace("q2", claims=[], audio=[], heard_s=None)])

    async def steps(app, press):
        assert "1. q1.1.0  KEPT" in "\n".join(screen(app))
        await press("n")
        assert "not drawn: the trace has no clip" in "\n".join(screen(app))

    looking(tmp_path, steps)


class Tmux:
    """A real terminal of 80 columns and 24 lines, in which a command runs."""

    def __init__(self, name, command):
        self.socket = ["tmux", "-L", f"mgrd-{name}-{time.monotonic_ns()}"]
        begin = [*self.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24"]
        subprocess.run([*begin, f"{command}; echo ended with $?; sleep 60"], check=True)

    def shows(self, words, within_s=30.0):
        """What the terminal shows, with its control sequences, once these words are on it."""
        end = time.monotonic() + within_s
        capture = [*self.socket, "capture-pane", "-e", "-p"]
        while time.monotonic() < end:
            shown = subprocess.run(capture, capture_output=True, text=True, check=True)
            if words in shown.stdout:
                return shown.stdout
            time.sleep(0.1)
        raise AssertionError(f"{words!r} did not come: {shown.stdout}")

    def keys(self, *names):
        """Press them."""
        subprocess.run([*self.socket, "send-keys", *names], check=True)

    def end(self):
        """End the terminal and what runs in it."""
        subprocess.run([*self.socket, "kill-server"], check=True)


@pytest.fixture
def terminal(folder):
    """Start the viewer on a real terminal; its stderr goes where `redirected` says."""
    begun = []

    def start(redirected=""):
        command = f"env NO_COLOR=1 {sys.executable} -P -m mgrd inspect {folder} {redirected}"
        begun.append(Tmux(folder.name, command))
        return begun[-1]

    yield start
    for one in begun:
        one.end()


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
def test_on_a_real_terminal_of_80_by_24_the_viewer_opens_filters_marks_and_quits(folder, terminal):
    viewer = terminal()
    opened = viewer.shows("q1.1.1")
    assert "5 of 5 traces: all" in opened
    codes = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", opened) for code in codes.split(";")}
    assert codes <= {"0", "1", "2", "7", "39", "49"}  # NO_COLOR: bold, dim, reverse and the terminal's own
    viewer.keys("c")
    viewer.shows("2 of 5 traces: check length")
    viewer.keys("Enter")
    viewer.shows("1. q1.1.1  REJECTED")
    viewer.keys("w")
    viewer.shows("marked: should have passed; u takes it back")
    viewer.keys("q")
    viewer.shows("ended with 0")
    assert json.loads((folder / "marks.jsonl").read_text())["mark"] == "rejected_wrongly"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
def test_the_viewer_draws_on_the_terminal_when_stderr_goes_into_a_log(folder, terminal):
    viewer = terminal(f"2> {folder / 'log'}")
    viewer.shows("5 of 5 traces: all")
    viewer.keys("q")
    viewer.shows("ended with 0")
    assert (folder / "log").read_text() == ""
