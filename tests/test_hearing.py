"""Did it hear it? A model that ignores its audio stops the job; clips are heard whole, in parts, or not at all."""

import json

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from served import Served, clips_of, completion, error, polite

from mgrd import engines, tables
from mgrd.engines import Completion, open_engine
from mgrd.errors import MgrdError, SettingsError
from mgrd.generate import generate, hearing
from mgrd.generate.clips import in_parts
from mgrd.options import Generate
from mgrd.progress import Story

SR = 16000


class Engine:
    """Says how loud and long its clips are; makes 25 tokens a second of them. `deaf` ignores them, in several ways."""

    name, sr, window_s = "fake", SR, 30.0

    def __init__(self, deaf=None, *, logprobs=True, refuses=lambda _clip: False, cuts_s=None):
        self.deaf, self.logprobs, self.refuses, self.cuts_s, self.asked = deaf, logprobs, refuses, cuts_s, []

    def sample(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            heard_s = [min(len(clip) / SR, self.cuts_s or 1e9) for clip in request.clips]
            level = sum(float(np.abs(clip).max()) for clip in request.clips) if self.deaf != "all" else 0.0
            tokens = 30 + (0 if self.deaf in ("all", "no placeholder") else round(25 * sum(heard_s)))
            error_ = "too odd" if any(map(self.refuses, request.clips)) else None
            text = "the same for all" if self.deaf else f"<think>{level:.2f}</think>yes"
            logprob = -1.5 - (0.0 if self.deaf else level) if self.logprobs else None
            for sample, seed in request.seeds.items():
                reason = "error" if error_ else "stop"
                yield Completion(
                    request.key, sample, seed, text, reason, tokens, 4, logprob, tuple(heard_s), error=error_
                )

    def close(self):
        pass


@pytest.fixture
def job(tmp_path, monkeypatch):
    """`job(engine, **options)` generates about tones of 1, 2 and 12 s; `job.notes` is what it told."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    rows = []
    for number, seconds in enumerate((1, 2, 12), 1):
        tone = 0.2 * number * np.sin(2 * np.pi * 220 * number * np.arange(SR * seconds) / SR)
        sf.write(tmp_path / f"{number}.wav", tone, SR)
        rows.append({"id": f"q{number}", "audio": f"{number}.wav", "question": "Is it loud?"})
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    notes = []
    monkeypatch.setattr(Story, "note", lambda _self, text: notes.append(text))

    def job(engine, /, **options):
        monkeypatch.setattr(engines, "open_engine", lambda *_, **__: engine)
        given = Generate(**{"samples": 1, "engine": "transformers"} | options)
        return generate(str(tmp_path / "questions.jsonl"), tmp_path / "out", tmp_path / "model", given, story=Story())

    job.folder, job.notes = tmp_path, notes
    job.traces = lambda: tables.read_table(tmp_path / "out" / "traces", tables.TRACES).sort("trace_id")
    return job


def test_two_very_different_clips_are_asked_about_once_in_a_folder(job):
    first, more = Engine(), Engine()
    job(first)
    job(more, samples=2)

    asked = [[round(len(clip) / SR, 1) for clip in request.clips] for request in first.asked]
    assert asked == [[], [12.0], [12.0], [12.0], [3.0], [6.0], [1.0], [2.0], [12.0]]
    assert [request.key for request in more.asked] == ["q1", "q2", "q3"]
    noted = json.loads((job.folder / "out" / hearing.NOTE).read_text())
    assert {name: one["prompt_tokens"] for name, one in noted["figures"].items()} == {
        "none": 30, "first": 330, "again": 330, "other": 330, "short": 105, "double": 180,
    }  # fmt: skip
    assert [note for note in job.notes if "hears" in note] == []
    (repeated,) = first.asked[3].clips
    assert np.array_equal(repeated, np.tile(first.asked[6].clips[0], 12))  # q1, the clip least like q3


def test_another_engine_is_asked_again(job):
    job(Engine())
    elsewhere = Engine()
    elsewhere.name = "another"
    job(elsewhere, samples=2)

    assert [request.key.partition(":")[0] for request in elsewhere.asked] == ["canary"] * 6 + ["q1", "q2", "q3"]


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Engine("all"), r"30 tokens with a clip of 12\.0 s and 30 without it: no audio reaches the model"),
        (Engine("no placeholder", logprobs=False), r"30 tokens with a clip of 12\.0 s and 30 without it: no audio"),
        (Engine("words"), r"12\.0 s and a very different one of that length with the same tokens and log prob"),
        (Engine(cuts_s=8.0), r"3\.0 s of a clip make a prompt of 105 tokens, 6\.0 s one of 180, and all 12\.0 s one "
                             r"of 230 instead of 330: the model is not given the whole clip"),
        (Engine(refuses=len), "the model was asked about two clips before the job, and failed: too"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_hear_ends_the_job_before_it_begins(job, engine, said):
    with pytest.raises(MgrdError, match=said):
        job(engine)

    assert {request.key.partition(":")[0] for request in engine.asked} == {"canary"}
    assert not (job.folder / "out" / "traces").exists()
    assert not (job.folder / "out" / hearing.NOTE).exists()
    unchecked = Engine(engine.deaf)
    job(unchecked, no_canary=True)
    assert [request.key for request in unchecked.asked] == ["q1", "q2", "q3"]


def test_a_clip_that_the_model_does_not_take_is_left_to_the_job(job):
    engine = Engine(refuses=lambda clip: np.abs(clip).max() < 0.3)  # the clip of 1 s, of any length
    job(engine, max_failed=0.5)

    assert job.traces()["error"].to_list() == ["too odd", None, None]
    asked = [np.abs(request.clips[0]).max() for request in engine.asked if request.key == "canary: other"]
    assert asked == pytest.approx([0.2, 0.4], abs=0.01)


def test_a_single_clip_is_held_against_noise_of_its_length(job):
    (job.folder / "questions.jsonl").write_text(json.dumps({"id": "q", "audio": "2.wav", "question": "?"}))
    engine = Engine()
    job(engine)

    first, _, other = (request.clips[0] for request in engine.asked[1:4])
    assert len(first) == len(other) == 2 * SR
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_a_loop_of_the_same_clip_is_no_different_one(job):
    loop = np.tile(sf.read(job.folder / "1.wav", dtype="float32")[0], 12)
    sf.write(job.folder / "3.wav", np.append(loop, np.zeros(99)), SR)
    rows = [{"id": name, "audio": f"{name}.wav", "question": "?"} for name in "13"]
    (job.folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    engine = Engine()
    job(engine)

    first, _, other = (request.clips[0] for request in engine.asked[1:4])
    assert len(first) == len(other) == 12 * SR + 99
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.05


def test_a_control_is_sampled_but_the_canary_hears_real_clips(job):
    engine = Engine()
    job(engine, control="silence")

    assert [float(np.abs(request.clips[0]).max()) > 0 for request in engine.asked[1:4]] == [True] * 3
    assert not any(request.clips[0].any() for request in engine.asked[-3:])


@pytest.mark.parametrize(
    ("texts", "logprobs", "shorter", "hears"),
    [
        (("a", "a", "b"), (None, None, None), {}, True),
        (("a", "a", "a"), (-1.0, -1.0, -1.2), {}, True),
        (("a", "a", "a"), (-1.0, -1.1, -1.2), {}, False),  # a GPU's own noise is as large
        (("a", "a", "a"), (-1.0, -1.0, -1.0), {"none": 9}, False),  # a place for audio, and nothing in it
        (("a", "a", "a"), (None, None, None), {"none": 9}, None),
        (("a", "a", "a"), (None, None, None), {"none": 0, "short": 30}, None),  # asked without a clip, it tells nothing
        (("a", "a", "a"), (None, None, None), {"none": 90, "short": 90}, False),
        (("a", "a", "a"), (None, None, None), {}, False),
        (("a", "b", "c"), (-1.0, -2.0, -3.0), {}, None),  # greedy, but it varies
    ],
)
def test_hearing_is_a_difference_beyond_what_differs_for_the_same_clip(texts, logprobs, shorter, hears):
    found = {
        name: Completion(name, 0, 0, text, "stop", 90, 3, logprob)
        for name, text, logprob in zip(("first", "again", "other"), texts, logprobs, strict=True)
    } | {name: Completion(name, 0, 0, "", "stop", tokens, 3) for name, tokens in shorter.items()}
    assert hearing._differ(found) is hears


def test_a_model_that_pads_every_clip_to_its_window_is_not_taken_for_one_that_cuts():
    def notes(short_s, **tokens):
        found = {name: Completion(name, 0, 0, name, "stop", count, 3, -1.0) for name, count in tokens.items()}
        found |= {"again": found["first"], "other": Completion("other", 0, 0, "b", "stop", 400, 3, -2.0)}
        seconds = {"short": short_s, "double": 2 * short_s, "first": 4 * short_s, "other": 1.0}
        return hearing.judge(found, seconds)

    assert notes(10.0, short=400, double=400, first=775) == []  # 10, 20 and 40 s in windows of 30 s
    assert notes(5.0, short=400, double=400, first=400) == []
    with pytest.raises(MgrdError, match="the model is not given the whole clip"):
        notes(10.0, short=275, double=525, first=775)


def test_a_sample_whose_model_was_not_given_the_whole_clip_has_failed(job):
    engine = Engine(cuts_s=11.9)
    job(engine, no_canary=True, max_failed=0.5)

    assert job.traces()["error"].to_list() == [None, None, "q3: the model was given 11.90 s of 12.00 s of sound"]


def test_a_long_clip_is_given_in_consecutive_parts_when_asked_for_and_the_prompt_says_so(job):
    engine = Engine()
    engine.window_s = 5.0
    job(engine, long_clips="chunk", prompt="plain")

    whole = next(request for request in engine.asked if request.key == "q3")
    samples, _ = sf.read(job.folder / "3.wav", dtype="float32")
    assert [len(clip) for clip in whole.clips] == [64000] * 3
    assert np.array_equal(np.concatenate(whole.clips), samples)
    assert len(set(whole.clip_ids)) == 3
    rows = job.traces()
    assert rows["heard_s"].to_list() == [[1.0], [2.0], [4.0, 4.0, 4.0]]
    assert rows["prompt"][2] == whole.text
    assert whole.text.startswith("The recording is given in 3 consecutive parts.\nIs it loud?")
    assert rows["prompt"][0].startswith("Is it loud?")


def test_a_long_clip_is_refused_by_name_unless_asked_for(job):
    engine = Engine()
    engine.window_s = 5.0
    job(engine, max_failed=0.5)

    (said,) = job.traces()["error"].drop_nulls()
    assert said == (
        "3.wav: 12.0 s is longer than the 5 s this model hears; cut it, or give it in parts, --long-clips chunk "
        "--retry-failed"
    )


def test_what_a_refused_clip_advises_goes_on_in_the_same_folder_and_makes_its_samples_alone(job):
    engine = Engine()
    engine.window_s = 5.0
    job(engine, max_failed=0.5)
    before = job.traces()
    again = Engine()
    again.window_s = 5.0
    job(again, long_clips="chunk", retry_failed=True)

    rows = job.traces()
    assert [request.key for request in again.asked if request.seeds] == ["q3"]
    assert rows[:2].equals(before[:2])
    assert (rows["heard_s"].to_list()[2], rows["error"].to_list()) == ([4.0, 4.0, 4.0], [None] * 3)
    with pytest.raises(SettingsError, match="long_clips chunk -> refuse"):
        job(Engine(), max_failed=0.5)


def test_parts_are_refused_while_refusals_stay_and_a_call_that_makes_nothing_leaves_the_settings_as_they_were(job):
    def gone(*_):
        raise MgrdError("the engine is gone")

    engine, broken = Engine(), Engine()
    engine.window_s = broken.window_s = 5.0
    broken.sample = gone
    job(engine, max_failed=0.5)
    manifest = (job.folder / "out" / "manifest.json").read_bytes()

    with pytest.raises(SettingsError, match="long_clips refuse -> chunk"):
        job(Engine(), long_clips="chunk")
    with pytest.raises(MgrdError, match="the engine is gone"):
        job(broken, long_clips="chunk", retry_failed=True)
    assert (job.folder / "out" / "manifest.json").read_bytes() == manifest
    job(engine, max_failed=0.5)
    assert job.traces()["error"].null_count() == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=4), st.integers(20, 3000))
def test_parts_are_the_clip_in_order_and_none_is_too_long_or_much_shorter_than_another(lengths, longest):
    clips = [np.arange(length, dtype=np.float32) for length in lengths]
    heard = in_parts(clips, [f"c{n}" for n in range(len(clips))], longest)

    assert np.array_equal(np.concatenate(heard.clips), np.concatenate(clips))
    assert max(map(len, heard.clips)) <= longest
    assert len(heard.clips) == len(heard.ids) == len(set(heard.ids)) == sum(heard.parts)
    ends = np.cumsum(heard.parts)
    for begin, end in zip([0, *ends], ends, strict=False):
        sizes = [len(part) for part in heard.clips[begin:end]]
        assert max(sizes) - min(sizes) <= 1


def deaf_server(tokens, **more):
    """Answers alike whatever it hears; `tokens` of its prompt are a function of the seconds of its clips."""

    def answer(body, _number):
        return completion(["yes it is"] * body.get("n", 1), prompt_tokens=tokens(sum(clips_of(body))), **more)

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (deaf_server(lambda _s: 40), "40 tokens with a clip of 12.0 s and 40 without it: no audio reaches the model"),
        (deaf_server(lambda s: 40 + round(25 * s)), "with the same tokens and log probabilities"),
        (deaf_server(lambda _s: 0, logprob=None), "with the same tokens (0 tokens of prompt)"),
        (lambda _body, _number: error(400, "no audio here"), "no audio here; mend that"),
    ],
)
def test_a_server_that_drops_audio_ends_the_job_in_one_line(job, run, answer, said):
    with Served(answer) as there:
        command = ("generate", job.folder / "questions.jsonl", "-m", "m", "-o", job.folder / "out", "-k", 1)
        code, out, err = run(*command, "--engine", "server", "--url", there.url)

    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_server_without_log_probabilities_is_checked_by_what_it_tells(job):
    def answer(body, _number):
        seconds = sum(clips_of(body))
        return completion(["yes"], prompt_tokens=40 + round(25 * seconds), logprob=None)

    with Served(answer) as there:
        engine = open_engine("server", "m", url=there.url)
        job(engine, engine="server", url=there.url)

    assert [note for note in job.notes if "hears" in note] == [
        "whether the model hears was checked by its prompt tokens alone: it tells no log probabilities"
    ]


def test_a_server_that_wants_audio_in_every_question_is_asked_about_the_clips_alone(job):
    def answer(body, number):
        return polite(body, number) if clips_of(body) else error(400, "audio is required")

    with Served(answer) as there:
        engine = open_engine("server", "m", url=there.url)
        assert job(engine, engine="server", url=there.url)["failed"] == 0


def test_the_tiny_model_hears(job, tmp_path):
    pytest.importorskip("torch", reason="needs mgrd[train]")
    from tiny_model import build

    engine = open_engine("transformers", build(tmp_path / "tiny"))
    job(engine, max_tokens=8)

    figures = json.loads((job.folder / "out" / hearing.NOTE).read_text())["figures"]
    assert figures["first"]["logprob"] == pytest.approx(figures["again"]["logprob"], abs=1e-5)
    assert figures["first"]["logprob"] != pytest.approx(figures["other"]["logprob"], abs=1e-3)
    assert figures["none"]["prompt_tokens"] < figures["other"]["prompt_tokens"] == figures["first"]["prompt_tokens"]
    assert job.traces().filter(pl.col("error").is_null()).height == 3


def test_a_model_whose_projector_passes_nothing_on_is_found_out_however_long_its_clips(job, tmp_path):
    pytest.importorskip("torch", reason="needs mgrd[train]")
    from safetensors.torch import load_file, save_file
    from tiny_model import build

    model = build(tmp_path / "tiny")
    for file in model.glob("*.safetensors"):
        weights = load_file(file)
        deaf = {name: value * 0 if "projector" in name else value for name, value in weights.items()}
        assert any("projector" in name for name in weights)
        save_file(deaf, file, {"format": "pt"})

    with pytest.raises(MgrdError, match=r"clip of 12\.0 s and a very different one of that length with the same"):
        job(open_engine("transformers", model), max_tokens=8)


@pytest.mark.parametrize("broken", ["template", "features"])
def test_a_processor_that_loses_audio_is_found_out_before_the_model_computes(tmp_path, broken):
    pytest.importorskip("torch", reason="needs mgrd[train]")
    from tiny_model import build, tone

    from mgrd.engines import Request, Sampling

    engine = open_engine("transformers", build(tmp_path / "tiny"))
    process = engine.processor

    class Broken:
        """Drops the placeholders, or the mask of the second half of each clip."""

        def __getattr__(self, name):
            return getattr(process, name)

        def __call__(self, **given):
            made = process(**given)
            if broken == "template":
                made["input_ids"][made["input_ids"] == process.audio_token_id] = 9
            else:
                mask = made["feature_attention_mask"]
                mask[:, int(mask.sum()) // 2 :] = 0
            return made

    engine.processor = Broken()
    (done,) = engine.sample([Request("q", "?", [tone(4.0, 220)], ["c"], {0: 0})], Sampling(max_tokens=2))

    said = {"template": "holds 0 audio tokens for 1 clips of 4.0 s", "features": "keeps 2.0 s of 4.0 s of sound"}
    assert said[broken] in done.error
