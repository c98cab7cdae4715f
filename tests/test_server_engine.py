"""The server engine against a real HTTP server: what it sends, what it makes of answers, and all that goes wrong."""

import json
import logging
import threading
import time

import numpy as np
import pytest
from served import DROP, Reply, Served, clips_of, completion, error, heard, polite, refused_form, sounds_of

from mgrd.engines import Request, Sampling, endpoint, messages, open_engine
from mgrd.engines.endpoint import address, key_for
from mgrd.errors import InputError, MgrdError, MisusedError, Stopped
from mgrd.progress import stop
from mgrd.traces import split

SAMPLED = Sampling(temperature=0.9, top_p=0.95, max_tokens=64)
KEY = "sk-planted-1234567890"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def engine_of():
    """Open an engine on a server; all are closed at the end."""
    opened = []

    def open_one(served, model="m", **settings):
        opened.append(open_engine("server", model, url=getattr(served, "url", served), **settings))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def tone(seconds, hz=220):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.float32)


def question(key, samples=1, seconds=0.5, first_seed=100):
    seeds = {sample: first_seed + sample for sample in range(samples)}
    return Request(key, f"Is {key} high?", [tone(seconds)], [key], seeds)


def by_sample(completions):
    return {(one.key, one.sample): one for one in completions}


# What is sent


def test_samples_of_a_question_are_one_request_with_consecutive_seeds(engine_of):
    with Served() as served:
        done = by_sample(engine_of(served).sample([question("a", 4), question("b", 4, first_seed=900)], SAMPLED))

    assert {name: (one.text, one.seed) for name, one in done.items()} == {
        (key, n): (f"<think>0.50 s, seed {first + n}</think> yes", first + n)
        for key, first in (("a", 100), ("b", 900))
        for n in range(4)
    }
    assert sorted((body["seed"], body["n"]) for body in served.bodies) == [(100, 4), (900, 4)]
    one = done["a", 0]
    level = np.abs(sounds_of(served.bodies[0])[0]).mean()
    assert (one.finish_reason, one.prompt_tokens, one.completion_tokens) == ("stop", 50, 5)
    assert one.logprob == pytest.approx(5 * (-0.5 - level))
    assert (one.heard_s, one.error) == ((0.5,), None)


def test_a_request_says_everything_that_a_server_would_else_take_from_the_models_own_settings(engine_of):
    with Served() as served:
        list(engine_of(served).sample([question("a")], SAMPLED))

    (body,) = served.bodies
    (message,) = body.pop("messages")
    assert body == {
        "model": "m",
        "temperature": 0.9,
        "top_p": 0.95,
        "max_tokens": 64,
        "seed": 100,
        "logprobs": True,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "skip_special_tokens": False,
    }
    assert message["role"] == "user"
    assert message["content"][1] == {"type": "text", "text": "Is a high?"}
    samples, sr = heard(message["content"][0])
    assert sr == 16_000
    np.testing.assert_allclose(samples, tone(0.5), atol=2**-15)


def test_only_the_samples_that_are_wanted_are_asked_for(engine_of):
    request = Request("a", "Is it high?", [tone(0.5)], ["a"], {1: 101, 2: 102, 5: 105})
    with Served() as served:
        done = by_sample(engine_of(served).sample([request], SAMPLED))

    assert {sample: one.text.split()[-2] for (_, sample), one in done.items()} == {
        1: "101</think>",
        2: "102</think>",
        5: "105</think>",
    }
    assert sorted((body["seed"], body.get("n")) for body in served.bodies) == [(101, 2), (105, None)]


def test_greedy_samples_are_requests_of_their_own_because_servers_refuse_several(engine_of):
    with Served() as served:
        list(engine_of(served).sample([question("a", 3)], Sampling(temperature=0, max_tokens=8)))

    assert sorted((body["seed"], "n" in body) for body in served.bodies) == [(100, False), (101, False), (102, False)]


def test_audio_goes_as_data_in_a_url_when_told_to(engine_of):
    with Served() as served:
        done = list(engine_of(served, audio_part="audio_url").sample([question("a")], SAMPLED))

    assert [one.error for one in done] == [None]
    assert [part["type"] for part in served.bodies[0]["messages"][0]["content"]] == ["audio_url", "text"]


@pytest.mark.parametrize(
    "clip",
    [
        5 * tone(0.1),
        np.array([-1, 1, 0.5, 0] * 100, dtype=np.float32),
        (np.random.default_rng(0).integers(-(2**15), 2**15, 4000) / 2**15).astype(np.float32),
    ],
    ids=["beyond full scale", "full scale", "16 bits"],
)
def test_a_clip_is_sent_as_it_is_and_never_clipped(clip):
    (part,) = messages.audio_parts([clip], messages.PLAIN, as_url=False)

    np.testing.assert_array_equal(heard(part)[0], clip)


def test_a_text_question_is_a_plain_message_and_its_schema_is_sent_until_it_is_refused(engine_of):
    def picky(body, _number):
        if "response_format" in body:
            return error(400, "This server has no response_format")
        return completion(['{"why": "x"}'])

    schema = {"type": "object"}
    asked = [Request(f"q{n}", "Judge this.", [], [], {0: 0}) for n in range(40)]
    with Served(picky) as served:
        done = list(engine_of(served, concurrency=1).sample(asked, Sampling(temperature=0, schema=schema)))

    assert [one.text for one in done] == ['{"why": "x"}'] * 40
    assert served.bodies[0]["messages"] == [{"role": "user", "content": "Judge this."}]
    assert served.bodies[0]["response_format"]["json_schema"]["schema"] == schema
    assert len(served.bodies) == 41


def test_fields_that_a_server_does_not_know_are_left_out_from_then_on(engine_of):
    def hosted(body, _number):
        if "max_tokens" in body:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        wrong = refused_form(body, extras=("max_completion_tokens",))
        return error(400, wrong) if wrong else completion(["yes"])

    with Served(hosted) as served:
        done = list(engine_of(served, concurrency=1).sample([question(f"q{n}") for n in range(20)], SAMPLED))

    assert [one.text for one in done] == ["yes"] * 20
    assert len(served.bodies) == 22
    assert served.bodies[-1].keys() == {
        "model", "messages", "temperature", "top_p", "max_completion_tokens", "seed", "logprobs"
    }  # fmt: skip


@pytest.mark.parametrize("way", ["refuses", "ignores", "one seed for all"])
def test_where_a_server_cannot_draw_several_every_sample_is_asked_for_by_itself(engine_of, way):
    def answer(body, number):
        n = body.get("n", 1)
        if n > 1 and way == "refuses":
            return error(400, "'n' must be 1 here")
        alone = polite(body | {"n": 1}, number)
        return alone | {"choices": alone["choices"] * (n if way == "one seed for all" else 1)}

    with Served(answer) as served:
        done = by_sample(engine_of(served).sample([question("a", 4), question("b", 4)], SAMPLED))

    assert {sample: split(one.text)[0] for (key, sample), one in done.items() if key == "b"} == {
        n: f"0.50 s, seed {100 + n}" for n in range(4)
    }
    assert len(done) == 8
    assert sum(body.get("n", 1) > 1 for body in served.bodies) <= 2


def test_no_more_samples_are_in_flight_than_allowed_and_the_next_starts_when_one_ends(engine_of):
    twenty = threading.Event()

    def slow(body, number):
        if number == 0:
            twenty.wait(20)
        elif number == 20:
            twenty.set()
        time.sleep(0.01)
        return polite(body, number)

    with Served(slow) as served:
        done = list(engine_of(served, concurrency=4).sample([question(f"q{n}") for n in range(30)], SAMPLED))
    first = json.dumps(served.bodies[0]["messages"])

    assert len(done) == 30
    assert 1 < served.most <= 4
    assert next(n for n, one in enumerate(done) if f"Is {one.key} high?" in first) > 10  # the others did not wait


def test_every_sample_of_a_request_counts_as_one_in_flight(engine_of):
    def slow(body, number):
        time.sleep(0.2)
        return polite(body, number)

    with Served(slow) as served:
        done = list(engine_of(served, concurrency=8).sample([question(f"q{n}", 3) for n in range(12)], SAMPLED))

    assert len(done) == 36
    assert 3 < served.most <= 6


def test_questions_are_read_lazily_and_a_reader_that_stops_frees_the_engine(engine_of):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield question(f"q{len(read)}")

    with Served() as served:
        engine = engine_of(served, concurrency=4)
        samples = engine.sample(endless(), SAMPLED)
        next(samples)
        samples.close()
        count = len(served.bodies)
        assert len(list(engine.sample([question("again")], SAMPLED))) == 1

    assert len(read) <= 12
    assert len(served.bodies) <= count + 5


@pytest.mark.parametrize("grace_s", [0.0, 30.0])
def test_a_signal_begins_no_request_and_waits_for_those_in_flight_within_its_grace(engine_of, monkeypatch, grace_s):
    monkeypatch.setattr(stop, "grace_s", grace_s)
    monkeypatch.setattr(stop, "_since", None)
    gate = threading.Event()

    def answer(body, number):
        if number >= 3:
            gate.wait(10)
        return polite(body, number)

    with Served(answer) as served:
        done = []
        began = time.monotonic()
        for one in engine_of(served, concurrency=2).sample([question(f"q{n}") for n in range(9)], SAMPLED):
            done.append(one)
            if len(done) == 3:
                monkeypatch.setattr(stop, "signal_name", "SIGTERM")
                threading.Timer(1.0, gate.set).start()
        took_s = time.monotonic() - began
        gate.set()

    assert [one.error for one in done] == [None] * len(done)
    assert 4 <= len(served.bodies) <= 5  # two in flight, of which the second may not have begun
    assert len(done) == (len(served.bodies) if grace_s else 3)
    assert took_s < 5


# Step-Audio-R1's own server


def step_audio(body, _number):
    """Its fork of vLLM with its chat template: no role but its own, a turn that is begun, its own stop token."""
    extras = ("top_k", "min_p", "repetition_penalty", "skip_special_tokens", "stop_token_ids")
    wrong = refused_form(body, role="human", extras=(*extras, "continue_final_message", "add_generation_prompt"))
    if wrong:
        return error(400, wrong)
    asked, begun = body["messages"]
    if begun != {"role": "assistant", "content": "<think>\n", "eot": False}:
        return error(400, f"the assistant's turn is not begun: {begun}")
    flags = [body[name] for name in ("continue_final_message", "add_generation_prompt", "skip_special_tokens")]
    if flags != [True, False, False] or body["stop_token_ids"] != [151665]:
        return error(400, f"{flags} {body['stop_token_ids']}")
    if any(seconds > 25 for seconds in clips_of(body)):
        return error(400, "an <audio_patch> of more than 25 s")
    patches = "<audio_patch>" * (len(asked["content"]) - 1)
    return completion([f"{patches} a low voice, {i}\n</think>\ncalm<|EOT|>" for i in range(body.get("n", 1))])


def test_step_audio_r1_is_asked_in_its_own_protocol_and_long_clips_whole_in_chunks(engine_of):
    long = Request("long", "Who speaks?", [tone(60.5), tone(3)], ["x", "y"], {0: 1, 1: 2})
    with Served(step_audio) as served:
        engine = engine_of(served, preset="step-audio-r1")
        done = by_sample(engine.sample([question("a", 2), long], SAMPLED))

    assert engine.window_s == float("inf")
    assert {name: one.error for name, one in done.items()} == dict.fromkeys(done)
    assert done["a", 1].text == "<audio_patch> a low voice, 1\n</think>\ncalm"
    assert split(done["a", 1].text) == ("<audio_patch> a low voice, 1", "calm")
    assert done["long", 0].heard_s == (60.5, 3.0)
    (body,) = [body for body in served.bodies if len(clips_of(body)) > 1]
    parts = body["messages"][0]["content"][:-1]
    assert clips_of(body) == pytest.approx([20.17, 20.17, 20.17, 3.0], abs=0.01)
    np.testing.assert_allclose(np.concatenate([heard(part)[0] for part in parts[:3]]), tone(60.5), atol=2**-15)


def test_the_strict_server_refuses_the_form_without_the_preset(engine_of):
    with Served(step_audio) as served, pytest.raises(MgrdError, match="unexpected role user; nothing was ever"):
        list(engine_of(served).sample([question(f"q{n}") for n in range(99)], SAMPLED))


# What is answered


@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        ({"content": "yes", "reasoning_content": "\nIt is high.\n"}, "stop", "<think>\nIt is high.\n</think>\nyes"),
        ({"content": None, "reasoning": "It is"}, "length", "<think>\nIt is"),
        ({"content": "It is\ud83d high"}, "stop", "It is\ufffd high"),
        ({"content": "", "reasoning_content": None}, "stop", ""),
    ],
)
def test_a_message_becomes_the_completion_that_was_sampled(message, finish, text):
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}

    (choice,), prompt_tokens = messages.read(answer, messages.PLAIN)

    assert (choice.text, choice.finish_reason, choice.error, choice.logprob) == (text, finish, None, None)
    assert prompt_tokens == 0


@pytest.mark.parametrize("finish", ["content_filter", "tool_calls", None])
def test_an_end_that_is_no_end_is_a_failed_sample(finish):
    (choice,), _ = messages.read(completion(["It is"], finish=finish), messages.PLAIN)

    assert (choice.finish_reason, choice.error) == ("error", f"the server ended it: {finish}")


def test_choices_come_by_index_and_tokens_that_are_told_in_sum_are_shared_by_length():
    answer = completion(["a b c d e f", "g h"], logprob=None)
    answer["choices"].reverse()

    choices, _ = messages.read(answer, messages.PLAIN)

    assert [(one.text, one.tokens, one.logprob) for one in choices] == [("a b c d e f", 6, None), ("g h", 2, None)]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        {"choices": []},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": {"content": 1}}]},
    ],
)
def test_json_that_is_no_answer_is_a_value_error(answer):
    with pytest.raises(ValueError, match="answers with"):
        messages.read(answer, messages.PLAIN)


def test_a_log_probability_without_a_finite_sum_is_none():
    (choice,), _ = messages.read(completion(["a b"], logprob=float("-inf")), messages.PLAIN)

    assert (choice.tokens, choice.logprob) == (2, None)


# What goes wrong on the way

BROKEN = {
    "500": error(500, "Internal Server Error"),
    "drops the connection": DROP,
    "truncated JSON": Reply(200, b'{"choices": [{"index": 0, "mess'),
    "fewer bytes than promised": Reply(200, b"{", {"Content-Length": "100", "Connection": "close"}),
    "HTML": Reply(200, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}),
    "no UTF-8": Reply(200, b'{"choices": "\xff\xfe"}'),
    "no gzip": Reply(200, b"{}", {"Content-Encoding": "gzip"}),
    "bottomless": Reply(200, b"[" * 100_000),
    "no choices": {"choices": []},
    "503": Reply(503, b"upstream"),
    "429": error(429, "slow down"),
    "429 that says when": error(429, "slow down", **{"Retry-After": "0"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_fails_half_of_the_time_is_tried_again_and_nothing_is_lost(engine_of, what):
    def answer(body, number):
        return BROKEN[what] if number % 2 == 0 else polite(body, number)

    with Served(answer) as served:
        done = by_sample(engine_of(served, concurrency=8).sample([question(f"q{n}", 2) for n in range(20)], SAMPLED))

    assert len(done) == 40
    assert sum(one.error is None for one in done.values()) >= 39
    assert len(served.bodies) >= 39


@pytest.mark.parametrize("what", ["500", "drops the connection", "truncated JSON", "HTML", "no UTF-8", "no choices"])
def test_a_poisoned_clip_is_a_failed_sample_and_the_others_go_on(engine_of, what):
    def answer(body, number):
        return BROKEN[what] if clips_of(body) == [0.25] else polite(body, number)

    asked = [question("a"), question("poison", 2, seconds=0.25), *(question(f"q{n}") for n in range(9))]
    with Served(answer) as served:
        done = by_sample(engine_of(served, concurrency=2).sample(asked, SAMPLED))

    failed = {name: one for name, one in done.items() if one.error}
    assert set(failed) == {("poison", 0), ("poison", 1)}
    assert all(one.error.startswith("poison: ") and one.error.endswith(", 10 times") for one in failed.values())
    assert {one.finish_reason for one in failed.values()} == {"error"}
    assert len(done) == 12


def test_what_the_server_refuses_is_asked_once_and_its_reason_is_kept(engine_of):
    def answer(body, number):
        return error(400, "Audio is too\n short \x00") if clips_of(body) == [0.25] else polite(body, number)

    with Served(answer) as served:
        asked = [question("a"), question("short", seconds=0.25)]
        done = by_sample(engine_of(served, concurrency=1).sample(asked, SAMPLED))

    assert done["short", 0].error.startswith("short: 400: Audio is too short")
    assert len(served.bodies) == 2


def test_a_huge_answer_is_not_read_to_its_end(engine_of):
    def answer(_body, _number):
        return Reply(200, b" " * 50_000_000)

    with Served(answer) as served:
        (done,) = engine_of(served).sample([question("a")], SAMPLED)

    assert done.error == "a: answers with more than 1,114,112 bytes"
    assert len(served.bodies) == 1


def test_a_server_that_drips_is_given_up_after_the_timeout_and_tried_twice_only(engine_of):
    def answer(body, number):
        if clips_of(body) == [0.25]:
            time.sleep(3)
        return polite(body, number)

    asked = [question("a"), question("slow", seconds=0.25)]
    with Served(answer) as served:
        done = by_sample(engine_of(served, timeout_s=1.0).sample(asked, SAMPLED))

    assert done["slow", 0].error == "slow: no answer within 1 s, 2 times"
    assert done["a", 0].error is None
    assert len(served.bodies) == 3


def test_retry_after_is_kept_to(engine_of):
    times = []

    def answer(body, number):
        times.append(time.monotonic())
        return error(429, "slow down", **{"Retry-After": "1"}) if number == 0 else polite(body, number)

    with Served(answer) as served:
        (done,) = engine_of(served).sample([question("a")], SAMPLED)

    assert done.error is None
    assert 1.0 <= times[1] - times[0] < 10


def test_retry_after_may_be_a_date_or_nonsense(monkeypatch):
    monkeypatch.setattr(endpoint.time, "time", lambda: 784111777.0 - 60)

    found = [
        endpoint._retry_after(value) for value in ("12", "Sun, 06 Nov 1994 08:49:37 GMT", "-5", "soon", "inf", None)
    ]

    assert found == [12.0, 60.0, 0.0, None, None, None]


def test_a_server_that_asks_for_more_patience_than_there_is_ends_the_job_retriably(engine_of):
    with (
        Served(lambda *_: error(429, "quota", **{"Retry-After": "86400"})) as served,
        pytest.raises(Stopped, match=r"has no time for 15 min and more.*quota.*the same command goes on"),
    ):
        list(engine_of(served).sample([question("a")], SAMPLED))


def test_a_server_that_dies_ends_the_job_retriably_with_what_was_answered(engine_of):
    done = []
    with Served() as served, pytest.raises(Stopped, match=r"the server is gone .*the same command goes on"):
        for one in engine_of(served, concurrency=2).sample([question(f"q{n}") for n in range(50)], SAMPLED):
            done.append(one)
            if len(done) == 5:
                served.answer = lambda *_: DROP
                threading.Thread(target=served.gone).start()

    assert len(done) < 50
    assert [one.error for one in done] == [None] * len(done)


def test_a_gateway_whose_engine_died_ends_the_job_retriably_too(engine_of):
    def answer(body, number):
        return polite(body, number) if number < 5 else error(500, "EngineDeadError")

    with (
        Served(answer) as served,
        pytest.raises(Stopped, match=r"none of the last 32 requests was answered.*EngineDead"),
    ):
        list(engine_of(served, concurrency=4).sample([question(f"q{n}") for n in range(99)], SAMPLED))


# What is wrong with the whole job


def test_an_address_where_nobody_listens_is_said_before_any_clip_is_sent(engine_of):
    with pytest.raises(MgrdError, match=r"http://127\.0\.0\.1:9/v1: no OpenAI-compatible server is there"):
        engine_of("http://127.0.0.1:9/v1")


def test_a_page_of_html_is_no_endpoint(engine_of):
    page = Reply(200, b"<html>hello</html>", {"Content-Type": "text/html; charset=utf-8"})
    with (
        Served(models=page) as served,
        pytest.raises(MgrdError, match=r"no OpenAI-compatible server is there \(answers 200 with 18 bytes of text/"),
    ):
        engine_of(served)


def test_a_model_that_is_not_served_is_named_with_those_that_are(engine_of):
    with (
        Served(models=("m", "other")) as served,
        pytest.raises(MgrdError, match=r"The model `mm` does not exist.*it serves m, other; mend --url or -m"),
    ):
        list(engine_of(served, "mm").sample([question("a")], SAMPLED))


def test_a_wrong_path_is_told(engine_of):
    with Served() as served, pytest.raises(MgrdError, match="/v2/chat/completions: there is no such address"):
        list(engine_of(served.url.replace("/v1", "/v2")).sample([question("a")], SAMPLED))


def test_an_endpoint_without_a_list_of_models_will_do(engine_of):
    with Served(models=error(404, "Not Found")) as served:
        assert [one.error for one in engine_of(served).sample([question("a")], SAMPLED)] == [None]


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_or_wrong_key_ends_the_job_and_is_never_shown(engine_of, monkeypatch, status):
    with (
        Served(models=error(status, f"Incorrect API key: {KEY}")) as served,
        pytest.raises(MgrdError, match=rf"wants a key in the environment's MGRD_API_KEY \({status}\)"),
    ):
        engine_of(served)
    monkeypatch.setenv("MGRD_API_KEY", KEY)
    with Served(lambda *_: error(status, f"Incorrect API key: {KEY}")) as served, pytest.raises(MgrdError) as raised:
        list(engine_of(served).sample([question("a")], SAMPLED))

    assert "refuses the key of the environment's MGRD_API_KEY" in str(raised.value)
    assert KEY not in str(raised.value)


def test_the_key_goes_into_one_header_and_into_no_error_or_log(engine_of, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("MGRD_API_KEY", f" {KEY}\n")
    with Served(lambda body, n: error(400, f"no: {KEY}") if clips_of(body) == [0.25] else polite(body, n)) as served:
        done = list(engine_of(served).sample([question("a"), question("b", seconds=0.25)], SAMPLED))

    assert {headers["Authorization"] for headers in served.headers} == {f"Bearer {KEY}"}
    assert sorted(one.error or "" for one in done) == ["", "b: 400: no: ***"]
    assert KEY not in caplog.text
    assert KEY not in json.dumps(served.bodies)


def test_openais_key_goes_to_openai_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    hosts = (
        "https://api.openai.com/v1",
        "https://openai.com.evil.org/v1",
        "https://notopenai.com/v1",
        "http://host/v1",
    )
    assert [key_for(host) for host in hosts] == [KEY, None, None, None]


def test_a_key_that_is_none_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("MGRD_API_KEY", "sk two\nlines")

    with pytest.raises(MgrdError, match=r"MGRD_API_KEY: holds characters that no key has; set it again$"):
        key_for("http://host/v1")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://host/some/v2/", "https://host/some/v2"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
    ],
)
def test_an_address_is_taken_up_to_its_version(url, base):
    assert address(url) == base


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host/v1", "http://", "http://host:port", "http://a b/", "http://[::1"]
)
def test_what_is_no_address_is_misuse(url):
    with pytest.raises(MisusedError, match="is no address; write http://HOST:PORT/v1"):
        address(url)


@pytest.mark.parametrize("url", [f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}", f"me:{KEY}@host"])
def test_an_address_that_holds_a_key_is_refused_without_being_shown(url):
    with pytest.raises(MisusedError, match="holds a user, a key or a query") as raised:
        address(url)

    assert KEY not in str(raised.value)


def test_what_is_answered_is_taken_before_the_error_that_ends_the_job(engine_of):
    with Served() as served:
        engine = engine_of(served, concurrency=4)

        def requests():
            yield question("a", 4)
            while not served.bodies or served.running:
                time.sleep(0.01)
            time.sleep(0.2)  # the answer is on its way
            raise InputError("clip.wav: the clip has changed")

        done = []

        def take():
            for one in engine.sample(requests(), SAMPLED):
                done.append(one.sample)

        with pytest.raises(InputError, match="has changed"):
            take()

    assert done == [0, 1, 2, 3]
