"""generate on a cluster of two nodes: every sample once, whatever is lost; the bytes of a local run."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from stub_job import NODE, BrokenJob, DeafJob, JobThatDiesAtTheCanary, StubJob

from mgrd import tables
from mgrd.cluster import connected, sampling
from mgrd.errors import InputError, MgrdError, MisusedError, Stopped
from mgrd.generate import hearing
from mgrd.options import Generate
from mgrd.progress import Story, stop

QUIET = Story(quiet=True)
LOST = "its worker on the cluster was lost 3 times; is there enough memory?"


@pytest.fixture
def job(tmp_path, cluster):
    """A job on the cluster, of questions about one clip."""
    (tmp_path / "out").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    sf.write(tmp_path / "a.wav", 0.2 * np.sin(np.arange(16000) / 10), 16000)
    options = Generate(samples=2, engine="transformers", ray=cluster.address)
    return StubJob(tmp_path / "out", tmp_path / "model", options, 0, tmp_path)


def other(kind, job, **options):
    """The same job with another engine or options."""
    return kind(job.out, job.model, replace(job.options, **options), 0, job.base)


def wanted(texts):
    empty = dict.fromkeys(("choices", "answer", "task", "language"))
    rows = [{"id": f"q{n}", "audio": ["a.wav"], "question": text} | empty for n, text in enumerate(texts)]
    return [(row, {sample: 100 * n + sample for sample in (0, 1)}) for n, row in enumerate(rows)]


def sampled(job, asked, shas, swapped, story):
    with sampling.opened(job.options) as team:
        yield from sampling.rows(team, job, asked, shas, swapped, story)


def outcomes(rows):
    return sorted((row["question_id"], row["sample"], row["error"]) for row in rows)


def expected(texts, failed=()):
    return sorted((f"q{n}", sample, LOST if n in failed else None) for n in range(len(texts)) for sample in (0, 1))


def test_the_rows_are_those_that_one_process_makes(job):
    from mgrd.generate.clips import Clips
    from mgrd.generate.rows import trace_rows

    asked = wanted(["x"] * 30)

    remote = list(sampled(job, asked, {}, {}, QUIET))

    local = list(trace_rows(job, job.open_engine(), asked, Clips(job, job.open_engine(), {}, {})))
    assert sorted(remote, key=lambda row: row["trace_id"]) == sorted(local, key=lambda row: row["trace_id"])


def test_what_a_lost_worker_had_is_sampled_by_another(job):
    texts = ["x", "die once", *["x"] * 20]

    rows = list(sampled(job, wanted(texts), {}, {}, QUIET))

    assert outcomes(rows) == expected(texts)
    assert (Path(os.environ["MGRD_TEST_FLAGS"]) / "died").exists()


def test_a_question_that_ends_every_worker_is_failed_rows_and_the_others_are_sampled(job):
    texts = ["x", "die", "x", "y"]

    rows = list(sampled(job, wanted(texts), {}, {}, QUIET))

    assert outcomes(rows) == expected(texts, failed={1})


def test_a_node_is_lost_and_another_joins_and_every_sample_is_there_once(job, cluster, capsys):
    texts, rows = ["slow"] * 60, []

    for row in sampled(job, wanted(texts), {}, {}, Story()):
        rows.append(row)
        if len(rows) == 10:
            cluster.remove_node(cluster.second)
        if len(rows) == 30:
            cluster.second = cluster.add_node(**NODE)

    assert outcomes(rows) == expected(texts)
    assert "what it had not delivered is given to others" in capsys.readouterr().err


def test_a_worker_that_can_never_open_its_engine_stops_the_job_retriable(job):
    broken = other(BrokenJob, job)

    with pytest.raises(Stopped, match="every worker was lost 3 times before it made a sample; what was sampled is sav"):
        list(sampled(broken, wanted(["x"]), {}, {}, QUIET))


def test_a_cluster_without_a_place_stops_the_job_retriable(job, monkeypatch):
    import ray

    monkeypatch.setattr(sampling, "NOBODY_S", 2.0)
    with connected(job.options.ray):
        taken = [ray.remote(num_cpus=1)(object).options(name=f"taken{n}").remote() for n in range(2)]
        with pytest.raises(Stopped, match="no place for a worker for 2 s"):
            list(sampled(job, wanted(["x"]), {}, {}, QUIET))
        for one in taken:
            ray.kill(one)


def test_a_model_that_does_not_hear_ends_the_job_before_any_work_is_given(job):
    texts, rows = ["x"] * 4, []

    with pytest.raises(MgrdError, match=r"and 5 without it: no audio reaches the model; look at its chat"):
        for row in sampled(other(DeafJob, job), wanted(texts), {}, {}, QUIET):
            rows.append(row)

    assert rows == []
    assert not (job.out / hearing.NOTE).exists()
    assert outcomes(sampled(other(DeafJob, job, no_canary=True), wanted(texts), {}, {}, QUIET)) == expected(texts)


def test_one_worker_is_asked_whether_the_model_hears_once_in_a_folder(job):
    texts = ["x"] * 4
    list(sampled(job, wanted(texts), {}, {}, QUIET))

    noted = json.loads((job.out / hearing.NOTE).read_text())
    assert (noted["about"]["engine"], noted["figures"].keys()) == ("stub", {"none", "first", "again", "other"})
    assert outcomes(sampled(other(DeafJob, job), wanted(texts), {}, {}, QUIET)) == expected(texts)  # not asked again


def test_another_worker_is_asked_when_the_first_is_lost_over_it(job):
    died = Path(os.environ["MGRD_TEST_FLAGS"]) / "died"
    died.unlink(missing_ok=True)
    texts = ["x"] * 4

    assert outcomes(sampled(other(JobThatDiesAtTheCanary, job), wanted(texts), {}, {}, QUIET)) == expected(texts)
    assert died.exists()
    assert (job.out / hearing.NOTE).exists()


def test_what_still_runs_when_the_time_after_a_signal_is_over_is_given_up(job, monkeypatch):
    monkeypatch.setattr(stop, "_since", None)
    monkeypatch.setattr(stop, "grace_s", 1.0)
    rows, asked_at = [], 0.0

    for row in sampled(job, wanted(["asleep"]), {}, {}, QUIET):
        rows.append(row)
        if not asked_at:
            asked_at = time.monotonic()
            monkeypatch.setattr(stop, "signal_name", "SIGTERM")

    assert time.monotonic() - asked_at < 12.0  # of the minute that its engine sleeps
    assert outcomes(rows) == [("q0", 0, None)]


def test_a_signal_stops_the_workers_and_what_was_made_is_kept(job, monkeypatch):
    monkeypatch.setattr(stop, "_since", None)
    monkeypatch.setattr(stop, "grace_s", 20.0)
    rows = []

    for row in sampled(job, wanted(["slow"] * 200), {}, {}, QUIET):
        rows.append(row)
        if len(rows) == 5:
            monkeypatch.setattr(stop, "signal_name", "SIGTERM")

    assert 5 <= len(rows) < 100
    assert len({row["trace_id"] for row in rows}) == len(rows)


def test_a_bug_of_an_engine_keeps_its_traceback_and_an_error_for_the_user_its_line(job):
    with pytest.raises(ZeroDivisionError, match=r"(?s)obey.*a bug of the engine"):
        list(sampled(job, wanted(["bug"]), {}, {}, QUIET))

    changed = {"a.wav": "0" * 32}
    with pytest.raises(InputError, match=r"^a\.wav: the clip has changed since it was first sampled"):
        list(sampled(job, wanted(["x"]), changed, {}, QUIET))


def test_ray_does_not_keep_the_signals_of_the_command(cluster):
    before = signal.getsignal(signal.SIGTERM)

    with connected(cluster.address):
        assert signal.getsignal(signal.SIGTERM) is before


def test_an_address_without_a_cluster_is_one_line():
    pytest.importorskip("ray")
    with pytest.raises(MisusedError, match="give auto or HOST:PORT"), connected("ray://head:10001"):
        pass
    with pytest.raises(MgrdError, match=r"^--ray 127\.0\.0\.1:1: no Ray cluster"), connected("127.0.0.1:1"):
        pass


@pytest.mark.slow
def test_the_transformers_engine_makes_the_bytes_of_a_local_run(tmp_path, cluster, run):
    pytest.importorskip("transformers")
    from tiny_model import SR, build, tone

    model = build(tmp_path / "model")
    lines = []
    for n in range(6):
        sf.write(tmp_path / f"{n}.wav", tone(0.4 + 0.1 * n, 220.0 * (n + 1)), SR)
        lines.append(f'{{"id": "q{n}", "audio": "{n}.wav", "question": "Is it high?"}}')
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    command = ("generate", tmp_path / "q.jsonl", "-m", model, "-k", "3", "--max-tokens", "12")

    # a question at a time: how many share a batch moves the last bits of logprob, on a cluster or not
    assert run(*command, "-o", tmp_path / "here", "--batch", "1")[0] == 0
    assert run(*command, "-o", tmp_path / "there", "--batch", "1", "--ray", cluster.address)[0] == 0

    written = []
    for name in ("here", "there"):
        rows = tables.read_table(tmp_path / name / "traces", tables.TRACES).sort("trace_id")
        tables.write_table(rows, tmp_path / f"{name}.parquet", tables.TRACES)
        written.append((tmp_path / f"{name}.parquet").read_bytes())
    assert pl.read_parquet(tmp_path / "here.parquet").height == 18
    assert written[0] == written[1]
