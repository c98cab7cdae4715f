"""`--think-budget`: a reasoning that does not end is ended, then answered; one that ends by itself is left alone."""

import json

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from served import Served, completion, error, refused_form

from mgrd import tables, traces
from mgrd.engines import Request, Sampling, open_engine
from mgrd.errors import MgrdError

SR = 16000


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    pytest.importorskip("torch", reason="needs mgrd[train]")
    from tiny_model import build

    return open_engine("transformers", build(tmp_path_factory.mktemp("model")))


def request(samples, key="q"):
    clip = (0.1 * np.sin(np.arange(SR) / 20)).astype(np.float32)
    return Request(key, "Is it high?", [clip], ["c"], {n: 100 + n for n in range(samples)})


def test_a_reasoning_is_ended_at_the_budget_and_what_was_drawn_before_is_the_same(engine):
    asked = [request(6)]
    free = {one.sample: one for one in engine.sample(asked, Sampling(max_tokens=40))}
    held = {one.sample: one for one in engine.sample(asked, Sampling(max_tokens=40, think_budget=12))}

    assert {one.think_forced for one in free.values()} == {None}
    ending = "\n</think>\n"
    forced = [sample for sample, one in held.items() if one.think_forced]
    assert len(forced) >= 4  # a random model seldom stops within 12 tokens
    for sample in forced:
        text = held[sample].text
        before, found, _ = text.partition(ending)
        assert found
        assert free[sample].text.startswith(before)
        assert held[sample].completion_tokens == 40 or held[sample].finish_reason == "stop"
    for sample in set(held) - set(forced):
        assert held[sample].text == free[sample].text


def test_forced_tokens_do_not_depend_on_the_batch_and_cost_no_probability(engine):
    sampling = Sampling(max_tokens=30, think_budget=8)
    engine.batch = 4
    together = {(one.key, one.sample): one for one in engine.sample([request(2, "a"), request(3, "b")], sampling)}
    engine.batch = 1
    alone = {(one.key, one.sample): one for one in engine.sample([request(3, "b")], sampling)}

    assert {key: one.text for key, one in together.items() if key[0] == "b"} == {
        key: one.text for key, one in alone.items()
    }
    short = next(engine.sample([request(1)], Sampling(max_tokens=8)))
    ended = next(engine.sample([request(1)], Sampling(max_tokens=8 + 3, think_budget=8)))
    assert ended.text == short.text + "\n</think>\n"  # three tokens
    assert ended.logprob == pytest.approx(short.logprob, abs=1e-4)


def thinker(words, *, goes_on=True, anew=False):
    """Thinks for `words` words, one a token, then says yes; told where it stands, it goes on from there."""

    def answer(body, _number):
        begun = body["messages"][1]["content"] if len(body["messages"]) > 1 else ""
        extras = ["top_k", "min_p", "repetition_penalty", "skip_special_tokens"]
        extras += ["continue_final_message", "add_generation_prompt"] if goes_on else []
        if wrong := refused_form(body, extras=extras):
            return error(400, wrong)
        whole = ["<think>", *[f"w{n}" for n in range(words)], "</think>", "yes", "yes", "yes"]
        rest = whole if anew or not begun else (
            ["so", "yes"] if begun.endswith("</think>\n") and words > 6 else whole[len(begun.split()) :]
        )  # fmt: skip
        said = rest[: body["max_tokens"]]
        finish = "stop" if len(said) == len(rest) else "length"
        return completion([" ".join(said)] * body.get("n", 1), finish=finish)

    return answer


def sampled(served, budget, max_tokens=100):
    engine = open_engine("server", "m", url=served.url)
    try:
        return list(engine.sample([request(2)], Sampling(max_tokens=max_tokens, think_budget=budget)))
    finally:
        engine.close()


def test_a_server_is_told_the_end_of_the_reasoning_and_answers_from_there():
    with Served(thinker(20)) as served:
        done = sampled(served, 4)

    assert {one.text for one in done} == {"<think> w0 w1 w2\n</think>\nso yes"}
    assert [(one.think_forced, one.completion_tokens, one.logprob, one.finish_reason) for one in done] == [
        (True, 6, -3.0, "stop")
    ] * 2
    later = [body for body in served.bodies if len(body["messages"]) > 1]
    assert {body["max_tokens"] for body in later} == {96}
    assert {body["continue_final_message"] for body in later} == {True}
    assert not {body["seed"] for body in later} & {100, 101}


def test_a_reasoning_that_ends_in_time_is_left_alone_and_its_answer_goes_on():
    with Served(thinker(2)) as served:
        (one, _) = sampled(served, 5)  # <think> w0 w1 </think> yes
        (whole, _) = sampled(served, 50)

    assert (one.text, one.think_forced) == ("<think> w0 w1 </think> yesyes yes", False)
    assert (whole.text, whole.think_forced) == ("<think> w0 w1 </think> yes yes yes", False)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (thinker(20, goes_on=False), r"does not go on with an answer that is begun \(400: Unrecognized request"),
        (thinker(20, anew=True), r"does not go on with an answer that is begun \(it begins to think anew\)"),
    ],
)
def test_a_server_that_does_not_go_on_is_refused_by_name(answer, said):
    with Served(answer) as served, pytest.raises(MgrdError, match=said):
        sampled(served, 4)


def test_the_tag_that_ends_is_of_the_form_that_began():
    assert traces.closing("<|THINK_START|>\nIt is") == "\n<|THINK_END|>\n"
    assert traces.closing("<|im_start|>assistant\n<think>\nIt is") == "\n</think>\n"
    assert traces.closing("It is") == "\n</think>\n"


def test_it_is_written_down_is_part_of_the_identity_and_leaves_room_to_answer(run, tmp_path):
    sf.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(SR) / 10), SR)
    asked = tmp_path / "questions.jsonl"
    asked.write_text(json.dumps({"id": "q", "audio": "a.wav", "question": "High?"}))
    with Served(thinker(20)) as served:
        command = ("generate", asked, "-m", "m", "-o", tmp_path / "out", "-k", 2, "--engine", "server", "--no-canary")
        command = (*command, "--url", served.url, "--max-tokens", 50)
        assert run(*command, "--think-budget", 4)[0] == 0
        code, _, err = run(*command, "--think-budget", 5)
        assert (code, "think_budget 4 -> 5" in err) == (1, True)
        code, _, err = run(*command, "--think-budget", 50)
        assert (code, "--think-budget 50: leaves nothing of --max-tokens 50" in err) == (2, True)

    rows = tables.read_table(tmp_path / "out" / "traces", tables.TRACES)
    assert rows["think_forced"].to_list() == [True, True]
    assert rows["think"].unique().to_list() == ["w0 w1 w2"]


def test_tables_from_before_the_column_are_read_as_null(tmp_path):
    row = dict.fromkeys(tables.TRACES) | {"trace_id": "t"}
    tables.write_table([row], tmp_path / "part-000000.parquet", tables.TRACES)
    old = pl.read_parquet(tmp_path / "part-000000.parquet").drop("think_forced")
    old.write_parquet(tmp_path / "part-000000.parquet")

    read = tables.read_table(tmp_path, tables.TRACES)

    assert read["think_forced"].to_list() == [None]
    ids = pl.Series("trace_id", ["t"])
    tables.write_rows_of(tmp_path, ids, tmp_path / "some.parquet", tables.TRACES)
    assert pl.read_parquet(tmp_path / "some.parquet").schema == pl.Schema(tables.TRACES)
