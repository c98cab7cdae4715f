"""Traces of a job that is not done: filter judges what is there, and says what is not."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from test_shards import Stub

from mgrd import engines, locks, unfinished
from mgrd.filter import filter_traces
from mgrd.folders import read_manifest
from mgrd.generate import generate
from mgrd.options import Filter, Generate
from mgrd.progress import Story

QUIET = Story(quiet=True)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Twelve questions about one clip; `home.job(...)` samples them, `home.judge()` judges them elsewhere."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    sf.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(1600)), 16000)
    rows = [{"id": f"q{number}", "audio": "a.wav", "question": f"Is {number} loud?"} for number in range(12)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    class Home:
        folder, out, elsewhere = tmp_path, tmp_path / "out", tmp_path / "elsewhere"

        def job(self, engine=None, questions="questions.jsonl", **options):
            monkeypatch.setattr(engines, "open_engine", lambda *_, **__: engine or Stub())
            settings = Generate(**{"samples": 3, "engine": "transformers", "no_canary": True} | options)
            try:
                return generate(str(tmp_path / questions), self.out, tmp_path / "model", settings, story=QUIET)
            finally:
                locks.leave(self.out)

        def judge(self):
            try:
                return filter_traces(self.out, self.elsewhere, Filter(workers=1), story=Story())
            finally:
                locks.leave(self.elsewhere)

    return Home()


def said(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if "the job is not done" in line]


def test_shards_that_were_never_started_are_named_counted_and_noted_until_they_are_done(home, capsys):
    home.job(shard="0/3")
    found = home.judge()

    there = found["traces"]
    rest = {"samples": there, "asked": 36, "shards_without": ["1/3", "2/3"], "worker": None}
    assert 0 < there < 36
    assert found["unfinished"] == rest
    assert read_manifest(home.elsewhere)["filter"]["unfinished"] == rest
    assert said(capsys) == [
        f"{home.out / 'traces'}: the job is not done: {there} of 36 samples are there; none of shards 1/3, 2/3. What "
        "is there is judged; the same mgrd generate makes the rest, and this command again judges the rest"
    ]
    home.job()
    whole = home.judge()
    assert (whole["traces"], "unfinished" in whole, said(capsys)) == (36, False, [])
    assert "unfinished" not in read_manifest(home.elsewhere)["filter"]


def test_a_job_that_was_stopped_is_told_by_its_samples_alone(home, capsys):
    with pytest.raises(KeyboardInterrupt):
        home.job(Stub(7))

    assert home.judge()["unfinished"] == {"samples": 7, "asked": 36, "shards_without": [], "worker": None}
    assert "7 of 36 samples are there. What is there is judged" in said(capsys)[0]


def test_samples_of_other_questions_in_the_folder_do_not_make_a_job_look_done(home):
    home.job()
    (home.folder / "more.jsonl").write_text(json.dumps({"id": "r", "audio": "a.wav", "question": "Is it loud?"}))
    with pytest.raises(KeyboardInterrupt):
        home.job(Stub(1), questions="more.jsonl")

    assert home.judge()["unfinished"] == {"samples": 37, "asked": 39, "shards_without": [], "worker": None}


HOLD = """
import pathlib, sys
from mgrd import locks, shards
locks.keep(pathlib.Path(sys.argv[1]), shards.parse(sys.argv[2]) if sys.argv[2] else None)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("shard", ["", "1/3"])
def test_who_works_there_is_named_by_host_and_process_in_filters_note_and_in_its_refusal(home, capsys, shard, run):
    home.job(shard="0/3")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, home.out, shard], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline().strip() == "held"
        who = home.judge()["unfinished"]["worker"]
        note = said(capsys)
        code, _, err = run("filter", home.out, "-o", home.out)
        other.communicate("")

    assert who.endswith(f", process {other.pid}")
    assert f"; another mgrd ({who}) works there. What is there is judged; this command again judges the rest" in note[0]
    refusal = f"Error: {home.out}: another mgrd ({who}) works in this folder; wait for it or stop it"
    assert (code, err.splitlines()[-1]) == (1, refusal)


def test_a_part_by_itself_and_a_job_of_an_earlier_version_that_is_whole_say_nothing(home, capsys):
    home.job()
    manifest = read_manifest(home.out)
    del manifest["generate"][unfinished.ASKED]
    (home.out / "manifest.json").write_text(json.dumps(manifest))

    assert unfinished.told(home.out, Story()) == {}
    (home.out / "traces" / "part-000000.parquet").rename(home.out / "traces" / "part-0000-of-0002-000000.parquet")
    assert unfinished.told(home.out, Story())["unfinished"]["shards_without"] == ["1/2"]
    assert unfinished.told(home.out / "traces" / "part-0000-of-0002-000000.parquet", Story()) == {}


@pytest.mark.parametrize(
    ("names", "lacked"),
    [
        ([], []),
        (["part-000000", "part-0000-of-0002-000000"], []),
        (["part-0000-of-0002-000000", "part-0000-of-0002-000001"], ["1/2"]),
        (["part-0000-of-0002-000000", "part-0001-of-0004-000000"], ["3/4"]),
        (["part-0000-of-0002-000000", "part-0001-of-0003-000000"], []),
    ],
)
def test_shards_without_a_part_are_told_by_names_where_these_tell(names, lacked):
    assert unfinished.lacking(names) == lacked
