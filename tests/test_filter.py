"""The filter stage on sounds whose truth is known: every row comes back, and stopping it costs nothing."""

import hashlib
import json
import shutil
from collections import Counter

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgrd import filter as stage
from mgrd import tables
from mgrd.audio.load import survey
from mgrd.distill.survivors import read
from mgrd.errors import InputError, SettingsError, Stopped
from mgrd.filter import filter_traces
from mgrd.options import Filter, Select
from mgrd.progress import Story
from mgrd.rulebook import built_in
from mgrd.selection import select
from mgrd.sources import audio_notes

SR = 16000
QUIET = Story(quiet=True)
ONE = Filter(workers=1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with a low and a high tone of one second, and a table that measures each only once for all tests."""
    folder = tmp_path_factory.mktemp("clips")
    seconds = np.arange(SR) / SR
    for name, f0_hz in (("low.wav", 110.0), ("high.wav", 440.0)):
        voice = sum(np.sin(2 * np.pi * f0_hz * k * seconds) / k for k in range(1, 6))
        sf.write(folder / name, 0.2 * voice, SR)
    return folder


@pytest.fixture
def stage_folder(clips, tmp_path):
    """What `generate` leaves behind: `parts` of traces about the clips, and the clips beside them."""

    def stage_folder(*parts, name="run"):
        folder = tmp_path / name
        shutil.copytree(clips, folder, dirs_exist_ok=True)
        for number, rows in enumerate(parts):
            tables.write_table(rows, folder / "traces" / f"part-{number:06d}.parquet", tables.TRACES)
        return folder

    return stage_folder


def trace(sample=0, question_id="q1", *, think="The pitch is low, so it is a man.", response="low", **given):
    completion = f"<think>\n{think}\n</think>\n{response}"
    row = dict.fromkeys(tables.TRACES) | {
        "trace_id": f"{question_id}.{sample}",
        "question_id": question_id,
        "round": 0,
        "sample": sample,
        "audio": ["low.wav"],
        "question": "Is the pitch low or high?",
        "choices": ["low", "high"],
        "answer": "low",
        "completion": completion,
        "think": think,
        "response": response,
        "finish_reason": "stop",
        "heard_s": [1.0],
    }
    return row | given


def judged(out):
    return tables.read_table(out / "judged", tables.JUDGED)


def run(traces, out, clips, options=ONE, **given):
    return filter_traces(traces, out, options, measurements=clips / "measurements.parquet", story=QUIET, **given)


def objections(out):
    return {row["trace_id"]: [f"{o['rule']}.{o['check']}" for o in row["objections"]] for row in judged(out).to_dicts()}


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_filter_adds_verdicts_and_removes_nothing(stage_folder, clips):
    rows = [
        trace(0),
        trace(1, response="high"),
        trace(2, think="The pitch is high."),
        trace(3, finish_reason="length"),
        trace(4, completion="The pitch is low", think="The pitch is low", response=""),
    ]
    folder = stage_folder(rows[:2], rows[2:])

    counts = run(folder, folder, clips)

    assert counts == {"traces": 5, "passed": 1, "failed": 0, "unreadable": 0, "judged": 5}
    unchanged = [name for name in tables.TRACES if name != "audio_sha"]
    before = tables.read_table(folder / "traces", tables.TRACES)
    assert judged(folder).select(unchanged).equals(before.select(unchanged))
    assert judged(folder)["audio_sha"].to_list() == [[survey(clips / "low.wav").sha]] * 5
    assert objections(folder) == {
        "q1.0": [],
        "q1.1": ["logic.concludes_its_answer", "correctness.right_answer"],
        "q1.2": ["acoustic.true_to_waveform", "logic.concludes_its_answer"],
        "q1.3": ["logic.not_truncated"],
        "q1.4": ["logic.format", "logic.not_truncated", "correctness.right_answer"],
    }
    assert judged(folder)["predicted"].to_list() == ["low", "high", "low", "low", None]
    assert judged(folder)["correct"].to_list() == [True, False, True, True, False]


def test_a_benchmarks_own_matcher_decides_what_is_correct_and_is_part_of_what_was_judged(stage_folder, clips):
    rows = [
        trace(0, response="B"),
        trace(1, response="I say low"),
        trace(2, response="not low"),
        trace(3, response="A"),
    ]
    folder = stage_folder(rows)
    mmau = Filter(workers=1, matcher="mmau")

    run(folder, folder, clips, mmau)

    assert judged(folder)["predicted"].to_list() == ["high", "low", None, "low"]
    assert judged(folder)["correct"].to_list() == [False, True, True, False]
    told = {row["trace_id"]: row["objections"] for row in judged(folder).to_dicts()}
    assert "the benchmark's own matcher counts the response wrong" in str(told["q1.3"])
    with pytest.raises(SettingsError, match="matcher"):
        run(folder, folder, clips)

    run(folder, folder, clips, Filter(workers=1, matcher="mmsu", recheck=True))

    assert judged(folder)["predicted"].to_list() == ["high", None, None, "low"]
    assert judged(folder)["correct"].to_list() == [False, False, False, True]


def test_claims_come_with_their_evidence(stage_folder, clips):
    folder = stage_folder([trace(0, think="I hear it: the pitch is high.")])

    run(folder, folder, clips)

    [claim] = judged(folder)["claims"].to_list()[0]
    assert (claim["cue"], claim["asserts"], claim["verdict"]) == ("pitch.level", "high", "contradicted")
    assert claim["measured"] == pytest.approx(110, rel=0.05)
    think = judged(folder)["think"][0]
    assert think[claim["start"] : claim["end"]] == claim["text"]


def test_a_sample_that_failed_stays_as_a_row_with_its_reason(stage_folder, clips):
    failed = trace(1, completion=None, think=None, response=None, finish_reason="error", error="the clip\nis empty")
    folder = stage_folder([trace(0), failed])

    counts = run(folder, folder, clips)

    assert (counts["traces"], counts["passed"], counts["failed"]) == (2, 1, 1)
    row = judged(folder).to_dicts()[1]
    assert (row["passed"], row["correct"], row["claims"]) == (False, False, [])
    assert row["objections"] == [{"rule": "generate", "check": "failed", "reason": "the clip is empty"}]


def test_an_unreadable_clip_is_a_row_that_does_not_pass_and_not_the_end_of_the_job(stage_folder, clips):
    folder = stage_folder([trace(0), trace(1, audio=["noise.wav"]), trace(2, audio=["gone.wav"])])
    (folder / "noise.wav").write_bytes(b"no sound at all")

    counts = run(folder, folder, clips)

    assert (counts["traces"], counts["passed"], counts["unreadable"]) == (3, 1, 2)
    for row, name in zip(judged(folder).to_dicts()[1:], ("noise.wav", "gone.wav"), strict=True):
        assert [(o["rule"], o["check"]) for o in row["objections"]] == [("filter", "unreadable")]
        assert name in row["objections"][0]["reason"]


def test_clips_that_are_all_missing_are_one_error_not_a_table_of_failures(stage_folder, clips):
    folder = stage_folder([trace(0, audio=["a.wav"]), trace(1, audio=["b.wav"])])

    with pytest.raises(
        InputError, match=r"none of the 2 clips is there, e.g. a.wav at .*; name their folder with --aud"
    ):
        run(folder, folder, clips)


def test_a_clip_that_changed_after_it_was_sampled_stops_the_job_by_name(stage_folder, clips):
    folder = stage_folder([trace(0, audio_sha=[survey(clips / "high.wav").sha])])

    with pytest.raises(InputError, match=r"low.wav: changed after trace q1.0 was sampled from it"):
        run(folder, folder, clips)


def test_running_again_judges_nothing_twice_and_goes_on_with_what_is_new(stage_folder, clips):
    folder = stage_folder([trace(0)])
    assert run(folder, folder, clips)["judged"] == 1

    assert run(folder, folder, clips) == {"traces": 1, "passed": 1, "failed": 0, "unreadable": 0, "judged": 0}

    stage_folder([trace(0)], [trace(1), trace(2)])
    assert run(folder, folder, clips)["judged"] == 2


def test_a_part_whose_samples_were_retried_is_judged_again(stage_folder, clips):
    failed = trace(0, completion=None, finish_reason="error", error="engine lost")
    folder = stage_folder([failed])
    assert run(folder, folder, clips)["passed"] == 0

    stage_folder([trace(0)])

    assert run(folder, folder, clips) == {"traces": 1, "passed": 1, "failed": 0, "unreadable": 0, "judged": 1}


def test_other_rules_are_refused_by_name_and_recheck_sets_the_old_verdicts_aside(stage_folder, clips):
    folder = stage_folder([trace(0, response="high")])
    run(folder, folder, clips)
    lenient = Filter(workers=1, without=["right_answer", "concludes_its_answer"])

    with pytest.raises(SettingsError, match=r"was made under other settings .*checks"):
        run(folder, folder, clips, lenient)
    again = Filter(workers=1, without=["right_answer", "concludes_its_answer"], recheck=True)
    assert run(folder, folder, clips, again)["passed"] == 1
    assert (folder / "judged.old-1").is_dir()
    assert run(folder, folder, clips, lenient)["judged"] == 0


def test_the_manifest_keeps_the_hash_of_every_check_that_judged(stage_folder, clips):
    folder = stage_folder([trace()])
    run(folder, folder, clips)

    kept = tables.read_json(folder / "manifest.json")["filter"]
    assert sorted(kept["check_sha256"]) == sorted(kept["identity"]["checks"])
    cites_sound = (built_in() / "acoustic" / "cites_sound.py").read_bytes()
    assert kept["check_sha256"]["acoustic.cites_sound"] == hashlib.sha256(cites_sound).hexdigest()


def test_an_option_of_a_check_reaches_it(stage_folder, clips):
    folder = stage_folder([trace(0)])

    run(folder, folder, clips, check_options={"length": {"least": 50}})

    assert objections(folder) == {"q1.0": ["logic.length"]}


def test_another_no_gold_is_told_of_by_its_flag(stage_folder, clips):
    folder = stage_folder([trace(0, answer=None)])
    run(folder, folder, clips)
    with pytest.raises(SettingsError, match="--no-gold majority is another setting"):
        run(folder, folder, clips, Filter(workers=1, no_gold="majority"))


def test_a_file_of_questions_is_told_of_as_one(tmp_path):
    row = {"audio_id": "a.wav", "question": "What?", "choices": ["x", "y"], "answer": "x", "task": "sound", "id": "1"}
    (tmp_path / "q.jsonl").write_text(json.dumps(row | {"difficulty": "easy", "dataset": "d", "split": "s"}) + "\n")
    with pytest.raises(InputError, match="this is a file of questions"):
        filter_traces(tmp_path / "q.jsonl", tmp_path / "out", ONE)


def test_no_gold_is_an_objection_unless_it_is_kept(stage_folder, clips, tmp_path):
    folder = stage_folder([trace(0, answer=None)])

    run(folder, folder, clips)
    run(folder, tmp_path / "kept", clips, Filter(workers=1, no_gold="keep"))

    assert (objections(folder), judged(folder)["correct"].to_list()) == ({"q1.0": ["correctness.no_gold"]}, [None])
    assert objections(tmp_path / "kept") == {"q1.0": []}
    again = run(folder, tmp_path / "kept", clips, Filter(workers=1, no_gold="majority"))
    assert again["judged"] == 0  # a vote is selection's: nothing is judged anew for it


PARTS = [[trace(2 * i + j, think=f"The pitch is low, {i}{j}.") for j in range(2)] for i in range(4)]


@pytest.mark.parametrize("together", [1, 2, 16])
def test_a_part_is_judged_with_the_measurements_of_its_own_clips(stage_folder, clips, monkeypatch, together):
    parts = [[trace(0)], [trace(1, audio=["high.wav"])], [trace(2, audio=["gone.wav"]), trace(3)]]
    folder = stage_folder(*parts)
    given = []
    judge = stage.judge_rows
    monkeypatch.setattr(stage, "PARTS_HEARD", together)
    monkeypatch.setattr(
        stage,
        "judge_rows",
        lambda frame, heard, checks, *rest: (given.append(heard), judge(frame, heard, checks, *rest))[1],
    )

    counts = run(folder, folder, clips)

    assert [sorted(heard) for heard in given] == [["low.wav"], ["high.wav"], ["gone.wav", "low.wav"]]
    assert [heard[name].audio_sha for heard, name in zip(given, ("low.wav", "high.wav", "low.wav"), strict=True)] == [
        survey(clips / name).sha for name in ("low.wav", "high.wav", "low.wav")
    ]
    assert "no such audio file" in given[2]["gone.wav"]
    assert (counts["traces"], counts["unreadable"]) == (4, 1)


def test_a_stop_loses_no_finished_part(stage_folder, clips, monkeypatch):
    folder = stage_folder(*PARTS)
    asked = iter([False] * 4 + [True] * 9)  # once while measuring, then before each part
    monkeypatch.setattr(stage, "stop", lambda: next(asked))

    with pytest.raises(Stopped, match="the judged parts are saved, the same command goes on"):
        run(folder, folder, clips)

    monkeypatch.undo()
    left = run(folder, folder, clips)
    assert 0 < left["judged"] < 8
    assert left["traces"] == 8


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lost=st.sets(st.integers(0, 3)))
def test_whatever_parts_are_lost_the_same_command_gives_the_same_bytes(stage_folder, clips, lost):
    folder = stage_folder(*PARTS)
    run(folder, folder, clips)
    whole = contents(folder / "judged")

    for number in lost:
        (folder / "judged" / f"part-{number:06d}.parquet").unlink()
    again = run(folder, folder, clips)

    assert again["judged"] == 2 * len(lost)
    assert contents(folder / "judged") == whole


def test_two_processes_write_the_same_bytes_as_one(stage_folder, clips, tmp_path):
    folder = stage_folder(*PARTS)

    run(folder, tmp_path / "one", clips)
    run(folder, tmp_path / "two", clips, Filter(workers=2))

    assert contents(tmp_path / "one" / "judged") == contents(tmp_path / "two" / "judged")


CRASH = '''"""Object to nothing: it crashes."""
from mgrd.rulebook import example

def check(trace):
    """Crash on the third sample."""
    return str(1 / 0) if trace.id == "q1.2" else None

KEEP = [example("a")]
DROP = [example("b")]
'''


@pytest.mark.parametrize("workers", [1, 2])
def test_a_users_check_that_crashes_stops_the_run_with_its_name(stage_folder, clips, tmp_path, workers):
    folder = stage_folder(*PARTS)
    (tmp_path / "own" / "logic").mkdir(parents=True)
    (tmp_path / "own" / "logic" / "fragile.py").write_text(CRASH)

    with pytest.raises(ZeroDivisionError) as crashed:
        run(folder, folder, clips, Filter(workers=workers, rules=str(tmp_path / "own")))

    assert "in the check logic.fragile" in "".join(crashed.value.__notes__)
    assert "on the trace q1.2" in "".join(crashed.value.__notes__)


@pytest.fixture
def jsonl(clips, tmp_path):
    """Traces made elsewhere, beside their clips."""

    def jsonl(*rows):
        folder = tmp_path / "elsewhere"
        shutil.copytree(clips, folder, dirs_exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / "traces.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder / "traces.jsonl"

    return jsonl


def foreign(number=0, **given):
    row = {
        "id": f"t{number}",
        "audio": "low.wav",
        "question": "Low or high?",
        "choices": ["low", "high"],
        "answer": "A",
        "completion": "The pitch is low.\n</think>\nlow",
    }
    return {name: value for name, value in (row | given).items() if value is not None}


def test_traces_made_elsewhere_are_judged_and_grouped_by_clips_and_question(jsonl, clips, tmp_path):
    path = jsonl(foreign(0), foreign(1, audio="high.wav"), foreign(2), "", foreign(3, question_id="mine"))

    counts = run(path, tmp_path / "out", clips)

    rows = judged(tmp_path / "out").to_dicts()
    assert (counts["traces"], counts["judged"]) == (4, 4)
    assert [row["trace_id"] for row in rows] == ["t0", "t1", "t2", "t3"]
    assert [rows[0]["question_id"] == row["question_id"] for row in rows] == [True, False, True, False]
    assert [row["sample"] for row in rows] == [0, 0, 1, 0]
    assert (rows[0]["think"], rows[0]["response"], rows[0]["predicted"]) == ("The pitch is low.", "low", "low")
    assert [row["answer"] for row in rows] == ["low"] * 4


def test_many_foreign_traces_are_parts_that_are_resumed(jsonl, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("mgrd.sources.PART_ROWS", 2)
    path = jsonl(*(foreign(i) for i in range(5)))
    run(path, tmp_path / "out", clips)
    (tmp_path / "out" / "judged" / "part-00001.parquet").unlink()

    counts = run(path, tmp_path / "out", clips)

    assert (counts["traces"], counts["judged"]) == (5, 2)
    assert judged(tmp_path / "out")["trace_id"].to_list() == [f"t{i}" for i in range(5)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": "t9", ', "line 2: is not JSON"),
        (foreign(1, completion=None), "line 2: has no completion"),
        (foreign(1, completion=3), "line 2: completion is not text"),
        (foreign(1, id=None), "line 2: has no id"),
        (foreign(1, question=None), "line 2: has no question"),
        (foreign(1, audio=None), "line 2: has no audio"),
        (foreign(1, audio="/etc/passwd"), "line 2: audio '/etc/passwd' is an absolute path; give an --audio-root"),
        (foreign(1, audio="../other/low.wav"), r"line 2: audio '../other/low.wav' lies outside"),
        (foreign(1, answer="medium"), "line 2: answer 'medium' is none of its choices"),
        (foreign(0), "line 2: repeats the id 't0' of line 1"),
    ],
)
def test_a_wrong_line_is_named_before_anything_is_judged(jsonl, clips, tmp_path, row, message):
    path = jsonl(foreign(0), row)

    with pytest.raises(InputError, match=message):
        run(path, tmp_path / "out", clips)

    assert not (tmp_path / "out").exists()


def test_an_absolute_path_is_read_under_a_given_audio_root(jsonl, clips, tmp_path):
    path = jsonl(foreign(0, audio=str(clips / "low.wav")))

    assert run(path, tmp_path / "out", clips, audio_root=clips)["passed"] == 1


def test_clips_embedded_in_traces_made_elsewhere_are_written_out_and_heard(clips, tmp_path):
    row = foreign(0) | {"audio": {"bytes": (clips / "low.wav").read_bytes(), "path": None}}
    pl.DataFrame([row]).write_parquet(tmp_path / "traces.parquet")

    assert run(tmp_path / "traces.parquet", tmp_path / "out", clips)["passed"] == 1

    (given,) = judged(tmp_path / "out")["audio"].item()
    assert (tmp_path / "out" / given).read_bytes() == (clips / "low.wav").read_bytes()


def test_what_filter_notes_leads_distill_to_the_clips_also_after_all_moved_together(stage_folder, clips, tmp_path):
    name = f"audio/{'a' * 64}.wav"
    data = tmp_path / "data"
    folder = stage_folder([trace(0), trace(1, audio=[name], think="The pitch is low, it hums.")], name="data/run")
    shutil.copytree(clips, data / "clips")
    (folder / "audio").mkdir()
    shutil.copy(clips / "low.wav", folder / name)
    tables.write_json({"generate": audio_notes(folder, data / "clips", folder / "audio")}, folder / "manifest.json")
    assert run(folder, data / "filtered", clips)["passed"] == 2
    select(data / "filtered", data / "filtered", Select())
    moved = data.rename(tmp_path / "moved")
    shutil.copytree(clips, data / "clips")  # what lies at the old place is not used

    rows = read([moved / "filtered"], None)

    assert [row["files"] for row in rows] == [[moved / "clips" / "low.wav"], [moved / "run" / name]]
    assert run(moved / "run", moved / "again", clips)["passed"] == 2


def test_other_traces_are_refused_in_the_same_folder(jsonl, clips, tmp_path):
    run(jsonl(foreign(0)), tmp_path / "out", clips)

    with pytest.raises(SettingsError, match=r"was made under other settings .*traces"):
        run(jsonl(foreign(0), foreign(1)), tmp_path / "out", clips)


def test_published_outputs_in_two_languages_are_judged_with_reasons(real, tmp_path):
    counts = filter_traces(real / "step_audio_r1" / "traces.jsonl", tmp_path / "out", ONE, story=QUIET)

    rows = judged(tmp_path / "out").to_dicts()
    assert (counts["traces"], counts["failed"], counts["unreadable"]) == (4, 0, 0)
    assert [row["trace_id"] for row in rows] == ["r1-0", "r1-1", "r1-2", "r1-3"]
    assert [row["correct"] for row in rows] == [True, None, None, None]
    assert rows[0]["predicted"] == "Aggressive and talking"
    named = Counter(o["check"] for row in rows for o in row["objections"])
    assert named["no_gold"] == 3
    assert all(row["think"] and row["response"] and row["claims"] for row in rows)
    assert all(row["think"][c["start"] : c["end"]] == c["text"] for row in rows for c in row["claims"])
