"""Rounds: the stages in order, each as a process, and a run that goes on wherever it was stopped."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import polars as pl
import pytest
from judged_rows import trace, write

import mgrd
from mgrd import children, folders, locks, rounds, tables
from mgrd.audio.measure import EXTRACTOR
from mgrd.children import Children
from mgrd.config import HOW_IT_RUNS, TABLES, check_flags, flags, read_config
from mgrd.errors import MgrdError, MisusedError, SettingsError, Stopped
from mgrd.options import VLLM, Filter, Generate, Select
from mgrd.progress import Story
from mgrd.report import signs
from mgrd.settings import fields

QUIET = Story(quiet=True)

FAKE = """
    # Stands in for an interpreter: writes what the stage would write, and misbehaves where `behave.json` says so.
    import json, os, signal, sys, time

    home = os.path.dirname(__file__)
    stage, *words = sys.argv[sys.argv.index("mgrd") + 1:]
    out = words[words.index("-o") + 1]
    name = "/".join([os.path.basename(os.path.dirname(out) if stage == "eval" else out), stage])
    with open(f"{home}/calls.jsonl", "a") as calls:
        print(json.dumps([name, words]), file=calls)
    behave = json.load(open(f"{home}/behave.json")).get(name, "")
    if behave == "hang":
        def stopped(number, _):
            print(f"got {signal.Signals(number).name}", file=sys.stderr, flush=True)
            sys.exit(130 if number == signal.SIGINT else 75)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, stopped)
        open(f"{home}/hanging", "w").close()
        time.sleep(30)
    if behave == "killed":
        signal.raise_signal(signal.SIGKILL)
    if behave.startswith("exit"):
        print("loading\\n\\x1b[31mError: clips/a.wav: is empty\\x1b[0m", file=sys.stderr)
        sys.exit(int(behave[4:]))
    judged = {"judged": "judged", "survivors.parquet": ("nothing" if behave == "nothing" else "survivors") + ".parquet"}
    same = {"generate": "traces", "distill": "model", "eval": "metrics.json"}
    wrote = judged if stage == "filter" else {same[stage]: same[stage]}
    for part, made in wrote.items():
        if not os.path.lexists(f"{out}/{part}"):
            os.symlink(f"{home}/made/{made}", f"{out}/{part}")
    if stage == "distill" and not os.path.exists(f"{out}/distill.json"):
        open(f"{out}/distill.json", "wb").write(json.dumps({"made": os.urandom(8).hex()}).encode())
    print(f"{name} said this", file=sys.stderr)
    print("a library prints this")
    print(json.dumps({"made": name}))
    sys.exit(3 if behave == "nothing" else 0)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a config whose interpreter is the fake, questions, a model folder, and what stages write."""
    monkeypatch.chdir(tmp_path)
    fake = tmp_path / "fake.py"
    fake.write_text(textwrap.dedent(FAKE))
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -SE {fake} "$@"\n')
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "behave.json").write_text("{}")
    (tmp_path / "calls.jsonl").touch()
    rows = [trace("q1", 0, claims=["supported"]), trace("q2", 0, objections=["logic.length"])]
    made = write(tmp_path / "made", rows).parent
    tables.write_table(
        [{name: row[name] for name in tables.TRACES} for row in rows], made / "traces" / "part-0.parquet", tables.TRACES
    )
    tables.write_table([{name: rows[0][name] for name in tables.JUDGED}], made / "survivors.parquet", tables.JUDGED)
    tables.write_table([], made / "nothing.parquet", tables.JUDGED)
    tables.write_json({"accuracy": 0.5, "n_traces": 2}, made / "metrics.json")
    (made / "model").mkdir()
    (tmp_path / "start").mkdir()
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for name, count in (("train", 5), ("heldout", 2)):
        lines = [
            {"id": f"{name}{i}", "audio": "a.wav", "question": f"What is {i}?", "answer": "x"} for i in range(count)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    configure(tmp_path)
    return tmp_path


def configure(home, **tables_):
    """Write the config, with extra keys by table; a nested dict is a sub-table."""
    content = {"run": {"model": "start", "questions": "train.jsonl"}, "eval": {"questions": "heldout.jsonl"}}
    for stage in ("generate", "filter", "distill", "eval"):
        content.setdefault(stage, {})["python"] = "./python"
    for name, keys in tables_.items():
        content.setdefault(name, {}).update(keys)
    lines = []
    for name, keys in content.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items() if not isinstance(value, dict)]
    for check, keys in content["filter"].get("checks", {}).items():
        lines += [f"[filter.checks.{check}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    (home / "config.toml").write_text("\n".join(lines) + "\n")


def behave(home, **how):
    (home / "behave.json").write_text(
        json.dumps({name.replace("__", "/").replace("_", "-"): one for name, one in how.items()})
    )


def run(home, rounds_=None, overwrite=False, story=QUIET):
    return rounds.run(Path("config.toml"), Path("out"), rounds=rounds_, overwrite=overwrite, story=story)


def calls(home):
    return [json.loads(line)[0] for line in (home / "calls.jsonl").read_text().splitlines()]


def words_of(home, name):
    return next(
        words for called, words in map(json.loads, (home / "calls.jsonl").read_text().splitlines()) if called == name
    )


def after(words, flag):
    return words[words.index(flag) + 1]


ALL = ["round-00/eval"] + [
    f"round-{n:02d}/{stage}" for n in (1, 2) for stage in ("generate", "filter", "distill", "eval")
]


def test_two_rounds_run_every_stage_once_in_order_and_leave_what_the_design_says(home):
    rows = run(home)
    assert calls(home) == ALL
    assert [(row["round"], row["model"]) for row in rows] == [(0, None), (1, "round-01/model"), (2, "round-02/model")]
    assert rows[0]["filter"] is None
    assert rows[1]["eval"] == {"accuracy": 0.5, "n_traces": 2}
    assert (rows[1]["filter"]["n_traces"], rows[1]["filter"]["passed"], rows[1]["filter"]["survivors"]) == (2, 0.5, 1)
    assert rows[1]["filter"]["objections"] == {"logic": 1, "logic.length": 1}
    assert sorted(rows[1]["stages"]) == ["distill", "eval", "filter", "generate"]
    assert rows[1]["stages"]["generate"]["tokens_per_s"] > 0
    assert (home / "out" / "config.toml").read_bytes() == (home / "config.toml").read_bytes()
    assert tables.read_json(home / "out" / "round-02" / "metrics.json") == rows[2]
    assert folders.read_manifest(home / "out")["stages"]["round-01/filter"]["answer"] == {"made": "round-01/filter"}


def test_a_round_samples_from_the_model_of_the_round_before_and_trains_from_the_first(home):
    run(home)
    start = str(home / "start")
    models = {name: after(words_of(home, name), "-m") for name in ALL if "filter" not in name}
    assert models == {
        "round-00/eval": start,
        "round-01/generate": start,
        "round-01/distill": start,
        "round-01/eval": "out/round-01/model",
        "round-02/generate": "out/round-01/model",
        "round-02/distill": start,
        "round-02/eval": "out/round-02/model",
    }
    assert words_of(home, "round-02/distill")[0:2] == ["out/round-02", "-m"]


def test_training_may_start_from_the_last_model_and_on_the_survivors_of_all_rounds(home):
    configure(home, run={"distill_from": "last", "cumulate": True})
    run(home)
    words = words_of(home, "round-02/distill")
    assert (words[:2], after(words, "-m")) == (["out/round-01", "out/round-02"], "out/round-01/model")


def test_rounds_are_trained_with_different_seeds_and_sampled_with_that_of_the_run_and_their_number(home):
    configure(home, generate={"seed": 7}, distill={"seed": 70}, eval={"seed": 700})
    run(home)
    seeds = {name: after(words_of(home, name), "--seed") for name in ALL if "filter" not in name}
    assert [seeds[f"round-0{n}/generate"] for n in (1, 2)] == ["7", "7"]
    assert [after(words_of(home, f"round-0{n}/generate"), "--round") for n in (1, 2)] == ["1", "2"]
    assert [seeds[f"round-0{n}/distill"] for n in (1, 2)] == ["71", "72"]
    assert {seeds[f"round-0{n}/eval"] for n in (0, 1, 2)} == {"700"}


def test_without_held_out_questions_there_is_no_evaluation_and_no_round_0(home):
    configure(home, eval={"questions": None})
    (home / "config.toml").write_text((home / "config.toml").read_text().replace("questions = null\n", ""))
    rows = run(home, 1)
    assert calls(home) == ["round-01/generate", "round-01/filter", "round-01/distill"]
    assert [(row["round"], row["eval"]) for row in rows] == [(1, None)]


def test_a_complete_run_starts_nothing_and_returns_the_same_and_rounds_may_grow(home):
    rows = run(home)
    assert run(home) == rows
    assert calls(home) == ALL
    configure(home, run={"rounds": 3})
    assert run(home)[:3] == rows
    assert calls(home) == ALL + [f"round-03/{stage}" for stage in ("generate", "filter", "distill", "eval")]
    assert run(home, 1) == rows[:2]


@pytest.mark.parametrize("stopped", ALL[:5])
def test_a_run_that_was_stopped_in_a_stage_goes_on_with_that_stage(home, stopped):
    behave(home, **{stopped.replace("/", "__").replace("-", "_"): "exit75"})
    with pytest.raises(Stopped, match=r"clips/a.wav: is empty; the same command goes on"):
        run(home, 1)
    behave(home)
    rows = run(home, 1)
    place = ALL.index(stopped)
    assert calls(home) == [*ALL[: place + 1], *ALL[place:5]]
    assert [row["round"] for row in rows] == [0, 1]


def test_a_stage_whose_output_is_gone_runs_again_and_so_do_those_that_rest_on_it(home):
    run(home, 1)
    (home / "out" / "round-01" / "survivors.parquet").unlink()
    (home / "calls.jsonl").write_text("")
    run(home, 1)
    assert calls(home) == ["round-01/filter", "round-01/distill", "round-01/eval"]


def test_an_evaluation_that_is_gone_runs_again_alone(home):
    rows = run(home)
    (home / "out" / "round-01" / "eval" / "metrics.json").unlink()
    (home / "calls.jsonl").write_text("")
    again = run(home)
    assert calls(home) == ["round-01/eval"]
    assert [row["eval"] for row in again] == [row["eval"] for row in rows]


def test_metrics_never_outlive_the_work_they_tell_of(home):
    run(home, 1)
    (home / "out" / "round-01" / "eval" / "metrics.json").unlink()
    behave(home, round_01__eval="exit75")
    with pytest.raises(Stopped):
        run(home, 1)
    assert not (home / "out" / "round-01" / "metrics.json").exists()


def test_the_run_ends_when_nothing_survives_and_says_so_again(home):
    behave(home, round_01__filter="nothing")
    rows = run(home)
    assert calls(home) == ALL[:3]
    assert rounds.nothing_survived(rows)
    assert (rows[-1]["model"], rows[-1]["eval"], rows[-1]["filter"]["survivors"]) == (None, None, 0)
    assert run(home) == rows
    assert calls(home) == ALL[:3]


def test_a_run_ends_on_a_sign_that_its_config_names_says_why_and_goes_on_without_it(home, monkeypatch, capsys):
    monkeypatch.setitem(signs.SIGNS, "length_collapse", lambda so_far: (so_far[-1].number == 1, "5 words, 10 at first"))
    configure(home, run={"stop_when": ["few_questions", "length_collapse"]})
    rows = run(home, story=Story())
    assert calls(home) == ALL[:5]
    assert (rows[-1]["round"], rows[-1]["stopped"]) == (1, ["length_collapse: 5 words, 10 at first"])
    said = capsys.readouterr().err
    assert "Round 1: length_collapse: 5 words, 10 at first\n" in said
    assert "as [run] stop_when asks; without length_collapse in it the same command goes on\n" in said
    assert run(home) == rows
    assert calls(home) == ALL[:5]
    configure(home, run={"stop_when": ["few_questions"]})
    assert "stopped" not in run(home)[-1]
    assert calls(home) == ALL


def test_the_command_ends_with_a_report(home, request):
    code, _, err = request.getfixturevalue("run")("run", "config.toml", "-o", "out", "--rounds", "1")
    assert code == 0
    assert err.endswith("Report: out/report.html\n")
    assert "<h3>Round 1</h3>" in (home / "out" / "report.html").read_text()


def test_a_stage_that_cannot_go_on_ends_the_run_with_its_own_last_words(home, capfd):
    behave(home, round_01__filter="exit1")
    with pytest.raises(MgrdError) as raised:
        run(home)
    assert (str(raised.value), raised.value.exit_code) == ("round 1, filter: clips/a.wav: is empty", 1)
    assert "round-01/generate said this\n" in capfd.readouterr().err


def test_an_interrupted_stage_interrupts_the_run(home):
    behave(home, round_01__generate="exit130")
    with pytest.raises(KeyboardInterrupt):
        run(home)
    assert calls(home) == ALL[:2]


def test_a_stage_that_the_system_killed_is_named_with_the_likely_reason(home):
    behave(home, round_01__distill="killed")
    with pytest.raises(MgrdError, match=r"round 1, distill: was ended by SIGKILL.*memory.*the same command goes on"):
        run(home)


@pytest.mark.parametrize(
    ("sent", "arrives", "raised"),
    [
        (signal.SIGTERM, "SIGTERM", Stopped),
        (signal.SIGUSR1, "SIGUSR1", Stopped),
        (signal.SIGHUP, "SIGTERM", Stopped),
        (signal.SIGINT, "SIGINT", KeyboardInterrupt),
    ],
)
def test_a_signal_reaches_the_running_stage_once_and_the_run_waits_for_it(home, capfd, sent, arrives, raised):
    behave(home, round_01__generate="hang")
    before = signal.getsignal(sent)
    if before is signal.SIG_IGN:
        pytest.skip(f"{sent.name} is ignored here, as under nohup: a run leaves it so")

    def send():
        while not (home / "hanging").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), sent)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(raised):
        run(home)
    sender.join()
    assert capfd.readouterr().err.count(f"got {arrives}") == 1
    assert calls(home) == ALL[:2]
    assert signal.getsignal(sent) == before
    assert folders.read_manifest(home / "out")["stages"]["round-01/generate"]["done"] is False


def test_a_signal_between_two_stages_starts_no_other(home):
    with Children(home / "out") as crew:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped, match="stopped by SIGTERM"):
            crew.call([sys.executable, "-c", "raise SystemExit(9)"], "round 1, generate")


def test_a_rerun_waits_for_as_long_as_a_stage_that_was_left_behind_may_go_on(home, monkeypatch):
    waits = []
    real = locks.lock
    monkeypatch.setattr(locks, "lock", lambda folder, wait_s, *rest: waits.append(wait_s) or real(folder, 0.0, *rest))
    configure(home, generate={"grace": 600.0}, eval={"grace": 5.0})
    run(home, 1)
    assert waits[0] == 600.0 + children.LOCK_WAIT_S


def test_a_second_run_in_the_same_folder_is_refused(home, monkeypatch):
    monkeypatch.setattr(children, "LOCK_WAIT_S", 0.1)
    configure(home, generate={"grace": 0.0}, eval={"grace": 0.0})
    with Children(home / "out"), pytest.raises(MgrdError, match="works in this folder"):
        run(home)
    run(home, 1)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_in_the_folder_of_an_evaluation_is_refused_before_any_work(home, overwrite):
    made = {stage: {"identity": {"seed": 1}} for stage in ("generate", "filter")}
    tables.write_json(made, home / "out" / folders.MANIFEST)
    with pytest.raises(SettingsError, match="holds work of mgrd filter and mgrd generate, a round or an evaluation"):
        run(home, 1, overwrite=overwrite)
    assert calls(home) == []
    assert not (home / "out" / "round-00").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_stage_has_its_own_process_group_and_holds_the_lock_of_the_folder(home):
    look = (
        "import json, os\n"
        "files = [os.path.realpath(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')]\n"
        "print(json.dumps({'group': os.getpgrp(), 'files': files}))\n"
    )
    with Children(home / "out") as crew:
        found = crew.call([sys.executable, "-SEc", look], "round 1, generate")
    assert found["group"] != os.getpgrp()
    assert str(home / "out" / ".lock") in found["files"]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("print('loading\\nError: a.wav: is empty', file=sys.stderr); sys.exit(1)", "loading\n"),
        ("print('Interrupted: what was done is saved', file=sys.stderr); sys.exit(130)", ""),
        ("print('Error: rate 3.0\\ngoing on', file=sys.stderr); sys.exit(1)", "Error: rate 3.0\ngoing on\n"),
        ("print('Error: it seemed', file=sys.stderr); print('{}')", "Error: it seemed\n"),
        ("print('Error: it seemed', file=sys.stderr, flush=True); os.kill(os.getpid(), 11)", "Error: it seemed\n"),
    ],
)
def test_the_error_that_a_stage_ends_with_is_told_once_and_all_else_is_passed_on(home, capfd, ends, told):
    with Children(home / "out") as crew, contextlib.suppress(MgrdError, KeyboardInterrupt):
        crew.call([sys.executable, "-SEc", f"import os, sys; {ends}"], "round 1, filter")
    assert capfd.readouterr().err == told


def test_a_stage_that_crashed_is_told_in_sentences(home):
    with Children(home / "out") as crew, pytest.raises(MgrdError) as raised:
        crew.call([sys.executable, "-SEc", "import os; os.kill(os.getpid(), 11)"], "round 1, filter")
    told = "round 1, filter: was ended by SIGSEGV; what is done is saved, the same command goes on"
    assert str(raised.value) == told


def test_a_stage_that_answers_no_json_is_an_error(home):
    with Children(home / "out") as crew:
        with pytest.raises(MgrdError, match="printed no JSON object: 'hello'"):
            crew.call([sys.executable, "-SEc", "print('hello')"], "round 1, generate")
        answer = crew.call([sys.executable, "-SEc", "print('hello'); print('{\\n  \"a\": {\"b\": 1}\\n}')"], "x")
        assert answer == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"generate": {"temperature": 0.5}}, r"generate.temperature 1.0 -> 0.5"),
        ({"select": {"per_question": 2}}, r"select.per_question None -> 2"),
        ({"run": {"questions_per_round": 3}}, r"run.questions_per_round None -> 3"),
        ({"eval": {"questions": "train.jsonl"}}, r"eval.questions"),
        ({"filter": {"without": ["length"]}}, r"filter.without \+length"),
    ],
)
def test_a_run_under_other_settings_is_refused_by_the_key_that_changed(home, changed, message):
    run(home, 1)
    configure(home, **changed)
    with pytest.raises(SettingsError, match=message):
        run(home, 1)
    assert calls(home) == ALL[:5]


def test_other_words_in_the_questions_file_are_another_run(home):
    run(home, 1)
    path = home / "train.jsonl"
    path.write_text(path.read_text().replace("What is 0?", "What is zero?"))
    with pytest.raises(SettingsError, match=r"run.questions: question \S+ has another question 'What is zero\?'"):
        run(home, 1)


def test_how_it_runs_may_change(home):
    run(home, 1)
    configure(home, generate={"batch": 2, "engine": "transformers"}, filter={"workers": 1}, distill={"accumulate": 2})
    run(home, 1)
    assert calls(home) == ALL[:5]


def test_other_weights_in_the_models_folder_are_another_run_and_the_same_elsewhere_are_not(home):
    (home / "start" / "model.safetensors").write_bytes(b"one")
    run(home, 1)
    (home / "start").rename(home / "moved")
    configure(home, run={"model": "moved"})
    run(home, 1)
    assert calls(home) == ALL[:5]
    (home / "moved" / "model.safetensors").write_bytes(b"two")
    with pytest.raises(SettingsError, match=r"run.model"):
        run(home, 1)


def test_what_rests_on_work_that_was_made_again_is_set_aside_and_made_again(home):
    run(home)
    here = home / "out" / "round-01"
    (here / "survivors.parquet").unlink()
    tables.write_table([trace("q2", 0)], here / "survivors.parquet", tables.JUDGED)  # a clip was repaired
    configure(home, generate={"retry_failed": True})
    run(home)
    aside = sorted(str(path.relative_to(home / "out")) for path in (home / "out").rglob("*.old-*"))
    assert aside == [
        "round-01/distill.json.old-1",
        "round-01/eval/metrics.json.old-1",
        "round-01/model.old-1",
        "round-02/traces.old-1",
    ]


def test_work_that_was_made_again_with_the_same_result_sets_nothing_aside(home):
    rows = run(home)
    configure(home, generate={"retry_failed": True})
    again = run(home)
    assert len(calls(home)) == 2 * len(ALL) - 1  # the first model's evaluation rests on nothing
    assert list((home / "out").rglob("*.old-*")) == []
    assert [row["eval"] for row in again] == [row["eval"] for row in rows]


def test_a_round_in_which_nothing_survives_any_more_keeps_no_model_and_no_later_round(home):
    run(home)
    (home / "out/round-01/survivors.parquet").unlink()
    behave(home, round_01__filter="nothing")
    rows = run(home)
    assert [(row["round"], row["model"]) for row in rows] == [(0, None), (1, None)]
    assert (rows[1]["eval"], (home / "out/round-02").exists()) == (None, False)
    assert (home / "out/round-01/model.old-1").exists() and (home / "out/round-02.old-1").exists()


def test_columns_of_a_runs_questions_may_have_other_names_and_an_audio_root_be_given(home):
    for name in ("train", "heldout"):
        path = home / f"{name}.jsonl"
        path.write_text(path.read_text().replace('"question"', '"ask"'))
    (home / "clips").mkdir()
    (home / "a.wav").rename(home / "clips" / "a.wav")
    configure(home, generate={"map": ["question=ask"]}, eval={"map": ["question=ask"]})
    rounds.run(Path("config.toml"), Path("out"), rounds=1, audio_root=Path("clips"), overwrite=False, story=QUIET)
    asked = tables.read_table(home / "out/round-01/questions.parquet", tables.QUESTIONS)
    assert sorted(asked["question"]) == [f"What is {i}?" for i in range(5)]
    roots = {after(words_of(home, name), "--audio-root") for name in ALL[:5]}
    assert roots == {str(home / "clips")}


def test_overwrite_sets_the_rounds_aside_and_starts_again(home):
    run(home, 1)
    (home / "out" / "measurements.parquet").touch()
    configure(home, generate={"temperature": 0.5})
    run(home, 1, overwrite=True)
    assert calls(home) == ALL[:5] * 2
    left = sorted(path.name for path in (home / "out").iterdir() if not path.name.startswith("."))
    aside = ["config.toml", "manifest.json", "round-00", "round-01"]
    assert left == sorted(["measurements.parquet", *aside, *(f"{name}.old-1" for name in aside)])
    assert run(home, 1, overwrite=True)
    assert calls(home) == ALL[:5] * 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"training": {}}, "unknown table training; it knows run, generate"),
        ({"generate": {"temprature": 1}}, r"\[generate\]: unknown key temprature"),
        ({"generate": {"samples": "8"}}, r"\[generate\] samples = '8': must be a whole number"),
        ({"run": {"model": "absent"}}, r"\[run\] model = 'absent': .*absent does not exist"),
        ({"generate": {"prompt": "absent.txt"}}, r"\[generate\] prompt = 'absent.txt'"),
        ({"distill": {"python": "./absent"}}, r"\[distill\] python = './absent': no such interpreter"),
        ({"distill": {"python": 3}}, r"\[distill\] python = 3: no such interpreter"),
        ({"filter": {"without": ["absent"]}}, r"\[filter\]: there is no check absent"),
        ({"filter": {"checks": {"length": {"absent": 1}}}}, r"\[filter\]: .*has no option absent"),
        ({"filter": {"checks": 3}}, r"checks must be tables"),
        ({"generate": {"map": ["question"]}}, r"--map question: write OURS=THEIRS"),
        ({"vllm": {"dtype": "half"}}, r"--vllm dtype=\"half\": has an option of its own, --dtype"),
        ({"eval": {"dtype": "float16", "engine": "transformers"}}, r"--dtype: goes with --engine vllm"),
        ({"distill": {"qlora": True}}, r"--qlora: needs --lora R"),
        ({"distill": {"beta": 0.2}}, r"--beta: goes with --objective dpo"),
        ({"distill": {"gpu_memory": 0.2}}, r"--gpu-memory: goes with --engine vllm"),
        (
            {"generate": {"lora": "start", "engine": "vllm"}},
            r"\[generate\] lora: .* merge the adapter into \[run\] model",
        ),
    ],
)
def test_what_is_wrong_with_the_config_is_said_before_any_work(home, changed, message):
    if changed.get("filter", {}).get("checks") == 3:
        path = home / "config.toml"
        path.write_text(path.read_text().replace("[filter]\n", "[filter]\nchecks = 3\n"))
    else:
        configure(home, **changed)
    with pytest.raises(MisusedError, match=message):
        run(home)
    assert (calls(home), (home / "out").exists()) == ([], False)


def test_a_config_that_is_no_toml_or_absent_is_misuse(home):
    with pytest.raises(MisusedError, match="no such config"):
        read_config(home / "absent.toml")
    with pytest.raises(MisusedError, match="cannot be read as a config"):
        read_config(home)
    (home / "config.toml").write_text("[run\n")
    with pytest.raises(MisusedError, match="is not TOML"):
        read_config(home / "config.toml")


def test_paths_of_a_config_are_relative_to_its_folder(home, monkeypatch):
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    made = read_config(Path("../config.toml"))
    assert made.run.model == str(home / "elsewhere" / ".." / "start")
    assert Path(made.eval.questions).samefile(home / "heldout.jsonl")
    assert made.identity["filter.rules"] is None
    assert str(home) not in json.dumps(made.identity)


def test_the_table_of_vllms_own_arguments_is_of_every_stage_that_samples_and_says_what_the_run_is(home):
    sampled = {"engine": "vllm"}
    shared = {"max_num_seqs": 4, "kv_cache_dtype": "fp8"}
    configure(home, generate=sampled, eval=sampled)
    without = read_config(home / "config.toml").identity
    configure(home, generate=sampled, vllm=shared, eval=sampled | {"vllm": ["max_num_seqs=8"]})
    made = read_config(home / "config.toml")

    assert made.generate.vllm == ["max_num_seqs=4", 'kv_cache_dtype="fp8"']
    assert made.eval.vllm == [*made.generate.vllm, "max_num_seqs=8"]
    assert made.identity == without | {
        "generate.vllm": {"kv_cache_dtype": "fp8"},
        "eval.vllm": {"kv_cache_dtype": "fp8"},
    }
    configure(home, generate=sampled, vllm=shared, eval={"engine": "transformers"})
    made = read_config(home / "config.toml")
    assert (len(made.generate.vllm), made.eval.vllm) == (2, [])
    configure(home, generate={"engine": "transformers"}, vllm=shared, eval={"engine": "transformers"})
    with pytest.raises(MisusedError, match=r"\[vllm\]: goes with engine = 'vllm' in \[generate\] or \[eval\]"):
        read_config(home / "config.toml")


def test_a_new_model_is_tried_in_the_engine_that_the_next_round_opens(home, monkeypatch):
    def tried(**keys):
        configure(home, **keys)
        steps = rounds.plan(read_config(home / "config.toml"), Path("out"), 1, home)
        words = {step.stage: step.command for step in steps}
        flags_ = ("--engine", "--engine-python", *(f"--{name.replace('_', '-')}" for name in VLLM))
        return [(flag, after(words["distill"], flag)) for flag in flags_ if flag in words["distill"]]

    mine = ("--tensor-parallel", "1"), ("--gpu-memory", "0.9")
    assert tried(generate={"engine": "transformers"}) == [("--engine", "transformers"), *mine]
    opened = {"tensor_parallel": 2, "gpu_memory": 0.5, "dtype": "bfloat16", "max_model_len": 512}
    sampling = {"engine": "vllm", **opened, "trust_remote_code": True}
    assert tried(generate=sampling, vllm={"max_num_seqs": 4}, eval={"engine": "vllm"}) == [
        ("--engine", "vllm"),
        ("--engine-python", str(home / "python")),
        ("--tensor-parallel", "2"),
        ("--gpu-memory", "0.5"),
        ("--dtype", "bfloat16"),
        ("--max-model-len", "512"),
        ("--vllm", "max_num_seqs=4"),
        ("--trust-remote-code", "--train-prompt"),
    ]
    monkeypatch.setattr("mgrd.engines.default_engine", lambda: "vllm")
    assert tried() == [("--engine", "transformers"), *mine]  # another interpreter has a default of its own
    assert tried(generate={"python": sys.executable})[:2] == [("--engine", "vllm"), ("--engine-python", sys.executable)]


def test_every_command_of_a_plan_is_one_that_the_command_line_accepts(home):
    import typer

    from mgrd.cli import app

    configure(
        home,
        run={"cumulate": True, "audio_root": "."},
        generate={"control": "swap", "retry_failed": True, "limit": 3, "map": ["question=ask"]},
        filter={"without": ["no_leaks", "fluent"], "workers": 2, "recheck": True, "checks": {"length": {"most": 9}}},
        eval={"map": ["question=ask"]},
        select={"pass_rate": [0.1, 0.9], "per_question": 2},
        distill={"lora": 8},
    )
    checks = ["length.most=9"]
    commands = typer.main.get_command(app).commands
    for step in rounds.plan(read_config(Path("config.toml")), Path("out"), 2, home, ["--quiet", "--verbose"]):
        stage, *words = step.command[step.command.index("mgrd") + 1 :]
        context = commands[stage].make_context(stage, list(words))
        assert context.params["json_"] and context.params["quiet"] and context.params["verbose"]
        if stage in ("filter", "eval"):
            assert (context.params["without"], context.params["check_option"]) == (["no_leaks", "fluent"], checks)
        if stage == "filter":
            assert context.params["pass_rate"] == (0.1, 0.9)
        if stage == "generate":
            assert context.params["map"] == []
        if stage == "eval":
            assert context.params["map"] == ["question=ask"]


def test_options_become_flags():
    assert flags(Select(pass_rate=(0.1, 0.9), per_task=3)) == [
        "--per-task",
        "3",
        "--max-similarity",
        "0.9",
        "--pass-rate",
        "0.1",
        "0.9",
    ]
    assert flags(Filter(without=["a", "b"], recheck=True)) == [
        "--without",
        "a",
        "--without",
        "b",
        "--matcher",
        "ours",
        "--no-gold",
        "drop",
        "--extractor",
        "rules",
        "--extractor-tokens",
        "2048",
        "--judge-votes",
        "5",
        "--judge-tokens",
        "512",
        "--recheck",
    ]
    assert after(flags(Generate(max_tokens=5)), "--max-tokens") == "5"
    assert check_flags({"a": {"x": 1.5, "y": ["b"]}}) == ["--check-option", "a.x=1.5", "--check-option", 'a.y=["b"]']


def test_options_that_do_not_make_a_run_are_options():
    assert {field.name for table in TABLES.values() for field in fields(table)} >= HOW_IT_RUNS


def test_slices_of_a_shuffled_order_cover_all_questions_before_one_comes_again(home):
    ids = [f"q{i}" for i in range(10)]
    first, second, third, fourth = (rounds.slice_ids(ids, 4, number, 0) for number in (1, 2, 3, 4))
    assert [len(one) for one in (first, second, third, fourth)] == [4, 4, 4, 4]
    assert first | second | third == set(ids)
    assert len(third & first) == 2
    assert rounds.slice_ids(list(reversed(ids)), 4, 1, 0) == first
    assert rounds.slice_ids(ids, 4, 1, 1) != first
    assert rounds.slice_ids(ids, None, 3, 0) == rounds.slice_ids(ids, 99, 3, 0) == set(ids)
    configure(home, run={"questions_per_round": 2})
    run(home)
    asked = [tables.read_table(home / f"out/round-0{n}/questions.parquet", tables.QUESTIONS) for n in (1, 2)]
    assert [one.height for one in asked] == [2, 2]
    assert not set(asked[0]["id"]) & set(asked[1]["id"])


def test_embedded_clips_are_written_once_and_found_from_every_round(home):
    row = {"id": "e1", "audio": [{"bytes": b"RIFF\0\0\0\0WAVE", "path": None}], "question": "What?", "answer": "x"}
    for name in ("train", "heldout"):
        pl.DataFrame([row]).write_parquet(home / f"{name}.parquet")
    configure(home, run={"questions": "train.parquet"}, eval={"questions": "heldout.parquet"})
    run(home, 1)
    (clip,) = tables.read_table(home / "out/round-01/questions.parquet", tables.QUESTIONS)["audio"].item()
    for folder in ("out", "out/round-01", "out/round-01/eval", "out/round-00/eval"):
        assert (home / folder / clip).read_bytes() == row["audio"][0]["bytes"]
    assert (home / "out/round-01/audio").is_symlink()


def test_python_m_mgrd_is_the_command():
    found = subprocess.run([sys.executable, "-m", "mgrd", "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == f"mgrd {mgrd.__version__}\n"


def test_signals_change_nothing_until_a_process_has_ended(tmp_path):
    code = (
        "import atexit, os, signal, sys\n"
        "class Late:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "from mgrd.progress import stop\n"
        "stop.listen()\n"
        "sys.late = Late()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nos.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(75)\n"
    )
    path = str(Path(mgrd.__file__).parents[1])
    told = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (75, "SIGTERM: saving what is done, then stopping\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_stage_does_not_outlive_its_run(tmp_path):
    stage = (
        "import os, signal, sys, time\n"
        "from mgrd.__main__ import _end_with\n"
        "def stopped(*_):\n    open('stopped', 'w').close()\n    sys.exit(75)\n"
        "signal.signal(signal.SIGTERM, stopped)\n"
        "_end_with(int(os.environ['MGRD_PARENT']))\n"
        "open('ready', 'w').close()\n"
        "time.sleep(30)\n"
    )
    parent = (
        "import os, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {stage!r}], env=os.environ | {{'MGRD_PARENT': str(os.getpid())}})\n"
    )
    path = str(Path(mgrd.__file__).parents[1])
    running = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
    wait_for(tmp_path / "ready")
    running.kill()
    running.wait()
    wait_for(tmp_path / "stopped")
    assert running.returncode == -signal.SIGKILL  # so that it was not the run which stopped its stage


def wait_for(path):
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not come"
        time.sleep(0.02)


def test_a_run_is_held_to_the_calibration_it_was_begun_with(home):
    def calibrate(folder, clips):
        tables.write_json({"extractor": EXTRACTOR, "clips": clips, "groups": []}, folder / "calibration.json")

    def identity():
        return folders.read_manifest(home / "out")["run"]["identity"]

    run(home, rounds_=1)
    assert "filter.calibration" not in identity()
    calibrate(home / "out", 1)
    with pytest.raises(SettingsError, match=r"filter\.calibration None -> "):
        run(home, rounds_=1)
    run(home, rounds_=1, overwrite=True)
    begun = identity()["filter.calibration"]

    calibrate(home / "mine", 2)
    configure(home, filter={"calibration": "mine"})
    with pytest.raises(SettingsError, match=rf"filter\.calibration {begun} -> "):
        run(home, rounds_=1)
    run(home, rounds_=1, overwrite=True)
    given = json.loads((home / "calls.jsonl").read_text().splitlines()[-1])[1]
    assert Path(after(given, "--calibration")).samefile(home / "mine")
    assert str(home) not in json.dumps(identity())
