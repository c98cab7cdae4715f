"""`--engine server` of the commands: exit codes, resuming, what is written down; and served models that judge."""

import json

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from served import Served, clips_of, completion, error, polite

from mgrd.options import Filter, Generate
from mgrd.settings import fields

KEY = "sk-planted-1234567890"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def asked(tmp_path):
    """Six questions about clips of 0.1 to 0.6 s."""
    rows = []
    for n in range(1, 7):
        sf.write(tmp_path / f"{n}.wav", 0.3 * np.sin(np.arange(1600 * n) / 10), 16000)
        rows.append(
            {"id": f"q{n}", "audio": f"{n}.wav", "question": "High?", "choices": ["yes", "no"], "answer": "yes"}
        )
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(folder):
    return pl.read_parquet(folder / "traces" / "*.parquet").sort("trace_id")


def everything(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_generate_writes_what_a_server_samples_under_the_name_that_it_serves(run, asked, tmp_path, monkeypatch):
    monkeypatch.setenv("MGRD_API_KEY", KEY)
    out = tmp_path / "out"
    with Served() as served:
        code, _, err = run(
            "generate", asked, "-m", "m", "-o", out, "-k", 3, "--engine", "server", "--url", served.url, "-v"
        )

    rows = table(out)
    assert (code, rows.height, rows["error"].null_count()) == (0, 18, 18)
    assert rows["completion"].to_list() == [
        f"<think>0.{n}0 s, seed {seed}</think> yes"
        for n, seed in zip(np.repeat(range(1, 7), 3), rows["seed"], strict=True)
    ]
    assert {*rows["model"], *rows["engine"]} == {"m", "server"}
    assert rows["response"].unique().to_list() == ["yes"]
    identity = json.loads((out / "manifest.json").read_text())["generate"]["identity"]
    assert (identity["model"], identity["preset"], identity["window"]) == ("served as m", None, 30.0)
    assert KEY.encode() not in everything(tmp_path)
    assert KEY not in err


def test_a_job_goes_on_at_another_address_and_its_samples_are_there_once(run, asked, tmp_path):
    out, command = tmp_path / "out", ("generate", asked, "-m", "m", "-o", tmp_path / "out", "--engine", "server")
    command += ("--no-canary",)
    with Served(lambda body, n: polite(body, n) if n < 3 else error(502, "bad gateway")) as served:

        def dying(body, number):
            if number == 3:
                served.models = error(502, "bad gateway")
            return polite(body, number) if number < 3 else error(502, "bad gateway")

        served.answer = dying
        code, _, err = run(*command, "-k", 2, "--concurrency", 2, "--url", served.url)
    assert code == 75
    assert "the server is gone (502: bad gateway)" in err
    assert table(out).height == 6
    with Served() as served:
        assert run(*command, "-k", 4, "--url", served.url)[0] == 0
    with Served() as served:
        assert run(*command, "-k", 4, "--url", served.url)[0] == 0
        assert served.bodies == []

    assert table(out)["trace_id"].to_list() == [f"q{n}.0.{sample}" for n in range(1, 7) for sample in range(4)]
    assert table(out)["seed"].n_unique() == 24


def test_refused_clips_are_failed_rows_until_there_are_too_many(run, asked, tmp_path):
    command = ("generate", asked, "-m", "m", "-o", tmp_path / "out", "-k", 2, "--engine", "server")
    with Served(lambda body, n: error(400, "too short") if clips_of(body) == [0.1] else polite(body, n)) as served:
        code, _, err = run(*command, "--url", served.url)
        assert code == 1
        assert "2 of 12 samples failed, most often: q1: 400: too short (2)" in err
        assert run(*command, "--url", served.url, "--max-failed", "0.2")[0] == 0

    rows = table(tmp_path / "out")
    assert rows.filter(pl.col("error").is_not_null())["question_id"].to_list() == ["q1", "q1"]
    assert rows.height == 12


def test_a_clip_beyond_the_window_is_refused_and_not_sent(run, asked, tmp_path):
    command = ("generate", asked, "-m", "m", "-o", tmp_path / "out", "-k", 1, "--engine", "server", "--max-failed", 1)
    with Served() as served:
        assert run(*command, "--url", served.url, "--window", "0.35")[0] == 0

    failed = table(tmp_path / "out").filter(pl.col("error").is_not_null())
    assert failed["question_id"].to_list() == ["q4", "q5", "q6"]
    assert failed["error"][0] == (
        "4.wav: 0.4 s is longer than the 0.35 s this model hears; cut it, or give it in parts, --long-clips chunk "
        "--retry-failed; if it hears more, say so with --window and another -o"
    )
    assert max(sum(clips_of(body)) for body in served.bodies) == 0.3


def test_another_served_name_or_preset_is_another_job(run, asked, tmp_path):
    command = ("generate", asked, "-o", tmp_path / "out", "-k", 1, "--engine", "server")
    with Served(models=("m", "n")) as served:
        assert run(*command, "-m", "m", "--url", served.url)[0] == 0
        code, _, err = run(*command, "-m", "n", "--url", served.url)

    assert code == 1
    assert "model served as m -> served as n" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--engine", "server"], 2, "--engine server: say where it is, --url http://HOST:PORT/v1"),
        (["--url", "http://host/v1"], 2, "--url: goes with --engine server"),
        (["--engine", "server", "--url", "localhost:8000"], 2, "--url 'localhost:8000': is no address"),
        (["--engine", "server", "--url", f"http://me:{KEY}@host/v1"], 2, "the key in MGRD_API_KEY"),
        (["--preset", "step-audio-r1"], 2, "--preset step-audio-r1: goes with --engine server"),
        (
            ["--engine", "server", "--url", "http://127.0.0.1:9"],
            1,
            "http://127.0.0.1:9/v1: no OpenAI-compatible",
        ),
    ],
)
def test_what_is_misused_or_not_there_is_one_line_and_leaves_nothing(run, asked, tmp_path, words, code, said):
    (tmp_path / "model").mkdir()

    found, out, err = run("generate", asked, "-m", tmp_path / "model", "-o", tmp_path / "out", *words)

    assert (found, out) == (code, "")
    assert said in err
    assert KEY not in err
    assert not (tmp_path / "out" / "traces").exists()


def test_eval_measures_a_served_model(run, asked, tmp_path):
    with Served() as served:
        code, out, _ = run(
            "eval", asked, "-m", "m", "-o", tmp_path / "out", "-k", 2, "--json",
            "--engine", "server", "--url", served.url, "--workers", 1,
        )  # fmt: skip

    assert code == 0
    assert json.loads(out)["accuracy"] == 1.0


def test_models_that_judge_and_extract_may_be_served(run, asked, tmp_path):
    def judge(body, _number):
        assert isinstance(body["messages"][0]["content"], str)
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        said = {name: {"why": "so", "answer": "yes", "score": 4}[name] for name in schema.get("properties", {})}
        return completion([json.dumps(said)] * body.get("n", 1))

    with Served() as served:
        run("generate", asked, "-m", "m", "-o", tmp_path / "out", "-k", 1, "--engine", "server", "--url", served.url)
    with Served(judge) as served:
        words = ("filter", tmp_path / "out", "-o", tmp_path / "out", "--workers", 1, "--json")
        words += ("--judge", "big", "--blind", "big", "--judge-engine", "server", "--judge-url", served.url)
        words += ("--extractor", "llm", "--extractor-model", "small")
        words += ("--extractor-engine", "server", "--extractor-url", served.url)
        code, out, err = run(*words)
        count = len(served.bodies)
        assert run(*words)[0] == code

    result = json.loads(out)
    assert code in (0, 3), err
    assert result["asked"]["judged_coherent"]["verdicts"] == 6
    assert result["asked"]["leads_to_its_answer"]["verdicts"] == 6
    assert {body["model"] for body in served.bodies} == {"big", "small"}
    assert len(served.bodies) == count  # nothing is asked twice


def test_a_served_judge_that_fails_refuses_or_talks_leaves_those_traces_undecided_and_one_that_is_gone_is_resumed(
    run, asked, tmp_path
):
    def judge(body, number):
        if number == 0:
            return error(400, "This request was flagged by our safety policy.")
        if number == 1:
            return completion([None], refusal="I cannot help with that.")
        return completion(["I think it is coherent." if number == 2 else json.dumps({"why": "so", "score": 4})])

    out = tmp_path / "out"
    with Served() as served:
        run("generate", asked, "-m", "m", "-o", out, "-k", 1, "--engine", "server", "--url", served.url)
    words = ("filter", out, "-o", out, "--workers", 1, "--json", "--judge", "big", "--judge-votes", 1)
    code, _, err = run(*words, "--judge-engine", "server", "--judge-url", served.url)
    assert (code, "no OpenAI-compatible server is there" in err, (out / "judged").exists()) == (1, True, False)
    with Served(judge) as served:
        code, shown, err = run(*words, "--judge-engine", "server", "--judge-url", served.url)

    assert code in (0, 3), err
    assert json.loads(shown)["asked"]["judged_coherent"] == {
        "verdicts": 3,
        "none": {
            "0 of 1 votes fit the schema": 1,
            "400: This request was flagged by our safety policy.": 1,
            "the server ended it: stop": 1,
        },
    }
    assert "--judge: 2 texts were not answered (" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--judge-engine", "server", "--judge", "big"], "--judge-engine server: say where it is, --judge-url http"),
        (["--judge-url", "http://host/v1"], "--judge-url: goes with --judge-engine server"),
        (["--extractor-url", "http://host/v1"], "--extractor-url: goes with --extractor-engine server"),
    ],
)
def test_a_judge_without_a_place_or_a_place_without_a_judge_is_misuse(run, asked, tmp_path, words, said):
    traces = tmp_path / "traces.jsonl"
    traces.write_text('{"id": "t", "audio": "1.wav", "question": "High?", "completion": "<think>It is.</think>yes"}\n')

    code, _, err = run("filter", traces, "-o", tmp_path / "out", *words)

    assert (code, said in err) == (2, True)


def test_a_run_does_not_sample_from_a_server_but_its_judge_may_be_served(tmp_path, asked):
    from mgrd.config import HOW_IT_RUNS, read_config
    from mgrd.errors import MisusedError

    (tmp_path / "model").mkdir()
    head = '[run]\nmodel = "model"\nquestions = "questions.jsonl"\n'
    config = tmp_path / "run.toml"
    config.write_text(head + '[generate]\nengine = "server"\nurl = "http://host/v1"\n')
    with pytest.raises(MisusedError, match=r"\[generate\] engine = 'server': a server does not sample from what a"):
        read_config(config)
    config.write_text(head + '[filter]\njudge = "big"\njudge_engine = "server"\njudge_url = "http://host/v1"\n')
    made = read_config(config)

    assert made.filter.judge == "big"
    assert made.identity["filter.judged_coherent_fingerprint"] == "served as big"
    mine = {"url", "preset", "audio_part", "window", "concurrency", "timeout", "judge_url", "extractor_engine"}
    assert mine <= HOW_IT_RUNS & {field.name for kind in (Generate, Filter) for field in fields(kind)}
