"""`mgrd measure` and `mgrd check`: what is pointed at is measured or named; a text is shown and never obeyed."""

import io
import json
import os
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import SR, beeps, buzz, glide, silence, sine
from test_cli import write_question

from mgrd import checking, tables, terminal
from mgrd.audio.cache import MEASUREMENTS
from mgrd.audio.measure import Figure, measure_file
from mgrd.checking import check, page, read_text, summary
from mgrd.errors import InputError, MisusedError
from mgrd.listen import Found, Stretch, find
from mgrd.readout import _cells, fixed
from mgrd.viewer import claims_table, console


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A folder, which is the working one: two voices, three beeps below it, a broken clip and a text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "a" / "deep").mkdir(parents=True)
    sf.write("a/low.wav", buzz(110, 1.0), SR)
    sf.write("a/falls.wav", glide(300, 150, 1.0, harmonics=20), SR)
    sf.write("a/deep/beeps.FLAC", beeps(3), SR)
    (tmp_path / "a" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "a" / "notes.txt").write_text("no clip")
    return tmp_path


def rows(folder):
    return tables.read_table(folder / "measurements.parquet", MEASUREMENTS)


# measure: what is pointed at


def test_an_end_beyond_the_clip_is_its_end_and_said_so(clips, run):
    said = run("measure", "a/low.wav", "--from", 0.5, "--to", 50)[1].partition("figure ")[0]
    assert " ".join(said.split()).endswith("figures from 0.5 s to end, for --to 50 s lies beyond it")


def test_a_folder_for_a_clip_is_as_wrong_as_none(clips, run):
    assert run("check", "-a", ".", "-t", "It is low.")[::2] == (2, "Error: --audio .: is not a file\n")
    assert run("check", "-a", "nope", "-t", "It is low.")[::2] == (2, "Error: --audio nope: no such file\n")


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_words_is_misuse_and_a_file_without_words_is_said_to_be_empty(clips, run, text):
    told = "Error: --text: is empty; give a text, a file that holds one, or - for standard input\n"
    assert run("check", "-t", text) == (2, "", told)
    Path("empty.txt").write_text(text)
    code, out, error = run("check", "-t", "empty.txt")
    assert (code, error) == (0, "--text empty.txt: the text is empty; there is nothing to find in it\n")
    assert out.endswith("0 claims: 0 supported, 0 contradicted, 0 unverifiable\n")


def test_a_reason_names_what_is_denied_what_is_measured_and_which_half(clips, run):
    sf.write("a/two.wav", np.concatenate([buzz(110, 1.0, -30), silence(1.0), buzz(110, 1.0, -10)]), SR)
    text = "There are no pauses. The recording is noisy. The second half is louder than the first half."
    whys = [one["why"] for one in json.loads(run("check", "-a", "a/two.wav", "-t", text, "--json")[1])["claims"]]
    assert "denies pauses, measured 1 pause of 0.25 s or more" in whys[0]
    assert " dB SNR (noisy: at most 18)" in whys[1]
    assert "claims the second half is louder, measured " in whys[2]


def test_a_rate_too_low_fails_its_clip_and_the_others_are_measured(clips, run):
    sf.write("a/tick.wav", silence(1), 8)
    code, out, _ = run("measure", clips / "a", "--workers", 1)
    assert code == 0
    assert f"cannot be measured: {clips}/a/tick.wav: has a sample rate of 8 Hz; at least 1000 Hz are needed" in out
    assert out.endswith("3 clips measured, 2 could not be\n")


def test_one_clip_on_which_the_code_fails_is_one_line_and_its_traceback_under_v(clips, run, monkeypatch):
    def fails(path, found, name=None):
        raise ValueError("no root")

    monkeypatch.setattr("mgrd.audio.measure.measure_file", fails)
    line = "Error: a/low.wav: cannot be measured (ValueError: no root); -v tells where in the code\n"
    assert run("check", "-a", "a/low.wav", "-t", "It is low.") == (1, "", line)
    told = run("check", "-a", "a/low.wav", "-t", "It is low.", "-v")[2]
    assert 'raise ValueError("no root")' in told
    assert told.endswith(line)


def test_a_folder_means_the_clips_below_it_in_order_and_what_is_skipped_is_named(clips):
    (clips / "a" / ".hidden.wav").write_bytes(b"")
    (clips / "a" / "loop").symlink_to(clips / "a")
    (clips / "a" / ".trash" / "deep").mkdir(parents=True)
    sf.write("a/.trash/deep/old.wav", buzz(110, 0.1), SR)
    found = find([clips / "a"], clips / "audio")
    names = ["broken.wav", "deep/beeps.FLAC", "falls.wav", "low.wav"]
    assert list(found.clips) == [clips / "a" / name for name in names]
    skipped = (".trash (a hidden folder)", "loop (a linked folder)", ".hidden.wav", "notes.txt")
    assert found.skipped == [f"{clips}/a/{name}" for name in skipped]
    assert found.failed == []


def test_a_clip_that_is_named_twice_is_measured_once(clips):
    low = clips / "a" / "low.wav"
    assert list(find([low, low, clips / "a"], clips / "audio").clips)[:2] == [low, clips / "a" / "broken.wav"]


@pytest.mark.parametrize(
    ("row", "failed"),
    [
        ({"audio": ["low.wav", "falls.wav"]}, []),
        ({"audio": "../x.wav"}, [("../x.wav", "audio '../x.wav' lies outside a; give an --audio-root")]),
        ({"audio": "/x.wav"}, [("/x.wav", "is an absolute path; give an --audio-root that contains it")]),
        ({"audio": 7}, [("a/q.jsonl, line 1", "audio is")]),
        ({"audio": None}, [("a/q.jsonl, line 1", "has no audio")]),
    ],
)
def test_a_table_means_the_clips_of_its_rows_and_a_wrong_row_is_named(clips, row, failed):
    write_question("a/q.jsonl", **row)
    table = clips.relative_to(clips) / "a" / "q.jsonl"
    found = find([table], clips / "audio")
    assert list(found.clips.values()) == (row["audio"] if not failed else [])
    assert [name for name, _ in found.failed] == [name for name, _ in failed]
    assert all(why.startswith(said) for (_, why), (_, said) in zip(found.failed, failed, strict=True))


def test_a_table_may_have_its_own_column_and_its_clips_elsewhere(clips, run):
    (clips / "q.csv").write_text("sound\nlow.wav\nfalls.wav\nlow.wav\n")
    code, out, _ = run("measure", "q.csv", "--audio-root", "a", "--map", "audio=sound", "--json", "--quiet")
    assert (code, [clip["path"] for clip in json.loads(out)["clips"]]) == (0, ["low.wav", "falls.wav"])
    code, _, err = run("measure", "q.csv")
    assert (code, "has no column audio; it has 'sound'; name the right one with --map audio=COLUMN" in err) == (1, True)
    code, _, err = run("measure", "q.csv", "--map", "sound=audio")
    assert (code, "there is no such column" in err) == (2, True)


def test_clips_that_are_embedded_in_a_table_are_measured_and_leave_no_file(clips, run):
    encoded = (clips / "a" / "low.wav").read_bytes()
    row = pl.DataFrame({"audio": [{"bytes": encoded, "path": None}]})
    row.write_parquet(clips / "embedded.parquet")
    before = set(clips.rglob("*"))
    code, out, _ = run("measure", "embedded.parquet", "--json", "--quiet")
    assert (code, json.loads(out)["clips"][0]["duration_s"]) == (0, 1.0)
    assert set(clips.rglob("*")) == before


def test_a_run_means_the_clips_that_its_traces_are_about(clips):
    row = dict.fromkeys(tables.TRACES) | {"trace_id": "t", "question_id": "q", "question": "?", "audio": ["low.wav"]}
    for number in (1, 2):
        path = clips / "a" / "run" / f"round-0{number}" / "traces" / "part-000000.parquet"
        tables.write_table([row], path, tables.TRACES)
    found = find([clips / "a" / "run"], clips / "audio", audio_root=clips / "a")
    assert found == Found({clips / "a" / "low.wav": "low.wav"})
    assert find([path], clips / "audio", audio_root=clips / "a") == found


# measure: what is answered


def test_json_has_every_figure_segment_and_reason_of_each_clip(clips, run):
    code, out, err = run("measure", "a", "--json")
    answer = json.loads(out)
    assert (code, sorted(answer)) == (0, ["clips", "failed", "skipped"])
    assert err == "Skipped, not taken for clips: a/notes.txt\n"
    beeps_, falls, _ = answer["clips"]
    assert sorted(falls) == ["audio_sha", "duration_s", "figures", "path", "segments", "sr"]
    assert beeps_["figures"]["event_count"]["value"] == 3
    assert [one["kind"] for one in beeps_["segments"]].count("event") == 3
    assert falls["figures"]["f0_change_st"]["value"] == pytest.approx(-12, abs=1.5)
    assert falls["figures"]["key"]["value"] is None
    assert falls["figures"]["key"]["why"]
    assert answer["failed"] == [{"path": "a/broken.wav", "why": answer["failed"][0]["why"]}]
    assert answer["failed"][0]["why"].startswith("is not audio that libsndfile reads")


def test_a_page_shows_figures_with_unit_and_error_or_the_reason_and_segments(clips, run):
    code, out, err = run("measure", "a/deep/beeps.FLAC")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "a/deep/beeps.FLAC 0.90 s at 16000 Hz"
    assert any(line.startswith("f0_median_hz 880.") and " Hz ± " in line for line in lines)
    assert any(line.startswith("event_count 3 ± ") for line in lines)
    assert any(line.startswith("tempo_bpm - too short") for line in lines)
    assert next(line.split()[:3] for line in lines if line.startswith("event ")) == ["event", "0.14", "0.26"]
    assert lines[-1] == "1 clip measured"
    assert max(map(len, out.splitlines())) <= 80


def test_more_than_five_clips_are_a_line_each_and_what_failed_is_counted_and_named(clips, run):
    for hz in range(100, 160, 10):
        sf.write(f"a/{hz}.wav", buzz(hz, 0.5), SR)
    code, out, _ = run("measure", "a", "--quiet")
    lines = out.splitlines()
    assert (code, lines[0].split()[:3], lines[0].split()[-1]) == (0, ["seconds", "LUFS", "F0"], "clip")
    assert [line.split()[-1] for line in lines[1:4]] == ["a/100.wav", "a/110.wav", "a/120.wav"]
    assert lines[1].split()[:3:2] == ["0.50", "100.0"]
    assert lines[-2].startswith("cannot be measured: a/broken.wav: is not audio")
    assert lines[-1] == "9 clips measured, 1 could not be"


def test_exit_1_is_for_no_clip_at_all_and_a_path_that_is_not_there_is_misuse(clips, run):
    code, out, err = run("measure", "a/broken.wav")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("Error: a/broken.wav: is not audio")
    code, out, err = run("measure", "a/broken.wav", "a/notes.txt")
    assert (code, out.splitlines()[-1]) == (1, "0 clips measured, 2 could not be")
    assert err == "Error: no clip could be measured\n"
    (clips / "empty").mkdir()
    code, out, _ = run("measure", "empty", "--json")
    assert (code, json.loads(out)) == (
        1, {"clips": [], "failed": [{"path": "empty", "why": "holds no audio files"}], "skipped": []},
    )  # fmt: skip
    assert run("measure", "a/low.wav", "nope.wav")[::2] == (2, "Error: nope.wav: no such file or folder\n")


def test_what_is_kept_is_not_measured_again_and_without_a_folder_nothing_is(clips, run, monkeypatch):
    assert run("measure", "a/low.wav", "--quiet")[0] == 0
    assert sorted(path.name for path in clips.iterdir()) == ["a"]
    assert run("measure", "a/low.wav", "-o", "kept", "--quiet")[0] == 0
    monkeypatch.setattr("mgrd.audio.cache.measure_file", measure_only_falls)
    code, _, err = run("measure", "a", "-o", "kept")
    assert (code, err.splitlines()[-1]) == (0, "Kept in kept/measurements.parquet")
    low, beeps_, falls = rows(clips / "kept").select("audio_sha", "duration_s").rows()
    assert (low[1], beeps_[1], falls[1]) == (1.0, 0.9, 1.0)


def measure_only_falls(path, found):
    assert path.name != "low.wav"
    return measure_file(path, found)


def test_workers_measure_the_same(clips, run):
    alone = run("measure", "a", "--json", "--workers", "1", "--quiet")
    assert run("measure", "a", "--json", "--workers", "2", "--quiet") == alone


def test_figures_and_segments_are_those_of_the_stretch_that_was_asked_for(clips, run):
    sf.write("two.wav", [*sine(220, 1.0), *silence(0.5), *sine(440, 1.0)], SR)
    (clip,) = json.loads(run("measure", "two.wav", "--from", "1.5", "--json")[1])["clips"]
    assert clip["figures"]["f0_median_hz"]["value"] == pytest.approx(440, rel=0.01)
    assert clip["figures"]["duration_s"]["value"] == 1.0
    assert [(one["kind"], round(one["t1_s"], 1)) for one in clip["segments"]] == [("event", 2.5)]
    assert "figures from 0 s to 1 s" in run("measure", "two.wav", "--to", "1")[1]
    for asked in (("--from", "3"), ("--from", "5", "--to", "6")):
        assert "lies outside the clip of 2.50 s" in run("measure", "two.wav", *asked)[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((-1.0, None), "--from -1: must be at least 0"),
        ((float("nan"), None), "--from nan: must be at least 0"),
        ((2.0, 2.0), "--to 2: must be later than --from 2"),
        ((None, 0.0), "--to 0: must be later than --from 0"),
    ],
)
def test_a_stretch_that_is_none_is_misuse(asked, said):
    with pytest.raises(MisusedError, match=said):
        Stretch(*asked)


def test_silence_and_a_click_are_measured_with_reasons_and_valid_json(clips, run):
    sf.write("silence.wav", silence(1.0), SR)
    sf.write("click.wav", sine(500, 0.05), SR)
    code, out, _ = run("measure", "silence.wav", "click.wav", "--json")
    assert code == 0
    for clip in json.loads(out, parse_constant=pytest.fail)["clips"]:
        assert all(one["value"] is not None or one["why"] for one in clip["figures"].values())
    assert run("measure", "silence.wav", "click.wav")[0] == 0


@pytest.mark.parametrize(
    ("name", "value", "sigma", "shown"),
    [
        ("f0_median_hz", 110.234, 1.31, ("110.2 Hz", "± 1.3")),
        ("bandlimit_hz", 15980.0, 800.0, ("15980 Hz", "± 800")),
        ("f0_slope_st_s", -6.04, 0.5, ("-6.04 st/s", "± 0.50")),
        ("loudness_trend_db", -0.04, 2.0, ("0.0 dB", "± 2.0")),
        ("pause_count", 2.0, 0.3, ("2", "± 0.30")),
        ("key", 9.0, 0.5, ("A", "")),
        ("mode", 1.0, 0.3, ("major", "")),
        ("voiced_s", 0.0, 0.0, ("0.000 s", "")),
    ],
)
def test_a_value_is_shown_to_the_second_digit_of_its_error(name, value, sigma, shown):
    assert _cells(name, Figure(value, sigma)) == shown
    assert fixed(-0.0, 2) == "0.00"


# check


def test_check_shows_claims_where_they_stand_then_claimed_against_measured_then_the_counts(clips, run):
    text = "The pitch falls. The pitch is 900 Hz. Is the voice low?"
    code, out, err = run("check", "--audio", "a/falls.wav", "--text", text)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("The [+1 pitch falls]. The pitch is [-2 900 Hz]. Is the voice low?")
    assert "question: asserts" in out
    assert out.splitlines()[-1] == (
        "2 claims: 1 supported, 1 contradicted, 0 unverifiable; 1 more span asserts nothing about the clip"
    )
    table = " ".join(out.split())
    assert "claim cue claimed measured z why" in table
    assert "[-2] pitch.value about 900 Hz " in table


def test_check_in_json_has_rows_as_in_the_judged_table_and_counts(clips, run):
    code, out, _ = run("check", "-a", "a/falls.wav", "-t", "<think>The pitch falls.</think>down", "--json")
    answer = json.loads(out)
    assert (code, answer["think"], answer["response"]) == (0, "The pitch falls.", "down")
    assert [answer[verdict] for verdict in ("supported", "contradicted", "unverifiable")] == [1, 0, 0]
    (claim,) = answer["claims"]
    assert set(claim) == {field.name for field in tables.JUDGED["claims"].inner.fields}
    assert answer["think"][claim["start"] : claim["end"]] == claim["text"] == "pitch falls"
    assert [clip["path"] for clip in answer["audio"]] == ["a/falls.wav"]


def test_check_of_a_trace_looks_at_its_thinking_alone(clips, run):
    _, out, _ = run("check", "-a", "a/falls.wav", "-t", "<think>The pitch falls.</think>The pitch rises.")
    assert [line.strip() for line in out.splitlines()[:4]] == [
        "Think", "The [+1 pitch falls].", "Response", "The pitch rises.",
    ]  # fmt: skip
    assert out.splitlines()[-1] == "1 claim: 1 supported, 0 contradicted, 0 unverifiable"


def test_check_without_a_clip_and_with_two_says_why_it_cannot_know(clips):
    (alone,) = check("The pitch falls.", [])["claims"]
    (two,) = check("The pitch falls.", [clips / "a" / "falls.wav", clips / "a" / "low.wav"])["claims"]
    assert (alone["verdict"], alone["why"]) == ("unverifiable", "nothing was measured")
    assert (two["verdict"], two["why"]) == ("unverifiable", "2 clips, and the text does not say which")


def test_a_clip_that_cannot_be_heard_is_one_line(clips, run):
    assert run("check", "-a", "nope.wav", "-t", "x")[::2] == (2, "Error: --audio nope.wav: no such file\n")
    code, out, err = run("check", "-a", "a/broken.wav", "-t", "The pitch falls.")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("Error: a/broken.wav: is not audio")


def test_a_text_is_a_file_only_if_one_is_there(clips, monkeypatch):
    (clips / "t.txt").write_text("\ufeffThe pitch falls.", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("tief 低".encode())))
    long = "The pitch falls. " * 500
    read = {text: read_text(text) for text in ("t.txt", "u.txt", "a", "-", long, "x\0y")}
    expected = {"t.txt": "The pitch falls.", "-": "tief 低"}
    assert read == {text: expected.get(text, text) for text in read}


def test_what_is_no_utf_8_is_named(clips, monkeypatch):
    (clips / "t.txt").write_bytes(b"\xff\xfeT\x00")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xe9")))
    for given_, name in (("t.txt", "--text t.txt"), ("-", "standard input"), (os.fsdecode(b"caf\xe9"), "--text")):
        with pytest.raises(InputError, match=f"^{name}: is not UTF-8; save it as UTF-8 text$"):
            read_text(given_)


def test_a_text_may_come_through_a_pipe_and_has_lines_as_in_a_file(clips, monkeypatch):
    os.mkfifo(clips / "pipe")
    writer = Thread(target=(clips / "pipe").write_bytes, args=(b"The pitch\r\nfalls.",))
    writer.start()
    read = read_text("pipe")
    writer.join()
    (clips / "t.txt").write_bytes(b"The pitch\r\nfalls.")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"The pitch\r\nfalls.")))
    assert [read, read_text("t.txt"), read_text("-")] == ["The pitch\nfalls."] * 3


def test_a_device_and_a_text_without_end_are_refused(clips, monkeypatch):
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(InputError, match=f"^--text {device}: is neither a file nor a pipe; give a text file, or -"):
            read_text(device)
    monkeypatch.setattr(checking, "MOST_BYTES", 1 << 20)
    (clips / "full.txt").write_bytes(b"a" * (1 << 20))
    assert len(read_text("full.txt")) == 1 << 20
    (clips / "long.txt").write_bytes(b"a" * (1 << 20) + b"a")
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(endless))
        for given_, name in (("long.txt", "--text long.txt"), ("-", "standard input")):
            with pytest.raises(InputError, match=f"^{name}: is larger than 1 MiB; give one text at a time$"):
                read_text(given_)


def test_no_escape_of_a_text_or_of_a_name_reaches_the_terminal(clips, run):
    evil = "The pitch \x1b[31mfalls\x1b]0;title\x07 \x9b2J\u202eback\u061c\r\x7f 😀 שלום."
    sf.write("a/\x1b[31m.wav", buzz(110, 0.5), SR)
    (clips / "a" / "\x9b.txt").write_text(evil)
    for words in (("check", "-t", evil), ("measure", "a"), ("check", "-t", "x", "-a", "\x1b[2J")):
        for form in ((), ("--json",)):
            said = "".join(map(str, run(*words, *form)))
            assert not set("\x1b\x07\x9b\u202e\u061c\r\x7f") & set(said)
    assert json.loads(run("check", "-t", evil, "--json")[1])["think"] == evil
    assert "😀 שלום" in run("check", "-t", evil)[1]


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_any_text_is_answered(text):
    checked = check(text, [])
    shown = console()
    with shown.capture():
        for part in page(checked, text):
            shown.print(part)
    assert summary(checked).startswith(f"{checked['unverifiable']} claim")
    assert json.loads(terminal.json_line(checked)) == checked


def test_an_empty_reasoning_has_no_claims(run):
    code, out, _ = run("check", "-t", "<think></think>")
    assert (code, out.splitlines()[-1]) == (0, "0 claims: 0 supported, 0 contradicted, 0 unverifiable")


def test_a_table_that_would_scroll_for_ever_is_cut_and_counted(monkeypatch, run):
    monkeypatch.setattr(checking, "ROWS", 2)
    text = "The pitch falls. The voice is loud. It is 900 Hz."
    _, out, _ = run("check", "-t", text)
    assert "and 1 more; --json has them all" in out
    assert out.splitlines()[-1].startswith("3 claims")
    assert len(json.loads(run("check", "-t", text, "--json")[1])["claims"]) == 3


def test_a_claim_shows_its_distance_in_errors():
    claim = check("The pitch falls.", [])["claims"][0] | {"z": -3.44, "measured": -7.0, "verdict": "contradicted"}
    shown = console()
    with shown.capture() as captured:
        shown.print(claims_table([claim]))
    assert captured.get().splitlines()[-1].split()[:5] == ["[-1]", "pitch.contour", "falling", "-7", "-3.4"]
