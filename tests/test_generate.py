"""Every sample once: planning, resuming, failing and the controls, with an engine that only counts."""

import itertools
import json
import os
import platform
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf

from mgrd import engines, locks, tables
from mgrd.audio.load import load
from mgrd.engines import Completion
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError, Stopped
from mgrd.generate import clips, generate, hearing
from mgrd.generate.clips import control_clip, swaps
from mgrd.generate.job import sample_seed
from mgrd.options import Generate
from mgrd.progress import Story, stop

QUIET = Story(quiet=True)


class FakeEngine:
    """Answers with the clip's loudness; dies after `budget` samples."""

    name, sr, window_s = "fake", 16000, 5.0

    def __init__(self, budget=None, dies_with=KeyboardInterrupt):
        self.budget, self.dies_with, self.heard = budget, dies_with, []

    def sample(self, requests, sampling):
        for request in requests:
            self.heard.append(request)
            for sample, seed in request.seeds.items():
                if self.budget == 0:
                    raise self.dies_with
                self.budget = None if self.budget is None else self.budget - 1
                text = f"<think>peak {np.abs(request.clips[0]).max():.2f}</think>yes"
                yield Completion(
                    request.key, sample, seed, text, "stop", 5, 4, -1.5, (len(request.clips[0]) / self.sr,)
                )

    def close(self):
        pass


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Three questions, a model folder, and `job(...)` that generates with a given engine."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    for number, name in enumerate("abc", 1):
        tone = 0.2 * number * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
        sf.write(tmp_path / f"{name}.wav", tone, 16000)
    write_questions(tmp_path, "abc")

    def job(engine=None, /, **options):
        engine = engine or FakeEngine()
        monkeypatch.setattr(engines, "open_engine", lambda *_, **__: engine)
        names = ("overwrite", "audio_root", "only_these", "story")
        flags = {"story": QUIET} | {key: options.pop(key) for key in names if key in options}
        settings = Generate(**{"samples": 2, "engine": "transformers", "no_canary": True} | options)
        questions = str(tmp_path / "questions.jsonl")
        return generate(questions, tmp_path / "out", tmp_path / "model", settings, **flags)

    job.folder = tmp_path
    job.traces = lambda: tables.read_table(tmp_path / "out" / "traces", tables.TRACES).sort("trace_id")
    return job


def write_questions(folder, names, **extra):
    rows = [
        {"id": name, "audio": f"{name}.wav", "question": f"Is {name} loud?", "choices": ["yes", "no"], "answer": "yes"}
        for name in names
    ]
    path = folder / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row | extra) for row in rows))
    return path


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_sample_is_a_row_with_its_seed_and_what_was_heard(job):
    counts = job()

    rows = job.traces()
    assert rows["trace_id"].to_list() == ["a.0.0", "a.0.1", "b.0.0", "b.0.1", "c.0.0", "c.0.1"]
    assert rows["think"].to_list() == ["peak 0.20"] * 2 + ["peak 0.40"] * 2 + ["peak 0.60"] * 2
    assert rows["seed"].to_list() == [sample_seed(0, 0, name, sample) for name in "abc" for sample in (0, 1)]
    assert rows["heard_s"].to_list() == [[1.0]] * 6
    assert {key: counts[key] for key in ("samples", "made", "failed")} == {"samples": 6, "made": 6, "failed": 0}


@pytest.mark.parametrize("budget", range(7))
def test_a_job_killed_after_any_sample_ends_with_each_sample_once(job, budget):
    if budget < 6:
        with pytest.raises(KeyboardInterrupt):
            job(FakeEngine(budget))
    job()

    assert job.traces()["trace_id"].to_list() == ["a.0.0", "a.0.1", "b.0.0", "b.0.1", "c.0.0", "c.0.1"]


def test_a_finished_job_opens_no_engine_and_changes_no_byte(job):
    job()
    before = content(job.folder / "out" / "traces")
    engine = FakeEngine()

    counts = job(engine)

    assert (counts["made"], engine.heard) == (0, [])
    assert content(job.folder / "out" / "traces") == before


def test_more_questions_extend_a_job(job):
    write_questions(job.folder, "ab")
    job()
    write_questions(job.folder, "abc")
    engine = FakeEngine()

    job(engine)

    assert [request.key for request in engine.heard] == ["c"]


def test_other_questions_are_refused_where_the_figures_are_over_these(job):
    job(only_these=True)
    write_questions(job.folder, "ab")

    with pytest.raises(SettingsError, match="questions"):
        job(only_these=True)


def test_a_partial_file_of_a_killed_process_is_never_read(job):
    job()
    (job.folder / "out" / "traces" / "part-000001.parquet.partial").write_bytes(b"half")

    assert job()["samples"] == 6


def test_other_sampling_settings_are_refused_by_name_until_overwrite_sets_the_old_aside(job):
    job()

    with pytest.raises(SettingsError, match=r"temperature 1\.0 -> 0\.5"):
        job(temperature=0.5)
    (job.folder / "out" / "survivors.parquet").touch()  # of the old traces
    job(temperature=0.5, overwrite=True)

    assert (job.folder / "out" / "traces.old-1").is_dir()
    assert job.traces().height == 6
    assert not (job.folder / "out" / "survivors.parquet").exists()
    assert (job.folder / "out" / "survivors.parquet.old-1").exists()
    (job.folder / "out" / "judged").mkdir()
    job(temperature=0.5, overwrite=True)
    assert not (job.folder / "out" / "judged").exists()
    assert (job.folder / "out" / "judged.old-1").is_dir()


def test_a_known_id_with_other_words_is_refused(job):
    job()
    write_questions(job.folder, "abc", answer="no")

    with pytest.raises(SettingsError, match="question a has another answer 'no', before 'yes'; so have 2 more; its"):
        job()


@pytest.mark.parametrize("given", [{"control": "swap"}, {"only_these": True}])
def test_a_corrected_gold_answer_is_named_where_all_questions_together_are_a_setting(job, given):
    job(**given)
    path = write_questions(job.folder, "abc")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace('"answer": "yes"', '"answer": "no"'), lines[2]]))

    with pytest.raises(SettingsError, match="question b has another answer 'no', before 'yes'; its samples are of the"):
        job(**given)


def test_a_clip_that_changed_stops_the_job_by_name(job):
    write_questions(job.folder, "a")
    job()
    sf.write(job.folder / "a.wav", np.full(8000, 0.1), 16000)
    write_questions(job.folder, "ab")
    rows = (
        (job.folder / "questions.jsonl").read_text()
        + "\n"
        + json.dumps({"id": "a2", "audio": "a.wav", "question": "Again?"})
    )
    (job.folder / "questions.jsonl").write_text(rows)

    with pytest.raises(InputError, match=r"a\.wav: the clip has changed"):
        job()


def test_a_clip_that_looks_otherwise_is_decoded_and_compared_once_and_no_other_is_opened(job, monkeypatch):
    job()
    opened = []
    monkeypatch.setattr(clips, "load", lambda source, path: opened.append(path) or load(source, path))
    job()
    assert opened == []
    os.utime(job.folder / "a.wav", ns=(1, 1))
    job()
    job()
    assert opened == ["a.wav"]
    (job.folder / "b.wav").write_bytes((job.folder / "c.wav").read_bytes())

    with pytest.raises(InputError, match=r"b\.wav: the clip has changed"):
        job()


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(16000), "every sample is zero"),
        (np.full(16000 * 6, 0.1), "6.0 s is longer than the 5 s this model hears"),
        (np.full(160, 0.1), "10.0 ms"),
        (np.full(16000, np.nan), "NaN"),
    ],
)
def test_a_clip_that_cannot_be_heard_is_a_failed_row_with_its_reason(job, samples, reason):
    sf.write(job.folder / "b.wav", samples, 16000, subtype="FLOAT")

    counts = job(max_failed=0.5)

    failed = job.traces().filter(pl.col("error").is_not_null())
    assert failed["trace_id"].to_list() == ["b.0.0", "b.0.1"]
    assert reason in failed["error"][0]
    assert failed["finish_reason"].to_list() == ["error", "error"]
    assert counts["failed"] == 2


def test_too_many_failures_end_the_job_after_everything_is_saved_and_retry_makes_them_good(job):
    good = (job.folder / "b.wav").read_bytes()
    (job.folder / "b.wav").write_bytes(b"no audio")

    with pytest.raises(MgrdError, match="2 of 6 samples failed"):
        job()
    assert job.traces().height == 6
    (job.folder / "b.wav").write_bytes(good)

    assert job(retry_failed=True)["failed"] == 0
    assert job.traces()["trace_id"].to_list() == ["a.0.0", "a.0.1", "b.0.0", "b.0.1", "c.0.0", "c.0.1"]


def test_a_stop_signal_saves_what_is_done_and_asks_to_go_on(job, monkeypatch):
    monkeypatch.setattr(stop, "signal_name", None)

    class Signalled(FakeEngine):
        def sample(self, requests, sampling):
            for completion in super().sample(requests, sampling):
                stop.signal_name = "SIGTERM"
                yield completion

    with pytest.raises(Stopped, match="SIGTERM"):
        job(Signalled())
    monkeypatch.setattr(stop, "signal_name", None)
    assert job.traces().height == 2

    job()
    assert job.traces().height == 6


def test_what_an_engine_still_hands_over_when_its_grace_has_passed_is_written(job, monkeypatch):
    monkeypatch.setattr(stop, "signal_name", None)
    monkeypatch.setattr(type(stop), "is_over", lambda _self: stop.signal_name is not None)

    class Ending(FakeEngine):
        def sample(self, requests, sampling):
            ended = list(super().sample(itertools.islice(requests, 2), sampling))
            stop.signal_name = "SIGTERM"
            yield from ended

    with pytest.raises(Stopped, match="SIGTERM"):
        job(Ending())
    assert job.traces()["trace_id"].to_list() == ["a.0.0", "a.0.1", "b.0.0", "b.0.1"]


def test_a_signal_before_the_first_sample_does_not_say_that_any_was_saved(job, monkeypatch):
    class Slow(FakeEngine):
        def sample(self, requests, sampling):
            stop.signal_name = "SIGTERM"
            return iter(())

    with pytest.raises(Stopped) as stopped:
        job(Slow())
    assert str(stopped.value) == ("stopped by SIGTERM; nothing was sampled by this call, the same command goes on")


def test_a_job_that_is_refused_before_its_first_sample_leaves_nothing_behind(job, monkeypatch):
    class Deaf(FakeEngine):
        def sample(self, requests, sampling):
            raise MgrdError("it does not hear")

    with pytest.raises(MgrdError, match="it does not hear"):
        job(Deaf())
    locks.leave(job.folder / "out")
    assert not (job.folder / "out").exists()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(MisusedError, match="--data-parallel 2: wants 2 GPUs, there are 1 here"):
        job(data_parallel=2)
    assert not (job.folder / "out").exists()

    job()
    before = content(job.folder / "out")
    with pytest.raises(MgrdError, match="it does not hear"):
        job(Deaf(), samples=3)
    ours = {path: held for path, held in content(job.folder / "out").items() if path.name != "metrics.json"}
    assert ours.keys() == before.keys() - {Path("traces/metrics.json")}
    assert job()["made"] == 0


def test_questions_that_are_one_setting_all_together_are_refused_as_that(job):
    job(only_these=True)
    write_questions(job.folder, "ab")

    with pytest.raises(SettingsError, match="; the questions are one setting here, all together: some were added, le"):
        job(only_these=True)
    write_questions(job.folder, "abc")
    with pytest.raises(
        SettingsError, match=r"\(seed 0 -> 1\); give another -o, or --overwrite to set the old work aside$"
    ):
        job(only_these=True, seed=1)


@pytest.mark.parametrize("kept", [0, 1])
def test_an_engine_that_leaves_samples_out_is_no_success_and_the_same_command_makes_them(job, kept):
    class Forgetful(FakeEngine):
        def sample(self, requests, sampling):
            return (one for one in super().sample(requests, sampling) if one.sample < kept)

    with pytest.raises(MgrdError, match=f"left out {6 - 3 * kept} of 6 samples.* the same command goes on") as raised:
        job(Forgetful())
    assert type(raised.value) is MgrdError
    assert len(list((job.folder / "out" / "traces").glob("part-*"))) == kept

    counts = job()
    assert (counts["samples"], counts["made"], job.traces().height) == (6, 6 - 3 * kept, 6)


def test_a_shard_that_no_question_falls_into_has_nothing_to_do(job):
    of_all = [job(shard=f"{index}/20") for index in range(20)]
    assert sorted(counts["made"] for counts in of_all) == [0] * 17 + [2] * 3


def test_controls_replace_what_is_heard_and_keep_what_is_asked(job):
    engine = FakeEngine()
    job(engine, control="swap")

    peaks = [round(float(np.abs(request.clips[0]).max()), 1) for request in engine.heard]
    assert sorted(peaks) == [0.2, 0.4, 0.6]
    assert all(peak != own for peak, own in zip(peaks, [0.2, 0.4, 0.6], strict=True))
    assert job.traces()["audio"].to_list() == [["a.wav"]] * 2 + [["b.wav"]] * 2 + [["c.wav"]] * 2
    assert set(job.traces()["control"]) == {"swap"}


def test_a_resumed_swap_job_gives_every_question_the_clip_it_would_have_had(job):
    whole = FakeEngine()
    job(whole, control="swap")
    (job.folder / "out").rename(job.folder / "whole")
    with pytest.raises(KeyboardInterrupt):
        job(FakeEngine(2), control="swap")
    rest = FakeEngine()
    job(rest, control="swap")

    heard = {request.key: float(request.clips[0].max()) for request in whole.heard}
    assert {request.key: float(request.clips[0].max()) for request in rest.heard}.items() <= heard.items()
    write_questions(job.folder, "ab")
    with pytest.raises(SettingsError, match="swapped among"):
        job(control="swap")


def test_a_limited_swap_is_the_beginning_of_the_whole_job_and_rows_name_what_was_heard(job):
    for name in "de":
        sf.write(job.folder / f"{name}.wav", np.full(16000, 0.1 * ord(name) % 1), 16000)
    write_questions(job.folder, "abcde")
    job(limit=2, control="swap")
    first = job.traces()
    whole = job(control="swap")

    rows = job.traces()
    assert (whole["made"], whole["samples"]) == (6, 10)
    assert rows.filter(pl.col("question_id").is_in(["a", "b"])).equals(first)
    partners = swaps([{"id": name, "audio": [f"{name}.wav"], "task": None} for name in "abcde"])
    assert dict(rows.select("question_id", "heard").iter_rows()) == partners
    assert all(own != heard for own, heard in rows.select("audio", "heard").iter_rows())


def test_a_swap_with_a_clip_of_another_task_is_counted_and_said(job, capsys):
    path = write_questions(job.folder, "abc")
    rows = [json.loads(line) | {"task": task} for line, task in zip(path.read_text().splitlines(), "xxy", strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)))
    job(control="swap", story=Story())

    told = "--control swap: 1 of 3 questions hear a clip of another task, theirs has no other"
    assert told in " ".join(capsys.readouterr().err.split())


def test_vllms_own_arguments_are_what_samples_are_but_for_how_it_runs(job):
    job(engine="vllm", vllm=["max_num_seqs=4", "kv_cache_dtype=fp8", "seed=1"])

    idle = FakeEngine()
    job(idle, engine="vllm", vllm=["seed=1", "block-size=32", 'kv_cache_dtype="fp8"'])
    assert idle.heard == []
    for changed in (["kv_cache_dtype=auto", "seed=1"], ["kv_cache_dtype=fp8"], []):
        with pytest.raises(SettingsError, match="vllm"):
            job(engine="vllm", vllm=changed)


def test_code_and_tokenizer_of_a_model_folder_are_part_of_what_samples_are(job):
    job()
    for name in ("modeling.py", "vocab.tiktoken", "merges.bpe"):
        (job.folder / "model" / name).write_text("one")
        with pytest.raises(SettingsError, match="model"):
            job()
        (job.folder / "model" / name).unlink()


def test_overwrite_samples_again_what_is_complete_under_the_same_settings(job):
    job()
    write_questions(job.folder, "abc", answer="no")

    job(overwrite=True)

    assert set(job.traces()["answer"]) == {"no"}
    assert (job.folder / "out" / "traces.old-1").is_dir()


def test_noise_has_the_clips_length_and_level_and_is_the_same_each_time():
    clip = (0.3 * np.sin(np.arange(16000))).astype(np.float32)

    noise = control_clip("noise", clip, "q")

    assert len(noise) == len(clip)
    assert np.isclose(np.sqrt(np.mean(noise**2)), np.sqrt(np.mean(clip**2)), rtol=0.05)
    assert np.array_equal(noise, control_clip("noise", clip, "q"))
    assert not control_clip("silence", clip, "q").any()


def test_swaps_prefer_the_same_task_and_never_give_a_question_its_own_clip():
    rows = [
        {"id": f"{task}{n}", "task": task, "audio": [f"{task}{n}.wav"]} for task in ("pitch", "rate") for n in range(5)
    ]

    swapped = swaps(rows)

    assert all(swapped[row["id"]] != row["audio"] for row in rows)
    assert all(swapped[row["id"]][0].startswith(row["task"]) for row in rows)
    with pytest.raises(MgrdError, match="share one clip"):
        swaps([row | {"audio": ["one.wav"]} for row in rows])


def test_seeds_differ_between_rounds_questions_and_samples():
    seeds = {
        sample_seed(seed, number, name, sample)
        for seed in (0, 1)
        for number in (1, 2)
        for name in "ab"
        for sample in range(8)
    }

    assert len(seeds) == 64
    assert sample_seed(0, 1, "a", 3) == sample_seed(0, 1, "a", 0) + 3


def test_a_folder_that_is_no_model_is_told_before_anything_else(run, job):
    (job.folder / "model" / "config.json").unlink()
    words = ["generate", job.folder / "questions.jsonl", "-m", job.folder / "model", "-o", job.folder / "out"]
    for more in ([], ["--dry-run"]):
        code, _, err = run(*words, *more)
        assert (code, err) == (1, f"Error: {job.folder / 'model'}: is no model folder, it has no config.json\n")
    assert not (job.folder / "out").exists()


def test_vllms_arguments_are_refused_for_another_engine(run, job):
    words = ["generate", job.folder / "questions.jsonl", "-m", job.folder / "model", "-o", job.folder / "out"]
    for engine in ("transformers", "server"):
        url = ["--url", "http://localhost:9/v1"] if engine == "server" else []
        code, _, err = run(*words, "--engine", engine, *url, "--vllm", "max_num_seqs=4")
        assert (code, err) == (2, "Error: --vllm: goes with --engine vllm\n")
        code, _, err = run(*words, "--engine", engine, *url, "--lora", job.folder)
        assert (code, err) == (2, "Error: --lora: goes with --engine vllm\n")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="what Linux has under /proc")
@pytest.mark.parametrize("out", ["/proc/no/such", "/proc/self"])
def test_a_place_where_nothing_can_be_written_is_one_line(run, job, out):
    model = job.folder / "model"
    code, _, err = run("generate", job.folder / "questions.jsonl", "-m", model, "-o", out, "--engine", "transformers")
    assert (code, err.count("\n"), err.startswith(f"Error: {out.rpartition('/')[0]}")) == (1, 1, True)
    assert "is saved" not in err


def test_where_generate_is_still_at_work_filter_says_so(run, job):
    job()
    for part in (job.folder / "out" / "traces").glob("part-*"):
        part.unlink()
    words = ["filter", job.folder / "out", "-o", job.folder / "judged"]
    who = f"mgrd generate ({platform.node()}, process {os.getpid()}) works there"
    code, _, err = run(*words)
    assert (code, err) == (
        1, f"Error: {job.folder / 'out'}: holds no complete part of traces yet, {who}; wait for its first part\n"
    )  # fmt: skip
    locks.leave(job.folder / "out")
    (job.folder / "out" / "traces").rename(job.folder / "gone")
    for command in (words, ["inspect", job.folder / "out", "--plain"]):
        code, _, err = run(*command)
        assert (code, err) == (
            1,
            f"Error: {job.folder / 'out'}: holds no complete part of traces; mgrd generate has begun there, "
            "the same command goes on\n",
        )


def test_an_engine_that_ends_before_its_first_sample_leaves_nothing_that_other_settings_would_have_to_overwrite(job):
    with pytest.raises(MgrdError, match="it does not hear"):
        job(FakeEngine(budget=0, dies_with=MgrdError("it does not hear")))
    assert not (job.folder / "out" / "traces").exists()

    assert job(temperature=0.5)["made"] == 6


@pytest.mark.parametrize(("shard", "in_turn"), [("0/1", True), (None, False)])
def test_shards_ask_whether_the_model_hears_one_after_the_other(job, monkeypatch, shard, in_turn):
    seen = []

    def check(asked, *_):
        with locks._opened(asked.out / locks.TURN) as other:
            seen.append(locks._try(other, shared=False) is not None)

    monkeypatch.setattr(hearing, "check", check)
    job(shard=shard)

    assert seen == [in_turn]


def test_each_clip_of_a_question_has_noise_of_its_own_and_the_same_every_time():
    clip = np.ones(1_000, dtype=np.float32)
    first, second = (control_clip("noise", clip, "q1", number) for number in (0, 1))

    assert np.array_equal(first, control_clip("noise", clip, "q1", 0))
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.2
