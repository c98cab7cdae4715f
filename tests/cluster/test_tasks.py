"""filter on a cluster: the bytes of a local run, and one line for what is lost or wrong."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf

from mgrd import tables
from mgrd.cluster import tasks
from mgrd.errors import Stopped
from mgrd.filter import filter_traces
from mgrd.options import Filter
from mgrd.progress import Story

QUIET = Story(quiet=True)
SAYS = ("The pitch is low, so it is a man.", "The voice is loud and falls.", "I read the words.")


@pytest.fixture
def traces(tmp_path):
    """Three parts of traces about three clips."""
    for name, f0_hz in (("a", 110.0), ("b", 220.0), ("c", 440.0)):
        sf.write(tmp_path / f"{name}.wav", 0.3 * np.sin(2 * np.pi * f0_hz * np.arange(16000) / 16000), 16000)
    for part, name in enumerate("abc"):
        rows = [
            dict.fromkeys(tables.TRACES)
            | {
                "trace_id": f"{name}.0.{n}",
                "question_id": name,
                "round": 0,
                "sample": n,
                "audio": [f"{name}.wav"],
                "question": "Is it a man?",
                "choices": ["yes", "no"],
                "answer": "yes",
                "completion": f"<think>{says}</think>yes",
                "finish_reason": "stop",
                "heard_s": [1.0],
            }
            for n, says in enumerate(SAYS)
        ]
        tables.write_table(rows, tmp_path / "traces" / f"part-{part:06d}.parquet", tables.TRACES)
    return tmp_path


def written(out):
    return {path.name: path.read_bytes() for path in [*(out / "judged").iterdir(), out / "measurements.parquet"]}


def test_filter_on_a_cluster_writes_the_bytes_of_a_local_run_and_goes_on_after_a_stop(traces, cluster):
    here, there = traces / "here", traces / "there"

    filter_traces(traces, here, Filter(workers=1), audio_root=traces, story=QUIET)
    filter_traces(traces, there, Filter(ray=cluster.address), audio_root=traces, story=QUIET)
    assert written(there) == written(here)

    (there / "judged" / "part-000001.parquet").unlink()
    counts = filter_traces(traces, there, Filter(ray=cluster.address), audio_root=traces, story=QUIET)
    assert (written(there), counts["judged"]) == (written(here), 3)


def test_a_check_that_crashes_on_a_node_is_told_as_at_home(traces, cluster):
    mine = traces / "mine" / "logic" / "crashes.py"
    mine.parent.mkdir(parents=True)
    mine.write_text(
        '"""Object to nothing."""\n\nfrom mgrd.rulebook import example\n\n\ndef check(trace):\n    """Crash."""\n'
        '    if trace.id != "example":\n        raise KeyError("gone")\n\n\n'
        'KEEP = [example("A.")]\nDROP = [example("B.")]\n'
    )

    for path in tables.parts(traces / "traces"):  # without clips, so that nothing is measured
        rows = tables.read_table(path, tables.TRACES)
        tables.write_table(rows.with_columns(audio=pl.lit([], dtype=pl.List(pl.String))), path, tables.TRACES)

    with pytest.raises(KeyError, match="gone"):
        options = Filter(ray=cluster.address, rules=str(traces / "mine"))
        filter_traces(traces, traces / "out", options, audio_root=traces, story=QUIET)


def test_a_process_is_started_once_and_work_comes_back_by_its_own_future(cluster):
    with tasks.pool_of(cluster.address)(2, remember, "started") as running:
        futures = [running.submit(recall, n) for n in range(20)]
        found = [future.result() for future in futures]

    assert found == [("started", 1, n) for n in range(20)]


def test_work_whose_worker_is_lost_is_done_again_and_at_last_stops_the_job_retriable(cluster, monkeypatch):
    with tasks.pool_of(cluster.address)(2, remember, "started") as running:
        assert running.submit(dies_once).result() == "alive"

    monkeypatch.setattr(tasks, "LOSSES", 1)
    stopped = pytest.raises(Stopped, match="a worker was lost 2 times over the same work")
    with stopped, tasks.pool_of(cluster.address)(2, remember, "started") as running:
        running.submit(os._exit, 1).result()


seen = []


def remember(word):
    """Start a process."""
    seen.append(word)


def recall(number):
    """What the process was started with, how often, and the number."""
    return seen[-1], len(seen), number


def dies_once():
    """End the first process that does this."""
    flag = Path(os.environ["MGRD_TEST_FLAGS"]) / "task"
    if not flag.exists():
        flag.touch()
        os._exit(1)
    return "alive"
