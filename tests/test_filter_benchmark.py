"""What `mgrd bench filter` judges: synthetic texts that are sound for the most part, the same for the same seed."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

from mgrd.claims.extract import extract
from mgrd.rulebook import Trace, judge, load, verified_claims
from mgrd.traces import split

PATH = Path(__file__).parents[1] / "benchmarks" / "filter.py"
spec = importlib.util.spec_from_file_location("filter_benchmark", PATH)
benchmark = sys.modules["filter_benchmark"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)

CHECKS = [check for check in load() if check.name not in ("true_to_waveform", "right_answer")]


def objections(row):
    think, response = split(row["completion"])
    trace = Trace(
        id=row["trace_id"], think=think, response=response, completion=row["completion"], question=row["question"],
        choices=row["choices"], answer=row["answer"], language=row["language"], predicted=row["response"],
        finish_reason="stop", claims=verified_claims(think, []), heard_s=row["heard_s"],
    )  # fmt: skip
    return {one.check for one in judge(trace, CHECKS)}


@pytest.mark.parametrize(("count", "tokens"), [(160, 300), (48, 3000)])
def test_synthetic_traces_are_the_same_again_and_most_of_them_sound(count, tokens):
    rows = list(benchmark.traces(["a.wav"], count, tokens))
    assert rows == list(benchmark.traces(["a.wav"], count, tokens))
    found = [objections(row) for row in rows]
    assert 0.8 <= sum(not one for one in found) / count <= 0.98
    assert set().union(*found) <= {"no_loops", "no_contradiction", "within_clip", "hears_audio"}
    assert 0.7 <= sum(row["answer"] == row["response"] for row in rows) / count <= 0.9


def test_every_fault_is_objected_to_by_its_check(monkeypatch):
    monkeypatch.setattr(benchmark, "FAULTY", 1.0)
    for language, answer in (("en", "calm"), ("zh", "平静")):
        for fault, check in zip(
            benchmark.SENTENCES[language]["fault"],
            ["no_loops", "no_contradiction", "within_clip", "hears_audio"],
            strict=True,
        ):
            monkeypatch.setitem(benchmark.SENTENCES[language], "fault", [fault])
            think = benchmark._think(random.Random(1), language, answer, 300)
            row = next(iter(benchmark.traces(["a.wav"], 1, 300))) | {
                "completion": f"<think>\n{think}\n</think>\n{answer}",
                "response": answer,
                "choices": [answer, "no"],
            }
            assert objections(row) == {check}


def test_long_texts_are_as_dense_with_claims_as_published_ones():
    texts = [benchmark._think(random.Random(seed), "en", "calm", 3000) for seed in range(4)]
    claims, words = sum(len(extract(text)) for text in texts), sum(len(text.split()) for text in texts)
    assert 55 <= 1000 * claims / words <= 75
