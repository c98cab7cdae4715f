"""mgrd as a shell runs it: real processes, signals, a model of random weights, clips that are made here, the wheel."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import soundfile as sf
import sounds
import tiny_model

from mgrd import rulebook

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120
"""How long anything here may take before the test gives up; on an idle machine nothing takes ten seconds."""
STEERING = ("MGRD_DEBUG", "MGRD_PARENT", "PYTHONPATH", "FORCE_COLOR", "TTY_COMPATIBLE")
ENV = {name: value for name, value in os.environ.items() if name not in STEERING} | {
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),  # the mgrd beside these tests, whichever is installed
}

# What distill can learn from: one think block and a response, and no text that a tokenizer takes for a special token.
OWN_CHECK = '''"""Object to what cannot be trained on."""

from mgrd.rulebook import example


def check(trace):
    """The only check of this run: a random model passes no other."""
    ends = trace.completion.count("</think>")
    if ends != 1 or not trace.response or "<think>" in trace.completion or "<|" in trace.completion:
        return f"{ends} ends of thinking, response of {len(trace.response)} characters"
    return None


KEEP = [example("It is low.", response="yes")]
DROP = [example("It is low.", response="")]
'''


def mgrd(*words, cwd, env=ENV):
    command = [sys.executable, "-m", "mgrd", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def answer(done):
    """The one JSON object that stdout must be, whole."""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    assert done.stdout.count("\n") == 1
    return found


def documented(command):
    """The keys that docs/formats.md promises of `--json`."""
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{command}` \| (.*) \|$", page, re.MULTILINE)
    return {name.strip() for names in re.findall("`([a-z_, ]+)`", row[1]) for name in names.split(",")}


def error(done):
    """The one line that says what cannot be, without its `Error: `."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    return last.removeprefix("Error: ")


@contextlib.contextmanager
def started(*words, cwd):
    """A command in the background, in a process group of its own; it does not outlive the block."""
    # a shell's background job ignores SIGINT, and so would its children: a handler is not inherited, being ignored is
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "mgrd", *map(str, words)],
            cwd=cwd,
            env=ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def wait_until(condition, child):
    """Wait until `condition()` holds, while `child` runs."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert child.poll() is None, f"ended with {child.returncode} before that: {child.stderr.read()}"
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def told_to_stop(child, number):
    """Send a signal; return the exit code and stderr."""
    child.send_signal(number)
    _, err = child.communicate(timeout=PATIENCE_S)
    return child.returncode, err


def ids(folder):
    """The trace ids of a table, sorted; a sample that is there twice is there twice."""
    return pl.read_parquet(folder / "*.parquet").get_column("trace_id").sort().to_list()


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def files(rules):
    """The checks and the vocabulary of a folder of rules."""
    return {path.relative_to(rules) for path in rules.rglob("*") if path.suffix in (".py", ".toml")}


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with four clips, four questions about them, and a folder that is no audio model."""
    home = tmp_path_factory.mktemp("home")
    rows = []
    for number, hz in enumerate((110, 140, 220, 280)):
        sf.write(home / f"{hz}.wav", sounds.buzz(hz, 1.0), sounds.SR)
        asked = {"question": "Is the voice low or high?", "choices": ["low", "high"]}
        rows.append({"id": f"q{number}", "audio": f"{hz}.wav", "answer": "low" if hz < 200 else "high"} | asked)
    write_lines(home / "questions.jsonl", rows)
    (home / "text-model").mkdir()
    (home / "text-model" / "config.json").write_text('{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}')
    return home


@pytest.fixture(scope="module")
def model(home):
    """Random weights, except that `</think>` is likely enough for some completions to have a response."""
    pytest.importorskip("torch", reason="sampling needs torch: pip install mgrd[train]")
    from safetensors.torch import load_file, save_file

    folder = tiny_model.build(home / "model")
    tensors = load_file(folder / "model.safetensors")
    (head,) = [name for name in tensors if name.endswith("lm_head.weight")]
    end = tiny_model.build_processor().tokenizer.convert_tokens_to_ids("</think>")
    tensors[head][end] *= 6  # a quarter of 32-token completions end their thinking once
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def traces_made_elsewhere(home):
    """Two traces of one question, of which the second mishears its clip, with a tone that really rises."""
    sf.write(home / "glide.wav", sounds.glide(200, 400, 1.5, harmonics=8), sounds.SR)
    asked = {"audio": "glide.wav", "question": "Does the pitch rise or fall?", "choices": ["rise", "fall"]}
    texts = {
        "t0": "The tone starts low and its pitch rises steadily until the end of the clip: it goes up.</think>rise",
        "t1": "The tone starts high and its pitch falls steadily until the end of the clip: it goes down.</think>fall",
    }
    rows = [{"id": name, "answer": "rise", "completion": text} | asked for name, text in texts.items()]
    write_lines(home / "traces.jsonl", rows)
    return home / "traces.jsonl"


# What needs no model


def test_rules_lists_every_check_on_stdout_and_says_nothing_on_stderr(tmp_path):
    plain, as_json = mgrd("rules", cwd=tmp_path), mgrd("rules", "--json", cwd=tmp_path)

    named = [(check.rule, check.name) for check in rulebook.load()]
    assert [tuple(line.split()[:2]) for line in plain.stdout.splitlines()] == named
    assert [(check["rule"], check["name"]) for check in answer(as_json)["checks"]] == named
    assert (plain.returncode, plain.stderr, as_json.returncode, as_json.stderr) == (0, "", 0, "")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["generate", "questions.jsonl", "-m", "text-model", "-o", "out", "--sampels", "3"], "--sampels"),
        (["generate", "questions.jsonl", "-m", "text-model", "-o", "out", "-k", "0"], "--samples 0"),
        (["generate", "questions.jsonl", "-m", "nowhere", "-o", "out"], "nowhere"),
        (["filter", "nowhere", "-o", "out"], "nowhere"),
        (["filter", "questions.jsonl", "-o", "out", "--pass-rate", "0.8", "0.2"], "--pass-rate"),
        (["run", "misspelt.toml", "-o", "out"], "sampels"),
        (["inspect", "nowhere"], "nowhere"),
        (["rules", "no_such_check"], "no_such_check"),
        (["fliter"], "fliter"),
    ],
    ids=" ".join,
)
def test_misuse_exits_2_by_name_and_writes_nothing(home, words, named):
    (home / "misspelt.toml").write_text(
        '[run]\nmodel = "text-model"\nquestions = "questions.jsonl"\n[generate]\nsampels = 3'
    )

    done = mgrd(*words, cwd=home)

    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "out").exists()


def test_a_folder_that_is_no_audio_model_is_refused_in_one_line(home):
    pytest.importorskip("transformers", reason="reading a model needs transformers: pip install mgrd[train]")
    words = "questions.jsonl", "-m", "text-model", "-o", "no-audio-model", "--engine", "transformers"
    done = mgrd("generate", *words, cwd=home)

    assert done.returncode == 1
    assert "text-model" in error(done)


@pytest.mark.parametrize("words", [["generate", "-m", "text-model"], ["filter"]], ids=" ".join)
def test_an_input_line_that_is_no_json_is_named(home, words):
    (home / "broken.jsonl").write_text(
        '{"id": "q0", "audio": "110.wav", "question": "Low?", "completion": "x"}\n{"id"\n'
    )

    done = mgrd(words[0], "broken.jsonl", *words[1:], "-o", "broken-out", cwd=home)

    assert done.returncode == 1
    assert "broken.jsonl" in error(done)
    assert "2" in error(done)


def test_a_file_in_the_place_of_the_output_folder_is_an_error_in_one_line(home):
    traces_made_elsewhere(home)
    (home / "occupied").write_text("mine")

    done = mgrd("filter", "traces.jsonl", "-o", "occupied", cwd=home)

    assert done.returncode == 2
    assert "occupied" in error(done)
    assert (home / "occupied").read_text() == "mine"


def test_filter_judges_traces_made_elsewhere_and_inspect_shows_why(home):
    traces_made_elsewhere(home)

    first = mgrd("filter", "traces.jsonl", "-o", "elsewhere", "--workers", "1", "--json", cwd=home)
    made = content(home / "elsewhere")
    again = mgrd("filter", "traces.jsonl", "-o", "elsewhere", "--workers", "1", "--json", cwd=home)
    shown = mgrd("inspect", "elsewhere", "--rejected", "--json", cwd=home)
    page = mgrd("inspect", "elsewhere", "--rejected", cwd=home)

    counts = answer(first)
    assert documented("filter") <= counts.keys()
    assert {name: counts[name] for name in ("traces", "judged", "passed", "survivors")} == {
        "traces": 2,
        "judged": 2,
        "passed": 1,
        "survivors": 1,
    }
    assert counts["objections"]["acoustic.true_to_waveform"] == 1
    assert answer(again) == counts | {"judged": 0}
    assert content(home / "elsewhere") == made
    (rejected,) = answer(shown)["traces"]
    assert rejected["trace_id"] == "t1"
    assert {one["check"] for one in rejected["objections"]} >= {"true_to_waveform", "right_answer"}
    assert {name for row in answer(shown)["traces"] for name in row} >= {"claims", "kept", "not_kept"}
    assert "t1" in page.stdout
    assert "true_to_waveform" in page.stdout
    assert "\x1b" not in page.stdout
    assert [done.returncode for done in (first, again, shown, page)] == [0, 0, 0, 0]


def test_a_folder_called_like_a_part_of_one_is_a_folder_like_any_other(home):
    traces_made_elsewhere(home)

    done = mgrd("filter", "traces.jsonl", "-o", "judged", "--workers", "1", "--json", cwd=home)

    assert (done.returncode, answer(done)["survivors"]) == (0, 1)


def test_other_checks_are_refused_until_overwrite_sets_the_old_work_aside_and_no_survivors_exit_3(home):
    traces_made_elsewhere(home)
    words = "filter", "traces.jsonl", "-o", "judged-twice", "--workers", "1"
    tuned = *words, "--check-option", "length.least=500", "--json"

    first, refused = mgrd(*words, cwd=home), mgrd(*tuned, cwd=home)
    before = content(home / "judged-twice" / "judged")
    overwritten = mgrd(*tuned, "--overwrite", cwd=home)

    assert (first.returncode, refused.returncode) == (0, 1)
    assert "other settings" in error(refused)
    assert "--overwrite" in error(refused)
    assert (overwritten.returncode, answer(overwritten)["survivors"]) == (3, 0)
    assert content(home / "judged-twice" / "judged.old-1") == before


def test_distill_of_nothing_says_so(home):
    pytest.importorskip("torch", reason="training needs torch: pip install mgrd[train]")
    traces_made_elsewhere(home)
    mgrd("filter", "traces.jsonl", "-o", "none", "--workers", "1", "--check-option", "length.least=500", cwd=home)

    done = mgrd("distill", "none", "-m", "text-model", "-o", "none", cwd=home)

    assert done.returncode == 1
    assert "no survivors" in error(done)


# What samples and trains


def test_generate_stopped_by_sigterm_and_by_ctrl_c_goes_on_with_the_same_command(home, model):
    words = "generate", "questions.jsonl", "-m", model, "-o", "made", "-k", "256", "--max-tokens", "256"
    words = *words, "--batch", "1", "--engine", "transformers", "--grace", "0", "--json"
    codes = []
    for number, count in ((signal.SIGTERM, 1), (signal.SIGINT, 2)):
        with started(*words, cwd=home) as child:
            # a part is written every 256 samples: the job is in its middle, seconds from its end
            wait_until(lambda count=count: len([*(home / "made" / "traces").glob("part-*.parquet")]) >= count, child)
            codes.append(told_to_stop(child, number))
    done = mgrd(*words, cwd=home)

    assert [code for code, _ in codes] == [75, 130]
    assert not any("Traceback" in err for _, err in codes)
    found = answer(done)
    assert documented("generate") <= found.keys()
    assert (done.returncode, found["samples"], found["failed"]) == (0, 1024, 0)
    assert 0 < found["made"] < 1024 - 256
    assert "already there" in done.stderr
    assert ids(home / "made" / "traces") == sorted(f"q{q}.0.{k}" for q in range(4) for k in range(256))
    assert not [*(home / "made").rglob("*.partial")]


def test_a_process_for_each_gpu_makes_what_one_makes_and_hands_signals_on(home, model):
    words = "generate", "questions.jsonl", "-m", model, "-k", "128", "--max-tokens", "512", "--batch", "1"
    words = *words, "--engine", "transformers", "--json"
    with started(*words, "-o", "parallel", "--data-parallel", "2", "--grace", "0", cwd=home) as child:
        # a child that has its manifest samples for seconds
        wait_until(lambda: len([*(home / "parallel" / "traces").glob("manifest-*.json")]) == 2, child)
        code, err = told_to_stop(child, signal.SIGUSR1)
    done = mgrd(*words, "-o", "parallel", "--data-parallel", "2", cwd=home)
    alone = mgrd(*words, "-o", "alone", cwd=home)

    assert code == 75, err
    assert "processes stopped" in err
    assert "SIGUSR1: saving what is done" in err
    assert (done.returncode, answer(done)["samples"]) == (0, 512), done.stderr
    assert ids(home / "parallel" / "traces") == ids(home / "alone" / "traces")
    found, wanted = (
        pl.read_parquet(home / name / "traces" / "*.parquet").select("trace_id", "seed", "completion").sort("trace_id")
        for name in ("parallel", "alone")
    )
    assert found.equals(wanted)
    assert alone.returncode == 0
    names = {path.name[:16] for path in (home / "parallel" / "traces").glob("part-*")}
    assert names == {"part-0000-of-000", "part-0001-of-000"}


def test_a_child_that_fails_is_named_and_the_others_go_on(home, model):
    broken = home / "broken-model"
    shutil.copytree(model, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    words = "generate", "questions.jsonl", "-m", broken, "-o", "failing", "-k", "1", "--data-parallel", "2"
    done = mgrd(*words, "--engine", "transformers", cwd=home)

    assert done.returncode == 1
    assert re.search(r"shard [01]/2: .*broken-model: the weights cannot be loaded.*2 failed, first shard", error(done))


def test_a_clip_that_cannot_be_heard_is_a_failed_row_and_too_many_of_them_exit_1(home, model):
    sf.write(home / "silent.wav", sounds.silence(1.0), sounds.SR)
    silent = {"id": "mute", "audio": "silent.wav", "question": "Is the voice low or high?"}
    rows = [json.loads(line) for line in (home / "questions.jsonl").read_text().splitlines()]
    write_lines(home / "one-silent.jsonl", [*rows, silent])
    words = "generate", "one-silent.jsonl", "-m", model, "-o", "one-silent", "-k", "1", "--max-tokens", "4"

    refused = mgrd(*words, "--engine", "transformers", "--json", cwd=home)
    allowed = mgrd(*words, "--engine", "transformers", "--json", "--max-failed", "0.5", cwd=home)

    assert (refused.returncode, allowed.returncode) == (1, 0)
    assert "silent.wav" in error(refused)
    found = answer(allowed)
    assert (found["samples"], found["made"], found["failed"]) == (5, 0, 1)  # nothing is sampled again
    assert "silent.wav" in next(iter(found["failures"]))


@pytest.fixture(scope="module")
def finished(home, model):
    """Two rounds of real stages, shot twice on the way; the answer of the call that came through, and the folder."""
    own = home / "own" / "logic"
    own.mkdir(parents=True)
    (own / "trainable.py").write_text(OWN_CHECK)
    sampling = 'engine = "transformers"\nmax_tokens = 32\n'
    without = json.dumps([check.name for check in rulebook.load()])
    (home / "config.toml").write_text(
        f'[run]\nmodel = "model"\nquestions = "questions.jsonl"\nrounds = 2\n[generate]\nsamples = 8\n{sampling}'
        f'[filter]\nrules = "own"\nwithout = {without}\nworkers = 1\n[distill]\nepochs = 1\nbatch_size = 4\n'
        f'[eval]\nquestions = "questions.jsonl"\nsamples = 1\nlimit = 2\n{sampling}'
    )
    words = "run", "config.toml", "-o", "run", "--json"
    out = home / "run"
    with started(*words, cwd=home) as child:
        wait_until((out / "round-01" / "survivors.parquet").exists, child)
        child.kill()  # with a stage at work, or about to be
    with started(*words, cwd=home) as child:
        wait_until((out / "round-02" / "manifest.json").exists, child)
        child.kill()  # while round 2 loads its model
    return mgrd(*words, cwd=home), out


def test_a_run_killed_twice_ends_with_every_sample_once(finished):
    done, out = finished

    assert done.returncode == 0, done.stderr
    asked = sorted(f"q{q}.{{}}.{k}" for q in range(4) for k in range(8))
    for number in (1, 2):
        here = out / f"round-{number:02d}"
        assert ids(here / "traces") == [name.format(number) for name in asked]
        assert ids(here / "judged") == ids(here / "traces")
        assert pl.read_parquet(here / "selection.parquet")["trace_id"].sort().to_list() == ids(here / "traces")
        kept = pl.read_parquet(here / "selection.parquet").filter("kept")["trace_id"].sort().to_list()
        assert pl.read_parquet(here / "survivors.parquet")["trace_id"].sort().to_list() == kept
        assert 0 < len(kept) < len(asked)
        assert (here / "model" / "model.safetensors").is_file()
    for number in (0, 1, 2):
        assert ids(out / f"round-{number:02d}" / "eval" / "traces") == ["q0.0.0", "q1.0.0"]
    assert [row["round"] for row in answer(done)["rounds"]] == [0, 1, 2]
    assert answer(done)["rounds"] == [
        json.loads((out / f"round-{number:02d}" / "metrics.json").read_text()) for number in (0, 1, 2)
    ]
    assert "Round 2: distill" in done.stderr
    assert not [*out.rglob("*.partial")]


def test_a_complete_run_starts_no_stage_and_changes_no_byte(home, finished):
    done, out = finished
    before = content(out)

    again = mgrd("run", "config.toml", "-o", "run", "--json", cwd=home)

    assert (again.returncode, again.stderr) == (0, "Report: run/report.html\n")
    assert answer(again) == answer(done)
    assert content(out) == before


def test_another_config_is_refused_by_the_run_of_the_first(home, finished):
    (home / "warmer.toml").write_text((home / "config.toml").read_text().replace("samples = 8", "temperature = 0.5"))

    done = mgrd("run", "warmer.toml", "-o", "run", cwd=home)

    assert done.returncode == 1
    assert "generate.temperature 1.0 -> 0.5" in error(done)


# What is shipped


def test_the_wheel_brings_its_rules_and_works_in_an_empty_folder(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path / "dist"), "."]
    built = subprocess.run(build, cwd=ROOT, env=ENV, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("pip cannot fetch hatchling, which builds the wheel")
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("mgrd-*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    (tmp_path / "empty").mkdir()
    rules = tmp_path / "site" / "mgrd" / "_rules"

    assert files(rules) == files(ROOT / "rules")
    listed = mgrd("rules", cwd=tmp_path / "empty", env=ENV | {"PYTHONPATH": str(tmp_path / "site")})
    shutil.rmtree(rules / "logic")  # were it the checkout that answers, nothing would be missed
    robbed = mgrd("rules", cwd=tmp_path / "empty", env=ENV | {"PYTHONPATH": str(tmp_path / "site")})

    assert (listed.returncode, listed.stdout) == (0, mgrd("rules", cwd=ROOT).stdout)
    assert "logic" not in robbed.stdout
