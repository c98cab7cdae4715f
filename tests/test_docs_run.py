"""What the documentation types is run: the example of every command, and the blocks of the guides marked for it.

In a temporary folder, with the quickstart's model and a few of its questions. What needs a GPU, a cluster, a server of
others or the hub is not run here but only parsed (tests/test_docs.py).
"""

import contextlib
import inspect
import json
import re
import shlex
import shutil

import polars as pl
import pytest
import typer
from documented import PAGES, ROOT, blocks, clone, workspace
from typer.testing import CliRunner

from mgrd.cli import app, main

pytest.importorskip("torch")
COMMANDS = typer.main.get_command(app).commands
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
RUNNABLE = [page for page in PAGES if any(block.does for block in blocks(page))]
TEN_MINUTES = ROOT / "docs" / "start.md"
SAMPLED = ("generate", "filter")
"""Commands whose examples make what the others read."""
LOOKING = {
    "measure": "1 clip measured",
    "check": "1 claim: 0 supported, 0 contradicted, 1 unverifiable",
    "rules": "acoustic.true_to_waveform",
    "doctor": "runs here: generate",
}
"""Commands that look, and what they say that they saw."""


def example(name):
    """What the help of a command says to type, as argument lists."""
    found = re.findall(r"^Example: mgrd (.*)$", inspect.cleandoc(COMMANDS[name].help), re.MULTILINE)
    assert len(found) == 1, name
    return shlex.split(found[0])


@pytest.fixture
def typing(monkeypatch):
    """Go to a folder in which commands are typed."""

    def go(folder):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))  # `mgrd run` starts processes of its own
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        return folder

    return go


@pytest.fixture
def here(tmp_path, typing):
    """The folder in which commands are typed."""
    return typing(workspace(tmp_path))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What the examples of generate and filter wrote, and what they said: the others read it."""
    folder = workspace(tmp_path_factory.mktemp("judged"))
    with contextlib.chdir(folder):
        told = {name: CliRunner().invoke(app, example(name)) for name in SAMPLED}
    return folder, told


@pytest.fixture
def with_traces(here, judged):
    """The folder, with a round that was sampled and judged in `run`."""
    shutil.copytree(judged[0] / "run", here / "run")
    return here


def answered(run, *words):
    """What a command answers on stdout; it ends with exit code 0."""
    code, out, err = run(*words)
    assert code == 0, err
    return out


def test_the_examples_of_generate_and_filter_sample_and_judge_a_round(judged):
    folder, told = judged
    assert [told[name].exit_code for name in SAMPLED] == [0, 0]
    assert "48 samples of 6 questions, 48 of them new" in told["generate"].stdout
    rows = pl.read_parquet(folder / "run" / "round-01" / "judged" / "*.parquet")
    kept = pl.read_parquet(folder / "run" / "round-01" / "survivors.parquet")
    assert rows.height == 48
    for part in ("traces", "judged"):
        costs = json.loads((folder / "run" / "round-01" / part / "metrics.json").read_text())
        assert {key for key in costs if f"`{key}`" not in METRICS} == set()
    assert f"{kept.height} of 48 traces survive" in told["filter"].stdout


def test_the_example_of_distill_trains_on_the_survivors(run, with_traces):
    answered(run, *example("distill"))
    assert (with_traces / "run" / "round-01" / "model" / "config.json").is_file()


def test_the_example_of_eval_has_the_figures_of_a_rounds_model(run, here):
    (here / "run" / "round-02").mkdir(parents=True)
    (here / "run" / "round-02" / "model").symlink_to(here / "MODEL")
    out = answered(run, *example("eval"))
    assert "written to  eval-heldout-round-02" in out
    found = json.loads((here / "eval-heldout-round-02" / "metrics.json").read_text())
    assert found["n_traces"] == 16
    assert {key for key in found if f"`{key}`" not in METRICS} == set()


def test_the_example_of_questions_chooses_among_evaluated_questions(run, here):
    answered(run, "eval", "all.jsonl", "-m", "MODEL", "-k", "4", "-o", "eval-all-model", "--control", "swap")
    out = answered(run, *example("questions"))
    rows = (here / "chosen.jsonl").read_text().splitlines()
    assert f"{len(rows)} of 4 questions kept: chosen.jsonl" in out


def test_the_example_of_inspect_shows_what_a_check_objected_to(run, with_traces):
    out = answered(run, *example("inspect"))
    assert out.count("Objection acoustic.true_to_waveform") >= 1
    assert out.count("REJECTED") == out.count("Objection acoustic.true_to_waveform")


def test_the_example_of_report_writes_one_file(run, with_traces):
    out = answered(run, *example("report"))
    assert out.startswith("report.html: 1 round")
    assert (with_traces / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("name", "says"), LOOKING.items())
def test_the_example_of_a_command_that_looks_says_what_it_saw(run, here, name, says):
    out = answered(run, *example(name))
    assert says in out
    assert [line for line in out.splitlines() if line != line.rstrip()] == []


def test_the_example_of_bench_reruns_a_published_figure(capfd, here):
    with pytest.raises(SystemExit) as stopped:
        main(example("bench"))
    assert not stopped.value.code
    assert "| en, pitch |" in capfd.readouterr().out


def test_every_command_has_an_example_that_is_run_here():
    tested = "".join(inspect.getsource(one) for name, one in globals().items() if name.startswith("test_the_example"))
    in_pages = [words for page in RUNNABLE for one in blocks(page) if one.does == "run" for words in one.commands()]
    elsewhere = {name for name in COMMANDS if f'example("{name}")' in tested or example(name) in in_pages}
    assert elsewhere | {*LOOKING, *SAMPLED} == set(COMMANDS)


def follow(run, folder, page):
    """Do what a page says, block after block; returns what its commands answered."""
    said = []
    for block in blocks(page):
        if block.does == "run" and block.language == "python":
            exec(compile(block.text, str(page), "exec"), {})
        elif block.does == "run":
            typed = block.commands()
            assert typed, block.text
            said += [answered(run, *words) for words in typed]
        elif block.does:
            (folder / block.does).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.does).write_text(block.text, encoding="utf-8")
    return said


@pytest.mark.parametrize(
    "page", [one for one in RUNNABLE if one != TEN_MINUTES], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_the_blocks_of_a_page_that_say_so_run_in_order(run, with_traces, page):
    assert all(follow(run, with_traces, page))


def test_the_ten_minutes_need_nothing_but_a_clone(run, tmp_path, typing):
    folder = typing(clone(tmp_path))
    assert all(follow(run, folder, TEN_MINUTES))
    made = ("round-01/traces", "round-01/model", "heldout/judged", "demo-run/report.html", "mine/traces")
    assert [name for name in made if not (folder / name).exists()] == []


@pytest.mark.parametrize("page", [TEN_MINUTES, ROOT / "README.md"], ids=["start.md", "README.md"])
def test_the_environment_is_activated_before_the_first_command_is_typed(page):
    told = [block.text for block in blocks(page)]
    activates = next(i for i, text in enumerate(told) if re.search(r"^\. \.venv/bin/activate\b", text, re.MULTILINE))
    first = next(i for i, block in enumerate(blocks(page)) if block.commands())
    assert activates < first
    assert told[activates].index("make demo") < told[activates].index(". .venv/bin/activate")
