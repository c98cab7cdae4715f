"""The vLLM engine on a real vLLM: the same tokens as the transformers engine, and seeds that it keeps to.

Runs in the environment that `make test-vllm` makes (vLLM's CPU build) and skips where there is no vLLM. An engine takes
half a minute to start, so the tests share one. MGRD_TEST_MODEL names another audio LM to test with.
"""

import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

import pytest

try:
    version("vllm")
except PackageNotFoundError:  # `import vllm` could find this folder
    pytest.skip("vLLM is not installed: make test-vllm", allow_module_level=True)

from mgrd import verdicts
from mgrd.audio.load import load
from mgrd.engines import Request, Sampling, open_engine
from mgrd.prompts import render
from mgrd.tables import TRACES, read_table

# vLLM warns about its own imports
pytestmark = pytest.mark.filterwarnings("ignore")

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
MODEL = Path(os.environ.get("MGRD_TEST_MODEL") or QUICKSTART / "model")
HELDOUT = QUICKSTART / "heldout.jsonl"
SR = 16_000
GREEDY = Sampling(temperature=0, max_tokens=96)
SAMPLED = Sampling(temperature=1.5, top_p=0.99, max_tokens=48)


@pytest.fixture(scope="module")
def vllm():
    engine = open_engine("vllm", MODEL)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def transformers():
    return open_engine("transformers", MODEL)


@pytest.fixture(scope="module")
def asked():
    """Two held-out questions of every task, and the first of them again about two clips at once."""
    rows = sorted(map(json.loads, HELDOUT.read_text().splitlines()), key=lambda row: row["task"])
    picked = [row for _, group in groupby(rows, key=lambda row: row["task"]) for row in list(group)[:2]]
    clips = [load(QUICKSTART / row["audio"]) for row in picked]
    texts = [render("grounded", row["question"], row["choices"]) for row in picked]
    one = [
        Request(row["id"], text, [clip.mono(SR)], [clip.sha])
        for row, text, clip in zip(picked, texts, clips, strict=True)
    ]
    return [
        *one,
        Request("two clips", texts[0], [clip.mono(SR) for clip in clips[:2]], [clip.sha for clip in clips[:2]]),
    ]


def wanting(requests, seeds):
    return [Request(r.key, r.text, r.clips, r.clip_ids, seeds) for r in requests]


def sampled(engine, requests, sampling):
    done = list(engine.sample(iter(requests), sampling))
    assert all(completion.error is None for completion in done)
    return {(completion.key, completion.sample): completion for completion in done}


def test_greedy_tokens_equal_the_transformers_engines(vllm, transformers, asked):
    asked = wanting(asked, {0: 0})

    ours, theirs = sampled(vllm, asked, GREEDY), sampled(transformers, asked, GREEDY)

    def outcome(done):
        return done.text, done.finish_reason, done.prompt_tokens, done.completion_tokens, done.heard_s

    assert {name: outcome(done) for name, done in ours.items()} == {name: outcome(theirs[name]) for name in ours}
    assert len(ours) == len(asked)
    for name, done in ours.items():
        assert done.logprob == pytest.approx(theirs[name].logprob, abs=1e-3)
    assert vllm.sr == transformers.sr
    assert vllm.window_s == transformers.window_s


def test_a_model_that_knows_no_json_is_held_to_the_schema(vllm):
    asked = [Request("q", "Judge this.", [], [], {sample: sample for sample in range(4)})]
    whole = []
    for schema in (verdicts.BLIND, verdicts.COHERENT, verdicts.RIGHT):
        done = sampled(vllm, asked, Sampling(temperature=0.7, max_tokens=300, schema=schema)).values()
        assert all(completion.text.startswith('{"why":"') for completion in done)
        whole += [verdicts.fitting(one.text, schema) for one in done if one.finish_reason == "stop"]

    assert whole
    assert all(isinstance(one, dict) for one in whole)


def test_every_sample_has_its_own_seed_and_the_same_seeds_draw_the_same_samples(vllm, asked):
    asked = wanting(asked, {sample: 7000 + sample for sample in range(6)})

    once = sampled(vllm, asked, SAMPLED)
    again = sampled(vllm, asked, SAMPLED)

    assert {(name, done.seed) for name, done in once.items()} == {(name, 7000 + name[1]) for name in again}
    assert {name: (done.text, done.logprob) for name, done in once.items()} == {
        name: (done.text, pytest.approx(done.logprob, abs=1e-3)) for name, done in again.items()
    }
    assert len({done.text for done in once.values()}) > 2 * len(asked)


def test_a_resumed_question_gets_exactly_the_samples_that_it_lacks(vllm, asked):
    whole = sampled(vllm, wanting(asked[:2], {0: 70, 1: 71, 2: 72, 3: 73}), SAMPLED)

    rest = sampled(vllm, wanting(asked[:2], {1: 71, 3: 73}), SAMPLED)

    assert {name: done.text for name, done in rest.items()} == {
        name: done.text for name, done in whole.items() if name[1] in (1, 3)
    }


def test_a_think_budget_ends_the_reasoning_where_the_transformers_engine_does(vllm, transformers, asked):
    budget = Sampling(temperature=0, max_tokens=60, think_budget=8)
    ours, theirs = (sampled(engine, wanting(asked, {0: 0}), budget) for engine in (vllm, transformers))

    def outcome(done):
        return done.text, done.think_forced, done.finish_reason, done.prompt_tokens, done.completion_tokens

    assert {name: outcome(done) for name, done in ours.items()} == {name: outcome(theirs[name]) for name in ours}
    assert sum(done.think_forced for done in ours.values()) >= len(asked) - 2


def test_a_completion_ends_with_a_stop_or_at_its_length_and_keeps_the_stop_to_itself(vllm, asked):
    asked = wanting(asked, {sample: sample for sample in range(4)})

    cut = sampled(vllm, asked, Sampling(max_tokens=2)).values()
    whole = sampled(vllm, asked, Sampling(max_tokens=500)).values()

    assert ("length", 2) in {(completion.finish_reason, completion.completion_tokens) for completion in cut}
    assert "stop" in {completion.finish_reason for completion in whole}
    assert {completion.finish_reason for completion in (*cut, *whole)} <= {"stop", "length"}
    assert not any("<|im_end|>" in completion.text for completion in whole)
    assert all(completion.logprob < 0 for completion in whole)


def test_what_vllm_refuses_is_a_failed_sample_with_its_reason_and_the_others_go_on(vllm, asked):
    fine = asked[0]
    short = Request("short", fine.text, [fine.clips[0][:80]], ["short"], {0: 1, 1: 2})
    long = Request("long", "word " * 20_000, fine.clips, fine.clip_ids, {0: 1})

    done = list(vllm.sample([short, long, *wanting([fine], {0: 1})], SAMPLED))

    failed = {(c.key, c.sample): c for c in done if c.finish_reason == "error"}
    assert set(failed) == {("short", 0), ("short", 1), ("long", 0)}
    assert "too short" in failed["short", 0].error
    assert "length" in failed["long", 0].error
    assert [c.key for c in done if c.error is None] == [fine.key]


def test_questions_are_read_lazily_and_a_stopped_reader_leaves_the_engine_free(vllm, asked):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield Request(f"q{len(read)}", asked[0].text, asked[0].clips, asked[0].clip_ids, {0: len(read)})

    samples = vllm.sample(endless(), SAMPLED)
    next(samples)
    samples.close()

    assert len(read) <= 3 * vllm.slots
    assert not vllm.core.engine.has_unfinished_requests()


def test_a_killed_engine_process_is_replaced_and_every_sample_is_what_it_would_have_been(vllm, asked, monkeypatch):
    asked = wanting(asked[:4], {sample: 90 + sample for sample in range(40)})
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    apart = open_engine("vllm", MODEL)
    slots, before = apart.slots, set(multiprocessing.active_children())
    done = []
    for one in apart.sample(iter(asked), SAMPLED):
        if not done:
            for process in before:
                os.kill(process.pid, signal.SIGKILL)
        done.append(one)
    halved = apart.slots
    apart.close()
    del apart
    gc.collect()  # what vLLM leaves open of a killed process warns here, where warnings are ignored

    assert before
    assert halved == slots // 2
    assert sorted((one.key, one.sample, one.text, one.error) for one in done) == sorted(
        (key, sample, one.text, None) for (key, sample), one in sampled(vllm, asked, SAMPLED).items()
    )


def test_mgrd_generate_samples_with_vllm_and_goes_on_where_it_stopped(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mgrd",
        "generate",
        HELDOUT,
        "-m",
        MODEL,
        "-o",
        tmp_path / "out",
        "--engine",
        "vllm",
    ]
    command += ["--limit", "3", "--max-tokens", "64", "--json"]

    first = subprocess.run([*command, "-k", "2"], capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    json.loads(first.stdout)  # nothing of vLLM's own on stdout
    two = read_table(tmp_path / "out" / "traces", TRACES)
    more = subprocess.run([*command, "-k", "4"], capture_output=True, text=True, check=False)
    assert more.returncode == 0, more.stderr
    four = read_table(tmp_path / "out" / "traces", TRACES)

    assert four.height == 12
    assert four["engine"].unique().to_list() == ["vllm"]
    assert four["trace_id"].n_unique() == 12
    assert four["seed"].n_unique() == 12
    assert four["error"].null_count() == 12
    assert two.height == 6
    assert set(two["completion"]) <= set(four["completion"])
