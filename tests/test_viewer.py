"""The viewer: pages that say with signs what they say with colours, and interpret nothing that a model wrote."""

import io
import json
import re
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_rows import claim, trace, write
from rich.console import Console
from rich.text import Text

from mgrd import tables
from mgrd.checking import read_text
from mgrd.errors import InputError, MisusedError
from mgrd.viewer import Wanted, claims_table, inspect, marked, open_judged
from mgrd.viewer.clips import open_clips
from mgrd.viewer.marks import Mark, add_mark
from mgrd.viewer.page import claim_meant
from mgrd.viewer.plain import pages
from mgrd.viewer.rows import chosen, rows_at
from mgrd.viewer.texts import wrapped


def printed(judged, wanted=None, **console):
    """The pages as text, 80 columns wide."""
    out = io.StringIO()
    shown = Console(file=out, width=80, highlight=False, markup=False, emoji=False, **console)
    opened = open_judged(judged)
    for page in pages(opened, open_clips(opened.folder), wanted or Wanted()):
        shown.print(page)
    return out.getvalue()


@pytest.fixture
def judged(tmp_path):
    return write(
        tmp_path,
        [
            trace("q1", 0, claims=["supported"]),
            trace(
                "q1",
                1,
                objections=[("acoustic", "true_to_waveform", "says falling, but +6.0 st/s")],
                claims=["contradicted"],
            ),
            trace("q2", 0),
        ],
        [
            trace("q2", 1, objections=["logic.length", "acoustic.cites_sound"]),
            trace(
                "q3",
                0,
                objections=["logic.length"],
                correct=False,
                predicted="up",
                task="direction",
                think="Hm: it (falls).",
                completion_tokens=99,
            ),
        ],
    )


@pytest.fixture
def selection(judged):
    path = judged.parent / "selection.parquet"
    rows = [
        {"trace_id": "q1.1.0", "question_id": "q1", "kept": True, "why": None},
        {"trace_id": "q2.1.0", "question_id": "q2", "kept": False, "why": "per_question: 1 kept already"},
    ]
    tables.write_table(rows, path, tables.SELECTION)
    return path


def ids(judged, **wanted):
    opened = open_judged(judged)
    return [row["trace_id"] for row in rows_at(opened, chosen(opened, Wanted(**wanted)).to_list())]


def test_kept_traces_are_those_that_passed_and_were_selected(judged):
    assert ids(judged, show="kept") == ["q1.1.0", "q2.1.0"]


def test_rejected_traces_come_first_then_those_that_were_not_selected(judged, selection):
    assert ids(judged) == ["q1.1.1", "q2.1.1", "q3.1.0", "q2.1.0", "q1.1.0"]
    assert ids(judged, show="rejected") == ["q1.1.1", "q2.1.1", "q3.1.0"]
    assert ids(judged, show="not selected") == ["q2.1.0"]
    assert ids(judged, show="kept") == ["q1.1.0"]


def test_traces_are_chosen_by_rule_check_task_question_and_trace(judged):
    assert ids(judged, check="length") == ["q2.1.1", "q3.1.0"]
    assert ids(judged, rule="acoustic") == ["q1.1.1", "q2.1.1"]
    assert ids(judged, rule="acoustic", check="length") == []
    assert ids(judged, task="direction") == ["q3.1.0"]
    assert ids(judged, question="q1") == ["q1.1.1", "q1.1.0"]
    assert ids(judged, trace="q2.1.0") == ["q2.1.0"]


def test_traces_are_chosen_by_their_claims_and_by_their_words(judged):
    assert ids(judged, verdict="contradicted") == ["q1.1.1"]
    assert ids(judged, cue="pitch") == ["q1.1.1", "q1.1.0"]
    assert ids(judged, cue="pitch.contour", verdict="supported") == ["q1.1.0"]
    assert ids(judged, cue="rate") == []
    assert ids(judged, search="IT (FALLS") == ["q3.1.0"]


def test_traces_are_sorted_as_asked(judged):
    assert ids(judged, sort="id") == ["q1.1.0", "q1.1.1", "q2.1.0", "q2.1.1", "q3.1.0"]
    assert ids(judged, sort="question") == ["q1.1.1", "q1.1.0", "q2.1.1", "q2.1.0", "q3.1.0"]
    assert ids(judged, sort="objections") == ["q2.1.1", "q1.1.1", "q3.1.0", "q1.1.0", "q2.1.0"]
    assert ids(judged, sort="longest")[0] == "q3.1.0"
    assert ids(judged, sort="shortest")[-1] == "q3.1.0"


def test_a_name_that_is_nowhere_is_an_error_and_not_an_empty_answer(judged):
    for name, said in (
        ({"question": "q9"}, "has no question q9; mgrd inspect "),
        ({"trace": "q1.1.9"}, "has no trace q1.1.9; the nearest are q1.1.0, q1.1.1"),
        ({"trace": "q2"}, "has no trace q2; the nearest are q2.1.0, q2.1.1"),
        ({"trace": "3.1"}, "has no trace 3.1; the nearest are q3.1.0"),
        ({"trace": "?"}, "has no trace ?; mgrd inspect "),
        ({"task": "chords"}, "has no task chords; there are direction"),
        ({"rule": "musical"}, "no rule musical judged it; there are acoustic, logic"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            ids(judged, **name)


def test_a_value_that_is_none_of_those_there_are_is_told_in_one_sentence(judged, run):
    code, _, err = run("inspect", judged.parent, "--sort", "loudest")
    known = "'state', 'id', 'question', 'objections', 'longest', 'shortest'"
    assert (code, err.splitlines()[-1]) == (2, f"Error: Invalid value for '--sort': 'loudest' is not one of {known}.")


def test_a_cue_of_no_vocabulary_is_misuse_that_names_those_there_are(judged, run):
    for name in ("nosuch", "pit", "pitch.", ""):
        with pytest.raises(
            MisusedError, match=rf"^--cue {name}: no such cue; there are event.count, .*voice.sex, and by"
        ):
            ids(judged, cue=name)
    code, out, err = run("inspect", judged.parent, "--cue", "nosuch", "--json")
    assert (code, out, err[:32]) == (2, "", "Error: --cue nosuch: no such cue")


def test_a_check_that_judged_nothing_is_an_error_but_one_that_objected_to_nothing_is_not(judged):
    with pytest.raises(InputError, match=r"no check nonsense judged it; there are cites_sound, length, true_to_wave"):
        ids(judged, check="nonsense")
    made_with = {"filter": {"identity": {"checks": ["logic.fluent"]}}}
    tables.write_json(made_with, judged.parent / "manifest.json")
    assert ids(judged, check="fluent") == []


def test_the_first_page_counts_traces_and_draws_objections_as_bars(judged, selection):
    top = printed(judged, Wanted(limit=0)).splitlines()
    assert [line.rstrip() for line in top] == [
        "=" * 80,
        "5 traces, 2 passed, 1 kept, 0 could not be sampled",
        f"2  {'#' * 30}  logic.length",
        f"1  {'#' * 15}  {' ' * 15}acoustic.cites_sound",
        f"1  {'#' * 15}  {' ' * 15}acoustic.true_to_waveform",
        "Claims: [+] supported  [-] contradicted  [?] unverifiable",
        *(line.rstrip() for line in top[6:]),
    ]
    assert " ".join(top[6:]).split() == f"0 of 5 shown (-n shows more), of {judged.parent}".split()


def test_a_page_holds_all_that_decided_about_a_trace(judged, selection):
    page = printed(judged, Wanted(trace="q1.1.1"))
    for words in (
        "1. q1.1.1  REJECTED",
        "clips/a.wav (3.0 s)",
        "Which way?",
        "up | down",
        "down  (right)",
        "[-1 It falls].",
        "Objection acoustic.true_to_waveform: says falling, but +6.0 st/s",
    ):
        assert words in page
    assert "[-1] pitch.contour: falling, measured -6.25 st/s, z +3.0; the slope is -6.2 st/s" in " ".join(page.split())
    assert "Passed, but not selected: per_question: 1 kept already" in printed(judged, Wanted(trace="q2.1.0"))
    assert "up  (wrong)" in printed(judged, Wanted(trace="q3.1.0"))


def test_a_sample_that_failed_is_shown_with_its_reason(tmp_path):
    reason = ("generate", "failed", "clips/a.wav: is empty")
    row = trace(error=reason[2], think=None, response=None, predicted=None, correct=False, objections=[reason])
    page = printed(write(tmp_path, [row]))
    assert "1 could not be sampled" in page
    assert "Objection generate.failed: clips/a.wav: is empty" in page


def test_off_a_terminal_pages_are_plain_text_of_80_columns(judged, selection, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    inspect(judged.parent, Wanted())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_plain_pages_have_no_blanks_at_the_ends_of_lines_and_say_when_nothing_fits(judged, capsys):
    inspect(judged.parent, Wanted(), text_only=True)
    pages_of_all = capsys.readouterr().out
    assert [line for line in pages_of_all.splitlines() if line != line.rstrip()] == []
    assert pages_of_all.count("\n-----") == 5
    inspect(judged.parent, Wanted(search="(.*)"), text_only=True)
    assert "\nnone of them fits these filters, of" in capsys.readouterr().out


def test_an_id_of_several_lines_is_shown_in_one(tmp_path):
    write(tmp_path, [trace("a\nb\t'$(c)"), trace("a\nb\t'$(c)", 1)])
    text = printed(tmp_path)
    assert "1. a␊b␉'$(c).1.0  KEPT" in text
    assert "+ kept          a␊b␉'$(c).1.1  down  (right)" in text


def test_no_color_is_respected_and_signs_remain(judged, monkeypatch):
    coloured = printed(judged, force_terminal=True, color_system="truecolor")
    assert "\x1b[32m[+1 It falls]\x1b[0m." in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(judged, force_terminal=True, color_system="truecolor")
    assert "[+1 It falls]" in plain.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "\x1b[32m" not in plain


def test_nothing_that_a_model_wrote_is_interpreted(tmp_path):
    evil = "[bold]x[/] [link=http://a]b[/link] :smile: \x1b[31mred\x1b]0;title\x07 \u202eback [/nope]"
    page = printed(
        write(tmp_path, [trace(think=evil, response=evil, question=evil, objections=[("logic", "a", evil)])])
    )
    for words in ("[bold]x[/]", "[link=http://a]", ":smile:", "␛[31mred␛]0;title␇", "[/nope]"):
        assert page.count(words) >= 3
    assert not {"\x1b", "\x07", "\u202e"} & set(page)


def test_claims_are_marked_where_they_stand_with_the_number_of_their_row():
    think = "It falls, or not; it is slow?"
    claims = [
        claim("contradicted", "It falls"),
        claim(None, "or not", 10),
        claim("unverifiable", "it is slow", 18),
        claim("supported", "slow", 24),
    ]
    assert marked(think, claims).plain == "[-1 It falls], or not; [?3 it is [+4 slow]]?"


def test_spans_outside_the_text_do_no_harm():
    assert marked("abc", [claim("supported", "x" * 9, 1), claim("supported", "x", 7)]).plain == "a[+1 bc]"
    assert marked(None, None).plain == ""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("The [-1 voice is high], so", ["The [-1 voice is", "high], so"]),
        ("[-1 音调下降]，[+2 语速很慢]。then 很好", ["[-1 音调下降]，", "[+2 语速很慢]。", "then 很好"]),
        ("说话人的语气很平静，语速慢", ["说话人的语气很平", "静，语速慢"]),
        ("a\n\n  b c ", ["a", "", "  b c"]),
        ("abcdefghijklmnopqrstuvwxyz z", ["abcdefghijklmnopq", "rstuvwxyz z"]),
    ],
)
def test_lines_are_broken_at_blanks_and_between_chinese_letters_but_not_before_a_comma(text, lines):
    assert [line.plain for line in wrapped(Text(text), 17)] == lines


@given(st.text(st.sampled_from("ab 音，。\n[-1 ]")), st.integers(2, 12))
def test_wrapping_loses_no_letter_and_keeps_within_the_width(text, width):
    lines = wrapped(Text(text), width)
    assert "".join(line.plain for line in lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    assert max((line.cell_len for line in lines), default=0) <= width


@pytest.mark.parametrize("text", ["x" * 100_000, "音" * 50_000, " " * 100_000, "[-1 " * 25_000, "，" * 50_000])
def test_no_text_takes_long_to_wrap(text):
    started = time.process_time()
    wrapped(Text(text), 78)
    assert time.process_time() - started < 2


@given(st.text(), st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=4))
def test_marking_adds_brackets_and_loses_no_letter(think, spans):
    claims = [claim("supported", "x" * length, start) for start, length in spans]
    shown = marked(think, claims).plain
    inside = [one for one in claims if one["start"] < min(one["end"], len(think))]
    marks = sum(len(f"[+{claims.index(one) + 1} ]") for one in inside)
    assert len(shown) == len(marked(think, []).plain) + marks


def test_json_is_one_object_with_the_rows_and_why_they_were_not_kept(judged, selection, capsys):
    inspect(judged.parent, Wanted(question="q2"), as_json=True)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    answer = json.loads(out)
    assert (answer["folder"], answer["matching"]) == (str(judged.parent), 2)
    rows = answer["traces"]
    assert [(row["trace_id"], row["kept"], row["not_kept"]) for row in rows] == [
        ("q2.1.1", False, None),
        ("q2.1.0", False, "per_question: 1 kept already"),
    ]
    assert rows[0]["objections"][0] == {"rule": "logic", "check": "length", "reason": "because"}


def test_of_a_run_the_last_round_is_shown_and_named_with_how_many_of_how_many(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a long path would be broken at the line's end
    run = Path("run")
    for number in (1, 2):
        write(run / f"round-0{number}", [trace("q1", n, objections=["logic.length"] * (n > 0)) for n in range(3)])
    for wanted, said in (
        ({}, "3 of 3 shown, of"),
        ({"limit": 2}, "2 of 3 shown (-n shows more), of"),
        ({"show": "kept"}, "1 of 1 shown, of"),
        ({"check": "length", "limit": 1}, "1 of 2 shown (-n shows more), of"),
    ):
        inspect(run, Wanted(**wanted))
        assert f"{said} run/round-02 " in " ".join(capsys.readouterr().out.split())


def test_rejected_and_kept_exclude_each_other(judged, run):
    code, out, err = run("inspect", judged.parent, "--rejected", "--kept")
    assert (code, out) == (2, "")
    assert err.startswith("Error: --rejected and --kept exclude each other")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"measured": 194.2136, "unit": "Hz"}, "194.2 Hz"),
        ({"measured": 3.0, "unit": None}, "3"),
        ({"cue": "music.key", "measured": 6.0, "unit": None}, "F#"),
        ({"cue": "music.mode", "measured": 0.0, "unit": None}, "minor"),
        ({"measured": None, "unit": "Hz"}, "-"),
    ],
)
def test_what_was_measured_is_shown_with_its_unit_and_keys_by_name(given, shown):
    out = io.StringIO()
    Console(file=out, width=200).print(claims_table([claim("supported", **given)]))
    cells = [cell.strip() for cell in out.getvalue().splitlines()[-1].split("  ") if cell.strip()]
    assert cells[3] == shown


def test_a_text_file_is_no_folder_of_mgrd(tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_text("The voice is low.")
    with pytest.raises(MisusedError, match="is not a folder of mgrd"):
        inspect(plain, Wanted())


def test_a_text_that_looks_like_a_file_name_is_judged_with_a_note(capsys):
    assert (read_text("play.txt"), read_text("It rises.")) == ("play.txt", "It rises.")
    assert capsys.readouterr().err == "--text play.txt: no such file; its name is judged as the text\n"


def test_a_folder_without_a_complete_part_is_an_error_by_name(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "part-000000.parquet.partial").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="judged: holds no complete part; run `mgrd filter` again"):
        inspect(tmp_path, Wanted())
    with pytest.raises(InputError, match="holds no judged; give a run"):
        inspect(empty, Wanted())


def test_a_part_that_is_cut_off_is_an_error_that_names_it(judged):
    part = judged / "part-000001.parquet"
    part.write_bytes(part.read_bytes()[:-100])
    again = r"part-000001.parquet: cannot be read as Parquet \(.*\); remove it and run the same `mgrd filter` again"
    with pytest.raises(InputError, match=again):
        inspect(judged.parent, Wanted())


def test_a_part_that_was_replaced_while_it_is_looked_at_is_an_error_that_names_it(judged):
    opened = open_judged(judged)
    (judged / "part-000001.parquet").unlink()
    assert rows_at(opened, [0])[0]["trace_id"] == "q1.1.0"
    with pytest.raises(InputError, match=r"part-000001.parquet: no such table"):
        rows_at(opened, [0, 4])


@pytest.mark.parametrize("older", [0, 1])
def test_a_part_of_an_earlier_mgrd_lacks_what_came_later_and_is_shown_with_the_others(judged, older):
    part = judged / f"part-00000{older}.parquet"
    pl.read_parquet(part).drop(tables.LATER).write_parquet(part)
    assert ids(judged, cue="pitch", search="falls") == ["q1.1.1", "q1.1.0"]
    assert len(ids(judged)) == 5


def test_rows_come_in_the_order_asked_for_whatever_part_they_lie_in(judged):
    opened = open_judged(judged)
    assert [row["trace_id"] for row in rows_at(opened, [4, 0, 3, 2, 0])] == [
        "q3.1.0",
        "q1.1.0",
        "q2.1.1",
        "q2.1.0",
        "q1.1.0",
    ]


def test_stats_count_the_traces_that_match_and_their_marks(judged, selection, capsys):
    add_mark(judged.parent, Mark("q2.1.1", "rejected_wrongly", "length"))
    add_mark(judged.parent, Mark("q1.1.0", "right"))
    inspect(judged.parent, Wanted(check="length"), stats=True, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(judged.parent),
        "matching": 2,
        "traces": 2,
        "rejected": 2,
        "not_selected": 0,
        "kept": 0,
        "failed": 0,
        "objections": {"logic.length": 2, "acoustic.cites_sound": 1},
        "tasks": {"direction": 1},
        "marks": {"rejected_wrongly": 1},
        "unread_marks": [],
    }
    inspect(judged.parent, Wanted(), stats=True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[-2:] == ["Tasks: direction 1", "Marks: rejected_wrongly 1, right 1"]
    assert [line for line in shown if line != line.rstrip()] == []


def test_a_line_that_is_no_mark_is_said_and_all_others_are_counted(judged, capsys):
    add_mark(judged.parent, Mark("q1.1.0", "right"))
    path = judged.parent / "marks.jsonl"
    path.write_text(path.read_text() + "{oops\n")
    why = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    said = f"{path}: line 2 is no mark ({why})"
    for asked in ({"stats": True}, {}):
        inspect(judged.parent, Wanted(), **asked)
        shown = "".join(capsys.readouterr().out.split())  # a long path is broken anywhere
        assert f"Not counted: {said}; mend or remove that line".replace(" ", "") in shown
        assert "Marks:right1" in shown or "Markedright" in shown
        inspect(judged.parent, Wanted(), as_json=True, **asked)
        assert json.loads(capsys.readouterr().out)["unread_marks"] == [said]


def test_marks_stand_on_the_page_and_in_the_json_of_their_trace(judged, capsys):
    added = add_mark(judged.parent, Mark("q2.1.1", "rejected_wrongly", "length", "it is\x1b fine"))
    assert "Marked should have passed (length): it is␛ fine" in printed(judged, Wanted(trace="q2.1.1"))
    inspect(judged.parent, Wanted(question="q2"), as_json=True)
    assert [row["marks"] for row in json.loads(capsys.readouterr().out)["traces"]] == [
        [{"mark": "rejected_wrongly", "check": "length", "note": "it is\x1b fine", "passed": None, "time": added.time}],
        [],
    ]


def test_the_other_traces_of_a_question_are_listed_those_that_fared_otherwise_first(judged):
    assert printed(judged, Wanted(trace="q2.1.1")).splitlines()[-2:] == [
        "Other traces of this question: 1",
        "  + kept          q2.1.0  down  (right)",
    ]


def test_an_objection_means_the_claim_that_it_quotes_a_contradicted_one_before_others():
    claims = [
        claim(None, "it falls"),
        claim("supported", "falls"),
        claim("contradicted", "It falls"),
        claim("supported"),
    ]
    objections = [("acoustic", "true_to_waveform", "says 'It falls': +6.0 st/s"), ("logic", "length", "is short")]
    row = trace(claims=claims, objections=objections)
    assert [claim_meant(row, focus) for focus in (None, 0, 1, 2)] == [None, 3, None, None]
    assert claim_meant(row | {"claims": claims[:2]}, 0) == 2
