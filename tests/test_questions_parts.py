"""Which parts of a folder count when questions are selected: judged ones, as long as they are of the traces."""

from mgrd import tables
from mgrd.questions.selecting import _tallied


def sample(number, **given):
    made = {"response": "low", "think": "x", "completion": "<think>\nx\n</think>\nlow", "finish_reason": "stop"}
    asked = {"question_id": "q", "question": "Low?", "choices": ["low", "high"], "answer": "low", "audio": ["a.wav"]}
    own = {"trace_id": f"q.0.{number}", "round": 0, "sample": number}
    return dict.fromkeys(tables.TRACES) | asked | made | own | given


def test_a_judged_part_whose_traces_were_made_again_is_matched_here(tmp_path):
    failed = {"error": "timeout", "response": None, "completion": None, "finish_reason": "error"}
    judged = sample(0, **failed, passed=False, correct=None)
    tables.write_table([judged], tmp_path / "judged" / "part-000000.parquet", tables.JUDGED)
    tables.write_table([sample(0), sample(1)], tmp_path / "traces" / "part-000000.parquet", tables.TRACES)

    tallies, unjudged = _tallied([tmp_path])

    assert (dict(tallies["q"].samples), dict(tallies["q"].right), unjudged) == ({None: 2}, {None: 2}, 2)
