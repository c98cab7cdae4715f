"""Rubrics and checklists: a judge counts the points that a trace meets, once."""

import json

import pytest
from judged_rows import trace, write

from mgrd import engines
from mgrd.engines import Completion
from mgrd.evaluate import evaluation
from mgrd.evaluate.benchmarks import benchmark_lines, read_published
from mgrd.evaluate.rubrics import scored
from mgrd.options import Filter
from mgrd.progress import Story
from mgrd.questions import read_questions

QUIET = Story(quiet=True)


class Judge:
    """Finds as many points met as a response has words, and keeps to no form when it has none to count."""

    name, sr, window_s = "judge", 16000, 30.0

    def __init__(self):
        self.texts = []

    def sample(self, requests, sampling):
        for request in requests:
            self.texts.append(request.text)
            answer = json.loads(request.text.split("The answer given:\n")[1].splitlines()[0])
            said = "many" if answer == "garbled" else json.dumps({"why": "so", "met": len(answer.split())})
            for sample, seed in request.seeds.items():
                yield Completion(request.key, sample, seed, said, "stop", 5, 4, -1.5, ())

    def close(self):
        pass


@pytest.fixture
def judge(tmp_path, monkeypatch):
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge" / "config.json").write_text("{}")
    (tmp_path / "judge" / "model.safetensors").write_bytes(b"")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    found = Judge()
    monkeypatch.setattr(engines, "open_engine", lambda *_, **__: found)
    return found


def asked(folder, rows):
    path = folder / "q.json"
    path.write_text(json.dumps(rows))
    ids = read_questions(str(path), audio_root=folder)["id"].to_list()
    return ids, read_published(str(path), ids)


def test_a_checklist_is_the_only_figure_of_open_answers(tmp_path, judge):
    row = {"user_query": "Tell me a joke", "checklist": '["Is it a joke?", "Is it short?"]', "audio": "a.wav"}
    (one, two), published = asked(tmp_path, [row | {"taskType": "chat"}, row | {"taskType": "info", "id": "2"}])
    open_answer = {"choices": None, "answer": None, "correct": None, "predicted": None}
    rows = [
        trace(one, 0, response="both points", **open_answer),
        trace(one, 1, response="one", **open_answer),
        trace(one, 2, response="", **open_answer),
        trace(two, 0, response="garbled", **open_answer),
        trace(two, 1, error="a.wav: is empty", response=None, **open_answer),
    ]
    judged = write(tmp_path / "e", rows)
    options = Filter(judge=str(tmp_path / "judge"), judge_votes=1)
    found = evaluation(judged, {}, published, scored(tmp_path / "e", published, options, QUIET))
    told = found["benchmark"]
    assert (told["rubric_score"], told["rubric_traces"], told["rubric_unjudged"]) == ((1 + 0.5 + 0 + 0) / 4, 4, 1)
    by_type = {name: one["rubric_score"] for name, one in found["by_category"]["taskType"].items()}
    assert by_type == {"chat": 0.5, "info": 0.0}
    assert any(line.startswith("  meets 0.375") for line in benchmark_lines(found))
    assert len(judge.texts) == 3
    assert '"1. Is it a joke?\\n2. Is it short?"' in judge.texts[0]
    assert '"Tell me a joke"' in judge.texts[0]
    scored(tmp_path / "e", published, options, QUIET)
    assert len(judge.texts) == 3


def test_a_wrong_answer_meets_no_point_of_mmar_and_is_not_asked_about(tmp_path, judge):
    row = {
        "id": "m", "audio_path": "a.wav", "question": "Who?", "choices": ["a dog", "a man"], "answer": "a dog",
        "modality": "sound", "category": "Signal Layer", "sub-category": "x", "language": "en", "cue": ["bark"],
        "rubric": [{"name": "n", "scoring_point": f"point {i}", "note": "", "choices": [0, 1]} for i in range(5)],
    }  # fmt: skip
    (name,), published = asked(tmp_path, [row])
    rows = [trace(name, 0, response="a dog it is"), trace(name, 1, response="a man", correct=False)]
    write(tmp_path / "e", rows)
    found = scored(tmp_path / "e", published, Filter(judge=str(tmp_path / "judge"), judge_votes=3), QUIET)
    assert found.rows() == [("m", 4 / 5, 1), ("m", 0.0, 1)]
    assert len(judge.texts) == 1


def test_more_points_than_there_are_is_no_verdict(tmp_path, judge):
    row = {"user_query": "Hi", "checklist": ["Greets?"], "audio": "a.wav", "taskType": "chat"}
    (name,), published = asked(tmp_path, [row])
    write(tmp_path / "e", [trace(name, response="two words", choices=None, answer=None, correct=None)])
    found = scored(tmp_path / "e", published, Filter(judge=str(tmp_path / "judge"), judge_votes=1), QUIET)
    assert found.rows() == [(name, 0.0, 0)]


def test_without_a_judge_or_points_nothing_is_asked(tmp_path, judge):
    row = {"user_query": "Hi", "checklist": ["Greets?"], "audio": "a.wav", "taskType": "chat"}
    _, published = asked(tmp_path, [row])
    assert scored(tmp_path / "e", published, Filter(), QUIET) is None
    _, none = asked(tmp_path, [row | {"checklist": None}])
    assert scored(tmp_path / "e", none, Filter(judge=str(tmp_path / "judge")), QUIET) is None
    assert judge.texts == []
