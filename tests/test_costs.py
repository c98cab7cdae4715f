"""What sampling costs: told while it goes on, summed over restarts, estimated before, held against the survivors."""

import json
import time
from collections import deque
from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pytest
import served
import soundfile as sf
import tiny_model
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from judged_rows import trace, write

from mgrd import engines, tables, urls, yields
from mgrd.engines import Completion, Load, Request, Sampling
from mgrd.engines.server import ServerEngine
from mgrd.errors import MgrdError, MisusedError
from mgrd.generate import costs, estimate, extrapolate, generate
from mgrd.generate.costs import Account, Meter, lasting, sized
from mgrd.generate.job import Job, check_shard
from mgrd.options import Generate
from mgrd.progress import Story

QUIET = Story(quiet=True)


class Clock:
    """A clock that tests move by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class CountingEngine:
    """Answers each sample with `tokens` tokens, a second later; dies after `budget` samples."""

    name, sr, window_s = "fake", 16000, 5.0
    load = Load(3, 4)

    def __init__(self, clock, budget=None, tokens=lambda sample: 10):
        self.clock, self.budget, self.tokens = clock, budget, tokens

    def sample(self, requests, _sampling):
        for request in requests:
            for sample, seed in request.seeds.items():
                if self.budget == 0:
                    raise KeyboardInterrupt
                self.budget = None if self.budget is None else self.budget - 1
                self.clock.now += 1.0
                made = self.tokens(sample)
                heard_s = tuple(len(clip) / self.sr for clip in request.clips)
                yield Completion(request.key, sample, seed, "<think>x</think>yes", "stop", 50, made, -1.0, heard_s)

    def close(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(costs.time, "monotonic", clock)
    return clock


def write_questions(folder, names):
    rows = [
        {"id": name, "audio": f"{name}.wav", "question": f"Is {name} loud?", "choices": ["yes", "no"]} for name in names
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture
def home(tmp_path):
    """Four questions about clips of 1, 2, 3 and 4 s, and an empty model folder."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    for seconds, name in enumerate("abcd", 1):
        sf.write(tmp_path / f"{name}.wav", tiny_model.tone(seconds, 220), 16000)
    write_questions(tmp_path, "abcd")
    return tmp_path


@pytest.fixture
def job(home, monkeypatch, clock):
    """`job(engine)` generates, on the test's clock."""

    def job(engine=None, **options):
        def opened(*_, **__):
            clock.now += 5.0  # to load
            return engine or CountingEngine(clock)

        monkeypatch.setattr(engines, "open_engine", opened)
        settings = Generate(**{"samples": 2, "engine": "transformers", "no_canary": True} | options)
        return generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)

    job.metrics = lambda: tables.read_json(home / "out" / "traces" / "metrics.json")
    return job


def test_tokens_per_second_now_are_those_of_the_last_half_minute_and_overall_those_of_the_call(clock):
    meter = Meter(1000, CountingEngine(clock))
    for second in range(200):
        clock.now += 1.0
        meter.add(10 if second < 185 else 40)
    assert (meter.now, meter.overall, meter.left_s) == (25.0, (185 * 10 + 15 * 40) / 200, 800.0)
    assert meter.text() == "25 tok/s (12 overall), 3 running, 4 waiting, 13 min left"


def test_a_batch_that_takes_minutes_is_no_burst(clock):
    meter = Meter(1000, object())
    for _ in range(5):
        clock.now += 100.0
        for _ in range(16):
            clock.now += 0.001
            meter.add(100)
    assert meter.now == pytest.approx(16, rel=0.01)
    assert meter.text() == "16 tok/s (16 overall), 96 min left"


def test_pieces_of_a_run_hold_all_its_tokens_and_what_comes_at_once_is_one(clock):
    meter = Meter(1000, object())
    for _ in range(7):
        clock.now += 100.0
        for _ in range(16):
            meter.add(5)
    assert meter.pieces == [(100.0, 80)] * 7
    for second in range(2000):
        clock.now += 1.0
        meter.add(second)
    assert len(meter.pieces) <= costs.PIECES
    assert [sum(of) for of in zip(*meter.pieces, strict=True)] == [2700.0, 7 * 80 + 1000 * 1999]


def test_before_the_first_sample_nobody_knows_how_long_it_takes(clock):
    assert Meter(8, object()).text() == "0 tok/s (0 overall)"


def test_a_meter_keeps_few_marks_however_many_samples_come(clock):
    meter = Meter(10**6, object())
    for _ in range(100_000):
        clock.now += 0.001
        meter.add(7)
    assert isinstance(meter._marks, deque)
    assert len(meter._marks) < 130
    assert meter.now == pytest.approx(7000, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (5939, "99 min"),
        (7200, "2 h 0 min"),
        (12000, "3 h 20 min"),
        (187200, "52 h 0 min"),
        (864000, "10 d 0 h"),
    ],
)
def test_a_time_is_told_in_two_units_at_most(seconds, text):
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (98_400, "98.4 kB"),
        (99_500, "100 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (3.25e9, "3.2 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_a_size_is_told_in_powers_of_a_thousand(count, text):
    assert sized(count) == text


@given(st.floats(0, 1e16), st.floats(0, 1e9))
def test_any_size_and_any_time_is_short(count, seconds):
    assert len(sized(count)) <= 9
    assert len(lasting(seconds)) <= 12


def test_metrics_lie_beside_the_parts_and_seconds_are_summed_over_restarts(job, clock):
    with pytest.raises(KeyboardInterrupt):
        job(CountingEngine(clock, budget=3))
    assert job.metrics()["samples"] == 3
    job(CountingEngine(clock, tokens=lambda sample: 30))

    assert job.metrics() == {
        "samples": 8,
        "finish_reasons": {"stop": 8},
        "failures": {},
        "audio_s": 10.0,
        "prompt_tokens": 400,
        "completion_tokens": 180,
        "sampled_tokens": 180.0,
        "tokens_per_s": 22.5,
        "calls": 2,
        "pieces": [[1.0, 10]] * 3 + [[1.0, 30]] * 5,
        "engine_start_s": 10.0,
        "sampling_s": 8.0,
        "wall_s": 18.0,
        "gpu_s": 0.0,
        "gpus": None,
        "gpu": None,
    }


def test_a_job_with_nothing_to_do_leaves_its_metrics_alone(job, home):
    job()
    before = (home / "out" / "traces" / "metrics.json").read_bytes()
    job()
    assert (home / "out" / "traces" / "metrics.json").read_bytes() == before


def test_gpu_seconds_are_wall_seconds_times_gpus(job, clock, monkeypatch):
    monkeypatch.setattr(costs, "gpu_name", lambda: "A GPU")
    engine = CountingEngine(clock)
    engine.gpus = 4
    job(engine)
    found = job.metrics()
    assert [found[name] for name in ("wall_s", "gpu_s", "gpus", "gpu")] == [13.0, 52.0, 4, "A GPU"]


def test_a_job_goes_on_over_parts_of_an_earlier_version(job, home):
    job(samples=1)
    for part in (home / "out" / "traces").glob("part-*.parquet"):
        pl.read_parquet(part).drop("think_forced").write_parquet(part)
    assert job(samples=2)["made"] == 4
    assert (job.metrics()["samples"], job.metrics()["audio_s"]) == (8, 10.0)


def test_failures_are_counted_by_reason_without_the_names_of_what_failed(job, home):
    sf.write(home / "b.wav", np.zeros(16000), 16000)
    sf.write(home / "c.wav", np.zeros(16000), 16000)
    job(max_failed=1.0)
    assert job.metrics()["failures"] == {"every sample is zero, there is nothing to hear": 4}
    assert job.metrics()["finish_reasons"] == {"error": 4, "stop": 4}


def test_rare_reasons_of_failure_are_counted_together(tmp_path):
    rows = [trace("q", n, error=f"q: reason {n:02d}", finish_reason="error") for n in range(30)]
    tables.write_table(rows, tmp_path / "part-000000.parquet", tables.TRACES)
    failures = costs.counted(tmp_path)["failures"]
    assert (len(failures), failures["reason 00"], failures["others"]) == (21, 1, 10)


def test_metrics_are_written_every_half_minute_and_counting_takes_a_hundredth_of_the_time(tmp_path, monkeypatch, clock):
    written = []

    def counting(_folder):
        clock.now += 2.0
        written.append(clock.now)
        return {}

    monkeypatch.setattr(costs, "counted", counting)
    account = Account(tmp_path / "metrics.json", Meter(1000, object()), began=0.0, engine_start_s=0.0)
    for _ in range(600):
        clock.now += 1.0
        account.add(1)
    assert written == [32.0, 234.0, 436.0]


def test_an_engine_of_this_machine_and_a_server_say_what_they_are_busy_with(tmp_path):
    clip = tiny_model.tone(0.5, 220)
    requests = [Request(f"q{n}", "Is it loud?", [clip], ["x"], {0: 5 * n, 1: 5 * n + 1}) for n in range(6)]

    def slow(body, number):
        time.sleep(0.05)
        return served.polite(body, number)

    with served.Served(slow) as server:
        engine = ServerEngine("m", url=server.url, concurrency=4)
        told = [engine.load for _ in engine.sample(iter(requests), Sampling())]
        engine.close()
    assert max(load.running for load in told) == 4
    assert max(load.running + load.waiting for load in told) in (8, 9)  # twice what is in flight, by whole requests
    assert (engine.load, engines.gpus_of(engine)) == (Load(), None)

    here = engines.open_engine("transformers", tiny_model.build(tmp_path / "m"), batch=3)
    told = [here.load for _ in here.sample(iter(requests), Sampling(max_tokens=4))]
    assert (told, here.load) == ([Load(running=6)] * 12, Load())


def dry(home, model="model", **options):
    settings = Generate(**{"samples": 2, "engine": "transformers", "max_tokens": 100} | options)
    return estimate.dry_run(str(home / "questions.jsonl"), home / "out", home / model, settings, story=QUIET)


def tree(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_dry_run_says_what_there_is_to_do_and_writes_nothing(home):
    tiny_model.build(home / "model")
    (home / "model" / "model.safetensors").write_bytes(b"no weights are read")
    before = tree(home)

    found = dry(home)

    assert tree(home) == before
    size = sum((home / f"{name}.wav").stat().st_size for name in "abcd")
    assert found.pop("prompt").startswith(
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nIs a loud?\n(A) yes\n(B) no\n"
    )
    assert found.pop("prompt_tokens") > 4 * 100
    assert found == {
        "engine": "transformers",
        "questions": 4,
        "samples": 8,
        "there": 0,
        "missing": 8,
        "clips": 4,
        "audio_bytes": size,
        "audio_s": 10.0,
        "longest_s": 4.0,
        "too_long": 0,
        "parts": 0,
        "unreadable": {},
        "prompt_in_parts": None,
        "changed": [],
        "across_tasks": 0,
        "completion_tokens_most": 800,
        "completion_tokens_expected": None,
        "differs": None,
    }


def test_the_tokens_of_a_dry_run_are_those_that_the_engine_is_given(home):
    tiny_model.build(home / "model")
    found = dry(home)
    settings = Generate(samples=1, engine="transformers", max_tokens=4)
    generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)
    rows = tables.read_table(home / "out" / "traces", tables.TRACES)
    assert found["prompt_tokens"] == rows["prompt_tokens"].sum()
    mean = rows["completion_tokens"].mean()
    later = dry(home)
    assert (later["there"], later["missing"], later["differs"]) == (4, 4, "max_tokens 4 -> 100")
    assert later["completion_tokens_expected"] == round(4 * mean)


def test_a_dry_run_names_clips_that_will_fail(home):
    tiny_model.build(home / "model")
    sf.write(home / "b.wav", tiny_model.tone(21, 220), 16000)
    (home / "c.wav").write_bytes(b"no audio at all")
    found = dry(home)
    assert (found["too_long"], list(found["unreadable"].values()), found["longest_s"]) == (1, [1], 21.0)
    assert next(iter(found["unreadable"])).startswith("is not audio that libsndfile reads")
    lines = estimate.dry_lines(found)
    assert "               1  clip is longer than the model hears: their questions will fail" in lines


def test_a_dry_run_gives_long_clips_in_parts_as_the_job_does(home):
    tiny_model.build(home / "model")
    sf.write(home / "a.wav", tiny_model.tone(41, 220), 16000)
    sf.write(home / "c.wav", tiny_model.tone(21, 220), 16000)
    found = dry(home, long_clips="chunk")
    lines = estimate.dry_lines(found)
    settings = Generate(samples=1, engine="transformers", max_tokens=4, long_clips="chunk")
    generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)
    rows = tables.read_table(home / "out" / "traces", tables.TRACES)

    assert (found["too_long"], found["parts"], found["prompt_tokens"]) == (2, 5, rows["prompt_tokens"].sum())
    assert found["audio_s"] == pytest.approx(rows["heard_s"].list.sum().sum(), abs=0.01)
    assert found["prompt"].count("<|AUDIO|>") == 3
    assert "The recording is given in 3 consecutive parts.\nIs a loud?" in found["prompt"]
    assert "               2  clips are longer than the model hears: given in 5 parts" in lines
    assert found["prompt_in_parts"] is None
    refused = dry(home)
    assert (refused["too_long"], refused["parts"]) == (2, 0)
    write_questions(home, "bcda")
    later = dry(home, long_clips="chunk")
    assert "Is b loud?" in later["prompt"]
    assert "The recording is given in 2 consecutive parts.\nIs c loud?" in later["prompt_in_parts"]
    lines = "\n".join(estimate.dry_lines(later))
    assert f"The first question whose clips are given in parts:\n{later['prompt_in_parts'].rstrip()}\n\n" in lines
    server = {"engine": "server", "url": "http://localhost:9/v1", "long_clips": "chunk"}
    assert [dry(home, window=window, **server)["parts"] for window in (2.0, 10.0)] == [21 + 11 + 2, 5 + 3]


def test_a_dry_run_of_a_swap_counts_what_is_heard(home):
    write_questions(home, "ab")
    rows = [json.loads(line) for line in (home / "questions.jsonl").read_text().splitlines()]
    more = {"id": "x", "audio": ["c.wav", "d.wav"], "question": "Loud?", "task": "other"}
    (home / "questions.jsonl").write_text("\n".join(map(json.dumps, [*rows, more])))
    server = {"engine": "server", "url": "http://localhost:9/v1", "control": "swap"}
    plain, swapped = dry(home, **server | {"control": None}), dry(home, **server)
    assert (plain["audio_s"], plain["clips"], swapped["clips"]) == (1 + 2 + 3 + 4, 4, 4)
    assert swapped["audio_s"] in (2 + 1 + 1, 2 + 1 + 2)  # a and b swap; x takes one of theirs
    assert (swapped["across_tasks"], plain["across_tasks"]) == (1, 0)
    told = "            note  --control swap: 1 of 3 questions hear a clip of another task, theirs has no other: what "
    assert [line.startswith(told) for line in estimate.dry_lines(swapped)].count(True) == 1
    write_questions(home, "a")
    with pytest.raises(MgrdError, match="all questions share one clip"):
        dry(home, **server)


def test_a_dry_run_to_overwrite_has_everything_to_make_and_refuses_a_shard_as_the_job_does(home, run):
    tiny_model.build(home / "model")
    settings = Generate(samples=1, engine="transformers", max_tokens=4)
    generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)
    words = ["generate", home / "questions.jsonl", "-m", home / "model", "-o", home / "out", "-k", 1, "--dry-run"]
    words += ["--engine", "transformers", "--overwrite", "--json"]
    code, out, _ = run(*words, "--max-tokens", 5)
    found = json.loads(out)
    assert (code, found["there"], found["missing"], found["differs"]) == (0, 0, 4, None)
    before = tree(home)
    code, _, err = run(*words, "--shard", "0/2")
    assert (code, err.split(":")[:2], tree(home) == before) == (2, ["Error", " --overwrite"], True)


def test_a_dry_run_names_clips_that_changed_and_leaves_it_to_the_job_to_compare_them(home):
    tiny_model.build(home / "model")
    settings = Generate(samples=1, engine="transformers", max_tokens=100)
    generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)
    assert dry(home)["changed"] == []
    sf.write(home / "b.wav", tiny_model.tone(1, 440), 16000)
    before = tree(home)

    found = dry(home)

    assert (found["changed"], tree(home) == before) == (["b.wav"], True)
    told = "1  clip looks otherwise than when first sampled, e.g. b.wav: one that holds other sound stops the job"
    assert told in "\n".join(estimate.dry_lines(found))


def test_a_dry_run_to_retry_wants_what_failed(home):
    tiny_model.build(home / "model")
    (home / "c.wav").write_bytes(b"no audio at all")
    settings = Generate(samples=2, engine="transformers", max_tokens=100, max_failed=1.0, temperature=0.0)
    generate(str(home / "questions.jsonl"), home / "out", home / "model", settings, story=QUIET)
    assert [dry(home, temperature=0.0, retry_failed=again)["missing"] for again in (False, True)] == [0, 2]


def test_a_dry_run_for_a_server_shows_the_request_with_its_audio_cut_and_asks_nobody(home):
    found = dry(home, engine="server", url="http://localhost:9/v1", preset="step-audio-r1")
    body = found["prompt"]
    assert body["messages"][0]["content"][0]["input_audio"] == {
        "data": "UklGRiR9AABXQVZFZm10IBAAAAABAAEA... (42,728 characters)",
        "format": "wav",
    }
    assert (body["n"], body["messages"][1]["content"], found["prompt_tokens"]) == (2, "<think>\n", None)
    assert not (home / "out").exists()
    with pytest.raises(MisusedError, match="say where it is"):
        dry(home, engine="server")


def test_a_dry_run_writes_no_clip_that_is_embedded(home):
    row = {"id": "e", "audio": {"bytes": (home / "a.wav").read_bytes()}, "question": "Loud?"}
    pl.DataFrame([row]).write_parquet(home / "questions.parquet")
    settings = Generate(engine="server", url="http://localhost:9/v1")
    before = tree(home)
    found = estimate.dry_run(str(home / "questions.parquet"), home / "out", "served", settings, story=QUIET)
    assert (found["clips"], found["audio_s"], tree(home) == before) == (1, 1.0, True)


def test_a_dry_run_counts_clips_at_a_url_as_those_of_a_folder(home):
    for name in "abcd":
        clip = (home / f"{name}.wav").read_bytes()
        fsspec.filesystem("memory").pipe_file(f"/dry/{name}.wav", b"no audio" if name == "d" else clip)
    settings = Generate(engine="server", url="http://localhost:9/v1")
    found = estimate.dry_run(
        str(home / "questions.jsonl"), home / "out", "m", settings, audio_root=Path("memory://dry"), story=QUIET
    )
    size = sum((home / f"{name}.wav").stat().st_size for name in "abc") + len(b"no audio")
    assert (found["clips"], found["audio_s"], found["audio_bytes"]) == (4, 6.0, size)
    assert list(found["unreadable"].values()) == [1]


def test_a_dry_run_reads_no_more_of_a_clip_at_a_url_than_its_header(home, monkeypatch):
    memory = fsspec.filesystem("memory")
    for name in "abcd":
        memory.pipe_file(f"/headers/{name}.wav", (home / f"{name}.wav").read_bytes())
    taken = []

    class Counting(MemoryFile):
        def readinto(self, into):
            taken.append(count := super().readinto(into))
            return count

        def read(self, size=-1):
            taken.append(len(found := super().read(size)))
            return found

    def opened(self, path, *_, **__):
        return Counting(self, path, memory.cat_file(path))

    monkeypatch.setattr(MemoryFileSystem, "_open", opened)
    monkeypatch.setattr(urls, "read", None)
    settings = Generate(engine="server", url="http://localhost:9/v1")
    found = estimate.dry_run(
        str(home / "questions.jsonl"), home / "out", "m", settings, audio_root=Path("memory://headers"), story=QUIET
    )
    assert (found["audio_s"], found["audio_bytes"] > 300_000) == (10.0, True)
    assert 0 < sum(taken) < 40_000


def test_a_dry_run_of_a_shard_counts_its_questions_and_refuses_one_that_is_not_there(home):
    served = {"engine": "server", "url": "http://localhost:9/v1"}
    found = [dry(home, shard=f"{index}/3", **served) for index in range(3)]
    assert sum(one["questions"] for one in found) == 4
    assert sum(one["missing"] for one in found) == 8
    assert sum(one["audio_s"] for one in found) == 10.0
    empty = [dry(home, shard=f"{index}/40", **served)["samples"] for index in range(40)]
    assert (sum(empty), empty.count(0)) == (8, 37)
    with pytest.raises(MisusedError, match="numbered from 0"):
        dry(home, shard="9/8", **served)


def test_a_dry_run_runs_the_code_that_a_model_brings_along_only_where_that_is_said(home, monkeypatch):
    from mgrd.engines import models

    tiny_model.build(home / "model")
    told = []

    def noting(load):
        def noted(path, *, trust_remote_code=False):
            told.append(trust_remote_code)
            return load(path)

        return noted

    monkeypatch.setattr(models, "check_model_folder", noting(models.check_model_folder))
    monkeypatch.setattr(models, "load_processor", noting(models.load_processor))
    dry(home)
    dry(home, engine="vllm", trust_remote_code=True)
    assert told == [False, False, True, True]


def test_a_limited_run_says_what_all_questions_take(job, home):
    found = job(limit=2)["whole"]
    there = sum(path.stat().st_size for path in (home / "out" / "traces").glob("part-*"))
    disk = found["disk_bytes"]
    assert there < disk < 1.1 * there  # eight rows in the place of four
    assert found == {
        "questions": 4,
        "from_questions": 2,
        "samples": 8,
        "there": 4,
        "tokens": 80,
        "tokens_per_s": 10.0,
        "hours": round((5 + 8) / 3600, 4),
        "gpu_hours": None,
        "disk_bytes": disk,
        "intervals": {"tokens": [80, 80], "hours": [0.0036, 0.0036], "disk_bytes": [disk, disk]},
        "assumes": list(extrapolate.ASSUMES),
    }
    assert extrapolate.whole_lines(found)[0] == (
        "All 4 questions (8 samples), from 2: 13 s (13 s to 13 s); 80 tokens (80 to 80); "
        f"{sized(disk)} ({sized(disk)} to {sized(disk)})"
    )
    assert "whole" not in job()
    done = job(limit=2)["whole"]
    assert (done["there"], extrapolate.whole_lines(done)) == (8, [])


@pytest.mark.parametrize(("some", "within"), [(20, 0.15), (100, 0.05)])
def test_the_disk_that_all_take_is_foretold_from_some(tmp_path, some, within):
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(5000)]

    def rows(questions):
        for question in range(questions):
            for sample in range(8):
                think = " ".join(rng.choice(words, size=int(rng.integers(20, 60))))
                yield trace(f"q{question}", sample, think=think, completion=think, completion_tokens=len(think))

    for count in (some, 200):
        with tables.Parts(tmp_path / str(count) / "traces", tables.TRACES) as parts:
            for row in rows(count):
                parts.add(row)
    job = Job(tmp_path / str(some), "m", Generate(samples=8), 0, tmp_path)
    found = extrapolate.whole(job, pl.DataFrame({"id": [f"q{n}" for n in range(some)]}), 200)
    true = sum(path.stat().st_size for path in (tmp_path / "200" / "traces").iterdir())
    assert found["disk_bytes"] == pytest.approx(true, rel=within)


def test_a_speed_that_varies_widens_the_hours_and_one_piece_tells_no_interval(job, home, clock):
    class Uneven(CountingEngine):
        def sample(self, requests, sampling):
            for number, one in enumerate(super().sample(requests, sampling)):
                clock.now += 4.0 * (number % 2)
                yield one

    found = job(Uneven(clock), limit=2)["whole"]
    assert found["intervals"]["tokens"] == [80, 80]
    low, high = found["intervals"]["hours"]
    assert low < found["hours"] - 0.001 < found["hours"] + 0.001 < high
    found = extrapolate.whole(Job(home / "out", "m", Generate(samples=2), 0, home), pl.DataFrame({"id": ["a", "b"]}), 2)
    assert found["intervals"]["hours"] == [found["hours"]] * 2  # nothing is left
    noted = job.metrics()
    tables.write_json(noted | {"pieces": noted["pieces"][:1]}, home / "out" / "traces" / "metrics.json")
    found = extrapolate.whole(Job(home / "out", "m", Generate(samples=2), 0, home), pl.DataFrame({"id": ["a", "b"]}), 4)
    assert (found["intervals"]["tokens"], found["intervals"]["hours"]) == ([80, 80], None)


def test_the_interval_of_the_speed_holds_the_truth_95_times_in_100():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(1000):
        tokens = rng.integers(50, 150, size=100)
        seconds = tokens * rng.gamma(25.0, 1 / 25.0, size=100)
        half = extrapolate._half_s(list(zip(seconds[:16], tokens[:16], strict=True)), tokens[16:].sum())
        told = seconds[:16].sum() / tokens[:16].sum() * tokens[16:].sum()
        hits += abs(told - seconds[16:].sum()) <= half
    assert 925 <= hits <= 975


@pytest.mark.parametrize(
    ("noted", "pieces", "told"),
    [
        (["0000-of-0002", "0001-of-0002"], {"data_parallel": 2}, (2500.0, 4)),
        (["0000-of-0002", "0001-of-0002", "0000-of-0004", ""], {"data_parallel": 2}, (2500.0, 4)),
        (["0000-of-0008"], {"shard": "0/8"}, (8000.0, 16)),  # the others have begun nothing yet
        (["0001-of-0008", "0005-of-0008"], {"shard": "1/4", "data_parallel": 2}, (10000.0, 16)),
        ([""], {"data_parallel": 2}, (2000.0, 4)),  # all was there already
        (["0000-of-0002", "0001-of-0002"], {}, (1250.0, 2)),
        ([""], {}, (1000.0, 2)),
    ],
)
def test_what_all_takes_is_at_the_rate_and_on_the_gpus_of_all_processes_together(tmp_path, noted, pieces, told):
    rows = [trace(f"q{n}", 0, completion_tokens=20_000) for n in range(10)]
    tables.write_table(rows, tmp_path / "traces" / "part-000000.parquet", tables.TRACES)
    for number, writer in enumerate(noted):  # 1000 and 1500 tokens a second
        spent = {"calls": 1, "engine_start_s": 0, "sampling_s": 100, "sampled_tokens": 100_000 + 50_000 * (number % 2)}
        tables.write_json(spent | {"gpus": 2}, tmp_path / "traces" / costs.metrics_of(writer))
    options = Generate(samples=1, limit=10, **pieces)
    job = Job(tmp_path, "m", options, 0, tmp_path, check_shard(options, overwrite=False))

    found = extrapolate.whole(job, pl.DataFrame({"id": [f"q{n}" for n in range(10)]}), 1000)

    rate, gpus = told
    hours = 20e6 / rate / 3600
    assert (found["tokens"], found["tokens_per_s"], found["hours"]) == (20_000_000, rate, round(hours, 4))
    assert found["gpu_hours"] == pytest.approx(hours * gpus, rel=1e-3)
    assert (len(found["assumes"]) == 3) == bool(pieces)


def test_one_question_tells_no_interval_and_all_questions_leave_none():
    assert extrapolate._predicted(np.array([7.0]), 10) == (70.0, None)
    assert extrapolate._predicted(np.array([3.0, 5.0]), 2) == (8.0, 0.0)
    assert extrapolate._predicted(np.array([]), 10) == (0.0, None)


def test_the_interval_holds_the_truth_95_times_in_100():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(1000):
        every = rng.gamma(9.0, 100.0, size=100)
        told, half = extrapolate._predicted(every[:20], 100)
        hits += abs(told - every.sum()) <= half
    assert 930 <= hits <= 970


def judged(folder):
    return write(
        folder,
        [
            trace("q1", 0, completion_tokens=100),
            trace("q1", 1, completion_tokens=50, objections=["logic.fluent", "acoustic.cites_sound"]),
        ],
        [
            trace("q2", 0, completion_tokens=30, objections=["logic.fluent", ("logic", "fluent", "again")]),
            trace("q2", 1, completion_tokens=None, objections=["generate.failed"]),
        ],
    )


def test_a_survivors_cost_is_all_tokens_and_all_seconds_and_objections_waste_what_they_object_to(tmp_path):
    traces = tmp_path / "traces"
    for writer, seconds in (("", 900.0), ("-1", 2700.0)):
        tables.write_json({"wall_s": seconds, "gpu_s": 2 * seconds}, traces / f"metrics{writer}.json")
    found = yields.cost(judged(tmp_path), 1, tmp_path)
    assert found == {
        "tokens": 180,
        "tokens_per_survivor": 180.0,
        "wasted_tokens": {"acoustic.cites_sound": 50, "generate.failed": 0, "logic.fluent": 80},
        "accepted_per_hour": 1.0,
        "accepted_per_gpu_hour": 0.5,
    }
    assert yields.line(found) == "180 tokens each, 1.0 an hour, 0.5 a GPU hour"


def test_traces_made_elsewhere_have_no_hours_and_no_survivors_have_no_cost(tmp_path):
    (tmp_path / "theirs.jsonl").write_text("{}")
    tables.write_json({"wall_s": 5.0}, tmp_path / "metrics.json")  # whatever it is
    found = yields.cost(judged(tmp_path), 0, tmp_path / "theirs.jsonl")
    assert [found[name] for name in ("tokens_per_survivor", "accepted_per_hour", "accepted_per_gpu_hour")] == [None] * 3
    assert yields.line(found) is None


def test_rounds_tell_what_a_survivor_cost():
    cost = {"tokens_per_survivor": 412.25, "accepted_per_hour": 96.14, "accepted_per_gpu_hour": None}
    rows = [{"round": 0, "filter": None, "cost": None}, {"round": 1, "filter": {"survivors": 1031}, "cost": cost}]
    assert yields.round_lines(rows) == ["Round 1: 1,031 survivors, 412 tokens each, 96.1 an hour"]


def test_what_a_survivor_cost_is_told_only_where_something_tells_it(tmp_path):
    for wall_s, survivors, told in ((0.5, 1, None), (3600.0, 0, None), (360_000.0, 1, 0.01), (7200.0, 5, 2.5)):
        tables.write_json({"wall_s": wall_s, "gpu_s": 0}, tmp_path / "traces" / "metrics.json")
        found = yields.cost(judged(tmp_path), survivors, tmp_path)
        assert found["accepted_per_hour"] == told
    assert yields.line({"tokens_per_survivor": None, "accepted_per_hour": 0.01, "accepted_per_gpu_hour": None}) == (
        "0.01 an hour"
    )
