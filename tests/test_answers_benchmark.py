"""The public test of answer resolution: what it puts to the resolver, and that its own hard lists are all resolved."""

import importlib.util
import json
import sys
from pathlib import Path

from mgrd.answers import Resolved

PATH = Path(__file__).parents[1] / "benchmarks" / "answers.py"
spec = importlib.util.spec_from_file_location("answers_benchmark", PATH)
benchmark = sys.modules["answers_benchmark"] = importlib.util.module_from_spec(spec)
sys.path.insert(0, str(PATH.parent))
spec.loader.exec_module(benchmark)


def test_every_form_names_its_choice_and_letters_are_left_out_among_letters():
    given = dict(benchmark.forms("a cat", "B", ["a dog", "a cat"]))

    assert given["The answer is X."] == "The answer is a cat."
    assert given["JSON"] == '{"answer": "a cat"}'
    assert given["full-width letter"] == "Ｂ"
    assert given["letter and text"] == "(B) a cat"
    assert "letter" not in dict(benchmark.forms("C", "D", ["G", "D", "E", "C"]))


def test_hard_lists_are_resolved_in_every_form_and_no_wrong_choice_counts():
    counts = benchmark.count_forms([(choices, gold) for choices in benchmark.OWN for gold in choices])

    assert [example for one in counts.values() for example in one.examples] == []
    assert sum(one.gold for one in counts.values()) > 1200


def test_a_wrong_resolution_is_counted_and_told(monkeypatch):
    monkeypatch.setattr(benchmark, "resolve", lambda form, choices: Resolved("a dog", "A"))
    monkeypatch.setattr(benchmark, "is_correct", lambda value, gold, choices: True)

    counts = benchmark.count_forms([(["a dog", "a cat"], "a dog")])

    assert {(one.gold, one.right, one.wrong, one.counted) for one in counts.values()} == {(1, 1, 1, 1)}
    assert all(len(one.examples) == 1 for one in counts.values())


def test_the_labels_hold_hashes_and_places_and_no_text():
    rows = [json.loads(line) for line in benchmark.GOLD.read_text(encoding="utf-8").splitlines()]

    assert len({row["row_hash"] for row in rows}) == 93
    assert all(row.keys() == {"row_hash", "reads_as"} and len(row["row_hash"]) == 64 for row in rows)
    assert {type(row["reads_as"]) for row in rows} <= {int, type(None)}


def test_published_figures_are_met(real):
    assert ": 93 of 93," in benchmark.predictions(real, show=False)[0]
    assert "in their header: 100.00 %" in benchmark.traces(real, show=False)[0]
