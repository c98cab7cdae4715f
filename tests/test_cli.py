"""The command line as a shell sees it: exit codes, one line for what a user can fix, and who listens to signals."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import mgrd
from mgrd import bench, cli, engines, tables
from mgrd.engines import Completion
from mgrd.errors import MgrdError
from mgrd.evaluate import default_folder


class FakeEngine:
    """Answers every question with the same words, as sure of them as its clips are loud."""

    name, sr, window_s = "fake", 16000, 30.0

    def sample(self, requests, sampling):
        for request in requests:
            for sample, seed in request.seeds.items():
                text = "<think>The pitch is low, it hums.</think>low"
                logprob = -1.5 - sum(float(np.abs(clip).mean()) for clip in request.clips)
                yield Completion(request.key, sample, seed, text, "stop", 5, 4, logprob, (1.0,))

    def close(self):
        pass


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working folder with a low tone, a question about it, a model folder, and the engine that only talks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "open_engine", lambda *_, **__: FakeEngine())
    seconds = np.arange(16000) / 16000
    sf.write("low.wav", 0.2 * sum(np.sin(2 * np.pi * 110 * k * seconds) / k for k in range(1, 6)), 16000)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    write_question("q.jsonl", question="Is the pitch low or high?")
    return tmp_path


def write_question(path, **given):
    row = {"id": "q1", "audio": "low.wav", "choices": ["low", "high"], "answer": "low"} | given
    Path(path).write_text(json.dumps(row) + "\n")


NEVER_HUMS = '''
"""Object to a trace that hums."""
from mgrd.rulebook import example

def check(trace):
    """Object."""
    return "it hums" if "hums" in trace.think else None

KEEP = [example("the pitch falls")]
DROP = [example("it hums")]
'''

GENERATE = ("generate", "q.jsonl", "-m", "model", "-k", "1", "--engine", "transformers", "--quiet", "-o", "out")
EVAL = ("eval", "q.jsonl", "-m", "model", "-k", "1", "--engine", "transformers", "--quiet", "--workers", "1")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((*GENERATE, "--audio-root", "/nope"), "--audio-root /nope: no such folder"),
        ((*EVAL, "--audio-root", "q.jsonl"), "--audio-root q.jsonl: no such folder"),
        (("run", "q.jsonl", "-o", "out", "--audio-root", "/nope"), "--audio-root /nope: no such folder"),
        (("filter", "q.jsonl", "-o", "out", "--rules", "/nope"), "--rules /nope: no such folder"),
        ((*EVAL, "--rules", "/nope"), "--rules /nope: no such folder"),
        (("rules", "--rules", "/nope"), "--rules /nope: no such folder"),
        (("run", "model", "-o", "out"), "model: cannot be read as a config (Is a directory); give a TOML file"),
        ((*GENERATE, "-o", "low.wav"), "-o low.wav: low.wav is a file; give a folder"),
        ((*GENERATE, "-o", "low.wav/x"), "low.wav is a file; give a folder"),
        ((*GENERATE, "--prompt", "low.wav"), "is no UTF-8; save it as UTF-8 text"),
        (("distill", "model", "-m", "model", "-o", "out", "--seed", "4294967296"), "must be from 0 to 4294967295"),
        ((*GENERATE, "--map", "question"), "--map question: write OURS=THEIRS"),
        (("filter",), "give TRACES and -o DIR, or --compare A B"),
        (("filter", "q.jsonl"), "give TRACES and -o DIR, or --compare A B"),
        ((*GENERATE, "--map", "words=ask"), "--map words=...: there is no such column"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(home, run, args, said):
    code, out, err = run(*args)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_verbose_shows_where_an_error_arose_and_changes_neither_its_line_nor_its_code(home, run):
    code, _, err = run("rules", "--rules", "/nope", "-v")
    assert (code, err.splitlines()[0]) == (2, "Traceback (most recent call last):")
    assert err.splitlines()[-1] == "Error: --rules /nope: no such folder"


def test_every_command_accepts_json_quiet_and_verbose(run):
    for command in cli.app.registered_commands:
        name = command.name
        code, out, _ = run(name, "--help")
        assert (code, [flag for flag in ("--json", "--quiet", "--verbose") if flag not in out]) == (0, [])
    assert run("rules", "fluent", "--quiet", "-v", "--json")[0] == 0


def test_no_summary_of_a_command_is_cut(run):
    listed = run("--help")[1].partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(cli.app.registered_commands)
    assert [line for line in listed if line.endswith("...")] == []


def test_only_commands_that_save_their_work_take_signals_over(home, run):
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        run("rules", "fluent")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        run("filter", "absent", "-o", "out")
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGUSR1, before[1])


def test_columns_of_the_questions_may_have_other_names(home, run):
    write_question("q.jsonl", ask="Is the pitch low or high?")
    code, _, err = run(*GENERATE)
    assert (code, "name the right one with --map question=COLUMN" in err) == (1, True)
    assert run(*GENERATE, "--map", "question=ask")[0] == 0
    assert tables.read_table(home / "out" / "traces", tables.TRACES)["question"].item() == "Is the pitch low or high?"


def test_filter_answers_with_the_keys_that_the_docs_list(home, run):
    assert run(*GENERATE)[0] == 0
    code, out, _ = run("filter", "out", "-o", "out", "--workers", "1", "--quiet", "--json")
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text()
    listed = re.search(r"^\| `filter` \| `(.*)` \|$", page, re.MULTILINE)[1].split(", ")
    assert (code, sorted(json.loads(out))) == (0, sorted(listed))


def test_generate_and_filter_tell_what_overwrite_sets_aside_unless_they_are_to_be_quiet(home, run):
    loud = [word for word in GENERATE if word != "--quiet"]
    judge = "filter", "out", "-o", "out", "--workers", "1"
    assert (run(*loud)[0], run(*judge)[0]) == (0, 0)

    _, _, judged = run(*judge, "--without", "length", "--overwrite")
    _, _, sampled = run(*loud, "--temperature", "0.5", "--overwrite")
    _, _, nothing = run(*GENERATE, "--temperature", "0.6", "--overwrite")

    def aside(said):
        return [line for line in said.splitlines() if line.startswith("Set aside: ")]

    parts = ("judged", "selection.parquet", "outcomes.parquet", "survivors.parquet")
    assert aside(judged) == [f"Set aside: out/{part}, as {part}.old-1" for part in parts]
    # what was judged of the old samples goes with them
    assert aside(sampled) == [
        "Set aside: out/traces, as traces.old-1",
        *(f"Set aside: out/{part}, as {part}.old-2" for part in parts),
    ]
    assert (nothing, (home / "out" / "traces.old-2").is_dir()) == ("", True)


def test_a_difficulty_band_is_written_as_in_the_paper(home, run):
    assert run(*GENERATE)[0] == 0
    words = "filter", "out", "-o", "out", "--workers", "1", "--quiet", "--json", "--pass-rate"
    outside = [json.loads(run(*words, *band)[1]) for band in (("3/8", "6/8"), ("0", "8/8"))]  # of one sample
    assert [found["too_easy"] + found["too_hard"] for found in outside] == [1, 0]
    assert run(*words, "3/8", "9/8")[::2] == (2, "Error: --pass-rate 1.125: must be from 0 to 1\n")
    code, _, err = run(*words, "3/8", "six")
    assert (code, "'six' is no number; write 0.375 or 3/8" in err) == (2, True)


def test_an_evaluation_names_its_own_folder_and_rerun_leaves_the_same_bytes(home, run):
    assert run(*EVAL)[0] == 0
    here = home / f"eval-q-{home.name}"
    made = {path.name: path.read_bytes() for path in here.rglob("*") if path.suffix in (".json", ".parquet")}
    code, out, _ = run(*EVAL, "--json")
    again = {path.name: path.read_bytes() for path in here.rglob("*") if path.suffix in (".json", ".parquet")}
    assert (code, "seconds" in json.loads(out), "seconds" in json.loads(made["metrics.json"])) == (0, True, False)
    assert {**again, "manifest.json": None} == {**made, "manifest.json": None}
    assert list(here.glob("*.old-*")) == []


def test_an_evaluation_judges_by_the_rules_it_is_given_and_sets_nothing_aside_unasked(home, run):
    own = home / "mine" / "logic" / "never_hums.py"
    own.parent.mkdir(parents=True)
    own.write_text(NEVER_HUMS)
    objected = json.loads(run(*EVAL, "--rules", "mine", "--json")[1])["objections"]
    assert objected["logic.never_hums"] == 1
    code, _, err = run(*EVAL, "--without", "fluent")
    assert (code, "made under other settings" in err) == (1, True)
    code, out, _ = run(*EVAL, "--rules", "mine", "--without", "never_hums", "--recheck", "--json")
    assert (code, "logic.never_hums" in json.loads(out)["objections"]) == (0, False)


def test_the_default_folder_of_an_evaluation_says_what_was_asked_and_of_whom(home):
    assert default_folder("q.jsonl", Path("run/round-02/model")) == Path("eval-q-round-02")
    assert default_folder("org/data@en:test", Path("qwen")) == Path("eval-org-data-en-test-qwen")


def test_a_refused_command_leaves_no_folder_and_one_that_was_there_stays_empty(home, run):
    (home / "config.toml").write_text('[run]\nmodel = "model"\nquestions = "absent.jsonl"\n')
    (home / "there").mkdir()
    before = sorted(home.iterdir())
    in_a_process("run", "config.toml", "-o", "new/run", code=2)
    in_a_process("run", "config.toml", "-o", "there", code=2)
    in_a_process("generate", "absent.jsonl", "-m", "model", "-o", "new/out", code=2)
    in_a_process("measure", "absent.wav", "-o", "new", code=2)
    assert sorted(home.iterdir()) == before
    assert list((home / "there").iterdir()) == []


def in_a_process(*args, code=0):
    """What `mgrd` says in a process of its own, whose locks end with it."""
    path = os.environ | {"PYTHONPATH": str(Path(mgrd.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "mgrd", *args], capture_output=True, text=True, env=path, check=False)
    assert done.returncode == code, done.stderr
    return done


HELLO = '''"""Says hello.

And more.
"""
import sys, time
from beside import word

if __name__ == "__main__":
    print(word, sys.argv[1:], flush=True)
    if "--sleep" in sys.argv:
        time.sleep(30)
    sys.exit(7 if "--seven" in sys.argv else 0)
'''


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """A checkout's benchmarks: one script and what it imports; `benchmarks.rename(...)` makes a wheel of it."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "hello.py").write_text(HELLO)
    (folder / "beside.py").write_text('"""Has no main."""\nword = "hello"\n')
    monkeypatch.setattr(bench, "PACKAGE", tmp_path / "mgrd")
    (tmp_path / "mgrd").mkdir()
    return folder


def test_benchmarks_are_the_scripts_with_a_main_and_ours_have_one_line_each(benchmarks, run, monkeypatch):
    assert run("bench")[:2] == (0, "hello      Says hello.\n")
    assert json.loads(run("bench", "--json")[1]) == {"benchmarks": [{"name": "hello", "summary": "Says hello."}]}
    assert run("bench", "beside")[::2] == (2, "Error: there is no benchmark beside; there are hello\n")
    monkeypatch.undo()
    listed = bench.listed()
    assert {"claims", "loop", "times"} <= set(listed)
    assert all(listed.values())


def test_a_benchmark_gets_its_own_options_and_its_exit_code_is_ours(benchmarks, monkeypatch, capfd):
    words = ["hello", "--seven", "-o", "x", "--json", "--help"]
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", *words])
    assert (stopped.value.code, capfd.readouterr().out) == (7, f"hello {words[1:]}\n")
    assert bench.run("hello", []) == 0


def test_json_is_the_benchmarks_own_before_and_after_its_name(benchmarks, capfd):
    for words in (["--json", "hello", "--half", "open"], ["hello", "--half", "open", "--json"]):
        with contextlib.suppress(SystemExit):
            cli.main(["bench", *words])
        assert capfd.readouterr().out == "hello ['--half', 'open', '--json']\n"


def test_every_benchmark_takes_json_and_prints_its_sections_as_one_object(capfd):
    for name in bench.listed():
        assert bench.run(name, ["--help"]) == 0
        assert "--json" in capfd.readouterr().out
    assert bench.run("claims", ["--only", "extraction", "--half", "open", "--json"]) == 0
    (table,) = json.loads(capfd.readouterr().out)["extraction"]
    assert list(table[0]) == ["sentences", "claims", "precision", "recall", "exact cue", "polarity"]
    assert table[0]["sentences"].startswith("**en, open** (")
    assert bench.run("claims", ["--only", "extraction", "--final", "--show"]) == 2


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("claims", "taltech_traces.jsonl: no such file"),
        ("claims --only extraction", "taltech_traces.jsonl: no such file"),
        ("claims --only planted", "emodb: no such folder of WAV files"),
        ("claims --only texts", "soundmind_text_only.jsonl: no such file"),
        ("claims --only speed", "taltech_traces.jsonl: no such file"),
        ("answers", "mmau_questions.jsonl: no such file"),
        ("measure", "emodb: no such folder of WAV files"),
    ],
)
def test_a_benchmark_names_what_its_data_lacks_in_one_line(words, missing, tmp_path, capfd):
    name, *more = words.split()
    assert bench.run(name, [*more, "--data", str(tmp_path)]) == 1
    assert capfd.readouterr() == ("", f"Error: {tmp_path}/{missing}; --data names the folder that holds it\n")


def test_in_a_wheel_a_benchmark_that_needs_a_checkout_says_so_in_one_line(benchmarks, capfd):
    benchmarks.rename(benchmarks.parent / "mgrd" / "_benchmarks")
    (bench.folder() / "loop.py").write_text(HELLO)
    with pytest.raises(MgrdError, match=r"^loop: needs a checkout of mgrd, for it runs the quickstart"):
        bench.run("loop", [])
    assert (bench.run("hello", []), capfd.readouterr().out) == (0, "hello []\n")


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted\n"), (signal.SIGTERM, 143, "")])
def test_a_signal_ends_a_benchmark_and_leaves_no_traceback(benchmarks, number, code, said):
    start = f"from pathlib import Path; from mgrd import bench, cli; bench.PACKAGE = Path({str(bench.PACKAGE)!r})"
    words = [sys.executable, "-c", f"{start}; cli.main(['bench', 'hello', '--sleep'])"]
    path = os.environ | {"PYTHONPATH": str(Path(mgrd.__file__).parents[1])}
    begun = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # being ignored would be inherited
    try:
        running = subprocess.Popen(words, env=path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert running.stdout.readline() == "hello ['--sleep']\n"
    running.send_signal(number)
    assert (running.communicate()[1], running.returncode) == (said, code)
    assert time.monotonic() - begun < 25
