"""The server engine against a real `vllm serve`: the transformers engine's tokens, and seeds that mean what they say.

Runs where test_vllm does. The server takes a minute to start, so the tests share one; the last one kills it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

import pytest
from served import heard

try:
    version("vllm")
except PackageNotFoundError:  # `import vllm` could find this folder
    pytest.skip("vLLM is not installed: make test-vllm", allow_module_level=True)

from mgrd import verdicts
from mgrd.audio.load import load
from mgrd.engines import Request, Sampling, messages, open_engine, server
from mgrd.errors import MgrdError, Stopped
from mgrd.prompts import render

pytestmark = pytest.mark.filterwarnings("ignore")

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
MODEL = Path(os.environ.get("MGRD_TEST_MODEL") or QUICKSTART / "model")
GREEDY = Sampling(temperature=0, max_tokens=96)
SAMPLED = Sampling(temperature=1.5, top_p=0.99, max_tokens=48)
PATIENCE_S = 300
ON_CPU = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """(process, address) of `vllm serve` with the quickstart's model under the name `quick`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", MODEL, "--served-model-name", "quick"]
    command += ["--host", "127.0.0.1", "--port", port, "--dtype", "float32", "--max-model-len", 2048, "--enforce-eager"]
    # chunked prefill kills vLLM 0.32 on a CPU when a request is seeded
    command += ["--block-size", 32, "--no-enable-chunked-prefill", "--max-num-batched-tokens", 16384]
    command += ["--max-num-seqs", 32, "--limit-mm-per-prompt", '{"audio": 2}']
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with log.open("w") as told:
        process = subprocess.Popen(
            list(map(str, command)), env=os.environ | ON_CPU, stdout=told, stderr=told, process_group=0
        )
        try:
            until = time.monotonic() + PATIENCE_S
            while not is_up(port):
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < until, log.read_text()[-3000:]
                time.sleep(0.5)
            yield process, f"http://127.0.0.1:{port}/v1"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def is_up(port):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
        return answer.status == 200
    return False


@pytest.fixture(scope="module")
def served(serving):
    engine = open_engine("server", "quick", url=serving[1], concurrency=32)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def asked():
    """A held-out question of every task, and the first about two clips; the clips are as a server hears them."""
    rows = sorted(map(json.loads, (QUICKSTART / "heldout.jsonl").read_text().splitlines()), key=lambda row: row["task"])
    picked = [next(group) for _, group in groupby(rows, key=lambda row: row["task"])]
    clips = [sent(load(QUICKSTART / row["audio"]).mono(messages.SR)) for row in picked]
    texts = [render("grounded", row["question"], row["choices"]) for row in picked]
    one = [Request(row["id"], text, [clip], [row["id"]]) for row, text, clip in zip(picked, texts, clips, strict=True)]
    return [*one, Request("two clips", texts[0], clips[:2], ["0", "1"])]


def sent(clip):
    (part,) = messages.audio_parts([clip], messages.PLAIN, as_url=False)
    return heard(part)[0]


def wanting(requests, seeds):
    return [Request(r.key, r.text, r.clips, r.clip_ids, seeds) for r in requests]


def sampled(engine, requests, sampling):
    done = list(engine.sample(iter(requests), sampling))
    assert [completion.error for completion in done] == [None] * len(done)
    return {(completion.key, completion.sample): completion for completion in done}


def outcome(done):
    return done.text, done.finish_reason, done.prompt_tokens, done.completion_tokens, done.heard_s


def test_greedy_tokens_equal_the_transformers_engines(served, asked):
    asked = wanting(asked, {0: 0})

    ours, theirs = sampled(served, asked, GREEDY), sampled(open_engine("transformers", MODEL), asked, GREEDY)

    assert {name: outcome(done) for name, done in ours.items()} == {name: outcome(theirs[name]) for name in ours}
    assert len(ours) == len(asked)
    for name, done in ours.items():
        assert done.logprob == pytest.approx(theirs[name].logprob, abs=1e-3)


def test_each_of_several_samples_of_a_request_is_what_its_own_seed_draws(served, asked):
    together = sampled(served, wanting(asked, {sample: 7000 + sample for sample in range(6)}), SAMPLED)
    assert served.several
    assert not served.unknown

    alone = sampled(served, wanting(asked[:2], {1: 7001, 4: 7004}), SAMPLED)

    assert {name: outcome(done) for name, done in alone.items()} == {name: outcome(together[name]) for name in alone}
    assert len({done.text for done in together.values()}) > 2 * len(asked)


def test_audio_in_a_url_is_the_same_sound(serving, served, asked):
    asked = wanting(asked[:2], {0: 0})
    engine = open_engine("server", "quick", url=serving[1], audio_part="audio_url")
    in_url = sampled(engine, asked, GREEDY)
    engine.close()

    assert {name: one.text for name, one in in_url.items()} == {
        name: one.text for name, one in sampled(served, asked, GREEDY).items()
    }


def test_an_answer_that_is_begun_for_the_model_goes_on_where_it_was_begun(served, asked, monkeypatch):
    (whole,) = sampled(served, wanting(asked[:1], {0: 0}), GREEDY).values()
    begun = whole.text[: whole.text.index("\n") + 1]  # not within a token
    monkeypatch.setattr(served, "preset", messages.Preset(prefill=begun))

    (rest,) = sampled(served, wanting(asked[:1], {0: 0}), GREEDY).values()

    assert begun + rest.text == whole.text


def test_a_model_that_knows_no_json_is_held_to_the_schema(served):
    asked = [Request("q", "Judge this.", [], [], {sample: sample for sample in range(4)})]

    done = sampled(served, asked, Sampling(temperature=0.7, max_tokens=300, schema=verdicts.COHERENT))

    assert all(one.text.lstrip().startswith("{") for one in done.values())


def test_what_vllm_refuses_is_a_failed_sample_with_its_reason_and_the_others_go_on(served, asked):
    short = Request("short", asked[0].text, [asked[0].clips[0][:80]], ["short"], {0: 1, 1: 2})
    long = Request("long", "word " * 20_000, asked[0].clips, ["x"], {0: 1})

    done = list(served.sample([*wanting(asked[:1], {0: 1}), short, long], SAMPLED))

    assert {one.key for one in done if one.error} == {"short", "long"}
    assert "context length" in next(one.error for one in done if one.key == "long")
    assert len(done) == 4


def test_a_name_that_is_not_served_is_told_with_the_one_that_is(serving, asked):
    engine = open_engine("server", "quack", url=serving[1])
    with pytest.raises(MgrdError, match=r"quack.*it serves quick; mend --url or -m"):
        list(engine.sample(wanting(asked[:1], {0: 0}), GREEDY))
    engine.close()


def test_a_server_that_is_killed_ends_the_job_retriably(serving, served, asked, monkeypatch):
    monkeypatch.setattr(server, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(server, "LONGEST_WAIT_S", 0.1)
    done = []
    with pytest.raises(Stopped, match="the server is gone"):
        for one in served.sample(wanting(asked, {sample: sample for sample in range(200)}), SAMPLED):
            if not done:
                os.killpg(serving[0].pid, signal.SIGKILL)
            done.append(one)

    assert all(one.error is None for one in done)
