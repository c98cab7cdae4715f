"""What hearing is worth, and one model against another: differences paired by question."""

import json

import numpy as np
import polars as pl
import pytest
import soundfile as sf
from judged_rows import trace, write

from mgrd import engines, tables
from mgrd.config import flags
from mgrd.engines import Completion
from mgrd.errors import InputError, MisusedError
from mgrd.evaluate.pairs import compare, compare_lines
from mgrd.options import Eval
from mgrd.settings import from_table


class HearingEngine:
    """Says what it hears: low when the clip is louder than nothing, else a guess."""

    name, sr, window_s = "fake", 16000, 30.0

    def sample(self, requests, sampling):
        for request in requests:
            loud = sum(float(np.abs(clip).mean()) for clip in request.clips)
            for sample, seed in request.seeds.items():
                right = loud > 0 or sample % 4 == 0
                text = f"<think>The pitch is low, it hums.</think>{'low' if right else 'high'}"
                yield Completion(request.key, sample, seed, text, "stop", 5, 4, -1.5 - loud, (1.0,))

    def close(self):
        pass


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Ten questions of two tasks about two low tones, and a model that needs its ears."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engines, "open_engine", lambda *_, **__: HearingEngine())
    seconds = np.arange(16000) / 16000
    for name, hz in (("a", 110), ("b", 130)):
        sf.write(f"{name}.wav", 0.2 * sum(np.sin(2 * np.pi * hz * k * seconds) / k for k in range(1, 6)), 16000)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    rows = [
        {
            "id": f"q{i}", "audio": f"{'ab'[i % 2]}.wav", "question": f"Is pitch {i} low or high?",
            "choices": ["low", "high"], "answer": "low", "task": "xy"[i // 5],
        }
        for i in range(10)
    ]  # fmt: skip
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


EVAL = ("eval", "q.jsonl", "-m", "model", "-k", "4", "--engine", "transformers", "--quiet", "--workers", "1", "-o", "e")


def test_controls_make_the_gain_from_hearing_a_number_with_an_interval(home, run):
    code, out, err = run(*EVAL, "--control", "silence", "--control", "swap", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["accuracy"], list(found["controls"])) == (1.0, ["silence", "swap"])
    silence = found["controls"]["silence"]
    assert silence["accuracy"] == 0.25
    worth = {"n_questions": 10, "a": 1.0, "b": 0.25, "difference": 0.75, "interval": [0.75, 0.75]}
    assert silence["gain"]["accuracy"] == worth
    few = worth | {"n_questions": 5, "interval": None}
    assert silence["by_task"] == {"x": few, "y": few}
    assert found["controls"]["swap"]["gain"]["accuracy"]["difference"] == 0.0
    heard = tables.read_table(home / "e" / "control-silence" / "traces", tables.TRACES, ["control"])
    assert set(heard["control"]) == {"silence"}


def test_controls_are_added_to_an_evaluation_that_is_there_and_the_same_traces_give_the_same_bytes(home, run):
    assert run(*EVAL)[0] == 0
    made = (home / "e" / "traces" / "part-000000.parquet").stat().st_mtime_ns
    assert json.loads((home / "e" / "metrics.json").read_text())["controls"] == {}
    shown = run(*EVAL, "--control", "silence")[1]
    assert "   accuracy, silence  0.250  (95 %: 0.081 to 0.558)" in shown
    assert "  gain over silence  +0.750  (95 %: 0.750 to 0.750)  of accuracy, 10 questions" in shown
    assert (home / "e" / "traces" / "part-000000.parquet").stat().st_mtime_ns == made
    first = (home / "e" / "metrics.json").read_bytes()
    assert run(*EVAL, "--control", "silence")[0] == 0
    assert (home / "e" / "metrics.json").read_bytes() == first
    assert run(*EVAL, "--control", "noises")[0] == 2


def test_an_evaluation_is_what_questions_are_chosen_from(home, run):
    assert run(*EVAL, "--control", "silence")[0] == 0
    code, out, _ = run("questions", "q.jsonl", "--traces", "e", "-o", "c.jsonl", "--necessity", "0.75", "--json")
    assert (code, json.loads(out)["kept"]) == (0, 10)


def test_an_evaluation_with_its_control_compared_by_hand(home, run):
    assert run(*EVAL, "--control", "silence")[0] == 0
    code, out, err = run("eval", "--compare", "e", "e/control-silence", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["settings"] == {"control": [None, "silence"]}
    assert found["differences"]["accuracy"]["difference"] == 0.75
    assert found["questions"] == {"better": 10, "worse": 0, "alike": 0}


def side(folder, rights, **given):
    """A judged folder: question i has 4 samples, rights[i] of them right."""
    rows = [trace(f"q{i}", k, correct=k < n, task="t", **given) for i, n in enumerate(rights) for k in range(4)]
    return write(folder, rows).parent


def test_compare_pairs_by_question(tmp_path):
    a, b = side(tmp_path / "a", [4, 3, 2, 0] * 5), side(tmp_path / "b", [2, 3, 3, 0] * 5, claims=["supported"])
    found = compare(a, b)
    assert found["n_questions"] == 20
    accuracy = found["differences"]["accuracy"]
    assert (accuracy["a"], accuracy["b"], accuracy["difference"]) == (9 / 16, 8 / 16, 1 / 16)
    low, high = accuracy["interval"]
    assert low < 0 < high
    assert found["by_task"]["t"] == accuracy
    assert found["differences"]["fully_grounded"]["difference"] == -1.0
    assert found["differences"]["claims_supported"] is None
    assert found["questions"] == {"better": 5, "worse": 5, "alike": 10}
    assert list(compare_lines(found))[2:4] == [
        "                           n        A        B    A - B",
        f"            accuracy      20    0.562    0.500   +0.062  (95 %: {low:.3f} to {high:.3f})",
    ]


def test_a_row_says_on_how_many_questions_it_rests(tmp_path):
    """Claims count only where both sides have some, tasks have fewer questions than all."""
    both = [
        [trace(f"q{i}", task="t" if i < 4 else "u", claims=["supported"] if i < with_claims else []) for i in range(12)]
        for with_claims in (7, 5)
    ]
    a, b = (write(tmp_path / name, rows).parent for name, rows in zip("ab", both, strict=True))
    shown = {line[:20].strip(): line[20:28].strip() for line in compare_lines(compare(a, b))}
    counts = {"accuracy": "12", "claims_supported": "5", "accuracy, t": "4", "accuracy, u": "8"}
    assert {name: shown[name] for name in counts} == counts


def test_compare_refuses_other_questions_by_name(tmp_path):
    a, b = side(tmp_path / "a", [4, 3, 2]), side(tmp_path / "b", [4, 3])
    with pytest.raises(InputError, match=r"q2: is asked in .*a and not in .*b \(1 only in A, 0 only in B\)"):
        compare(a, b)
    with pytest.raises(InputError, match=r"q2: is asked in .*a and not in .*b"):
        compare(b, a)
    for given, said in (({"question": "Why?"}, "asks something else"), ({"audio_sha": ["z"]}, "about another clip")):
        one = side(tmp_path / said[:4] / "one", [1], audio_sha=["y"])
        with pytest.raises(InputError, match=f"q0: .*{said}"):
            compare(one, side(tmp_path / said[:4] / "two", [1], **{"audio_sha": ["y"]} | given))


def test_compare_takes_no_questions(run, tmp_path):
    assert run("eval", "q.jsonl", "--compare", tmp_path, tmp_path)[::2] == (
        2,
        "Error: --compare A B: takes no QUESTIONS, no -m and no -o; it reads two folders\n",
    )
    assert run("eval")[::2] == (2, "Error: give QUESTIONS and -m MODEL, or --compare A B\n")


def test_embedded_clips_are_written_once_for_all_controls(home, run):
    rows = [
        {
            "audio": {"bytes": (home / f"{'ab'[i % 2]}.wav").read_bytes(), "path": None},
            "question": f"Is pitch {i} low or high?", "choice_a": "low", "choice_b": "high", "answer_gt": "low",
            "task_name": "t", "category": "Perception", "id": f"m{i}",
        }
        for i in range(4)
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(home / "mmsu.parquet")
    code, out, err = run("eval", "mmsu.parquet", *EVAL[2:], "--control", "silence", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["benchmark"]["name"] == "MMSU"
    assert found["by_category"]["category"]["Perception"]["n_questions"] == 4
    assert found["controls"]["silence"]["accuracy"] == 0.25
    clips = [path for path in (home / "e").rglob("*.wav") if not path.parent.is_symlink()]
    assert len(clips) == 2
    assert (home / "e" / "control-silence" / "audio").is_symlink()


def test_controls_are_a_list_in_a_runs_toml_and_options_of_its_stage():
    chosen = from_table(Eval, {"control": ["swap", "noise"]}, "c.toml: [eval]")
    words = flags(chosen)
    assert [words[i + 1] for i, word in enumerate(words) if word == "--control"] == ["swap", "noise"]
    with pytest.raises(MisusedError, match="control = 'swap': must be a list of silence or swap or noise"):
        from_table(Eval, {"control": "swap"}, "c.toml: [eval]")
    with pytest.raises(MisusedError, match="must be a list of silence"):
        from_table(Eval, {"control": ["hum"]}, "c.toml: [eval]")
